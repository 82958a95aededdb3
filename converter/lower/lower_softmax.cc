// Softmax and LogSoftmax over the innermost dimension; another axis is brought there and back.
#include <cmath>
#include <utility>

#include "converter/graph/shape.h"
#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {

void LowerSoftmax(Lowering& lowering, const Node& node) {
  const Shape shape = lowering.ShapeOf(node.inputs[0]);
  const size_t axis = AxisOf(node, node.Int("axis", -1), shape.size());
  const bool innermost = axis + 1 == shape.size();
  const bool lift = axis == 0;  // which is the batch of a tensor
  Shape whole = lift ? Lifted(shape) : shape;
  const quantize::QuantParams* params = lowering.OutputParams(node);
  uint16_t input = lowering.UseFor(node, node.inputs[0], whole);
  std::vector<int64_t> swap;
  if (!innermost) {
    for (size_t d = 0; d < whole.size(); ++d) swap.push_back(static_cast<int64_t>(d));
    std::swap(swap[static_cast<size_t>(axis) + (lift ? 1 : 0)], swap.back());
    input = EmitTranspose(lowering, node, input, swap);
  }
  schema::SoftmaxT softmax;
  softmax.log = node.op == "LogSoftmax";
  if (params) {
    const double scale = static_cast<double>(lowering.tensor(input).scale);
    std::vector<uint32_t> exponentials(256);
    for (size_t d = 0; d < exponentials.size(); ++d) {
      exponentials[d] = static_cast<uint32_t>(
          std::nearbyint(16777216.0 * std::exp(-scale * static_cast<double>(d))));
    }
    softmax.table = lowering.AddBlobOf(exponentials);
    softmax.multiplier = Multiplier(node, 1 / static_cast<double>(params->scale));
  }
  const Shape inner = lowering.tensor(input).shape;
  if (innermost && !node.clamp) {
    const uint16_t output = lowering.Define(node.outputs[0], params, inner);
    lowering.Emit(node, std::move(softmax), {input}, output);
    return;
  }
  uint16_t result = lowering.Temporary(params, inner);
  lowering.Emit(node, std::move(softmax), {input}, result);
  if (innermost) {
    EmitClamp(lowering, node, result, params, whole);
    return;
  }
  if (node.clamp) Fail(node, "a clamp behind a Softmax over an outer axis");
  schema::TransposeT back;
  for (const int64_t d : swap) back.permutation.push_back(static_cast<uint8_t>(d));
  const uint16_t output = lowering.Define(node.outputs[0], params, whole);
  lowering.Emit(node, std::move(back), {result}, output);
}

}  // namespace lutra::converter::lowering
