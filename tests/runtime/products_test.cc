// Conv, Linear and MatMul against the plain formulas, on every row and thread count.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

struct ConvCase {
  const char* name;
  int in_h, in_w, in_c, out_c;
  int kernel_h = 1, kernel_w = 1, groups = 1;
  int stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int top = 0, left = 0, bottom = 0, right = 0;
  bool one_dimensional = false;
  int out_h() const {
    return (in_h + top + bottom - (kernel_h - 1) * dilation_h - 1) / stride_h + 1;
  }
  int out_w() const {
    return (in_w + left + right - (kernel_w - 1) * dilation_w - 1) / stride_w + 1;
  }
  size_t k() const { return static_cast<size_t>(kernel_h * kernel_w * in_c / groups); }
};

const ConvCase kConvCases[] = {
    {"pointwise", 5, 7, 19, 33},
    {"3x3 same", 6, 7, 5, 17, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {"asymmetric padding and strides", 9, 8, 3, 8, 3, 5, 1, 2, 3, 1, 1, 0, 2, 1, 1},
    {"dilation", 12, 11, 4, 6, 3, 3, 1, 1, 2, 2, 3, 2, 3, 2, 3},
    {"groups", 5, 5, 12, 18, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {"depthwise", 8, 9, 37, 37, 3, 3, 37, 1, 1, 1, 1, 1, 1, 1, 1},
    {"depthwise, multiplier 3, stride 2", 9, 9, 5, 15, 5, 3, 5, 2, 2, 1, 1, 2, 1, 2, 1},
    {"depthwise, one channel in", 6, 6, 1, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {"1-D", 1, 23, 6, 9, 1, 5, 1, 1, 2, 1, 2, 0, 3, 0, 1, true},
    {"1-D depthwise", 1, 16, 16, 16, 1, 3, 16, 1, 1, 1, 1, 0, 1, 0, 1, true},
    {"kernel larger than the image", 3, 2, 4, 4, 5, 5, 1, 1, 1, 1, 1, 2, 2, 2, 2},
    {"enough work for threads", 20, 20, 32, 40, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
};

schema::ConvT Options(const ConvCase& c) {
  schema::ConvT conv;
  conv.groups = static_cast<uint32_t>(c.groups);
  conv.kernel_h = static_cast<uint16_t>(c.kernel_h);
  conv.kernel_w = static_cast<uint16_t>(c.kernel_w);
  conv.stride_h = static_cast<uint16_t>(c.stride_h);
  conv.stride_w = static_cast<uint16_t>(c.stride_w);
  conv.dilation_h = static_cast<uint16_t>(c.dilation_h);
  conv.dilation_w = static_cast<uint16_t>(c.dilation_w);
  conv.pad_top = static_cast<uint16_t>(c.top);
  conv.pad_left = static_cast<uint16_t>(c.left);
  conv.pad_bottom = static_cast<uint16_t>(c.bottom);
  conv.pad_right = static_cast<uint16_t>(c.right);
  return conv;
}

ModelBuilder::Shape ImageShape(const ConvCase& c, int h, int w, int channels) {
  if (c.one_dimensional) return {1, w, channels};
  return {1, h, w, channels};
}

/// Calls term(output index, output channel, input index or -1 for padding, k) for every product, in
/// k order.
template <typename Begin, typename Term, typename End>
void ForEachProduct(const ConvCase& c, int batch, const Begin& begin, const Term& term,
                    const End& end) {
  const int group_in = c.in_c / c.groups;
  const int group_out = c.out_c / c.groups;
  size_t out = 0;
  for (int n = 0; n < batch; ++n) {
    for (int y = 0; y < c.out_h(); ++y) {
      for (int x = 0; x < c.out_w(); ++x) {
        for (int o = 0; o < c.out_c; ++o, ++out) {
          begin();
          size_t k = 0;
          for (int ky = 0; ky < c.kernel_h; ++ky) {
            for (int kx = 0; kx < c.kernel_w; ++kx) {
              for (int i = 0; i < group_in; ++i, ++k) {
                const int in_y = y * c.stride_h - c.top + ky * c.dilation_h;
                const int in_x = x * c.stride_w - c.left + kx * c.dilation_w;
                const bool inside = in_y >= 0 && in_y < c.in_h && in_x >= 0 && in_x < c.in_w;
                const int at =
                    ((n * c.in_h + in_y) * c.in_w + in_x) * c.in_c + o / group_out * group_in + i;
                term(static_cast<size_t>(o), inside ? at : -1, k);
              }
            }
          }
          end(out, static_cast<size_t>(o));
        }
      }
    }
  }
}

struct IntWeightCase {
  int bits;
  bool zero_points;
  bool codebook = false;
};

/// 2^bits ascending entries, with 0 among them or not.
std::vector<int8_t> RandomTable(Random& random, int bits) {
  std::vector<int8_t> table = random.Int8s(size_t{1} << bits, -127, 127);
  std::ranges::replace(table, int8_t{0}, int8_t{1});
  if (random.Int(0, 1) == 0) table[0] = 0;
  std::sort(table.begin(), table.end());
  return table;
}

void CheckIntConv(const ConvCase& c, const IntWeightCase& w) {
  CAPTURE(c.name);
  CAPTURE(w.bits);
  Random random(7);
  const auto out_c = static_cast<size_t>(c.out_c);
  const int top = w.codebook ? 127 : (1 << (w.bits - 1)) - 1;
  std::vector<int8_t> weights = random.Int8s(out_c * c.k(), -top, top);
  std::vector<int8_t> stored = weights, tables;
  if (w.codebook) {  // stored are indices, by 16 channels into tables of their own
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t table = i / c.k() / 16 << w.bits;
      if (table == tables.size()) {
        const std::vector<int8_t> next = RandomTable(random, w.bits);
        tables.insert(tables.end(), next.begin(), next.end());
      }
      const int index = random.Int(0, (1 << w.bits) - 1);
      stored[i] = static_cast<int8_t>(index);
      weights[i] = tables[table + static_cast<size_t>(index)];
    }
  }
  std::vector<int32_t> bias(out_c);
  std::vector<float> multiplier(out_c);
  for (size_t o = 0; o < out_c; ++o) {
    bias[o] = random.Int(-3000, 3000);
    multiplier[o] = 0.5F / static_cast<float>(top) / std::sqrt(static_cast<float>(c.k())) *
                    (1.0F + static_cast<float>(o % 7) / 7.0F);
  }
  const std::vector<int8_t> zero_points =
      w.zero_points ? random.Int8s(out_c, -top, top) : std::vector<int8_t>();
  const int zero_in = -11;
  const int zero_out = 5;
  const int batch = 2;
  const auto input =
      random.Int8s(static_cast<size_t>(batch) * c.in_h * static_cast<size_t>(c.in_w * c.in_c));

  ModelBuilder b;
  const auto x = b.Input("x", ImageShape(c, c.in_h, c.in_w, c.in_c), {0.1F, zero_in});
  const auto y = b.Int8(ImageShape(c, c.out_h(), c.out_w(), c.out_c), {0.2F, zero_out});
  schema::ConvT conv = Options(c);
  conv.compute = schema::Compute::integer;
  conv.weights = b.IntWeights(stored, bias, multiplier, zero_points, w.bits);
  if (w.codebook) conv.weights = b.WithCodebook(std::move(conv.weights), tables, 16);
  conv.int_range = std::make_unique<schema::IntRange>(int8_t{-90}, int8_t{100});
  b.Add(std::move(conv), {x}, {y});
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, batch);

  std::vector<int8_t> expected;
  int64_t acc = 0;
  ForEachProduct(
      c, batch, [&] { acc = 0; },
      [&](size_t o, int at, size_t k) {
        const int a = at < 0 ? 0 : input[static_cast<size_t>(at)] - zero_in;
        const int zero = w.zero_points ? zero_points[o] : 0;
        acc += int64_t{a} * (weights[o * c.k() + k] - zero);
      },
      [&](size_t, size_t o) {
        expected.push_back(Requantize(acc + bias[o], multiplier[o], zero_out, -90, 100));
      });
  CHECK(FromBytes<int8_t>(outputs[0]) == expected);
}

TEST_CASE("integer Conv") {
  for (const ConvCase& c : kConvCases) CheckIntConv(c, {8, false});
}

TEST_CASE("integer Conv with weight zero points and low-bit weights") {
  for (size_t i = 0; i < 9; ++i) CheckIntConv(kConvCases[i], {static_cast<int>(2 + i % 7), true});
}

// Indices into random ascending tables; kernels see what the tables say.
TEST_CASE("integer Conv with codebooks of 1 to 8 bits") {
  for (size_t i = 0; i < std::size(kConvCases); ++i) {
    CheckIntConv(kConvCases[i], {static_cast<int>(1 + i % 8), false, true});
  }
}

enum class FloatKind { fp32, fp16, linear8, linear3 };

void CheckFloatConv(const ConvCase& c, FloatKind kind) {
  CAPTURE(c.name);
  CAPTURE(static_cast<int>(kind));
  Random random(11);
  const auto out_c = static_cast<size_t>(c.out_c);
  const std::vector<float> bias = random.Floats(out_c);
  const int batch = 2;
  const auto input =
      random.Floats(static_cast<size_t>(batch) * c.in_h * static_cast<size_t>(c.in_w * c.in_c));
  ModelBuilder b;
  const auto x = b.FloatInput("x", ImageShape(c, c.in_h, c.in_w, c.in_c));
  const auto y = b.Float(ImageShape(c, c.out_h(), c.out_w(), c.out_c));
  schema::ConvT conv = Options(c);
  conv.compute = schema::Compute::float_;
  conv.float_range = std::make_unique<schema::FloatRange>(-3.0F, 4.0F);
  std::vector<float> weights(out_c * c.k());
  if (kind == FloatKind::fp32) {
    weights = random.Floats(weights.size());
    conv.weights = b.FloatWeights(weights, bias);
  } else if (kind == FloatKind::fp16) {
    // Halves (1 + m / 1024) * 2^(e - 15), written from their fields.
    std::vector<uint16_t> halves(weights.size());
    for (size_t i = 0; i < weights.size(); ++i) {
      const uint32_t m = random.Next() & 0x3FFU;
      const uint32_t e = 10 + random.Next() % 6;
      const uint32_t sign = random.Next() & 1U;
      halves[i] = static_cast<uint16_t>(sign << 15 | e << 10 | m);
      weights[i] = std::ldexp(1.0F + static_cast<float>(m) / 1024.0F, static_cast<int>(e) - 15) *
                   (sign != 0 ? -1.0F : 1.0F);
    }
    conv.weights = b.HalfWeights(halves, bias);
  } else {
    const int bits = kind == FloatKind::linear8 ? 8 : 3;
    const int top = (1 << (bits - 1)) - 1;
    const auto q = random.Int8s(weights.size(), -top, top);
    const auto zero_points = random.Int8s(out_c, -top, top);
    const auto scale = random.Floats(out_c, 0.01F, 0.1F);
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t o = i / c.k();
      weights[i] = scale[o] * static_cast<float>(q[i] - zero_points[o]);
    }
    conv.weights = b.ScaledWeights(q, bias, scale, zero_points, bits);
  }
  b.Add(std::move(conv), {x}, {y});
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, batch);

  std::vector<float> expected;
  float sum = 0.0F;  // every product and sum rounded on its own
  ForEachProduct(
      c, batch, [&] { sum = 0.0F; },
      [&](size_t o, int at, size_t k) {
        const float a = at < 0 ? 0.0F : input[static_cast<size_t>(at)];
        const float product = a * weights[o * c.k() + k];
        sum = sum + product;
      },
      [&](size_t, size_t o) {
        const float with_bias = sum + bias[o];
        expected.push_back(std::min(std::max(with_bias, -3.0F), 4.0F));
      });
  CHECK(FromBytes<float>(outputs[0]) == expected);
}

