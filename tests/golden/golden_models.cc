// See golden_models.h. Weights are small patterns; float values are multiples of powers of two, so
// that float sums are exact.
#include "golden/golden_models.h"

#include <cmath>

#include "support/model_builder.h"

namespace lutra::test {
namespace {

/// count values cycling through lo..hi with a step that visits them all in a mixed order.
std::vector<int8_t> Pattern(size_t count, int lo, int hi, int step) {
  std::vector<int8_t> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<int8_t>(lo + (static_cast<int>(i) * step) % (hi - lo + 1)));
  }
  return values;
}

std::vector<float> Fractions(size_t count, int lo, int hi, int step, float unit) {
  std::vector<float> values;
  for (const int8_t v : Pattern(count, lo, hi, step))
    values.push_back(static_cast<float>(v) * unit);
  return values;
}

std::unique_ptr<schema::ResizeAxisT> Axis(std::vector<uint16_t> source,
                                          std::vector<uint16_t> weight) {
  auto axis = std::make_unique<schema::ResizeAxisT>();
  axis->source = std::move(source);
  axis->weight = std::move(weight);
  return axis;
}

schema::PoolT Pool(schema::PoolKind kind, uint16_t kernel, uint16_t stride, uint16_t pad) {
  schema::PoolT pool;
  pool.kind = kind;
  pool.kernel_h = pool.kernel_w = kernel;
  pool.stride_h = pool.stride_w = stride;
  pool.pad_top = pool.pad_left = pool.pad_bottom = pool.pad_right = pad;
  return pool;
}

}  // namespace

std::vector<uint8_t> FinishGolden(ModelBuilder& b, const char* name,
                                  const std::vector<uint32_t>& output_crc) {
  b.model().name = name;
  b.model().producer = "Lutra tests";
  b.model().golden = std::make_unique<schema::GoldenCheckT>();
  b.model().golden->seed = kGoldenSeed;
  b.model().golden->output_crc = output_crc;
  for (auto& tensor : b.model().tensors) tensor->name.clear();
  return b.Finish();
}

