#include "converter/graph/operator_table.h"

#include <map>
#include <utility>

namespace lutra::converter {
namespace {

using enum IntegerForm;

constexpr OperatorRow Microsoft(std::string_view name, std::string_view inputs) {
  return {.name = name, .inputs = inputs, .domain = "com.microsoft"};
}

constexpr OperatorRow kRows[] = {
    // Functions of one element.
    {"Relu", "n", kFunction, table},
    {"LeakyRelu", "f", kFunction, table},
    {"PRelu", "nn", kFunction, table},
    {"ThresholdedRelu", "f", kFunction, table},
    {"Clip", "nn=?n=?", kFunction, table},
    {"Elu", "f", kFunction, table},
    {"Celu", "f", kFunction, table},
    {"Selu", "f", kFunction, table},
    {"Sigmoid", "f", kFunction | kTakesInfinity, table},
    {"HardSigmoid", "f", kFunction, table},
    {"HardSwish", "f", kFunction, table},
    {"Silu", "f", kFunction, table},
    {"Swish", "f", kFunction, table},
    {"Gelu", "f", kFunction, table},
    {"Mish", "f", kFunction, table},
    {"Softplus", "f", kFunction, table},
    {"Softsign", "f", kFunction, table},
    {"Shrink", "n", kFunction, table},
    {"Erf", "f", kFunction, table},
    {"Exp", "f", kFunction | kTakesInfinity | kExponentiates, table},
    {"Log", "f", kFunction, table},
    {"Sqrt", "f", kFunction, table},
    {"Reciprocal", "f", kFunction, table},
    {"Abs", "n", kFunction | kPassesInfinity, table},
    {"Neg", "n", kFunction | kPassesInfinity, table},
    {"Sign", "n", kFunction | kTakesInfinity, table},
    {"Floor", "f", kFunction, table},
    {"Ceil", "f", kFunction, table},
    {"Round", "f", kFunction, table},
    {"Sin", "f", kFunction, table},
    {"Cos", "f", kFunction, table},
    {"Tan", "f", kFunction, table},
    {"Sinh", "f", kFunction, table},
    {"Cosh", "f", kFunction, table},
    {"Tanh", "f", kFunction | kTakesInfinity, table},
    {"Asin", "f", kFunction, table},
    {"Acos", "f", kFunction, table},
    {"Atan", "f", kFunction, table},
    {"Asinh", "f", kFunction, table},
    {"Acosh", "f", kFunction, table},
    {"Atanh", "f", kFunction, table},
    // Of elements at the same place.
    {"Add", "nn", kFunction | kArithmetic | kTakesClamp, compute},
    {"Sub", "nn", kFunction | kArithmetic | kTakesClamp, compute},
    {"Mul", "nn", kFunction | kArithmetic | kTakesClamp, compute},
    {"Div", "nn", kFunction | kArithmetic | kTakesClamp, compute},
    {"Pow", "nn", kFunction},
    {"Mod", "nn", kPointwise},
    {"Max", "n+", kFunction | kMovesIntegers | kTakesInfinity},
    {"Min", "n+", kFunction | kMovesIntegers | kTakesInfinity},
    {"Sum", "n+", kPointwise},
    {"Mean", "f+", kPointwise},
    {"Equal", "**", kPointwise | kTakesInfinity},
    {"Greater", "nn", kPointwise | kTakesInfinity},
    {"GreaterOrEqual", "nn", kPointwise | kTakesInfinity},
    {"Less", "nn", kPointwise | kTakesInfinity},
    {"LessOrEqual", "nn", kPointwise | kTakesInfinity},
    {"And", "bb", kPointwise | kTakesInfinity},
    {"Or", "bb", kPointwise | kTakesInfinity},
    {"Xor", "bb", kPointwise},
    {"Not", "b", kPointwise | kTakesInfinity},
    {"IsInf", "f", kPointwise | kTakesInfinity},
    {"IsNaN", "f", kPointwise | kTakesInfinity},
    {"Where", "b**", kMove | kPointwise},
    {"Cast", "*", kPointwise | kPassesInfinity},
    {"FakeQuantize", "f", kPointwise},
    {"LearnedFakeQuantize", "ff"},
    {"BitShift", "ii"},
    {"BitwiseAnd", "ii"},
    {"BitwiseOr", "ii"},
    {"BitwiseXor", "ii"},
    // Products.
    {"Conv", "ff^f?", kTakesClamp | kSpatial, weights},
    {"ConvTranspose", "ff^f?", kTakesClamp | kSpatial},
    {"Gemm", "n^n^n?", kTakesClamp, weights},
    {"MatMul", "n^n^", kArithmetic | kTakesClamp, weights},
    // Windows.
    {"MaxPool", "n", kMovesIntegers | kTakesInfinity | kSpatial | kPool | kGivesIndices, passive},
    {"AveragePool", "f", kTakesClamp | kSpatial | kPool, compute},
    {"LpPool", "f", kSpatial | kPool},
    {"GlobalMaxPool", "n", kMovesIntegers | kTakesInfinity | kSpatial | kPool, passive},
    {"GlobalAveragePool", "f", kTakesClamp | kSpatial | kPool, compute},
    {"GlobalLpPool", "f", kPool},
    {"MaxUnpool", "fii!?", kTakesInfinity},
    // Reductions and searches.
    {"ReduceSum", "ni!?", kTakesClamp, compute},
    {"ReduceMean", "ni!?", kTakesClamp, compute},
    {"ReduceMax", "oi!?", kMovesIntegers | kTakesInfinity, passive},
    {"ReduceMin", "oi!?", kMovesIntegers | kTakesInfinity},
    {"ReduceProd", "ni!?"},
    {"ReduceL1", "ni!?"},
    {"ReduceL2", "ni!?"},
    {"ReduceSumSquare", "ni!?"},
    {"ReduceLogSum", "ni!?"},
    {"ReduceLogSumExp", "ni!?", kTakesInfinity | kExponentiates},
    {"ArgMax", "n", kTakesInfinity, none, 0},
    {"ArgMin", "n", kTakesInfinity, none, 0},
    {"TopK", "ni!", kMovesIntegers | kTakesInfinity | kGivesIndices, passive, -1},
    {"CumSum", "ni"},
    // Softmax and normalizations.
    {"Softmax", "f", kTakesInfinity | kExponentiates, compute, -1},
    {"LogSoftmax", "f", kPassesInfinity | kExponentiates, compute, -1},
    {"Hardmax", "f", kTakesInfinity, none, -1},
    {"BatchNormalization", "fffff"},
    {"InstanceNormalization", "fff"},
    {"GroupNormalization", "fff"},
    {"LayerNormalization", "fff?"},
    {"RMSNormalization", "ff"},
    {"MeanVarianceNormalization", "f"},
    {"LpNormalization", "f"},
    {"LRN", "f"},
    // All elements, in order or another one.
    {"Identity", "*", kView | kPointwise | kKeepsOrder, passive},
    {"Reshape", "*i!", kView | kKeepsOrder, passive},
    {"Flatten", "*", kView | kKeepsOrder, passive},
    {"Squeeze", "*i!?", kView | kKeepsOrder, passive},
    {"Unsqueeze", "*i!", kView | kKeepsOrder, passive},
    {"Transpose", "*", kView, passive},
    // Movement.
    {"Slice", "*i!i!i!?i!?", kMoveOfFirst, passive},
    {"Split", "*i!?", kMoveOfFirst, passive, 0},
    {"DepthToSpace", "*", kMoveOfFirst | kSpatial, passive},
    {"SpaceToDepth", "*", kMoveOfFirst | kSpatial, passive},
    {"Expand", "*i!", kMoveOfFirst | kKeepsOrder},
    {"Tile", "*i!", kMoveOfFirst | kKeepsOrder},
    {"Concat", "*+", kMove, passive, 0},
    {"Pad", "*i!*=?i!?", kMove, passive},
    {"Gather", "*i=", kMove, passive},
    {"GatherND", "*i", kMove},
    {"GatherElements", "*i", kPassesInfinity},
    {"ScatterElements", "*i*", kPassesInfinity},
    {"ScatterND", "*i*", kPassesInfinity},
    {"Compress", "*!b!", kPassesInfinity},
    {"Trilu", "*i?", kPassesInfinity},
    {"ReverseSequence", "*i"},
    {"Resize", "nf!?f!?i!?", kMovesIntegers | kSpatial},
    {"Dropout", "*f?b?", kPassesInfinity},
    {"CastLike", "**", kPassesInfinity},
    // Shapes, and what is made of them.
    {"Shape", "*", kTakesInfinity},
    {"Size", "*", kTakesInfinity},
    {"NonZero", "*!", kTakesInfinity},
    {"Range", "n!n!n!"},
    {"EyeLike", "*"},
    {"OneHot", "nn!*"},
    {"ConstantOfShape", "i!", kPassesInfinity},
    // Recurrent networks: their weights are known.
    {"LSTM", "ff^f^f?i?f?f?f?"},
    {"GRU", "ff^f^f?i?f?"},
    {"RNN", "ff^f^f?i?f?"},
    // Quantized networks.
    {"QuantizeLinear", "nfq?"},
    {"DequantizeLinear", "qfq?"},
    {"DynamicQuantizeLinear", "f"},
    {"ConvInteger", "qqq?q?"},
    {"MatMulInteger", "qqq?q?"},
    {"QLinearConv", "qfqqfqfqq?"},
    {"QLinearMatMul", "qfqqfqfq"},
    Microsoft("QuantizeLinear", "nfq?"),
    Microsoft("DequantizeLinear", "qfq?"),
    Microsoft("QGemm", "qfqqfqq?f?q?"),
    Microsoft("QLinearSigmoid", "qfq?fq?"),
    Microsoft("QLinearLeakyRelu", "qfq?fq?"),
    Microsoft("QLinearSoftmax", "qfq?fq?"),
    Microsoft("QLinearAveragePool", "qfq?fq?"),
    Microsoft("QLinearGlobalAveragePool", "qfq?fq?"),
    Microsoft("QLinearAdd", "qfq?qfq?fq?"),
    Microsoft("QLinearMul", "qfq?qfq?fq?"),
    Microsoft("QLinearConcat", "fqqfq*?+"),
};

}  // namespace

const OperatorRow* FindRow(std::string_view domain, std::string_view name) {
  using Key = std::pair<std::string_view, std::string_view>;
  static const auto* const table = [] {
    auto* rows = new std::map<Key, const OperatorRow*>;
    for (const OperatorRow& row : kRows) rows->emplace(Key(row.domain, row.name), &row);
    return rows;
  }();
  const auto found = table->find({domain == "ai.onnx" ? "" : domain, name});
  return found == table->end() ? nullptr : found->second;
}

std::vector<InputSlot> InputSlots(const OperatorRow& row) {
  std::vector<InputSlot> slots;
  for (const char c : row.inputs) {
    switch (c) {
      case '!':
        slots.back().role = Role::shape;
        break;
      case '=':
        slots.back().role = Role::parameter;
        break;
      case '^':
        slots.back().role = Role::weight;
        break;
      case '?':
        slots.back().optional = true;
        break;
      case '+':
        slots.back().repeats = true;
        break;
      default:
        slots.push_back({c});
    }
  }
  return slots;
}

bool Is(const Node& node, Traits traits) {
  const OperatorRow* row = FindRow(node.domain, node.op);
  return row != nullptr && row->Is(traits);
}

Role RoleOf(const Node& node, size_t input) {
  const OperatorRow* row = FindRow(node.domain, node.op);
  if (row == nullptr) return Role::data;
  const std::vector<InputSlot> slots = InputSlots(*row);
  if (input < slots.size()) return slots[input].role;
  return !slots.empty() && slots.back().repeats ? slots.back().role : Role::data;
}

std::span<const OperatorRow> AllRows() { return kRows; }

}  // namespace lutra::converter