TEST_CASE("float Conv, every kind of weights") {
  for (size_t i = 0; i < std::size(kConvCases); ++i) {
    CheckFloatConv(kConvCases[i], FloatKind::fp32);
    if (i < 8) CheckFloatConv(kConvCases[i], static_cast<FloatKind>(1 + i % 3));
  }
}

TEST_CASE("integer Linear on several leading dimensions") {
  Random random(3);
  for (const auto& [rows, k, n, bits] : {std::tuple{1, 1, 1, 8}, std::tuple{3, 17, 5, 8},
                                         std::tuple{6, 64, 33, 4}, std::tuple{64, 256, 130, 8}}) {
    const int top = (1 << (bits - 1)) - 1;
    const auto ns = static_cast<size_t>(n);
    const auto ks = static_cast<size_t>(k);
    CAPTURE(ks);
    const auto weights = random.Int8s(ns * ks, -top, top);
    std::vector<int32_t> bias(ns);
    std::vector<float> multiplier(ns, 0.01F);
    for (int32_t& value : bias) value = random.Int(-500, 500);
    const size_t batch = 3;
    const auto input = random.Int8s(batch * static_cast<size_t>(rows) * ks);
    ModelBuilder b;
    const auto x = b.Input("x", {1, rows, k}, {0.1F, 3});
    const auto y = b.Int8({1, rows, n}, {0.1F, -4});
    schema::LinearT linear;
    linear.compute = schema::Compute::integer;
    linear.weights = b.IntWeights(weights, bias, multiplier, {}, bits);
    b.Add(std::move(linear), {x}, {y});
    b.Output("y", y);
    const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, batch);
    std::vector<int8_t> expected;
    for (size_t row = 0; row < input.size() / ks; ++row) {
      for (size_t o = 0; o < ns; ++o) {
        int64_t acc = bias[o];
        for (size_t i = 0; i < ks; ++i) acc += (input[row * ks + i] - 3) * weights[o * ks + i];
        expected.push_back(Requantize(acc, multiplier[o], -4));
      }
    }
    CHECK(FromBytes<int8_t>(outputs[0]) == expected);
  }
}

