#include "converter/qdq/make_points.h"

#include <algorithm>
#include <span>
#include <utility>

#include "converter/graph/operator_table.h"
#include "converter/passes/rewrite.h"
#include "converter/qdq/constants.h"
#include "converter/quantize/point.h"

namespace lutra::converter::qdq {
namespace {

bool IsQuantize(const Node& node) { return node.op == "QuantizeLinear"; }
bool IsDequantize(const Node& node) { return node.op == "DequantizeLinear"; }

/// Operators that give some of the integers they are given, and nothing that depends on what those
/// stand for: the same on real values.
bool MovesIntegers(const Node& node) {
  if (!Is(node, kMovesIntegers)) return false;
  return node.op != "Resize" || node.String("mode", "nearest") == "nearest";
}

/// The results of such an operator that hold integers of its input.
std::span<const std::string> MovedOutputs(const Node& node) {
  const std::span<const std::string> outputs = node.outputs;
  return Is(node, kGivesIndices) ? outputs.first(1) : outputs;
}

/// Only the dimensions count.
bool ReadsShape(const Node& node) { return node.op == "Shape" || node.op == "Size"; }

class PointMaker {
 public:
  explicit PointMaker(Graph& graph) : graph_(graph) {}

  void Run() {
    const std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    StartInputs(nodes);
    for (Node node : nodes) {
      for (std::string& input : node.inputs) {
        if (const auto found = renamed_.find(input); found != renamed_.end()) input = found->second;
      }
      Take(std::move(node));
    }
  }

 private:
  struct Grid {
    quantize::QuantParams params;
    DataType type;
  };

  Grid GridOf(const Node& node, DataType type) const {
    const std::vector<float> scales = ScalesOf(graph_, node);
    if (scales.size() != 1) Fail(node, "activations with a scale per channel are not executed");
    const int32_t zero_point = ZeroPointsOf(graph_, node, 1, type)[0];
    if (type == DataType::int32) Fail(node, "int32 activations are not executed");
    return {{scales[0], zero_point}, type};
  }

  void SetReal(const std::string& value, const Grid& grid) {
    graph_.values[value].type = DataType::float32;
    grids_[value] = grid;
  }

  /// Inputs of the graph that are integers: callers give the real values.
  void StartInputs(const std::vector<Node>& nodes) {
    std::map<std::string, std::string> origin;  // what a value holds elements of
    for (const std::string& input : graph_.inputs) {
      const DataType type = graph_.values[input].type;
      if (type == DataType::uint8 || type == DataType::int8) origin[input] = input;
    }
    for (const Node& node : nodes) {
      const auto found = origin.find(node.Input(0));
      if (found == origin.end()) continue;
      const std::string input = found->second;
      if (MovesIntegers(node)) {
        for (const std::string& output : MovedOutputs(node)) origin[output] = input;
      }
      if (!IsDequantize(node) || renamed_.contains(input)) continue;
      const Grid grid = GridOf(node, graph_.values[input].type);
      const std::string rounded = graph_.FreshName(input + "_rounded");
      graph_.values[rounded] = graph_.values[input];
      graph_.values[input].type = DataType::float32;
      SetReal(rounded, grid);
      renamed_[input] = rounded;
      graph_.nodes.push_back(quantize::MakePoint(input, rounded, {grid.params}));
    }
  }

  void Take(Node node) {
    if (IsQuantize(node)) {
      const Grid grid = GridOf(node, QuantizedType(graph_, node));
      SetReal(node.outputs[0], grid);
      graph_.nodes.push_back(quantize::MakePoint(node.inputs[0], node.outputs[0], {grid.params}));
    } else if (IsDequantize(node)) {
      Dequantize(node);
    } else {
      TakeOther(std::move(node));
    }
  }

