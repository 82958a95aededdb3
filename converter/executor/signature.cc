#include "converter/executor/signature.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace lutra::converter::executor {
namespace {

/// Inputs in order, a letter each, as ClassOf knows them; '?' after it: may be left out, '+': once
/// or more often.
struct Signature {
  std::string_view inputs;
  std::vector<std::string_view> ops;
  std::string_view domain = "";
};

const std::vector<Signature>& Signatures() {
  static const std::vector<Signature> signatures = {
      {"f",
       {"LeakyRelu",
        "Elu",
        "Celu",
        "Selu",
        "ThresholdedRelu",
        "HardSigmoid",
        "HardSwish",
        "Gelu",
        "Softplus",
        "Silu",
        "Sigmoid",
        "Softsign",
        "Mish",
        "Reciprocal",
        "Exp",
        "Log",
        "Sqrt",
        "Erf",
        "Tanh",
        "Sin",
        "Cos",
        "Tan",
        "Sinh",
        "Cosh",
        "Asin",
        "Acos",
        "Atan",
        "Asinh",
        "Acosh",
        "Atanh",
        "Floor",
        "Ceil",
        "Round",
        "IsInf",
        "IsNaN",
        "Hardmax",
        "AveragePool",
        "GlobalAveragePool",
        "LpPool",
        "GlobalLpPool",
        "Softmax",
        "LogSoftmax",
        "MeanVarianceNormalization",
        "LRN",
        "LpNormalization",
        "DynamicQuantizeLinear",
        "FakeQuantize"}},
      {"n",
       {"Abs", "Sign", "Relu", "Neg", "Shrink", "ArgMax", "ArgMin", "MaxPool", "GlobalMaxPool"}},
      {"nn?n?", {"Clip"}},
      {"b", {"Not"}},
      {"bb", {"And", "Or", "Xor"}},
      {"nn",
       {"Add", "Sub", "Mul", "Div", "Mod", "Pow", "PRelu", "Greater", "GreaterOrEqual", "Less",
        "LessOrEqual", "MatMul"}},
      {"ii", {"BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"}},
      {"**", {"Equal", "CastLike"}},
      {"n+", {"Max", "Min", "Sum"}},
      {"f+", {"Mean"}},
      {"b**", {"Where"}},
      {"ni?",
       {"ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum",
        "ReduceLogSumExp", "ReduceProd"}},
      {"oi?", {"ReduceMax", "ReduceMin"}},
      {"*",
       {"Shape", "Size", "Flatten", "Identity", "Cast", "EyeLike", "Transpose", "DepthToSpace",
        "SpaceToDepth", "NonZero"}},
      {"*i",
       {"Reshape", "Unsqueeze", "Expand", "Tile", "ReverseSequence", "Gather", "GatherElements",
        "GatherND"}},
      {"*i?", {"Squeeze", "Split", "Trilu"}},
      {"*f?b?", {"Dropout"}},
      {"i", {"ConstantOfShape"}},
      {"nnn", {"Range"}},
      {"nn*", {"OneHot"}},
      {"*+", {"Concat"}},
      {"*iii?i?", {"Slice"}},
      {"*i*?i?", {"Pad"}},
      {"*i*", {"ScatterElements", "ScatterND"}},
      {"*b", {"Compress"}},
      {"ni", {"TopK", "CumSum"}},
      {"nf?f?i?", {"Resize"}},
      {"fff?", {"Conv", "ConvTranspose", "LayerNormalization"}},
      {"ff", {"RMSNormalization", "LearnedFakeQuantize"}},
      {"fff", {"InstanceNormalization", "GroupNormalization"}},
      {"fffff", {"BatchNormalization"}},
      {"fii?", {"MaxUnpool"}},
      {"nnn?", {"Gemm"}},
      {"nfq?", {"QuantizeLinear"}},
      {"qfq?", {"DequantizeLinear"}},
      {"qqq?q?", {"ConvInteger", "MatMulInteger"}},
      {"qfqqfqfqq?", {"QLinearConv"}},
      {"qfqqfqfq", {"QLinearMatMul"}},
      {"nfq?", {"QuantizeLinear"}, "com.microsoft"},
      {"qfq?", {"DequantizeLinear"}, "com.microsoft"},
      {"qfqqfqq?f?q?", {"QGemm"}, "com.microsoft"},
      {"qfq?fq?",
       {"QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearAveragePool",
        "QLinearGlobalAveragePool"},
       "com.microsoft"},
      {"qfq?qfq?fq?", {"QLinearAdd", "QLinearMul"}, "com.microsoft"},
      {"fqqfq*?+", {"QLinearConcat"}, "com.microsoft"},
  };
  return signatures;
}

std::string_view Find(std::string_view domain, std::string_view op) {
  using Key = std::pair<std::string_view, std::string_view>;
  static const auto* const table = [] {
    auto* inputs = new std::map<Key, std::string_view>;
    for (const Signature& signature : Signatures()) {
      for (const std::string_view name : signature.ops) {
        inputs->emplace(Key(signature.domain, name), signature.inputs);
      }
    }
    return inputs;
  }();
  const auto found = table->find({domain == "ai.onnx" ? "" : domain, op});
  return found == table->end() ? std::string_view() : found->second;
}

struct Slot {
  char letter;
  bool optional = false, repeats = false;
};

std::vector<Slot> Slots(const Node& node) {
  std::vector<Slot> slots;
  for (const char c : Find(node.domain, node.op)) {
    if (c == '?') {
      slots.back().optional = true;
    } else if (c == '+') {
      slots.back().repeats = true;
    } else {
      slots.push_back({c});
    }
  }
  return slots;
}

bool IsInteger(DataType type) {
  return !IsFloating(type) && type != DataType::boolean && ElementBytes(type) > 0;
}

/// What an input of this letter must be, "" where the type is such.
std::string_view Wanted(char letter, DataType type) {
  const bool integer = IsInteger(type);
  switch (letter) {
    case 'f':
      return IsFloating(type) ? "" : "a floating type";
    case 'n':
      return IsFloating(type) || integer ? "" : "a type of numbers";
    case 'o':
      return IsFloating(type) || integer || type == DataType::boolean ? ""
                                                                      : "a type of numbers or bool";
    case 'i':
      return integer ? "" : "an integer type";
    case 'q':
      return integer && ElementBytes(type) <= 4 && type != DataType::uint32
                 ? ""
                 : "a quantized type (int8, uint8, int16, uint16 or int32)";
    case 'b':
      return type == DataType::boolean ? "" : "bool";
    default:
      return "";
  }
}

/// Judges every input that the signature speaks of; `why(slot, i)` says what is wrong with one.
template <typename Why>
std::string FirstFault(const Node& node, size_t inputs, const Why& why) {
  const std::vector<Slot> slots = Slots(node);
  if (slots.empty()) return "";
  const size_t count = slots.back().repeats ? std::max(inputs, slots.size()) : slots.size();
  for (size_t i = 0; i < count; ++i) {
    if (std::string fault = why(slots[std::min(i, slots.size() - 1)], i); !fault.empty()) {
      return "input " + std::to_string(i) + " " + fault;
    }
  }
  return "";
}

}  // namespace

std::string WhyInputsMissing(const Node& node) {
  return FirstFault(node, node.inputs.size(), [&](const Slot& slot, size_t i) {
    return !slot.optional && node.Input(i).empty() ? "is missing" : "";
  });
}

std::string WhyInputsRefused(const Node& node, std::span<const DataType> types) {
  return FirstFault(node, types.size(), [&](const Slot& slot, size_t i) -> std::string {
    if (i >= types.size() || types[i] == DataType::undefined) {
      return slot.optional ? "" : "is missing";
    }
    const std::string_view wanted = Wanted(slot.letter, types[i]);
    if (wanted.empty()) return "";
    return "is " + std::string(DataTypeName(types[i])) + ", but must be " + std::string(wanted);
  });
}

bool HasSignature(std::string_view domain, std::string_view op) {
  return !Find(domain, op).empty();
}

}  // namespace lutra::converter::executor