// Bits 2 to 8 of linear, 1 to 8 of codebooks with one table or one for 16 channels.
TEST_CASE("integer Linear with weights of any width, one row and several") {
  Random random(23);
  const size_t k = 77, n = 45;
  for (int bits = 1; bits <= 8; ++bits) {
    for (const uint32_t table_channels : {0U, 16U, UINT32_MAX}) {  // the last: linear
      if (table_channels == UINT32_MAX && bits == 1) continue;
      CAPTURE(bits);
      CAPTURE(table_channels);
      const int top = (1 << (bits - 1)) - 1;
      std::vector<int8_t> weights = random.Int8s(n * k, -top - 1, top);
      const std::vector<int8_t> stored = weights;
      std::vector<int8_t> tables;
      if (table_channels != UINT32_MAX) {
        const size_t count = table_channels == 0 ? 1 : (n + 15) / 16;
        for (size_t i = 0; i < count; ++i) {
          const std::vector<int8_t> next = RandomTable(random, bits);
          tables.insert(tables.end(), next.begin(), next.end());
        }
        for (size_t i = 0; i < weights.size(); ++i) {
          const size_t table = table_channels == 0 ? 0 : i / k / 16;
          const auto index = static_cast<size_t>(stored[i]) & ((size_t{1} << bits) - 1);
          weights[i] = tables[(table << bits) + index];
        }
      }
      std::vector<int32_t> bias(n);
      for (int32_t& value : bias) value = random.Int(-500, 500);
      const std::vector<float> multiplier(n, 0.004F);
      for (const size_t rows : {1, 6}) {
        const auto input = random.Int8s(rows * k);
        ModelBuilder b;
        const auto x = b.Input("x", {1, static_cast<int>(rows), static_cast<int>(k)}, {0.1F, -128});
        const auto y = b.Int8({1, static_cast<int>(rows), static_cast<int>(n)}, {0.1F, -4});
        schema::LinearT linear;
        linear.compute = schema::Compute::integer;
        linear.weights = b.IntWeights(stored, bias, multiplier, {}, bits);
        if (!tables.empty()) {
          linear.weights = b.WithCodebook(std::move(linear.weights), tables, table_channels);
        }
        b.Add(std::move(linear), {x}, {y});
        b.Output("y", y);
        const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)});
        std::vector<int8_t> expected;
        for (size_t row = 0; row < rows; ++row) {
          for (size_t o = 0; o < n; ++o) {
            int64_t acc = bias[o];
            for (size_t i = 0; i < k; ++i) acc += (input[row * k + i] + 128) * weights[o * k + i];
            expected.push_back(Requantize(acc, multiplier[o], -4));
          }
        }
        CHECK(FromBytes<int8_t>(outputs[0]) == expected);
      }
    }
  }
}

