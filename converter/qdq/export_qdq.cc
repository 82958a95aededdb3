#include "converter/qdq/export_qdq.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/error.h"
#include "converter/graph/half.h"
#include "converter/qdq/composites.h"
#include "converter/qdq/proto.h"
#include "converter/quantize/layout_map.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::qdq {
namespace {

constexpr int64_t kOpset = 18;     // the canonical form of the graph
constexpr int64_t kIrVersion = 8;  // what came with it (ONNX 1.13)
constexpr int32_t kToUnsigned = 128;

class Exporter {
 public:
  Exporter(const Graph& fused, const quantize::Quantization& quantization)
      : graph_(fused),
        quantization_(quantization),
        out_(*model_.mutable_graph()),
        layout_(quantize::MapLayout(fused)) {
    for (const auto& [name, info] : fused.values) taken_.insert(name);
    for (const auto& [name, tensor] : fused.initializers) taken_.insert(name);
  }

  std::string Run() {
    model_.set_ir_version(kIrVersion);
    model_.set_producer_name("lutra");
    auto& opset = *model_.add_opset_import();
    opset.set_domain("");
    opset.set_version(kOpset);
    out_.set_name(graph_.name.empty() ? "network" : graph_.name);
    FindParameters();
    for (const std::string& input : graph_.inputs) {
      AddValueInfo(*out_.add_input(), input, Dims(input));
      float_name_[input] = input;
      // Quantized where it comes in, for all its readers, as soon as one computes in integers.
      const bool quantized = std::ranges::any_of(
          graph_.Consumers(input), [&](size_t i) { return IsInteger(graph_.nodes[i]); });
      if (quantized && Params(input) != nullptr) made_by_integer_.insert(input);
    }
    std::string problems;
    for (const Node& node : graph_.nodes) {
      try {
        Export(node);
      } catch (const Error& error) {
        problems += (problems.empty() ? "" : "; ") + std::string(error.what());
        for (const std::string& output : node.outputs) float_name_.emplace(output, output);
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
  // does without) share the parameters of what they are made of, or of what they are quantized as
  // for an integer node when they are made in float.
  void FindParameters() {
    for (const auto& [value, holder] : layout_.value) {
      if (const quantize::QuantParams* params = quantization_.Params(holder))
        params_[value] = *params;
    }
    for (const Node& node : graph_.nodes) {
      if (LabelOf(node) != nullptr && IsInteger(node)) FindReadParameters(node);
      if (quantize::IntegerFormOf(graph_, node).form != IntegerForm::passive) continue;
      const auto in = params_.find(node.inputs[0]);
      if (in == params_.end()) continue;
      for (const std::string& output : node.outputs) {
        if (graph_.IsReal(output)) params_.emplace(output, in->second);
      }
    }
  }

  void FindReadParameters(const Node& node) {
    const std::vector<std::string>& read = layout_.inputs.at(node.Label());
    for (size_t i = 0; i < node.inputs.size() && i < read.size(); ++i) {
      const quantize::QuantParams* params = quantization_.Params(read[i]);
      if (params != nullptr) params_.emplace(node.inputs[i], *params);
    }
  }

  const quantize::QuantParams* Params(const std::string& value) const {
    const auto found = params_.find(value);
    return found == params_.end() ? nullptr : &found->second;
  }

  // Of the same node in the optimized graph; null when that does without it.
  const std::string* LabelOf(const Node& node) const {
    const auto found = layout_.label.find(node.Label());
    return found == layout_.label.end() ? nullptr : &found->second;
  }

  bool IsInteger(const Node& node) const {
    if (const std::string* label = LabelOf(node)) {
      return quantization_.integer_nodes.contains(*label);
    }
    return quantize::IntegerFormOf(graph_, node).form == IntegerForm::passive &&
           Params(node.inputs[0]);
  }

  // A name that neither the network nor anything written so far has.
  std::string Fresh(const std::string& stem) {
    std::string name = stem;
    for (size_t number = 1; !taken_.insert(name).second; ++number) {
      name = stem + "_" + std::to_string(number);
    }
    return name;
  }

  // Scale and zero point initializers of a value.
  std::vector<std::string> AddParameters(const std::string& value,
                                         const quantize::QuantParams& params) {
    const auto zero_point = static_cast<uint8_t>(params.zero_point + kToUnsigned);
    return {AddScalar(out_, Fresh(value + "_scale"), params.scale),
            AddIntegers<uint8_t>(out_, Fresh(value + "_zero_point"), DataType::uint8, {},
                                 {zero_point})};
  }

  // The float name under which a node reads the value: through Quantize and Dequantize when an
  // integer node reads it or made it, straight for others.
  std::string Read(const std::string& value, bool integer) {
    if (value.empty()) return "";
    if (graph_.Constant(value) != nullptr) return integer ? ReadConstant(value) : Constant(value);
    const quantize::QuantParams* params = Params(value);
    if (params == nullptr || (!integer && !made_by_integer_.contains(value))) {
      return float_name_.at(value);
    }
    if (const auto done = dequantized_.find(value); done != dequantized_.end()) return done->second;
    const std::vector<std::string> names = AddParameters(value, *params);
    const std::string quantized = Fresh(value + "_quantized");
    AddNode(out_, "QuantizeLinear", {float_name_.at(value), names[0], names[1]}, quantized);
    const bool takes_name = float_name_.at(value) != value;
    const std::string real = takes_name ? value : Fresh(value + "_dequantized");
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
    if (const auto done = dequantized_.find(value); done != dequantized_.end()) return done->second;
    return dequantized_[value] = AddConstant(value, constant.dims(), constant.ToFloats());
  }

  std::string AddConstant(const std::string& stem, const std::vector<int64_t>& dims,
                          const std::vector<float>& reals) {
    const quantize::QuantParams params = quantize::ParamsOf(quantize::RangeOf(reals));
    std::vector<uint8_t> integers;
    for (const float x : reals) {
      integers.push_back(static_cast<uint8_t>(
          quantize::QuantizeValue(static_cast<double>(x), params) + kToUnsigned));
    }
    const std::vector<std::string> names = AddParameters(stem, params);
    const std::string quantized =
        AddIntegers(out_, Fresh(stem + "_quantized"), DataType::uint8, dims, integers);
    const std::string real = Fresh(stem + "_dequantized");
    AddNode(out_, "DequantizeLinear", {quantized, names[0], names[1]}, real);
    return real;
  }

  void Export(const Node& node) {
    const bool integer = IsInteger(node);
    const bool weights = quantize::HasWeights(graph_, node) &&
                         quantize::WhyNoWeightMatrix(graph_, node).empty() &&
                         (integer || WeightsOf(node) != nullptr || HasHalfWeights(node));
    const std::vector<std::string> activations = quantize::ActivationInputs(graph_, node);
    const bool in_tail =
        LabelOf(node) != nullptr && quantization_.in_tails.contains(*LabelOf(node));
    const bool arithmetic =
        integer && !in_tail && quantize::IntegerFormOf(graph_, node).form == IntegerForm::compute;
    const bool divides = arithmetic && node.op == "Div";
    const bool operands = arithmetic && !divides && Is(node, kArithmetic);
    const bool only_first = weights || divides;
    std::vector<std::string> inputs;
    for (size_t i = 0; i < node.inputs.size() && !(only_first && i > 0); ++i) {
      const std::string& input = node.inputs[i];
      const bool activation = std::ranges::find(activations, input) != activations.end();
      inputs.push_back(Read(input, integer && (activation || operands)));
    }
    Node written = node;
    if (divides) {
      // Executed as a product with the reciprocals.
      const Tensor& divisor = *graph_.Constant(node.inputs[1]);
      std::vector<float> factors = divisor.ToFloats();
      for (float& factor : factors) factor = 1 / factor;
      inputs.push_back(AddConstant(node.Label() + "_factor", divisor.dims(), factors));
      written.op = "Mul";
    }
    std::string bias;
    if (weights) {
      inputs.push_back(AddWeights(node));
      bias = AddBias(node, integer);
      if (!bias.empty() && ProductOf(node)->takes_bias) inputs.push_back(std::exchange(bias, ""));
    }
    for (const std::string& output : node.outputs) {
      if (!output.empty() && integer && Params(output)) made_by_integer_.insert(output);
    }
    Compute(written, std::move(inputs), bias, integer);
  }

  const quantize::QuantizedWeights* WeightsOf(const Node& node) const {
    const std::string* label = LabelOf(node);
    if (label == nullptr) return nullptr;
    const auto found = quantization_.weights.find(*label);
    return found == quantization_.weights.end() ? nullptr : &found->second;
  }

  bool HasHalfWeights(const Node& node) const {
    const std::string* label = LabelOf(node);
    return label != nullptr && quantization_.schemes.at(*label).kind == WeightKind::fp16;
  }

  // Name of the operand: integers and a Dequantize along the output channels, or fp16's values.
  std::string AddWeights(const Node& node) {
    const std::vector<int64_t>& dims = graph_.Constant(node.inputs[1])->dims();
    const std::vector<size_t> order = quantize::WeightMatrixOrder(graph_, node);
    const std::string stem = node.Label() + "_weight";
    const quantize::QuantizedWeights* quantized = WeightsOf(node);
    if (quantized == nullptr) {
      const quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(graph_, node);
      std::vector<float> halves(order.size());
      for (size_t i = 0; i < order.size(); ++i) {
        halves[order[i]] = ToFloat(ToFloat16(static_cast<double>(matrix.values[i])));
      }
      return AddTensor(out_, Fresh(stem), Tensor::Of(dims, std::move(halves)));
    }
    CheckWeights(node, *quantized);
    // The layout pass may have put the elements of a flattened tensor, and with them the weights'
    // columns, into another order.
    const auto moved = layout_.columns.find(*LabelOf(node));
    std::vector<int8_t> integers(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      const size_t row = i / quantized->k, column = i % quantized->k;
      const size_t from = moved == layout_.columns.end() ? column : moved->second[column];
      integers[order[row * quantized->k + from]] = quantized->values[i];
    }
    const auto axis = static_cast<int64_t>(ProductOf(node)->OutputAxis(dims.size()));
    return AddDequantized(stem, DataType::int8, dims, integers, quantized->scale, axis);
  }

  void CheckWeights(const Node& node, const quantize::QuantizedWeights& quantized) const {
    if (const auto peculiar = quantized.Peculiar()) {
      throw Error("node '" + node.Label() + "': " + peculiar->what + " are not exported; " +
                  peculiar->cure);
    }
    if (quantization_.schemes.at(*LabelOf(node)).activations == quantize::ActivationType::wide) {
      throw Error("node '" + node.Label() + "': int16 activations have no form in the QDQ " +
                  "networks of this version; convert it with --activations int8");
    }
    if (quantize::IsDynamic(quantization_, *LabelOf(node), *ProductOf(node))) {
      throw Error("node '" + node.Label() + "': dynamic activations (a scale for each row) have " +
                  "no form in QDQ; convert it with --activations int8");
    }
  }

  // Name of the bias as the node adds it, "" for none.
  std::string AddBias(const Node& node, bool integer) {
    const std::string stem = node.Label() + "_bias";
    if (!integer) {
      std::vector<float> bias;
      if (const std::string* label = LabelOf(node)) {
        const auto corrected = quantization_.float_bias.find(*label);
        if (corrected != quantization_.float_bias.end()) bias = corrected->second;
      }
      if (bias.empty()) {
        quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(graph_, node);
        if (!matrix.has_bias) return "";
        bias = std::move(matrix.bias);
      }
      const auto n = static_cast<int64_t>(bias.size());
      return AddTensor(out_, Fresh(stem), Tensor::Of({n}, std::move(bias)));
    }
    const std::vector<int32_t>& bias = quantization_.bias.at(*LabelOf(node));
    const auto n = static_cast<int64_t>(bias.size());
    if (node.Input(2).empty() && std::ranges::count(bias, 0) == n) return "";
    std::vector<float> scales = WeightsOf(node)->scale;
    for (float& scale : scales) scale *= Params(node.inputs[0])->scale;
    return AddDequantized(stem, DataType::int32, {n}, bias, scales, 0);
  }

  template <typename T>
  std::string AddDequantized(const std::string& stem, DataType type,
                             const std::vector<int64_t>& dims, const std::vector<T>& integers,
                             const std::vector<float>& scales, int64_t axis) {
    const auto n = static_cast<int64_t>(scales.size());
    const std::vector<std::string> inputs = {
        AddIntegers(out_, Fresh(stem + "_quantized"), type, dims, integers),
        AddTensor(out_, Fresh(stem + "_scale"), Tensor::Of({n}, scales)),
        AddIntegers(out_, Fresh(stem + "_zero_point"), type, {n}, std::vector<T>(scales.size()))};
    const std::string real = Fresh(stem);
    AddAttribute(AddNode(out_, "DequantizeLinear", inputs, real), "axis", axis);
    return real;
  }

  // Where the node's own result goes: behind it come a clamp and a Quantize.
  std::string RawName(const std::string& value, bool more, bool quantized) {
    if (more) return Fresh(value + "_raw");
    // The name of an output of the graph is for what comes out in the end.
    return quantized && graph_.IsOutput(value) ? Fresh(value + "_float") : value;
  }

  // `bias`: to be added behind the node, or "".
  void Compute(const Node& node, std::vector<std::string> inputs, const std::string& bias,
               bool integer) {
    const std::string& output = node.outputs[0];
    const bool quantized = integer && Params(output) != nullptr;
    std::string raw = RawName(output, node.clamp.has_value() || !bias.empty(), quantized);
    if (IsComposite(node)) {
      const auto fresh = [this](const std::string& stem) { return Fresh(stem); };
      AddComposite(node, inputs[0], raw, fresh, out_);
    } else {
      onnx::NodeProto& proto = AddNode(out_, node.op, inputs, raw);
      for (size_t i = 1; i < node.outputs.size(); ++i) {
        const bool also = integer && Params(node.outputs[i]) != nullptr;
        const std::string name = RawName(node.outputs[i], false, also);
        proto.add_output(name);
        float_name_[node.outputs[i]] = name;
      }
      AddAttributes(node, proto);
    }
    if (!bias.empty()) {
      const std::string sum = RawName(output, node.clamp.has_value(), quantized);
      AddNode(out_, "Add", {std::exchange(raw, sum), bias}, sum);
    }
    float_name_[output] = raw;
    if (node.clamp) AddClamp(node, raw, quantized);
  }

  void AddAttributes(const Node& node, onnx::NodeProto& proto) {
    // Gemm's factors are in the integers.
    const bool folded =
        quantize::HasWeights(graph_, node) && (WeightsOf(node) != nullptr || HasHalfWeights(node));
    for (const auto& [name, value] : node.attributes) {
      if (folded && (name == "alpha" || name == "beta")) continue;
      AddAttribute(proto, name, value);
    }
  }

  void AddClamp(const Node& node, const std::string& raw, bool quantized) {
    const std::string& output = node.outputs[0];
    const std::string name = RawName(output, false, quantized);
    if (node.clamp->lo == 0 && std::isinf(node.clamp->hi)) {
      AddNode(out_, "Relu", {raw}, name);
    } else {
      const auto limit = [&](const char* which, float value) {
        return std::isinf(value) ? "" : AddScalar(out_, Fresh(output + which), value);
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
  const quantize::Quantization& quantization_;
  onnx::ModelProto model_;
  onnx::GraphProto& out_;
  const quantize::LayoutMap layout_;
  std::map<std::string, quantize::QuantParams> params_;
  std::map<std::string, std::string> float_name_, dequantized_;
  std::set<std::string> written_constants_, made_by_integer_, taken_;
};

}  // namespace

std::string ExportQdq(const Graph& fused, const quantize::Quantization& quantization) {
  return Exporter(fused, quantization).Run();
}

std::string ExportFloat(const Graph& fused) {
  quantize::Quantization none;
  for (const auto& [node, label] : quantize::MapLayout(fused).label) none.schemes[label];
  return Exporter(fused, none).Run();
}

}  // namespace lutra::converter::qdq
