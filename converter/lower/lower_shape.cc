// Reshape and its family, Transpose, Cast, DepthToSpace and SpaceToDepth.
#include <algorithm>

#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {
namespace {

// Moving dimensions of 1 moves nothing.
bool KeepsOrder(const Shape& in, const std::vector<int64_t>& permutation) {
  int64_t last = -1;
  for (const int64_t d : permutation) {
    if (in[static_cast<size_t>(d)] == 1) continue;
    if (d < last) return false;
    last = d;
  }
  return true;
}

// The node's output is its input, seen in another shape.
void View(Lowering& lowering, const Node& node) {
  const quantize::QuantParams* params = lowering.OutputParams(node);
  const std::string &in = node.inputs[0], &out = node.outputs[0];
  const Shape shape = lowering.ShapeOf(out);
  const quantize::QuantParams* same = lowering.quantization.Params(in);
  const bool requantizes = params && (same == nullptr || !(*same == *params));
  if (node.clamp) {
    EmitClamp(lowering, node, lowering.Use(in, params, shape), params, shape);
  } else if (requantizes || lowering.graph.Constant(in) != nullptr ||
             lowering.graph.IsOutput(out)) {  // an output needs an operator that writes it
    const uint16_t input = lowering.Use(in, params, shape);
    lowering.Emit(node, schema::ReshapeT{}, {input}, lowering.Define(out, params, shape));
  } else {
    lowering.Alias(in, out);
  }
}

// Input with the parameters of the output, permuted as a whole of `shape`; the output in
// `out_shape`, which has the same elements as the permuted shape.
void Permute(Lowering& lowering, const Node& node, Shape shape, std::vector<int64_t> permutation) {
  if (permutation[0] != 0) {
    shape = Lifted(shape);
    for (int64_t& d : permutation) ++d;
    permutation.insert(permutation.begin(), 0);
  }
  const quantize::QuantParams* params = lowering.OutputParams(node);
  const uint16_t input = lowering.Use(node.inputs[0], params, shape);
  schema::TransposeT transpose;
  Shape permuted;
  for (const int64_t d : permutation) {
    permuted.push_back(shape[static_cast<size_t>(d)]);
    transpose.permutation.push_back(static_cast<uint8_t>(d));
  }
  if (node.clamp) {
    const uint16_t unclamped = EmitTranspose(lowering, node, input, permutation);
    EmitClamp(lowering, node, unclamped, params, permuted);
    return;
  }
  const uint16_t output = lowering.Define(node.outputs[0], params, permuted);
  lowering.Emit(node, std::move(transpose), {input}, output);
}

}  // namespace

void LowerReshape(Lowering& lowering, const Node& node) { View(lowering, node); }

void LowerTranspose(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]);
  std::vector<int64_t> permutation = node.Ints("perm");
  if (permutation.empty()) {
    for (size_t d = in.size(); d-- > 0;) permutation.push_back(static_cast<int64_t>(d));
  }
  if (permutation.size() != in.size()) Fail(node, "perm does not match its input's rank");
  if (lowering.PortTakesTranspose(node)) return;
  if (KeepsOrder(in, permutation)) {
    View(lowering, node);
  } else {
    Permute(lowering, node, in, std::move(permutation));
  }
}

void LowerCast(Lowering& lowering, const Node& node) {
  const Shape shape = lowering.ShapeOf(node.outputs[0]);
  const uint16_t input = lowering.Use(node.inputs[0], nullptr, shape);
  const uint16_t output = lowering.Define(node.outputs[0], nullptr, shape);
  if (lowering.tensor(input).type == lowering.tensor(output).type) {
    lowering.Emit(node, schema::ReshapeT{}, {input}, output);
  } else {
    lowering.Emit(node, schema::CastT{}, {input}, output);
  }
}

// NHWC: [N, H, W, b, b, C] (DCR) or [N, H, W, C, b, b] (CRD) -> [N, H, b, W, b, C], and back.
void LowerDepthToSpace(Lowering& lowering, const Node& node) {
  const Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(node.outputs[0]);
  if (node.layout != Layout::nhwc || in.size() != 4) {
    Fail(node, "is not a channels-last image");
  }
  const auto block = static_cast<int32_t>(node.Int("blocksize", 1));
  if (node.op == "SpaceToDepth") {
    Permute(lowering, node, {in[0], out[1], block, out[2], block, in[3]}, {0, 1, 3, 2, 4, 5});
  } else if (node.String("mode", "DCR") == "DCR") {
    Permute(lowering, node, {in[0], in[1], in[2], block, block, out[3]}, {0, 1, 3, 2, 4, 5});
  } else {
    Permute(lowering, node, {in[0], in[1], in[2], out[3], block, block}, {0, 1, 4, 2, 5, 3});
  }
}

}  // namespace lutra::converter::lowering