  void Dequantize(const Node& node) {
    const auto found = grids_.find(node.inputs[0]);
    if (found == grids_.end()) Fail(node, "its integers come from no QuantizeLinear");
    const Grid own = GridOf(node, found->second.type);
    if (own.params == found->second.params) {
      AddNode("Identity", {node.inputs[0]}, node.outputs[0]);
      return;
    }
    // The same integers under another scale and zero point: real = scale / scale' * real' + shift,
    // which the point behind it brings back onto the grid from float32's rounding.
    const quantize::QuantParams from = found->second.params, to = own.params;
    const double factor = static_cast<double>(to.scale) / static_cast<double>(from.scale);
    const double shift = static_cast<double>(to.scale) * (from.zero_point - to.zero_point);
    const std::string scaled =
        AddNode("Mul", {node.inputs[0], AddScalar(node, static_cast<float>(factor))},
                Fresh(node, "scaled"));
    const std::string shifted = AddNode("Add", {scaled, AddScalar(node, static_cast<float>(shift))},
                                        Fresh(node, "shifted"));
    graph_.nodes.push_back(quantize::MakePoint(shifted, node.outputs[0], {to}));
  }

  void TakeOther(Node node) {
    const auto on_grid = [&](const std::string& input) { return grids_.contains(input); };
    if (std::ranges::none_of(node.inputs, on_grid) || ReadsShape(node)) {
      graph_.nodes.push_back(std::move(node));
      return;
    }
    const auto first = std::ranges::find_if(node.inputs, on_grid);
    const Grid grid = grids_.at(*first);
    // What is not on the grid must be shapes, indices or conditions.
    const bool alike = std::ranges::all_of(node.inputs, [&](const std::string& input) {
      const auto found = grids_.find(input);
      return found == grids_.end() ? !HoldsIntegers(input) : found->second.params == grid.params;
    });
    if (node.op == "Pad") MakePadReal(node, grid);
    if (!MovesIntegers(node) || (!alike && node.op != "Pad")) {
      Fail(node,
           "computes with the integers of a quantized tensor: put a DequantizeLinear before "
           "it and a QuantizeLinear behind it");
    }
    for (const std::string& output : MovedOutputs(node)) {
      if (!output.empty()) SetReal(output, grid);
    }
    graph_.nodes.push_back(std::move(node));
  }

  bool HoldsIntegers(const std::string& value) const {
    const Tensor* constant = graph_.Constant(value);
    const ValueInfo* info = graph_.Info(value);
    const DataType type = constant ? constant->type() : info ? info->type : DataType::undefined;
    return type == DataType::int8 || type == DataType::uint8;
  }

  /// A Pad of a quantized tensor holds its value as an integer, 0 when it holds none.
  void MakePadReal(Node& pad, const Grid& grid) {
    const Tensor* value = graph_.Constant(pad.Input(2));
    if (value == nullptr && !pad.Input(2).empty()) Fail(pad, "its value is no constant");
    const bool given = value != nullptr && value->elements() > 0;
    const int64_t shift = grid.type == DataType::uint8 ? 128 : 0;
    const int64_t steps = (given ? value->ToInts()[0] : 0) - shift - grid.params.zero_point;
    if (pad.inputs.size() < 3) pad.inputs.resize(3);
    pad.inputs[2] = AddScalar(pad, grid.params.scale * static_cast<float>(steps));
  }

  std::string AddScalar(const Node& node, float value) {
    return passes::AddInitializer(graph_, node.Label() + "_constant",
                                  Tensor::Of({}, std::vector<float>{value}));
  }

  std::string Fresh(const Node& node, const std::string& what) {
    std::string name = graph_.FreshName(node.Label() + "_" + what);
    graph_.values[name] = graph_.values[node.outputs[0]];
    return name;
  }

  std::string AddNode(const std::string& op, std::vector<std::string> inputs,
                      const std::string& output) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    graph_.nodes.push_back(std::move(node));
    return output;
  }

  Graph& graph_;
  std::map<std::string, Grid> grids_;           // real values that were integers
  std::map<std::string, std::string> renamed_;  // inputs of the graph -> behind their point
};

}  // namespace

void MakePoints(Graph& graph) { PointMaker(graph).Run(); }

}  // namespace lutra::converter::qdq