std::vector<uint8_t> IntegerModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const Quant half{0.5F, 4};
  const auto x = b.Input("x", {1, 6, 6, 2}, {0.05F, 3});

  const auto c1 = b.Int8({1, 6, 6, 4}, {0.1F, -10});
  schema::ConvT conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.IntWeights(Pattern(4 * 18, -127, 127, 83), {100, -200, 300, 0},
                              {0.002F, 0.003F, 0.0025F, 0.001F}, {3, 0, -128, 127});
  conv.int_range =
      std::make_unique<schema::IntRange>(static_cast<int8_t>(-100), static_cast<int8_t>(110));
  b.Add(std::move(conv), {x}, {c1});

  const auto c2 = b.Int8({1, 3, 3, 4}, {0.2F, 5});
  schema::ConvT depthwise;
  depthwise.groups = 4;
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.stride_h = depthwise.stride_w = 2;
  depthwise.pad_bottom = depthwise.pad_right = 1;
  depthwise.weights = b.IntWeights(Pattern(4 * 9, -16, 15, 11), {7, -7, 0, 50},
                                   {0.01F, 0.02F, 0.03F, 0.04F}, {}, 5);
  b.Add(std::move(depthwise), {c1}, {c2});

  const auto p1 = b.Int8({1, 3, 3, 4}, {0.1F, -10});
  b.Add(Pool(schema::PoolKind::max, 2, 2, 0), {c1}, {p1});

  const auto a1 = b.Int8({1, 3, 3, 4}, half);
  schema::BinaryT add;
  add.multiplier_a = 1 << 20;
  add.multiplier_b = -(1 << 19);
  add.multiplier = 0x1p-21F;
  add.kind = schema::BinaryKind::sub;
  b.Add(std::move(add), {c2, p1}, {a1});

  const auto whole = b.Int8({1, 3, 3, 8}, half);
  const auto left = b.Int8({1, 3, 3, 4}, half);
  schema::LookupT lookup;
  lookup.table = b.BlobOf(Pattern(256, -128, 127, 77));
  b.Add(std::move(lookup), {a1}, {left});
  const auto right = b.Int8({1, 3, 3, 4}, half);
  auto average = Pool(schema::PoolKind::average, 3, 1, 1);
  average.counts = {4, 6, 9};
  average.multipliers = {1.0F / 4, 1.0F / 6, 1.0F / 9};
  b.Add(std::move(average), {a1}, {right});
  schema::ConcatT concat;
  concat.axis = 3;
  b.Add(std::move(concat), {left, right}, {whole});
  b.Inside(left, whole, 0);
  b.Inside(right, whole, 4);

  const auto resized = b.Int8({1, 4, 4, 8}, half);
  schema::ResizeT linear;
  linear.kind = schema::ResizeKind::linear;
  linear.height = Axis({0, 0, 1, 2}, {0, 1500, 300, 0});
  linear.width = Axis({0, 1, 1, 1}, {700, 0, 1024, 2048});
  linear.multiplier = 0x1p-22F;
  b.Add(std::move(linear), {whole}, {resized});

  const auto padded = b.Int8({1, 6, 5, 8}, half);
  schema::PadT pad;
  pad.kind = schema::PadKind::reflect;
  pad.before = {0, 1, 0, 0};
  pad.after = {0, 1, 1, 0};
  b.Add(std::move(pad), {resized}, {padded});

  const auto mean = b.Int8({1, 8}, {0.25F, 0});
  schema::ReduceT reduce;
  reduce.axes = {1, 2};
  reduce.multiplier = 2.0F / 30;
  b.Add(std::move(reduce), {padded}, {mean});

  const auto fc = b.Int8({1, 6}, {0.1F, 1});
  schema::LinearT fully;
  fully.weights = b.IntWeights(Pattern(48, -2, 1, 3), {1, 2, 3, 4, 5, 6},
                               {0.5F, 0.25F, 1.0F, 2.0F, 0.75F, 0.5F}, {}, 2);
  b.Add(std::move(fully), {mean}, {fc});

  const auto rows = b.Int8({1, 2, 3}, {0.1F, 1});
  b.Add(schema::ReshapeT{}, {fc}, {rows});
  const auto columns = b.Int8({1, 3, 2}, {0.1F, 1});
  schema::TransposeT transpose;
  transpose.permutation = {0, 2, 1};
  b.Add(std::move(transpose), {rows}, {columns});
  const auto product = b.Int8({1, 2, 2}, {0.02F, -5});
  schema::MatMulT matmul;
  matmul.multiplier = 0.004F;
  b.Add(std::move(matmul), {rows, columns}, {product});
  const auto y = b.Int8({1, 2, 2}, {1.0F / 256, -128});
  schema::SoftmaxT softmax;
  softmax.multiplier = 256.0F;
  std::vector<uint32_t> exponentials;
  for (int d = 0; d < 256; ++d) {
    exponentials.push_back(static_cast<uint32_t>(std::lround(std::exp(-0.02 * d) * 16777216.0)));
  }
  softmax.table = b.BlobOf(exponentials);
  b.Add(std::move(softmax), {product}, {y});
  b.Output("y", y);
  b.Output("image", padded);

  b.PlaceTensors();
  b.tensor(rows).arena_offset = b.tensor(fc).arena_offset;
  return FinishGolden(b, "golden integer", output_crc);
}