TEST_CASE("dynamic Linear quantizes every row over its own range") {
  Random random(5);
  const size_t batch = 2, rows = 5, k = 37, n = 21;
  const auto weights = random.Int8s(n * k, -127, 127);
  const auto zero_points = random.Int8s(n, -20, 20);
  const auto bias = random.Floats(n);
  const auto scale = random.Floats(n, 0.001F, 0.01F);
  auto input = random.Floats(batch * rows * k, -3.0F, 5.0F);
  std::fill_n(input.begin(), k, 0.0F);                              // a row of zeros
  std::fill_n(input.begin() + static_cast<ptrdiff_t>(k), k, 2.5F);  // one value
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, static_cast<int>(rows), static_cast<int>(k)});
  const auto y = b.Float({1, static_cast<int>(rows), static_cast<int>(n)});
  schema::LinearT linear;
  linear.compute = schema::Compute::dynamic;
  linear.weights = b.ScaledWeights(weights, bias, scale, zero_points);
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, batch);

  std::vector<float> expected;
  for (size_t row = 0; row < batch * rows; ++row) {
    const float* in = input.data() + row * k;
    float low = 0.0F;
    float high = 0.0F;
    for (size_t i = 0; i < k; ++i) {
      low = std::min(low, in[i]);
      high = std::max(high, in[i]);
    }
    const bool zeros = low == 0.0F && high == 0.0F;
    const float row_scale = zeros ? 1.0F : (high - low) / 255.0F;
    const float zero = zeros ? 0.0F : std::nearbyint(-128.0F - low / row_scale);
    const int zero_point = static_cast<int>(std::min(std::max(zero, -128.0F), 127.0F));
    for (size_t o = 0; o < n; ++o) {
      int64_t acc = 0;
      for (size_t i = 0; i < k; ++i) {
        const int8_t q = Requantize(1, in[i] / row_scale, zero_point);
        acc += int64_t{q - zero_point} * (weights[o * k + i] - zero_points[o]);
      }
      const float product = static_cast<float>(acc) * (row_scale * scale[o]);
      expected.push_back(product + bias[o]);
    }
  }
  CHECK(FromBytes<float>(outputs[0]) == expected);
}

