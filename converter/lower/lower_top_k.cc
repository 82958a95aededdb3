// TopK along any axis: the file's is along the innermost dimension.
#include <utility>

#include "converter/graph/shape.h"
#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {
namespace {

// Puts the axis last; the same once more puts it back.
std::vector<int64_t> Swapped(size_t rank, size_t axis) {
  std::vector<int64_t> permutation;
  for (size_t d = 0; d < rank; ++d) permutation.push_back(static_cast<int64_t>(d));
  std::swap(permutation[axis], permutation[rank - 1]);
  return permutation;
}

}  // namespace

void LowerTopK(Lowering& lowering, const Node& node) {
  const std::string& known = node.outputs[0].empty() ? node.outputs.at(1) : node.outputs[0];
  Shape in = lowering.ShapeOf(node.inputs[0]), out = lowering.ShapeOf(known);
  size_t axis = AxisOf(node, node.Int("axis", -1), in.size());
  if (axis == 0) {
    in = Lifted(in);
    out = Lifted(out);
    ++axis;
  }
  const bool last = axis + 1 == in.size();
  const quantize::QuantParams* params = lowering.OutputParams(node);
  const auto defined = [&](size_t output) {
    const bool given = output < node.outputs.size() && !node.outputs[output].empty();
    const std::string name = given ? node.outputs[output] : std::string();
    return std::pair(given, name);
  };
  schema::TopKT top_k;
  top_k.smallest = node.Int("largest", 1) == 0;
  uint16_t input = lowering.Use(node.inputs[0], params, in);
  if (!last) input = EmitTranspose(lowering, node, input, Swapped(in.size(), axis));
  Shape rows = out;
  std::swap(rows[axis], rows.back());
  // In order: values, indices; a model's operator always has both.
  const auto result = [&](size_t output) {
    const auto [given, name] = defined(output);
    if (given && last) return lowering.Define(name, output == 0 ? params : nullptr, rows);
    return output == 0 ? lowering.TemporaryLike(input, rows)
                       : lowering.Temporary(schema::TensorType::int64, rows);
  };
  const std::vector<uint16_t> results = {result(0), result(1)};
  lowering.Emit(node, std::move(top_k), {input}, results);
  for (size_t output = 0; output < 2 && !last; ++output) {
    const auto [given, name] = defined(output);
    if (!given) continue;
    schema::TransposeT back;
    for (const int64_t d : Swapped(in.size(), axis)) {
      back.permutation.push_back(static_cast<uint8_t>(d));
    }
    lowering.Emit(node, std::move(back), {results[output]},
                  lowering.Define(name, output == 0 ? params : nullptr, out));
  }
}

}  // namespace lutra::converter::lowering
