#include "converter/qdq/expand_qoperators.h"

#include <string_view>
#include <utility>

#include "converter/error.h"

namespace lutra::converter::qdq {
namespace {

// Where a QOperator keeps its parts, as indices of its inputs.
struct Signature {
  std::string_view op;           // the float operator
  std::vector<size_t> operands;  // each followed by its scale and zero point
  size_t scale, zero_point;      // of the output
  size_t bias = 0;               // 0: none
};

const std::map<std::string_view, Signature> kSignatures = {
    {"QLinearConv", {"Conv", {0, 3}, 6, 7, 8}},
    {"QLinearMatMul", {"MatMul", {0, 3}, 6, 7}},
    {"QGemm", {"Gemm", {0, 3}, 7, 8, 6}},
    {"QLinearAdd", {"Add", {0, 3}, 6, 7}},
    {"QLinearMul", {"Mul", {0, 3}, 6, 7}},
    {"QLinearSigmoid", {"Sigmoid", {0}, 3, 4}},
    {"QLinearLeakyRelu", {"LeakyRelu", {0}, 3, 4}},
    {"QLinearSoftmax", {"Softmax", {0}, 3, 4}},
    {"QLinearAveragePool", {"AveragePool", {0}, 3, 4}},
    {"QLinearGlobalAveragePool", {"GlobalAveragePool", {0}, 3, 4}},
    {"QLinearConcat", {"Concat", {}, 0, 1}}};

class Expander {
 public:
  explicit Expander(Graph& graph) : graph_(graph) {}

  void Run() {
    std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    for (Node& node : nodes) {
      if (IsQOperator(node)) {
        Expand(node);
      } else {
        // Moves of quantized values (MaxPool, Reshape ...) read what an expanded node wrote.
        for (std::string& input : node.inputs) input = Quantized(input);
        graph_.nodes.push_back(std::move(node));
      }
    }
  }

 private:
  std::string Quantized(const std::string& value) const {
    const auto found = quantized_.find(value);
    return found == quantized_.end() ? value : found->second;
  }

  Node& Add(const std::string& op, std::vector<std::string> inputs, const std::string& output) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back();
  }

  // `axis`: of per-channel scales.
  std::string Dequantize(const Node& node, size_t at, int64_t axis) {
    const std::string real = graph_.FreshName(node.Label() + "_input");
    graph_.values[real] = {};
    Add("DequantizeLinear", {Quantized(node.Input(at)), node.Input(at + 1), node.Input(at + 2)},
        real)
        .attributes["axis"] = axis;
    return real;
  }

  // int32 in units of the product of both scales.
  std::string DequantizeBias(const Node& node, const Signature& signature) {
    const Tensor* x = graph_.Constant(node.Input(1));
    const Tensor* w = graph_.Constant(node.Input(4));
    if (x == nullptr || w == nullptr) {
      throw Error("node '" + node.Label() + "': its scales are no constants");
    }
    std::vector<float> scales = w->ToFloats();
    for (float& scale : scales) scale *= x->ToFloats()[0] * node.Float("alpha", 1.0F);
    const std::string name = graph_.FreshName(node.Label() + "_bias_scale");
    const std::vector<int64_t> dims =
        scales.size() == 1 ? std::vector<int64_t>{}
                           : std::vector<int64_t>{static_cast<int64_t>(scales.size())};
    graph_.initializers[name] = Tensor::Of(dims, scales);
    const std::string real = graph_.FreshName(node.Label() + "_bias");
    graph_.values[real] = {};
    Add("DequantizeLinear", {node.Input(signature.bias), name}, real).attributes["axis"] =
        int64_t{0};
    return real;
  }

  // Before opset 13 the dimensions from `axis` on are one.
  void AddFlatSoftmax(const Node& node, const std::string& x, const std::string& output) {
    const auto add = [&](const std::string& op, std::vector<std::string> inputs) {
      const std::string name = graph_.FreshName(node.Label() + "_" + op);
      graph_.values[name] = {};
      Add(op, std::move(inputs), name);
      return name;
    };
    const std::string shape = add("Shape", {x});
    const std::string rows = add("Flatten", {x});
    graph_.nodes.back().attributes["axis"] = node.Int("axis", -1);
    const std::string softmax = add("Softmax", {rows});
    Add("Reshape", {softmax, shape}, output);
  }

  void Expand(const Node& node) {
    Signature signature = kSignatures.at(node.op);
    if (node.op == "QLinearConcat") {
      for (size_t at = 2; at < node.inputs.size(); at += 3) signature.operands.push_back(at);
    }
    if (node.Int("channels_last", 0) != 0) {
      throw Error("node '" + node.Label() + "' (" + node.op + "): channels_last is not read");
    }
    std::vector<std::string> inputs;
    for (const size_t at : signature.operands) {
      const bool weights = at == 3;
      const bool rows = node.op == "QLinearConv" || node.Int("transB", 0) != 0;
      inputs.push_back(Dequantize(node, at, weights && !rows ? 1 : 0));
    }
    if (signature.bias != 0 && !node.Input(signature.bias).empty()) {
      inputs.push_back(DequantizeBias(node, signature));
    }
    const std::string& output = node.outputs[0];
    const std::string scale = node.Input(signature.scale);
    const std::string zero_point = node.Input(signature.zero_point);
    // An output of the graph keeps its name for what is dequantized in the end.
    const bool is_output = graph_.IsOutput(output) && !scale.empty();
    const std::string real = is_output ? graph_.FreshName(output + "_float") : output;
    graph_.values.erase(output);
    graph_.values[real] = {};
    if (node.op == "QLinearSoftmax" && node.Int("opset", 13) < 13) {
      AddFlatSoftmax(node, inputs[0], real);
    } else {
      Node& computed = Add(std::string(signature.op), inputs, real);
      computed.attributes = node.attributes;
      computed.attributes.erase("opset");
    }
    if (scale.empty()) return;  // QGemm may leave its result in float
    const std::string quantized = graph_.FreshName(output + "_quantized");
    graph_.values[quantized] = {};
    quantized_[output] = quantized;
    Add("QuantizeLinear", {real, scale, zero_point}, quantized);
    if (is_output) Add("DequantizeLinear", {quantized, scale, zero_point}, output);
  }

  Graph& graph_;
  std::map<std::string, std::string> quantized_;
};

}  // namespace

bool IsQOperator(const Node& node) { return kSignatures.contains(node.op); }

void ExpandQOperators(Graph& graph) { Expander(graph).Run(); }

}  // namespace lutra::converter::qdq
