#include "converter/qdq/arrange_points.h"

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "converter/passes/rewrite.h"
#include "converter/quantize/operators.h"

namespace lutra::converter::qdq {
namespace {

std::vector<std::string> UsedOutputs(const Node& node) {
  std::vector<std::string> used;
  std::ranges::copy_if(node.outputs, std::back_inserter(used),
                       [](const std::string& output) { return !output.empty(); });
  return used;
}

Node MakeIdentity(const std::string& from, const std::string& to) {
  Node node;
  node.op = "Identity";
  node.inputs = {from};
  node.outputs = {to};
  return node;
}

/// One sweep along the graph that knows which values lie on which grid.
class GridSweep {
 public:
  explicit GridSweep(Graph& graph) : graph_(graph) {}

  /// Drops points that do nothing. Returns the values that lie on a grid.
  std::map<std::string, quantize::Point> Run() {
    for (Node& node : std::exchange(graph_.nodes, {})) {
      for (std::string& input : node.inputs) {
        if (const auto found = same_.find(input); found != same_.end()) input = found->second;
      }
      if (quantize::IsPoint(node)) {
        Take(std::move(node));
        continue;
      }
      if (const auto point = OnOneGrid(node)) {
        for (const std::string& output : UsedOutputs(node)) grids_[output] = *point;
      }
      graph_.nodes.push_back(std::move(node));
    }
    return std::move(grids_);
  }

 private:
  void Take(Node node) {
    const std::string from = node.inputs[0], to = node.outputs[0];
    const quantize::Point point = quantize::PointOf(node);
    if (const auto found = grids_.find(from); found != grids_.end()) {
      const quantize::Point& has = found->second;
      if (has.params == point.params && has.lo >= point.lo && has.hi <= point.hi) {
        return Replace(to, from);
      }
    }
    auto& others = points_of_[from];
    for (const auto& [other, value] : others) {
      if (other == point) return Replace(to, value);
    }
    others.emplace_back(point, to);
    grids_[to] = point;
    graph_.nodes.push_back(std::move(node));
  }

  void Replace(const std::string& value, const std::string& by) {
    same_[value] = by;
    if (!graph_.IsOutput(value)) return;
    graph_.nodes.push_back(MakeIdentity(by, value));
    grids_[value] = grids_.at(by);
  }

  /// The grid that all activations of a node that KeepsGrid share.
  std::optional<quantize::Point> OnOneGrid(const Node& node) const {
    if (!KeepsGrid(graph_, node)) return std::nullopt;
    std::optional<quantize::Point> point;
    for (const std::string& input : quantize::ActivationInputs(graph_, node)) {
      const auto found = grids_.find(input);
      if (found == grids_.end() || (point && *point != found->second)) return std::nullopt;
      point = found->second;
    }
    if (!point || !PadsOnGrid(graph_, node, *point)) return std::nullopt;
    if (node.op == "Concat") {
      for (const std::string& input : node.inputs) {
        const Tensor* constant = graph_.Constant(input);
        if (constant != nullptr && !quantize::LiesOn(*point, *constant)) return std::nullopt;
      }
    }
    return point;
  }

  Graph& graph_;
  std::map<std::string, std::string> same_;  // value -> the one that it equals
  std::map<std::string, quantize::Point> grids_;
  std::map<std::string, std::vector<std::pair<quantize::Point, std::string>>> points_of_;
};

/// One sweep against the data that moves points to the front.
class Hoist {
 public:
  Hoist(Graph& graph, const std::map<std::string, quantize::Point>& grids)
      : graph_(graph),
        grids_(grids),
        nodes_(std::make_move_iterator(graph.nodes.begin()),
               std::make_move_iterator(graph.nodes.end())) {
    graph.nodes.clear();
    for (Node& node : nodes_) {
      for (const std::string& input : node.inputs) readers_[input].push_back(&node);
    }
  }

  void Run() {
    for (auto at = nodes_.end(); at != nodes_.begin();) {
      --at;
      if (!KeepsGrid(graph_, *at)) continue;
      if (const auto point = PointBehind(*at); point && MayTake(*at)) at = Move(at, *point);
    }
    for (Node& node : nodes_) {
      if (!removed_.contains(&node)) graph_.nodes.push_back(std::move(node));
    }
  }

