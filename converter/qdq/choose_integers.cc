#include "converter/qdq/choose_integers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "converter/qdq/adopt_weights.h"
#include "converter/qdq/arrange_points.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/point.h"
#include "converter/quantize/range.h"
#include "converter/quantize/tails.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::qdq {
namespace {

class Chooser {
 public:
  Chooser(const ConstantRecords& records, Graph& graph, quantize::Quantization& quantization)
      : records_(records), graph_(graph), quantization_(quantization) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const std::string& input : graph.nodes[i].inputs) readers_[input].push_back(i);
    }
  }

  void Run() {
    for (const std::string& input : graph_.inputs) TakeInput(input);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (quantize::IsPoint(node)) {
        quantization_.activations[node.outputs[0]] = quantize::PointOf(node).params;
        quantization_.schemes[node.Label()] = quantize::LayerScheme{};
        continue;
      }
      scheme_ = quantize::LayerScheme{};
      if (!in_tails_.contains(i)) Choose(i);
      const auto taken = rounds_itself_.find(i);
      const Node& named = graph_.nodes[taken == rounds_itself_.end() ? i : taken->second];
      quantization_.schemes[named.Label()] = scheme_;
    }
  }

  /// The graph without the points that became part of something else.
  Graph WithoutPoints() const {
    Graph result = graph_;
    std::map<std::string, std::string> renamed;
    std::vector<Node> kept;
    for (size_t i = 0; i < result.nodes.size(); ++i) {
      Node& node = result.nodes[i];
      for (std::string& input : node.inputs) {
        if (const auto found = renamed.find(input); found != renamed.end()) input = found->second;
      }
      if (const auto rounding = rounds_itself_.find(i); rounding != rounds_itself_.end()) {
        node.outputs[0] = graph_.nodes[rounding->second].outputs[0];
      }
      if (of_input_.contains(i)) {
        renamed[node.outputs[0]] = node.inputs[0];
      } else if (!taken_.contains(i)) {
        kept.push_back(std::move(node));
      }
    }
    result.nodes = std::move(kept);
    return result;
  }

 private:
  /// The one reader of a value, if that is a point and nobody sees the value otherwise.
  std::optional<size_t> OnlyPoint(const std::string& value) const {
    const auto found = readers_.find(value);
    if (found == readers_.end() || found->second.size() != 1 || graph_.IsOutput(value)) {
      return std::nullopt;
    }
    const size_t reader = found->second[0];
    return quantize::IsPoint(graph_.nodes[reader]) ? std::optional(reader) : std::nullopt;
  }

  void TakeInput(const std::string& input) {
    const std::optional<size_t> point = OnlyPoint(input);
    if (!point) return;
    const Node& node = graph_.nodes[*point];
    // An output needs an operator that writes it.
    if (graph_.IsOutput(node.outputs[0]) || !quantize::PointOf(node).UsesAllIntegers()) return;
    of_input_.insert(*point);
    quantization_.activations[input] = quantize::PointOf(node).params;
  }

  void Choose(size_t i) {
    const Node& node = graph_.nodes[i];
    const std::vector<std::string> inputs = quantize::ActivationInputs(graph_, node);
    if (!graph_.IsReal(node.Label()) || inputs.empty()) return;
    const quantize::OperatorForm form = quantize::IntegerFormOf(graph_, node);
    if (form.form == IntegerForm::passive) {
      ChoosePassive(node, inputs);
      return;
    }
    std::string reason = form.reason;
    std::optional<size_t> point;
    if (form.form != IntegerForm::none) reason = WhyFloat(node, inputs, point);
    const quantize::Tail tail = reason.empty() || form.form != IntegerForm::weights
                                    ? quantize::Tail{}
                                    : TailOf(node, inputs, point);
    if (point) reason.clear();
    AdoptedWeights adopted;
    const bool matrix =
        quantize::HasWeights(graph_, node) && quantize::WhyNoWeightMatrix(graph_, node).empty();
    if (matrix && reason.empty()) {
      adopted = AdoptWeights(graph_, node, records_, *quantization_.Params(node.inputs[0]),
                             quantize::PointOf(graph_.nodes[*point]).params);
      reason = adopted.why_not;
    } else if (reason.empty()) {
      reason = AdoptOperands(node);
    }
    if (!reason.empty()) {
      StayFloat(node, reason);
      return;
    }
    const bool has_tail = tail.function != nullptr || tail.factors != nullptr;
    TakePoint(has_tail ? IndexOf(tail.last()) : i, *point);
    const std::string label = has_tail ? node.Label() : graph_.nodes[*point].Label();
    quantization_.integer_nodes.insert(label);
    if (has_tail) TakeTail(node, tail, graph_.nodes[*point].Label());
    if (matrix) {
      quantization_.weights[label] = std::move(adopted.weights);
      quantization_.bias[label] = std::move(adopted.bias);
    }
  }

  void ChoosePassive(const Node& node, const std::vector<std::string>& inputs) {
    const quantize::QuantParams* params = quantization_.Params(inputs[0]);
    if (params == nullptr || node.clamp) return;
    const quantize::Point point{*params};
    const bool alike = std::ranges::all_of(inputs, [&](const std::string& input) {
      const quantize::QuantParams* other = quantization_.Params(input);
      return other != nullptr && *other == *params;
    });
    const bool constants =
        node.op != "Concat" || std::ranges::all_of(node.inputs, [&](const std::string& input) {
          const Tensor* constant = graph_.Constant(input);
          return constant == nullptr || quantize::LiesOn(point, *constant);
        });
    if (!alike || !constants || !PadsOnGrid(graph_, node, point)) return;
    quantization_.integer_nodes.insert(node.Label());
    const quantize::QuantParams grid = *params;
    for (const std::string& output : node.outputs) {
      if (!output.empty() && graph_.IsReal(output)) quantization_.activations[output] = grid;
    }
  }

  /// Whether its values lie on grids; finds the point behind the node.
  std::string WhyFloat(const Node& node, const std::vector<std::string>& inputs,
                       std::optional<size_t>& point) const {
    for (const std::string& input : inputs) {
      if (quantization_.Params(input) != nullptr) continue;
      return "the imported network gives no scale for '" + input + "'";
    }
    const size_t results = static_cast<size_t>(
        std::ranges::count_if(node.outputs, [](const auto& name) { return !name.empty(); }));
    if (results == 1) point = OnlyPoint(node.outputs[0]);
    if (point) return "";
    const auto found = readers_.find(node.outputs[0]);
    const bool some =
        found != readers_.end() && std::ranges::any_of(found->second, [&](size_t reader) {
          return quantize::IsPoint(graph_.nodes[reader]);
        });
    if (some) return "its result is not only read in one quantized form";
    return "the imported network gives no scale for '" + node.outputs[0] + "'";
  }

  size_t IndexOf(const Node& node) const {
    return static_cast<size_t>(&node - graph_.nodes.data());
  }

  /// Of a product whose result is not rounded: what stands before the next point, and that.
  quantize::Tail TailOf(const Node& product, const std::vector<std::string>& inputs,
                        std::optional<size_t>& point) const {
    const quantize::Tail tail = quantize::TailBehind(graph_, product);
    const bool inputs_rounded = std::ranges::all_of(
        inputs, [&](const std::string& input) { return quantization_.Params(input) != nullptr; });
    if (!inputs_rounded || (tail.function == nullptr && tail.factors == nullptr)) return {};
    const std::optional<size_t> at = OnlyPoint(tail.last().outputs[0]);
    if (!at) return {};
    const quantize::Point grid = quantize::PointOf(graph_.nodes[*at]);
    if (!grid.UsesAllIntegers() || !quantize::SuitsTail(graph_, product, tail, grid.params))
      return {};
    point = at;
    return tail;
  }

  /// The last node has taken its point, whose name is `rounded`.
  void TakeTail(const Node& product, const quantize::Tail& tail, const std::string& rounded) {
    quantization_.tails[product.Label()] = rounded;
    for (const Node* node : {tail.function, tail.factors}) {
      if (node == nullptr) continue;
      const std::string& label = node == &tail.last() ? rounded : node->Label();
      quantization_.integer_nodes.insert(label);
      quantization_.in_tails.insert(label);
      in_tails_.insert(IndexOf(*node));
    }
  }

  /// Constants in arithmetic between tensors, with a scale for all. "" or why they have no
  /// integers.
  std::string AdoptOperands(const Node& node) {
    if (quantize::IntegerFormOf(graph_, node).form != IntegerForm::compute) return "";
    const std::vector<std::string> activations = quantize::ActivationInputs(graph_, node);
    if (!Is(node, kArithmetic)) return "";
    const ConstantRecord* record = OperandRecord(node, records_);
    for (const std::string& input : node.inputs) {
      const Tensor* constant = graph_.Constant(input);
      if (constant == nullptr) continue;
      if (node.op == "Div") return "it divides by a constant per channel";
      const bool recorded = record != nullptr && record->scale.size() == 1;
      const quantize::QuantParams params =
          recorded ? quantize::QuantParams{record->scale[0], record->zero_point[0]}
                   : quantize::ParamsOf(quantize::RangeOf(constant->ToFloats()));
      if (!quantize::LiesOn({params}, *constant)) {
        return "the imported network does not quantize its constant operand with one scale";
      }
      quantization_.activations[input] = params;
    }
    return "";
  }

  void StayFloat(const Node& node, const std::string& reason) {
    // Scores that end the network are float in every conversion.
    if (!quantize::IsFinalSoftmax(graph_, node)) quantization_.float_reason[node.Label()] = reason;
    if (!quantize::HasWeights(graph_, node)) return;
    const ConstantRecord* record = OperandRecord(node, records_);
    if (record != nullptr && quantize::WhyNoWeightMatrix(graph_, node).empty()) {
      if (auto weights = IntegersOf(graph_, node, *record)) {
        quantization_.weights[node.Label()] = std::move(*weights);
        return;
      }
    }
    scheme_.kind = WeightKind::fp32;
  }

  /// The node rounds by itself: what it computed gets a new name in the reference, what the point
  /// gives is the value from now on.
  void TakePoint(size_t i, size_t at) {
    Node& node = graph_.nodes[i];
    Node& point = graph_.nodes[at];
    const quantize::Point grid = quantize::PointOf(point);
    const std::string computed = node.outputs[0], rounded = point.outputs[0];
    const std::string value = graph_.IsOutput(rounded) ? rounded : computed;
    const std::string exact = graph_.FreshName(value + "_unrounded");
    graph_.values[exact] = graph_.values[computed];
    node.outputs[0] = point.inputs[0] = exact;
    point.outputs[0] = value;
    readers_.erase(computed);
    if (value != rounded) {
      for (const size_t reader : readers_[rounded]) {
        std::ranges::replace(graph_.nodes[reader].inputs, rounded, value);
      }
      readers_[value] = std::exchange(readers_[rounded], {});
      graph_.values.erase(rounded);
    }
    if (!grid.UsesAllIntegers()) {
      // On the grid, clamping before rounding or behind it is the same.
      const auto [scale, zero_point] = grid.params;
      const float low = scale * static_cast<float>(grid.lo - zero_point);
      const float high = scale * static_cast<float>(grid.hi - zero_point);
      const Clamp own = node.clamp.value_or(Clamp{});
      node.clamp = {std::clamp(own.lo, low, high), std::clamp(own.hi, low, high)};
    }
    rounds_itself_[i] = at;
    taken_.insert(at);
    quantization_.activations[value] = grid.params;
  }

  const ConstantRecords& records_;
  Graph& graph_;
  quantize::Quantization& quantization_;
  quantize::LayerScheme scheme_;  // of the node at hand
  std::map<std::string, std::vector<size_t>> readers_;
  std::map<size_t, size_t> rounds_itself_;  // node -> the point that it took over
  std::set<size_t> taken_, of_input_;       // points that are no operators of their own
  std::set<size_t> in_tails_;               // nodes that a product computes along
};

}  // namespace

void ChooseIntegers(const ConstantRecords& records, Graph& graph, Graph& reference,
                    quantize::Quantization& quantization) {
  reference = std::move(graph);
  Chooser chooser(records, reference, quantization);
  chooser.Run();
  graph = chooser.WithoutPoints();
}

}  // namespace lutra::converter::qdq
