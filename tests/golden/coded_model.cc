// See golden_models.h. Weights scatter around 0, so that all three layers get smaller by coding.
#include "converter/coding/encode_model.h"
#include "golden/golden_models.h"
#include "support/model_builder.h"
#include "support/writer_of.h"

namespace lutra::test {
namespace {

/// The sum of `draws` numbers from -spread to spread, by a linear congruential generator.
std::vector<int8_t> Bell(size_t count, int spread, int draws) {
  std::vector<int8_t> values;
  uint32_t state = 12345;
  for (size_t i = 0; i < count; ++i) {
    int sum = 0;
    for (int draw = 0; draw < draws; ++draw) {
      state = state * 1664525 + 1013904223;
      sum += static_cast<int>((state >> 16) % static_cast<uint32_t>(2 * spread + 1)) - spread;
    }
    values.push_back(static_cast<int8_t>(sum));
  }
  return values;
}

std::vector<uint8_t> RawModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 4, 4, 6}, {0.05F, 3});

  // 8 bits, 3x3.
  const auto c1 = b.Int8({1, 4, 4, 16}, {0.1F, -10});
  schema::ConvT conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.IntWeights(Bell(16 * 54, 6, 4), std::vector<int32_t>(16, 50),
                              std::vector<float>(16, 0.01F));
  b.Add(std::move(conv), {x}, {c1});

  // Indices of a codebook of 4 bits, 1x1.
  const auto c2 = b.Int8({1, 4, 4, 24}, {0.1F, 5});
  schema::ConvT indices;
  std::vector<int8_t> around_8 = Bell(24 * 16, 1, 4);
  for (int8_t& index : around_8) index = static_cast<int8_t>(index + 8);
  indices.weights = b.WithCodebook(
      b.IntWeights(around_8, std::vector<int32_t>(24, -7), std::vector<float>(24, 0.01F), {}, 4),
      {-64, -49, -36, -25, -16, -9, -4, -1, 0, 1, 4, 9, 16, 25, 36, 49});
  b.Add(std::move(indices), {c1}, {c2});

  const auto mean = b.Int8({1, 24}, {0.1F, 0});
  schema::ReduceT reduce;
  reduce.axes = {1, 2};
  reduce.multiplier = 4.0F / 16;
  b.Add(std::move(reduce), {c2}, {mean});

  // 5 bits, most of them 0.
  const auto last = b.Int8({1, 40}, {0.1F, 0});
  schema::LinearT linear;
  std::vector<int8_t> sparse = Bell(40 * 24, 3, 5);
  for (int8_t& value : sparse) value = static_cast<int8_t>(value > 3 || value < -3 ? value : 0);
  linear.weights =
      b.IntWeights(sparse, std::vector<int32_t>(40, 3), std::vector<float>(40, 0.05F), {}, 5);
  b.Add(std::move(linear), {mean}, {last});
  b.Output("y", last);

  return FinishGolden(b, "coded", output_crc);
}

}  // namespace

std::vector<uint8_t> CodedModel(const std::vector<uint32_t>& output_crc, coding::Codec codec) {
  ModelWriter writer = WriterOf(RawModel(output_crc));
  converter::encoding::EncodeModel(&writer, codec);
  return writer.Finish();
}

}  // namespace lutra::test