 private:
  /// The one grid that everybody who reads the node's results puts them onto.
  std::optional<quantize::Point> PointBehind(const Node& node) const {
    std::optional<quantize::Point> point;
    for (const std::string& output : UsedOutputs(node)) {
      const auto found = readers_.find(output);
      if (graph_.IsOutput(output) || found == readers_.end()) return std::nullopt;
      for (const Node* reader : found->second) {
        if (!quantize::IsPoint(*reader) || (point && *point != quantize::PointOf(*reader)))
          return std::nullopt;
        point = quantize::PointOf(*reader);
      }
    }
    return point;
  }

  /// Where another reader wants the input as it is, or it lies on a grid, the operator works on
  /// that and the point stays. Inputs of a Concat must agree, so they are brought to its grid.
  bool MayTake(const Node& node) const {
    if (node.op == "Concat") return !grids_.contains(node.outputs[0]);
    const std::string& input = node.inputs[0];
    return graph_.Constant(input) == nullptr && !grids_.contains(input) &&
           !graph_.IsOutput(input) && readers_.at(input).size() == 1;
  }

  std::list<Node>::iterator Move(std::list<Node>::iterator at, const quantize::Point& point) {
    Node& node = *at;
    for (std::string& output : node.outputs) {
      if (output.empty()) continue;
      const std::vector<Node*> points = std::exchange(readers_[output], {});
      // The name that callers know, if there is one, goes to the node.
      std::string name = output;
      for (const Node* reader : points) {
        if (graph_.IsOutput(reader->outputs[0])) name = reader->outputs[0];
      }
      for (Node* reader : points) {
        removed_.insert(reader);
        Redirect(reader->outputs[0], name);
      }
      graph_.values[name] = graph_.values[output];
      output = name;
    }
    if (node.op == "Pad") RoundPad(node, point);
    const size_t activations = node.op == "Concat" ? node.inputs.size() : 1;
    std::list<Node>::iterator first = at;
    for (size_t i = 0; i < activations; ++i) {
      const std::string input = node.inputs[i];
      if (graph_.Constant(input) != nullptr) {
        node.inputs[i] = Rounded(input, point);
        continue;
      }
      const std::string rounded = graph_.FreshName(input + "_rounded");
      graph_.values[rounded] = graph_.values[input];
      node.inputs[i] = rounded;
      first = nodes_.insert(first, quantize::MakePoint(input, rounded, point));
      auto& readers = readers_[input];
      readers.erase(std::ranges::find(readers, &node));
      readers.push_back(&*first);
      readers_[rounded] = {&node};
    }
    return first;
  }

  void Redirect(const std::string& from, const std::string& to) {
    if (from == to) return;
    for (Node* reader : std::exchange(readers_[from], {})) {
      std::ranges::replace(reader->inputs, from, to);
      readers_[to].push_back(reader);
    }
    // A second output of the graph with the same value.
    if (graph_.IsOutput(from)) nodes_.push_back(MakeIdentity(to, from));
  }

  void RoundPad(Node& pad, const quantize::Point& point) {
    if (const Tensor* value = graph_.Constant(pad.Input(2)); value && value->elements() > 0) {
      pad.inputs[2] = Rounded(pad.inputs[2], point);
    }
  }

  std::string Rounded(const std::string& constant, const quantize::Point& point) {
    const Tensor& tensor = *graph_.Constant(constant);
    std::vector<float> values = tensor.ToFloats();
    for (float& value : values) value = quantize::RoundTo(point, value);
    return passes::AddInitializer(graph_, constant + "_rounded",
                                  Tensor::Of(tensor.dims(), std::move(values)));
  }

  Graph& graph_;
  const std::map<std::string, quantize::Point>& grids_;
  std::list<Node> nodes_;
  std::map<std::string, std::vector<Node*>> readers_;
  std::set<const Node*> removed_;
};

}  // namespace

bool KeepsGrid(const Graph& graph, const Node& node) {
  return !quantize::IsPoint(node) && !node.clamp &&
         quantize::IntegerFormOf(graph, node).form == IntegerForm::passive &&
         !quantize::ActivationInputs(graph, node).empty() &&
         // Rounding makes values equal, whose order then decides what the indices of TopK are.
         std::ranges::all_of(node.outputs,
                             [&](const std::string& output) { return graph.IsReal(output); });
}

bool PadsOnGrid(const Graph& graph, const Node& node, const quantize::Point& point) {
  if (node.op != "Pad" || node.Input(2).empty()) return true;
  const Tensor* value = graph.Constant(node.Input(2));
  return value != nullptr && quantize::LiesOn(point, *value);
}

void ArrangePoints(Graph& graph) {
  Hoist(graph, GridSweep(graph).Run()).Run();
  GridSweep(graph).Run();
}

}  // namespace lutra::converter::qdq