std::vector<uint8_t> MixedModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, 4, 4, 2});
  b.model().inputs[0]->shape = {1, 2, 4, 4};
  b.model().inputs[0]->permutation = {0, 3, 1, 2};
  const auto z = b.Input("z", {1, 2, 2, 1}, {0.5F, 2});
  b.model().inputs[1]->preferred = schema::TensorType::uint8;
  b.model().inputs[1]->pixel_table = b.BlobOf(Pattern(256, -128, 127, 1));

  const auto q = b.Int8({1, 4, 4, 2}, {1.0F / 32, -3});
  b.Add(schema::QuantizeT{}, {x}, {q});
  const auto d = b.Float({1, 4, 4, 2});
  b.Add(schema::DequantizeT{}, {q}, {d});

  const auto c = b.Float({1, 2, 2, 3});
  schema::ConvT conv;
  conv.compute = schema::Compute::float_;
  conv.kernel_h = conv.kernel_w = 3;
  conv.stride_h = conv.stride_w = 2;
  conv.pad_top = conv.pad_left = 1;
  std::vector<uint16_t> halves;  // +-(1 + i/8) * 2^(-2..1)
  for (size_t i = 0; i < 3 * 18; ++i) {
    halves.push_back(
        static_cast<uint16_t>((i % 3 == 1 ? 0x8000 : 0) | ((13 + i % 4) << 10) | (i * 5 % 8) << 7));
  }
  conv.weights = b.HalfWeights(halves, {0.5F, -0.25F, 0.0F});
  conv.float_range = std::make_unique<schema::FloatRange>(-8.0F, 16.0F);
  b.Add(std::move(conv), {d}, {c});

  const auto slope = b.ConstantFloat({3}, {0.5F, 0.25F, -0.125F});
  const auto activated = b.Float({1, 2, 2, 3});
  schema::UnaryT prelu;
  prelu.kind = schema::UnaryKind::prelu;
  b.Add(std::move(prelu), {c, slope}, {activated});

  const auto floor = b.ConstantFloat({1, 1, 1, 3}, {-1.0F, -0.5F, 0.125F});
  const auto limited = b.Float({1, 2, 2, 3});
  schema::BinaryT max;
  max.kind = schema::BinaryKind::max;
  b.Add(std::move(max), {activated, floor}, {limited});

  const auto pooled = b.Float({1, 1, 1, 3});
  b.Add(Pool(schema::PoolKind::average, 2, 2, 0), {limited}, {pooled});
  const auto flat = b.Float({1, 3});
  b.Add(schema::ReshapeT{}, {pooled}, {flat});

  const auto plain = b.Float({1, 4});
  schema::LinearT fp32;
  fp32.compute = schema::Compute::float_;
  fp32.weights = b.FloatWeights(Fractions(12, -8, 8, 5, 0.25F), {0.0F, 0.5F, -0.5F, 1.0F});
  b.Add(std::move(fp32), {flat}, {plain});
  const auto expanded = b.Float({1, 4});
  schema::LinearT widened;
  widened.compute = schema::Compute::float_;
  widened.weights = b.ScaledWeights(Pattern(16, -4, 3, 3), {0.0F, 1.0F, 0.0F, -1.0F},
                                    {0.25F, 0.5F, 0.125F, 1.0F}, {0, 1, -1, 0}, 3);
  b.Add(std::move(widened), {plain}, {expanded});
  const auto quantized = b.Float({1, 4});
  schema::LinearT dynamic;
  dynamic.compute = schema::Compute::dynamic;
  dynamic.weights = b.ScaledWeights(Pattern(16, -8, 7, 7), {0.5F, 0.0F, -0.5F, 0.25F},
                                    {0.1F, 0.2F, 0.3F, 0.4F}, {1, -2, 0, 5}, 4);
  b.Add(std::move(dynamic), {expanded}, {quantized});
  const auto both = b.Float({1, 8});
  schema::ConcatT concat;
  concat.axis = 1;
  b.Add(std::move(concat), {plain, quantized}, {both});
  b.Output("features", both);

  // A running sum that survives the run: sum = requantize(z + sum).
  const auto state = b.Int8({1, 2, 2, 1}, {0.5F, -7});
  b.tensor(state).lifetime = schema::Lifetime::persistent;
  const auto sum = b.Int8({1, 2, 2, 1}, {1.0F, 0});
  schema::BinaryT add;
  add.multiplier_a = add.multiplier_b = 1 << 10;
  add.multiplier = 0x1p-11F;
  b.Add(std::move(add), {z, state}, {sum});
  schema::RequantizeT requantize;
  requantize.multiplier = 2.0F;
  b.Add(std::move(requantize), {sum}, {state});
  const auto gains = b.ConstantInt8({1, 2, 2, 1}, {0.125F, 1}, {-128, 127, 1, 9});
  const auto gained = b.Int8({1, 2, 2, 1}, {0.5F, 0});
  schema::BinaryT mul;
  mul.kind = schema::BinaryKind::mul;
  mul.multiplier = 0.25F;
  b.Add(std::move(mul), {sum, gains}, {gained});
  const auto large = b.Int8({1, 4, 4, 1}, {0.5F, 0});
  schema::ResizeT nearest;
  nearest.height = Axis({0, 0, 1, 1}, {});
  nearest.width = Axis({0, 0, 0, 1}, {});
  b.Add(std::move(nearest), {gained}, {large});
  const auto sliced = b.Int8({1, 2, 4, 1}, {0.5F, 0});
  schema::SliceT slice;
  slice.begin = {0, 3, 0, 0};
  slice.step = {1, -2, 1, 1};
  b.Add(std::move(slice), {large}, {sliced});
  b.Output("state", sliced);

  auto certificate = std::make_unique<schema::CertificateT>();
  certificate->metric = "output_sqnr_db";
  certificate->value = 40.0F;
  certificate->samples = 1;
  b.model().certificate = std::move(certificate);
  return FinishGolden(b, "golden mixed", output_crc);
}

}  // namespace lutra::test
