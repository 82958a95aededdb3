// See golden_models.h. Pieces that fit nothing, so that a wrong one shows, and multipliers with
// which sums lie on all of them and beyond both ends.
#include <cmath>
#include <cstring>

#include "golden/golden_models.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

std::vector<int8_t> CurveValues(size_t count, int step) {
  std::vector<int8_t> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<int8_t>(static_cast<int>(i * i + 3 * i) * step % 255 - 127));
  }
  return values;
}

std::unique_ptr<schema::CurveT> MakeCurve(ModelBuilder& b, size_t channels, bool factors) {
  auto curve = std::make_unique<schema::CurveT>();
  curve->offset = 3.3125F;
  for (int power = 0; power < 5; ++power) {
    for (int piece = 0; piece < 8; ++piece) {
      const bool end = piece == 0 || piece == 7;
      const int value = (power * 8 + piece) * 37 % 101 - 50;
      curve->coefficients.push_back(end && power > 1 ? 0.0F : static_cast<float>(value) * 1.125F);
    }
  }
  if (factors) {
    std::vector<float> values;
    for (size_t n = 0; n < channels; ++n) {
      values.push_back(0.375F + 0.171F * static_cast<float>(n % 9));
    }
    std::vector<uint8_t> bytes(channels * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    curve->factors = b.Blob(bytes);
  }
  return curve;
}

/// Sums of k products of about 64 * 64 each become about 2 steps of the pieces.
std::vector<float> CurveMultipliers(size_t n, size_t k) {
  std::vector<float> multipliers;
  for (size_t i = 0; i < n; ++i) {
    multipliers.push_back((1.0F + static_cast<float>(i % 5) / 4.0F) /
                          (2048.0F * std::sqrt(static_cast<float>(k))));
  }
  return multipliers;
}

}  // namespace

std::vector<uint8_t> CurveModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 7, 6, 5}, {0.05F, 3});
  const auto c = b.Int8({1, 7, 6, 20}, {0.1F, -10});
  schema::ConvT conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.IntWeights(CurveValues(20 * 45, 7), std::vector<int32_t>(20, -300),
                              CurveMultipliers(20, 45));
  conv.curve = MakeCurve(b, 20, false);
  b.Add(std::move(conv), {x}, {c});

  const auto d = b.Int8({1, 5, 4, 20}, {0.1F, 5});
  schema::ConvT depthwise;
  depthwise.groups = 20;
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.int_range = std::make_unique<schema::IntRange>(-100, 120);
  depthwise.weights =
      b.IntWeights(CurveValues(20 * 9, 11), std::vector<int32_t>(20, 500), CurveMultipliers(20, 9));
  depthwise.curve = MakeCurve(b, 20, true);
  b.Add(std::move(depthwise), {c}, {d});
  b.Output("d", d);

  const auto flat = b.Int8({1, 400}, {0.1F, 5});
  b.Add(schema::ReshapeT{}, {d}, {flat});
  const auto y = b.Int8({1, 9}, {0.1F, 4});
  schema::LinearT linear;
  linear.weights = b.IntWeights(CurveValues(9 * 400, 13), std::vector<int32_t>(9, 1000),
                                CurveMultipliers(9, 400), std::vector<int8_t>(9, 2));
  linear.curve = MakeCurve(b, 9, true);
  b.Add(std::move(linear), {flat}, {y});
  b.Output("y", y);

  return FinishGolden(b, "curve", output_crc);
}

}  // namespace lutra::test
