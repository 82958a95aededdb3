// See golden_models.h.
#include "golden/golden_models.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

struct Taken {
  ModelBuilder::Id values, indices;
};

Taken Take(ModelBuilder& b, ModelBuilder::Id from, int32_t k, bool smallest) {
  ModelBuilder::Shape shape = b.tensor(from).shape;
  shape.back() = k;
  const bool int8 = b.tensor(from).type == schema::TensorType::int8;
  const Quant quant{b.tensor(from).scale, b.tensor(from).zero_point};
  const Taken taken{int8 ? b.Int8(shape, quant) : b.Float(shape),
                    b.Typed(schema::TensorType::int64, shape)};
  schema::TopKT top_k;
  top_k.smallest = smallest;
  b.Add(std::move(top_k), {from}, {taken.values, taken.indices});
  return taken;
}

}  // namespace

std::vector<uint8_t> TopKModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 5, 70}, {0.05F, 3});
  const Taken largest = Take(b, x, 7, false);
  b.Output("largest", largest.values);
  b.Output("where", largest.indices);
  const Taken smallest = Take(b, x, 70, true);  // all, sorted; bytes repeat
  b.Output("sorted", smallest.values);
  b.Output("order", smallest.indices);

  // Coarse numbers, so that many are equal.
  const auto z = b.FloatInput("z", {1, 3, 40});
  const auto levels = b.Int8({1, 3, 40}, {0.5F, 0});
  b.Add(schema::QuantizeT{}, {z}, {levels});
  const auto real = b.Float({1, 3, 40});
  b.Add(schema::DequantizeT{}, {levels}, {real});
  const Taken few = Take(b, real, 12, true);
  b.Output("few", few.values);
  b.Output("first", few.indices);
  const Taken most = Take(b, real, 1, false);
  const auto index = b.Typed(schema::TensorType::int32, {1, 3, 1});
  b.Add(schema::CastT{}, {most.indices}, {index});
  b.Output("arg_max", index);
  return FinishGolden(b, "golden top k", output_crc);
}

}  // namespace lutra::test
