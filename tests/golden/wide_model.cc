// See golden_models.h. Inputs that reach the ends of int16, and multipliers with which outputs do.
#include <cmath>
#include <cstring>

#include "golden/golden_models.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

std::vector<int8_t> WideValues(size_t count, int step, int levels) {
  std::vector<int8_t> values;
  for (size_t i = 0; i < count; ++i) {
    const int value = static_cast<int>(i * i + 5 * i) * step % levels - levels / 2;
    values.push_back(static_cast<int8_t>(value));
  }
  return values;
}

/// Outputs of about 20000 steps of `step` each for k products of about 10000 * 64.
std::vector<float> WideMultipliers(size_t n, size_t k, float step) {
  std::vector<float> multipliers;
  for (size_t i = 0; i < n; ++i) {
    multipliers.push_back(step * (1.0F + static_cast<float>(i % 5) / 4.0F) /
                          (32.0F * std::sqrt(static_cast<float>(k))));
  }
  return multipliers;
}

std::vector<float> WideBias(size_t n, float step) {
  std::vector<float> bias;
  for (size_t i = 0; i < n; ++i) bias.push_back(step * (static_cast<float>(i * 37 % 11) - 5.3F));
  return bias;
}

}  // namespace

std::vector<uint8_t> WideModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, 6, 5, 8});
  const auto q = b.Typed(schema::TensorType::int16, {1, 6, 5, 8});
  b.tensor(q).scale = 1.0F / 20000;
  b.Add(schema::QuantizeT{}, {x}, {q});

  const auto c = b.Typed(schema::TensorType::int16, {1, 6, 5, 20});
  schema::ConvT conv;
  conv.compute = schema::Compute::wide;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.ScaledWeights(WideValues(20 * 72, 7, 255), WideBias(20, 1000.0F),
                                 WideMultipliers(20, 72, 1.0F), WideValues(20, 3, 200));
  conv.float_range = std::make_unique<schema::FloatRange>(-15000.0F, 1e9F);
  b.Add(std::move(conv), {q}, {c});

  const auto flat = b.Typed(schema::TensorType::int16, {1, 600});
  b.Add(schema::ReshapeT{}, {c}, {flat});
  const auto y = b.Float({1, 9});
  schema::LinearT linear;
  linear.compute = schema::Compute::wide;
  linear.weights = b.IntWeights(WideValues(9 * 600, 5, 15), {}, {}, {}, 4);
  linear.weights->group = 64;
  std::vector<uint8_t> params(9 * 8);
  std::memcpy(params.data(), WideBias(9, 0.25F).data(), 36);
  std::memcpy(params.data() + 36, WideMultipliers(9, 600, 1e-6F).data(), 36);
  for (size_t i = 0; i < 9 * 10; ++i) params.push_back(static_cast<uint8_t>(i * 29 % 256));
  linear.weights->params = b.Blob(params);
  b.Add(std::move(linear), {flat}, {y});
  b.Output("y", y);

  const auto z = b.Float({1, 6, 5, 12});
  schema::ConvT groups;
  groups.compute = schema::Compute::wide;
  groups.groups = 4;
  groups.weights =
      b.WithCodebook(b.ScaledWeights(WideValues(12 * 2, 3, 16), WideBias(12, 0.5F),
                                     WideMultipliers(12, 2, 1e-4F), {}, 4),
                     {-120, -90, -70, -50, -30, -20, -10, -5, 0, 5, 11, 22, 33, 55, 77, 127});
  groups.float_range = std::make_unique<schema::FloatRange>(-1.5F, 1.5F);
  b.Add(std::move(groups), {q}, {z});
  b.Output("z", z);
  return FinishGolden(b, "wide", output_crc);
}

}  // namespace lutra::test
