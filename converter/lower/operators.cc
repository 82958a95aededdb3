#include "converter/lower/operators.h"

#include <map>

#include "converter/quantize/point.h"

namespace lutra::converter::lowering {
namespace {

using schema::UnaryKind;

constexpr LoweringRow kRows[] = {
    // Functions of one element.
    {"Relu", LowerUnary, UnaryKind::relu},
    {"LeakyRelu", LowerUnary, UnaryKind::leaky_relu},
    {"PRelu", LowerUnary, UnaryKind::prelu},
    {"ThresholdedRelu", LowerUnary, UnaryKind::thresholded_relu},
    {"Clip", LowerUnary, UnaryKind::clip},
    {"Elu", LowerUnary, UnaryKind::elu},
    {"Celu", LowerUnary, UnaryKind::celu},
    {"Selu", LowerUnary, UnaryKind::selu},
    {"Sigmoid", LowerUnary, UnaryKind::sigmoid},
    {"HardSigmoid", LowerUnary, UnaryKind::hard_sigmoid},
    {"HardSwish", LowerUnary, UnaryKind::hard_swish},
    {"Silu", LowerUnary, UnaryKind::silu},
    {"Swish", LowerUnary, UnaryKind::swish},
    {"Gelu", LowerUnary, UnaryKind::gelu},
    {"Mish", LowerUnary, UnaryKind::mish},
    {"Softplus", LowerUnary, UnaryKind::softplus},
    {"Softsign", LowerUnary, UnaryKind::softsign},
    {"Erf", LowerUnary, UnaryKind::erf},
    {"Exp", LowerUnary, UnaryKind::exp},
    {"Log", LowerUnary, UnaryKind::log},
    {"Sqrt", LowerUnary, UnaryKind::sqrt},
    {"Reciprocal", LowerUnary, UnaryKind::reciprocal},
    {"Abs", LowerUnary, UnaryKind::abs},
    {"Neg", LowerUnary, UnaryKind::neg},
    {"Sign", LowerUnary, UnaryKind::sign},
    {"Floor", LowerUnary, UnaryKind::floor},
    {"Ceil", LowerUnary, UnaryKind::ceil},
    {"Round", LowerUnary, UnaryKind::round},
    {"Sin", LowerUnary, UnaryKind::sin},
    {"Cos", LowerUnary, UnaryKind::cos},
    {"Tanh", LowerUnary, UnaryKind::tanh},
    // Of elements at the same place.
    {"Add", LowerBinary},
    {"Sub", LowerBinary},
    {"Mul", LowerBinary},
    {"Div", LowerBinary},
    {"Min", LowerBinary},
    {"Max", LowerBinary},
    {"Pow", LowerBinary},
    {"Cast", LowerCast},
    {quantize::kPointOp, LowerPoint},
    // Products.
    {"Conv", LowerMatrixProduct},
    {"Gemm", LowerMatrixProduct},
    {"MatMul", LowerMatrixProduct},
    // Windows, reductions, searches.
    {"MaxPool", LowerPool},
    {"AveragePool", LowerPool},
    {"GlobalAveragePool", LowerReduce},
    {"GlobalMaxPool", LowerReduce},
    {"ReduceMean", LowerReduce},
    {"ReduceSum", LowerReduce},
    {"ReduceMax", LowerReduce},
    {"ReduceMin", LowerReduce},
    {"ReduceProd", LowerReduce},
    {"ReduceL2", LowerReduce},
    {"TopK", LowerTopK},
    // Softmax and normalizations.
    {"Softmax", LowerSoftmax},
    {"LogSoftmax", LowerSoftmax},
    {"LayerNormalization", LowerNormalization},
    {"RMSNormalization", LowerNormalization},
    {"InstanceNormalization", LowerNormalization},
    {"GroupNormalization", LowerNormalization},
    // Movement.
    {"Identity", LowerReshape},
    {"Reshape", LowerReshape},
    {"Flatten", LowerReshape},
    {"Squeeze", LowerReshape},
    {"Unsqueeze", LowerReshape},
    {"Transpose", LowerTranspose},
    {"Slice", LowerSlice},
    {"Split", LowerSplit},
    {"DepthToSpace", LowerDepthToSpace},
    {"SpaceToDepth", LowerDepthToSpace},
    {"Concat", LowerConcat},
    {"Pad", LowerPad},
    {"Gather", LowerGather},
    {"Resize", LowerResize},
};

}  // namespace

const LoweringRow* FindLowering(const Node& node) {
  static const auto* const table = [] {
    auto* rows = new std::map<std::string_view, const LoweringRow*>;
    for (const LoweringRow& row : kRows) rows->emplace(row.op, &row);
    return rows;
  }();
  const auto found = node.domain.empty() ? table->find(node.op) : table->end();
  return found == table->end() ? nullptr : found->second;
}

std::span<const LoweringRow> AllLowerings() { return kRows; }

}  // namespace lutra::converter::lowering
