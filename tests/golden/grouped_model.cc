// See golden_models.h. Groups of 32, 64 and 128 with a last one that is shorter, and scales of
// groups from 0 to 255.
#include <cstring>

#include "golden/golden_models.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

/// -8 .. 7.
std::vector<int8_t> Nibbles(size_t count, int step) {
  std::vector<int8_t> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<int8_t>(static_cast<int>(i * i + i) * step % 16 - 8));
  }
  return values;
}

template <typename Bias>
std::vector<uint8_t> Params(const std::vector<Bias>& bias, float first, size_t groups,
                            size_t most) {
  std::vector<uint8_t> bytes(bias.size() * 8);
  std::memcpy(bytes.data(), bias.data(), bias.size() * 4);
  for (size_t n = 0; n < bias.size(); ++n) {
    const float scale = first * (1.0F + static_cast<float>(n % 3) / 4.0F);
    std::memcpy(bytes.data() + (bias.size() + n) * 4, &scale, 4);
  }
  for (size_t i = 0; i < bias.size() * groups; ++i) {
    bytes.push_back(static_cast<uint8_t>(i % 7 == 0 ? most : i * 37 % (most + 1)));
  }
  return bytes;
}

template <typename Bias>
std::unique_ptr<schema::WeightsT> Grouped(ModelBuilder& b, const std::vector<Bias>& bias, size_t k,
                                          uint16_t group, float first, size_t most = 255) {
  auto weights = b.IntWeights(Nibbles(bias.size() * k, group / 32 + 2), {}, {}, {}, 4);
  weights->group = group;
  weights->params = b.Blob(Params(bias, first, (k + group - 1) / group, most));
  return weights;
}

}  // namespace

std::vector<uint8_t> GroupedModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 3, 2, 70}, {0.05F, 3});
  const auto c = b.Int8({1, 3, 2, 20}, {0.1F, -10});
  schema::ConvT conv;
  conv.weights = Grouped(b, std::vector<int32_t>(20, -300), 70, 32, 0.00002F);
  b.Add(std::move(conv), {x}, {c});

  const auto flat = b.Int8({1, 120}, {0.1F, -10});
  b.Add(schema::ReshapeT{}, {c}, {flat});
  const auto y = b.Int8({1, 33}, {0.1F, 4});
  schema::LinearT linear;
  linear.weights = Grouped(b, std::vector<int32_t>(33, 1000), 120, 64, 0.00002F);
  b.Add(std::move(linear), {flat}, {y});
  b.Output("y", y);

  const auto real = b.Float({1, 33});
  b.Add(schema::DequantizeT{}, {y}, {real});
  const auto rows = b.Float({1, 6});
  schema::LinearT dynamic;
  dynamic.compute = schema::Compute::dynamic;
  dynamic.weights = Grouped(b, std::vector<float>(6, 0.5F), 33, 128, 0x1p-12F);
  b.Add(std::move(dynamic), {real}, {rows});

  // Float products of powers of two: sums are exact.
  const auto z = b.FloatInput("z", {1, 40});
  const auto sums = b.Float({1, 6});
  schema::LinearT floating;
  floating.compute = schema::Compute::float_;
  floating.weights = Grouped(b, std::vector<float>(6, 0.25F), 40, 32, 0x1p-4F, 3);
  b.Add(std::move(floating), {z}, {sums});
  b.Output("rows", rows);
  b.Output("sums", sums);

  return FinishGolden(b, "grouped", output_crc);
}

}  // namespace lutra::test