TEST_CASE("MatMul of two activations: broadcast batches, both orders of the second") {
  Random random(13);
  const size_t heads = 3, m = 5, k = 9, n = 7, batch = 2;
  for (const bool transpose : {false, true}) {
    for (const bool broadcast : {false, true}) {
      CAPTURE(transpose);
      CAPTURE(broadcast);
      const size_t b_heads = broadcast ? 1 : heads;
      const auto left = random.Int8s(batch * heads * m * k);
      const auto right = random.Int8s(batch * b_heads * k * n);
      const auto rows = static_cast<int>(transpose ? n : k);
      const auto cols = static_cast<int>(transpose ? k : n);
      ModelBuilder builder;
      const auto a = builder.Input("a", {1, 3, 5, 9}, {0.1F, 7});
      const auto b = builder.Input("b", {1, static_cast<int>(b_heads), rows, cols}, {0.1F, -9});
      const auto y = builder.Int8({1, 3, 5, 7}, {0.1F, 2});
      schema::MatMulT matmul;
      matmul.compute = schema::Compute::integer;
      matmul.transpose_b = transpose;
      matmul.multiplier = 0.002F;
      builder.Add(std::move(matmul), {a, b}, {y});
      builder.Output("y", y);
      const auto outputs = RunEverywhere(builder.Finish(), {ToBytes(left), ToBytes(right)}, batch);
      std::vector<int8_t> expected;
      for (size_t head = 0; head < batch * heads; ++head) {
        const size_t right_head = broadcast ? head / heads : head;
        for (size_t row = 0; row < m; ++row) {
          for (size_t col = 0; col < n; ++col) {
            int64_t acc = 0;
            for (size_t i = 0; i < k; ++i) {
              const size_t at = transpose ? col * k + i : i * n + col;
              acc += (left[(head * m + row) * k + i] - 7) * (right[right_head * k * n + at] + 9);
            }
            expected.push_back(Requantize(acc, 0.002F, 2));
          }
        }
      }
      CHECK(FromBytes<int8_t>(outputs[0]) == expected);
    }
  }
}

TEST_CASE("float MatMul") {
  Random random(17);
  const size_t m = 70, k = 150, n = 65;
  const auto left = random.Floats(2 * m * k);
  const auto right = random.Floats(2 * k * n);
  ModelBuilder builder;
  const auto a = builder.FloatInput("a", {2, 70, 150});
  const auto b = builder.FloatInput("b", {2, 150, 65});
  const auto y = builder.Float({2, 70, 65});
  schema::MatMulT matmul;
  matmul.compute = schema::Compute::float_;
  builder.Add(std::move(matmul), {a, b}, {y});
  builder.Output("y", y);
  const auto outputs = RunEverywhere(builder.Finish(), {ToBytes(left), ToBytes(right)});
  std::vector<float> expected;
  for (size_t i = 0; i < 2 * m * n; ++i) {
    const size_t row = i / n;
    float sum = 0.0F;
    for (size_t j = 0; j < k; ++j) {
      const float product = left[row * k + j] * right[row / m * k * n + j * n + i % n];
      sum = sum + product;
    }
    expected.push_back(sum);
  }
  CHECK(FromBytes<float>(outputs[0]) == expected);
}

}  // namespace
}  // namespace lutra::test
