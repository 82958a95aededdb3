#include "converter/qdq/export_qdq.h"

#include <algorithm>
#include <cmath>

#include "converter/error.h"
#include "converter/qdq/proto.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter {
namespace {

constexpr int64_t kOpset = 13;
constexpr int32_t kToUnsigned = 128;

class Exporter {
 public:
  Exporter(const Graph& fused, const Graph& optimized, const Quantization& quantization)
      : graph_(fused), quantization_(quantization), out_(*model_.mutable_graph()) {
    for (const Node& node : optimized.nodes) label_of_[LayerName(optimized, node)] = node.Label();
  }

  std::string Run() {
    model_.set_ir_version(onnx::IR_VERSION_2020_5_8);
    model_.set_producer_name("lutra");
    auto& opset = *model_.add_opset_import();
    opset.set_domain("");
    opset.set_version(kOpset);
    out_.set_name(graph_.name.empty() ? "network" : graph_.name);
    FindParameters();
    for (const std::string& input : graph_.inputs) {
      AddValueInfo(*out_.add_input(), input, Dims(input));
      float_name_[input] = input;
    }
    std::string problems;
    for (const Node& node : graph_.nodes) {
      try {
        Export(node);
      } catch (const Error& error) {
        problems += (problems.empty() ? "" : "; ") + std::string(error.what());
      }
    }
    if (!problems.empty()) throw Error("--emit-qdq: " + problems);
    for (const std::string& output : graph_.outputs) {
      const std::string name = Read(output, false);
      if (name != output) AddNode(out_, "Identity", {name}, output);
      AddValueInfo(*out_.add_output(), output, Dims(output));
    }
    return model_.SerializeAsString();
  }

 private:
  std::vector<int64_t> Dims(const std::string& value) const {
    const ValueInfo* info = graph_.Info(value);
    if (info == nullptr || !info->dims) throw Error("value '" + value + "' has no known shape");
    return *info->dims;
  }

  // Values that only exist in ONNX's layout (behind a Transpose or Reshape that the other layout
  // does without) share the parameters of what they are made of.
  void FindParameters() {
    for (const auto& [value, params] : quantization_.activations) params_[value] = params;
    for (const Node& node : graph_.nodes) {
      if (IntegerFormOf(graph_, node).form != IntegerForm::passive) continue;
      const auto in = params_.find(node.inputs[0]);
      if (in == params_.end()) continue;
      for (const std::string& output : node.outputs) params_.emplace(output, in->second);
    }
  }

  const QuantParams* Params(const std::string& value) const {
    const auto found = params_.find(value);
    return found == params_.end() ? nullptr : &found->second;
  }

  bool IsInteger(const Node& node) const {
    const auto label = label_of_.find(node.Label());
    if (label != label_of_.end()) return quantization_.integer_nodes.contains(label->second);
    return IntegerFormOf(graph_, node).form == IntegerForm::passive && Params(node.inputs[0]);
  }

  // Scale and zero point initializers of a value, shared by its Quantize and Dequantize.
  std::vector<std::string> ParameterNames(const std::string& value, const QuantParams& params) {
    const std::string scale = value + "_scale", zero_point = value + "_zero_point";
    if (written_params_.insert(value).second) {
      AddScalar(out_, scale, params.scale);
      AddIntegers<uint8_t>(out_, zero_point, DataType::uint8, {},
                           {static_cast<uint8_t>(params.zero_point + kToUnsigned)});
    }
    return {scale, zero_point};
  }

  // The float name under which a node reads the value: through Quantize and Dequantize when an
  // integer node reads it or made it, straight for others.
  std::string Read(const std::string& value, bool integer) {
    if (value.empty()) return "";
    if (const auto done = dequantized_.find(value); done != dequantized_.end()) return done->second;
    const QuantParams* params = Params(value);
    if (graph_.Constant(value) != nullptr) return integer ? ReadConstant(value) : Constant(value);
    const bool made_by_integer = made_by_integer_.contains(value);
    if (params == nullptr || (!integer && !made_by_integer)) return float_name_.at(value);
    const std::vector<std::string> names = ParameterNames(value, *params);
    const std::string quantized = value + "_quantized";
    AddNode(out_, "QuantizeLinear", {float_name_.at(value), names[0], names[1]}, quantized);
    const bool takes_name = float_name_.at(value) != value;
    const std::string real = takes_name ? value : value + "_dequantized";
    AddNode(out_, "DequantizeLinear", {quantized, names[0], names[1]}, real);
    return dequantized_[value] = real;
  }

