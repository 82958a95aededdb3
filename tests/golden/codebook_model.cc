// See golden_models.h. Every output channel of every layer looks up several entries, the first and
// the last among them.
#include "golden/golden_models.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

/// 0, step, 2 step ... modulo 2^bits, as the bit patterns of the index stream.
std::vector<int8_t> Indices(size_t count, int bits, int step) {
  std::vector<int8_t> indices;
  for (size_t i = 0; i < count; ++i) {
    indices.push_back(static_cast<int8_t>((static_cast<int>(i) * step) % (1 << bits)));
  }
  return indices;
}

/// 2^bits ascending entries, the index of 0 in the middle; steps grow with the distance from 0.
/// What passes 127 repeats it, as the padding of a smaller codebook does.
std::vector<int8_t> Table(int bits, int step) {
  std::vector<int8_t> table;
  const int zero = (1 << bits) / 2;
  for (int i = 0; i < 1 << bits; ++i) {
    const int far = i - zero;
    const int entry = far * step + far * (far < 0 ? -far : far) / 16;
    table.push_back(static_cast<int8_t>(entry < -127 ? -127 : entry > 127 ? 127 : entry));
  }
  return table;
}

std::vector<int8_t> Joined(std::vector<int8_t> a, const std::vector<int8_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<float> Multipliers(size_t count, float first) {
  std::vector<float> multipliers;
  for (size_t i = 0; i < count; ++i) {
    multipliers.push_back(first * (1.0F + static_cast<float>(i % 5) / 8.0F));
  }
  return multipliers;
}

std::vector<int32_t> Biases(size_t count) {
  std::vector<int32_t> biases;
  for (size_t i = 0; i < count; ++i) biases.push_back(static_cast<int32_t>(i * 37 % 200) - 100);
  return biases;
}

schema::ConvT Conv3x3(uint32_t groups) {
  schema::ConvT conv;
  conv.groups = groups;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  return conv;
}

}  // namespace

std::vector<uint8_t> CodebookModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 5, 5, 3}, {0.05F, 3});

  // 4 bits, a table for each 16 of 24 channels.
  const auto c1 = b.Int8({1, 5, 5, 24}, {0.1F, -10});
  schema::ConvT conv = Conv3x3(1);
  conv.weights = b.WithCodebook(
      b.IntWeights(Indices(24 * 27, 4, 7), Biases(24), Multipliers(24, 0.002F), {}, 4),
      Joined(Table(4, 5), Table(4, 14)), 16);
  b.Add(std::move(conv), {x}, {c1});

  // 2 bits, depthwise.
  const auto c2 = b.Int8({1, 5, 5, 24}, {0.1F, 5});
  schema::ConvT depthwise = Conv3x3(24);
  depthwise.weights = b.WithCodebook(
      b.IntWeights(Indices(24 * 9, 2, 3), Biases(24), Multipliers(24, 0.006F), {}, 2),
      Table(2, 30));
  b.Add(std::move(depthwise), {c1}, {c2});

  // 3 bits, 3 groups of 4 channels from 8 each.
  const auto c3 = b.Int8({1, 5, 5, 12}, {0.1F, 0});
  schema::ConvT grouped = Conv3x3(3);
  grouped.weights = b.WithCodebook(
      b.IntWeights(Indices(12 * 72, 3, 5), Biases(12), Multipliers(12, 0.002F), {}, 3),
      Table(3, 11));
  b.Add(std::move(grouped), {c2}, {c3});

  const auto mean = b.Int8({1, 12}, {0.1F, 0});
  schema::ReduceT reduce;
  reduce.axes = {1, 2};
  reduce.multiplier = 4.0F / 25;
  b.Add(std::move(reduce), {c3}, {mean});

  // 1 bit: 0 and one other value; then 5, 6 and 7 bits, and a dynamic layer of 8.
  auto last = mean;
  size_t k = 12;
  for (const int bits : {1, 5, 6, 7}) {
    const size_t n = bits == 5 ? 20 : 10;
    const auto next = b.Int8({1, static_cast<int32_t>(n)}, {0.1F, bits - 3});
    schema::LinearT linear;
    auto weights = b.IntWeights(Indices(n * k, bits, 2 * bits + 1), Biases(n),
                                Multipliers(n, bits == 1 ? 0.02F : 0.004F), {}, bits);
    auto tables = bits == 1 ? std::vector<int8_t>{-50, 0} : Table(bits, 64 >> (bits - 1));
    if (bits == 5) tables = Joined(tables, Table(5, 7));
    linear.weights = b.WithCodebook(std::move(weights), tables, bits == 5 ? 16 : 0);
    b.Add(std::move(linear), {last}, {next});
    last = next;
    k = n;
  }
  b.Output("y", last);

  const auto real = b.Float({1, 10});
  b.Add(schema::DequantizeT{}, {last}, {real});
  const auto rows = b.Float({1, 6});
  schema::LinearT dynamic;
  dynamic.compute = schema::Compute::dynamic;
  dynamic.weights =
      b.WithCodebook(b.ScaledWeights(Indices(60, 8, 89), {0.5F, -0.25F, 0, 1, -1, 0.125F},
                                     {0x1p-7F, 0x1p-6F, 0x1p-7F, 0x1p-8F, 0x1p-7F, 0x1p-6F}, {}, 8),
                     Table(8, 1));
  b.Add(std::move(dynamic), {real}, {rows});

  // Float products of powers of two: sums are exact.
  const auto z = b.FloatInput("z", {1, 8});
  const auto sums = b.Float({1, 6});
  schema::LinearT floating;
  floating.compute = schema::Compute::float_;
  floating.weights = b.WithCodebook(b.ScaledWeights(Indices(48, 4, 5), std::vector<float>(6, 0.25F),
                                                    Multipliers(6, 0x1p-4F), {}, 4),
                                    Table(4, 8));
  b.Add(std::move(floating), {z}, {sums});
  b.Output("rows", rows);
  b.Output("sums", sums);

  return FinishGolden(b, "codebook", output_crc);
}

}  // namespace lutra::test