  std::string Constant(const std::string& value) {
    if (written_constants_.insert(value).second) AddTensor(out_, value, *graph_.Constant(value));
    return value;
  }

  // A constant operand of integer arithmetic has parameters of its own.
  std::string ReadConstant(const std::string& value) {
    const Tensor& constant = *graph_.Constant(value);
    if (!IsFloating(constant.type())) return Constant(value);
    const std::vector<float> reals = constant.ToFloats();
    const QuantParams params = ParamsOf(RangeOf(reals));
    std::vector<uint8_t> integers;
    for (const float x : reals) {
      integers.push_back(
          static_cast<uint8_t>(QuantizeValue(static_cast<double>(x), params) + kToUnsigned));
    }
    const std::vector<std::string> names = ParameterNames(value, params);
    AddIntegers(out_, value + "_quantized", DataType::uint8, constant.dims(), integers);
    AddNode(out_, "DequantizeLinear", {value + "_quantized", names[0], names[1]}, value);
    return dequantized_[value] = value;
  }

  void Export(const Node& node) {
    const bool integer = IsInteger(node);
    std::vector<std::string> inputs;
    const bool weights =
        integer && HasWeights(graph_, node) && WhyNoWeightMatrix(graph_, node).empty();
    const std::vector<std::string> activations = ActivationInputs(graph_, node);
    const bool arithmetic = IntegerFormOf(graph_, node).form == IntegerForm::compute;
    for (size_t i = 0; i < node.inputs.size() && !(weights && i > 0); ++i) {
      const std::string& input = node.inputs[i];
      const bool operand = std::ranges::find(activations, input) != activations.end() ||
                           (arithmetic && (node.op == "Add" || node.op == "Sub" ||
                                           node.op == "Mul" || node.op == "MatMul"));
      inputs.push_back(Read(input, integer && operand));
    }
    if (weights) AddWeights(node, inputs);
    for (const std::string& output : node.outputs) {
      if (!output.empty() && integer && Params(output)) made_by_integer_.insert(output);
    }
    Compute(node, std::move(inputs), integer);
  }

  void AddWeights(const Node& node, std::vector<std::string>& inputs) {
    const std::string& label = label_of_.at(node.Label());
    const QuantizedWeights& quantized = quantization_.weights.at(label);
    const bool asymmetric =
        std::ranges::any_of(quantized.zero_point, [](int8_t z) { return z != 0; });
    if (asymmetric) {
      throw Error("node '" + node.Label() + "': asymmetric weights have no form in QDQ; convert " +
                  "it with symmetric ones");
    }
    const Tensor& weights = *graph_.Constant(node.inputs[1]);
    const WeightMatrix matrix = ReadWeightMatrix(graph_, node);
    const std::vector<size_t> order = WeightMatrixOrder(graph_, node);
    std::vector<int8_t> integers(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      const float q = matrix.values[i] / quantized.scale[i / matrix.k];
      integers[order[i]] = static_cast<int8_t>(std::nearbyint(std::clamp(q, -128.0F, 127.0F)));
    }
    const auto n = static_cast<int64_t>(matrix.n);
    const int64_t axis = node.op == "Conv" || node.Int("transB", 0) != 0 ? 0 : 1;
    const std::string stem = node.Label() + "_weight";
    const auto dequantize = [&](const std::string& name, int64_t along) {
      onnx::NodeProto& proto =
          AddNode(out_, "DequantizeLinear",
                  {name + "_quantized", name + "_scale", name + "_zero_point"}, name);
      AddAttribute(proto, "axis", along);
      inputs.push_back(name);
    };
    AddIntegers(out_, stem + "_quantized", DataType::int8, weights.dims(), integers);
    AddTensor(out_, stem + "_scale", Tensor::Of({n}, quantized.scale));
    AddIntegers(out_, stem + "_zero_point", DataType::int8, {n}, std::vector<int8_t>(matrix.n, 0));
    dequantize(stem, axis);
    const std::vector<int32_t>& bias = quantization_.bias.at(label);
    if (!matrix.has_bias && std::ranges::count(bias, 0) == n) return;
    if (node.op == "MatMul") throw Error("node '" + node.Label() + "': a MatMul with bias");
    const std::string bias_stem = node.Label() + "_bias";
    std::vector<float> scales;
    for (const float scale : quantized.scale) {
      scales.push_back(scale * Params(node.inputs[0])->scale);
    }
    AddIntegers(out_, bias_stem + "_quantized", DataType::int32, {n}, bias);
    AddTensor(out_, bias_stem + "_scale", Tensor::Of({n}, scales));
    AddIntegers(out_, bias_stem + "_zero_point", DataType::int32, {n},
                std::vector<int32_t>(matrix.n, 0));
    dequantize(bias_stem, 0);
  }

  // Where the node's own result goes: behind it come a clamp and a Quantize.
  std::string RawName(const std::string& value, bool clamped, bool quantized) const {
    if (clamped) return value + "_unclamped";
    // The name of an output of the graph is for what comes out in the end.
    return quantized && graph_.IsOutput(value) ? value + "_float" : value;
  }

  void Compute(const Node& node, std::vector<std::string> inputs, bool integer) {
    const std::string& output = node.outputs[0];
    const bool quantized = integer && Params(output) != nullptr;
    const std::string raw = RawName(output, node.clamp.has_value(), quantized);
    if (node.op == "Silu") {
      AddNode(out_, "Sigmoid", inputs, output + "_gate");
      AddNode(out_, "Mul", {inputs[0], output + "_gate"}, raw);
    } else if (node.op == "HardSwish") {
      auto& gate = AddNode(out_, "HardSigmoid", inputs, output + "_gate");
      AddAttribute(gate, "alpha", 1.0F / 6);
      AddAttribute(gate, "beta", 0.5F);
      AddNode(out_, "Mul", {inputs[0], output + "_gate"}, raw);
    } else {
      CheckExpressible(node);
      onnx::NodeProto& proto = AddNode(out_, node.op, inputs, raw);
      for (size_t i = 1; i < node.outputs.size(); ++i) {
        const bool also = integer && Params(node.outputs[i]) != nullptr;
        proto.add_output(RawName(node.outputs[i], false, also));
        float_name_[node.outputs[i]] = RawName(node.outputs[i], false, also);
      }
      AddAttributes(node, proto);
    }
    float_name_[output] = raw;
    if (node.clamp) AddClamp(node, raw, quantized);
  }

  static void CheckExpressible(const Node& node) {
    static const std::set<std::string_view> kLater = {"Gelu", "Mish", "LayerNormalization",
                                                      "GroupNormalization"};
    if (!node.domain.empty() || kLater.contains(node.op)) {
      throw Error("node '" + node.Label() + "' (" + node.op + ") has no form in opset 13");
    }
  }

  // Attributes as opset 13 has them: reductions but ReduceSum keep their axes there.
  void AddAttributes(const Node& node, onnx::NodeProto& proto) {
    static const std::set<std::string_view> kAxesInAttribute = {
        "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"};
    static const std::set<std::string_view> kLater = {"num_outputs", "antialias",
                                                      "keep_aspect_ratio_policy",
                                                      "noop_with_empty_axes", "allowzero"};
    const bool folded = HasWeights(graph_, node) && node.op == "Gemm";
    for (const auto& [name, value] : node.attributes) {
      if (kLater.contains(name) || (folded && (name == "alpha" || name == "beta"))) continue;
      AddAttribute(proto, name, value);
    }
    if (kAxesInAttribute.contains(node.op) && proto.input_size() > 1) {
      const Tensor* axes = graph_.Constant(node.inputs[1]);
      if (axes == nullptr) throw Error("node '" + node.Label() + "': its axes are computed");
      AddAttribute(proto, "axes", axes->ToInts());
      proto.mutable_input()->RemoveLast();
    }
  }

  void AddClamp(const Node& node, const std::string& raw, bool quantized) {
    const std::string& output = node.outputs[0];
    const std::string name = RawName(output, false, quantized);
    if (node.clamp->lo == 0 && std::isinf(node.clamp->hi)) {
      AddNode(out_, "Relu", {raw}, name);
    } else {
      const auto limit = [&](const char* which, float value) {
        return std::isinf(value) ? "" : AddScalar(out_, output + which, value);
      };
      const std::string low = limit("_min", node.clamp->lo);
      const std::string high = limit("_max", node.clamp->hi);
      AddNode(out_, "Clip",
              high.empty() ? std::vector<std::string>{raw, low}
                           : std::vector<std::string>{raw, low, high},
              name);
    }
    float_name_[output] = name;
  }

  const Graph& graph_;
  const Quantization& quantization_;
  onnx::ModelProto model_;
  onnx::GraphProto& out_;
  std::map<std::string, std::string> label_of_;  // layer name -> label in the optimized graph
  std::map<std::string, QuantParams> params_;
  std::map<std::string, std::string> float_name_, dequantized_;
  std::set<std::string> written_params_, written_constants_, made_by_integer_;
};

}  // namespace

std::string ExportQdq(const Graph& fused, const Graph& optimized,
                      const Quantization& quantization) {
  return Exporter(fused, optimized, quantization).Run();
}

}  // namespace lutra::converter
