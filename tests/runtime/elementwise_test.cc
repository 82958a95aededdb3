// Binary, Unary, Lookup, Quantize, Dequantize, Requantize and Softmax against their formulas.
#include <doctest/doctest.h>

#include <cmath>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

using Shape = ModelBuilder::Shape;

size_t Elements(const Shape& shape) {
  size_t count = 1;
  for (const int32_t d : shape) count *= static_cast<size_t>(d);
  return count;
}

/// Index into a tensor of `shape` that numpy's broadcasting reads for element `index` of `out`.
size_t BroadcastIndex(const Shape& shape, const Shape& out, size_t index) {
  size_t result = 0;
  size_t stride = 1;
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t d = out.size() - 1 - i;
    const auto extent = static_cast<size_t>(out[d]);
    const size_t position = index % extent;
    index /= extent;
    if (i >= shape.size()) continue;
    const auto own = static_cast<size_t>(shape[shape.size() - 1 - i]);
    if (own != 1) result += position * stride;
    stride *= own;
  }
  return result;
}

struct BroadcastCase {
  Shape a, b, out;
  bool b_constant;
};

const BroadcastCase kBroadcasts[] = {
    {{1, 5, 6, 7}, {1, 5, 6, 7}, {1, 5, 6, 7}, false},
    {{1, 5, 6, 7}, {7}, {1, 5, 6, 7}, true},
    {{1, 5, 6, 7}, {1}, {1, 5, 6, 7}, true},
    {{1, 5, 6, 7}, {1, 1, 1, 7}, {1, 5, 6, 7}, false},
    {{1, 5, 6, 7}, {1, 5, 6, 1}, {1, 5, 6, 7}, false},
    {{1, 5, 1, 7}, {1, 1, 6, 1}, {1, 5, 6, 7}, false},
    {{1, 1, 6, 1}, {1, 5, 1, 7}, {1, 5, 6, 7}, false},
    {{1, 2, 3, 4, 5, 2}, {1, 2, 1, 4, 1, 2}, {1, 2, 3, 4, 5, 2}, false},
    {{1, 90, 90, 32}, {1, 90, 90, 32}, {1, 90, 90, 32}, false},
};

TEST_CASE("integer Binary: add, sub and mul with every broadcast") {
  Random random(1);
  for (const BroadcastCase& c : kBroadcasts) {
    for (const auto kind :
         {schema::BinaryKind::add, schema::BinaryKind::sub, schema::BinaryKind::mul}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(c.b.size());
      const size_t batch = 2;
      const auto a = random.Int8s(batch * Elements(c.a));
      const auto b = random.Int8s((c.b_constant ? 1 : batch) * Elements(c.b));
      ModelBuilder builder;
      const auto ta = builder.Input("a", c.a, {0.1F, 4});
      const auto tb = c.b_constant ? builder.ConstantInt8(c.b, {0.1F, -6}, b)
                                   : builder.Input("b", c.b, {0.1F, -6});
      const auto y = builder.Int8(c.out, {0.1F, 9});
      schema::BinaryT binary;
      binary.kind = kind;
      const bool mul = kind == schema::BinaryKind::mul;
      binary.multiplier_a = mul ? 0 : 1 << 20;
      binary.multiplier_b = mul ? 0 : (kind == schema::BinaryKind::sub ? -700001 : 700001);
      binary.multiplier = mul ? 0.01F : 0x1p-20F;
      binary.int_range = std::make_unique<schema::IntRange>(int8_t{-100}, int8_t{120});
      builder.Add(std::move(binary), {ta, tb}, {y});
      builder.Output("y", y);
      std::vector<Bytes> inputs = {ToBytes(a)};
      if (!c.b_constant) inputs.push_back(ToBytes(b));
      const auto outputs = RunEverywhere(builder.Finish(), inputs, batch);

      Shape out = c.out;
      Shape shape_a = c.a;
      Shape shape_b = c.b;
      out[0] = shape_a[0] = static_cast<int32_t>(batch);
      if (!c.b_constant) shape_b[0] = static_cast<int32_t>(batch);
      std::vector<int8_t> expected(Elements(out));
      for (size_t i = 0; i < expected.size(); ++i) {
        const int64_t qa = a[BroadcastIndex(shape_a, out, i)] - 4;
        const int64_t qb = b[BroadcastIndex(shape_b, out, i)] + 6;
        const int64_t acc =
            mul ? qa * qb
                : qa * (1 << 20) + qb * (kind == schema::BinaryKind::sub ? -700001 : 700001);
        expected[i] = Requantize(acc, mul ? 0.01F : 0x1p-20F, 9, -100, 120);
      }
      CHECK(FromBytes<int8_t>(outputs[0]) == expected);
    }
  }
}

TEST_CASE("float Binary: every kind") {
  Random random(2);
  for (const BroadcastCase& c : kBroadcasts) {
    const auto a = random.Floats(Elements(c.a), 0.1F, 3.0F);
    const auto b = random.Floats(Elements(c.b), 0.1F, 3.0F);
    for (int kind = 0; kind <= static_cast<int>(schema::BinaryKind::pow); ++kind) {
      CAPTURE(kind);
      ModelBuilder builder;
      const auto ta = builder.FloatInput("a", c.a);
      const auto tb = c.b_constant ? builder.ConstantFloat(c.b, b) : builder.FloatInput("b", c.b);
      const auto y = builder.Float(c.out);
      schema::BinaryT binary;
      binary.kind = static_cast<schema::BinaryKind>(kind);
      builder.Add(std::move(binary), {ta, tb}, {y});
      builder.Output("y", y);
      std::vector<Bytes> inputs = {ToBytes(a)};
      if (!c.b_constant) inputs.push_back(ToBytes(b));
      const auto got = FromBytes<float>(RunEverywhere(builder.Finish(), inputs)[0]);
      REQUIRE(got.size() == Elements(c.out));
      size_t wrong = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        const float va = a[BroadcastIndex(c.a, c.out, i)];
        const float vb = b[BroadcastIndex(c.b, c.out, i)];
        const float values[] = {va + vb,          va - vb,          va * vb,         va / vb,
                                std::min(va, vb), std::max(va, vb), std::pow(va, vb)};
        const float expected = values[kind];
        // pow has a polynomial of its own; the others round once.
        const float tolerance = kind == 6 ? 1e-5F * std::abs(expected) : 0.0F;
        wrong += std::abs(got[i] - expected) > tolerance ? 1 : 0;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("Lookup is the table") {
  Random random(4);
  const auto table = random.Int8s(256);
  const auto input = random.Int8s(2 * 300 * 101);
  ModelBuilder b;
  const auto x = b.Input("x", {1, 300, 101}, {0.1F, 0});
  const auto y = b.Int8({1, 300, 101}, {0.2F, 3});
  schema::LookupT lookup;
  lookup.table = b.BlobOf(table);
  b.Add(lookup, {x}, {y});
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, 2);
  std::vector<int8_t> expected;
  for (const int8_t q : input) expected.push_back(table[static_cast<size_t>(q + 128)]);
  CHECK(FromBytes<int8_t>(outputs[0]) == expected);
}

float Apply(schema::UnaryKind kind, float x, float slope) {
  using K = schema::UnaryKind;
  const auto sigmoid = [](float v) { return 1.0F / (1.0F + std::exp(-v)); };
  switch (kind) {
    case K::relu:
      return std::max(x, 0.0F);
    case K::leaky_relu:
      return x < 0 ? 0.1F * x : x;
    case K::sigmoid:
      return sigmoid(x);
    case K::tanh:
      return std::tanh(x);
    case K::silu:
      return x * sigmoid(x);
    case K::exp:
      return std::exp(x);
    case K::abs:
      return std::abs(x);
    case K::neg:
      return -x;
    case K::floor:
      return std::floor(x);
    case K::ceil:
      return std::ceil(x);
    case K::clip:
      return std::min(std::max(x, 0.1F), 1.5F);
    case K::prelu:
      return x < 0 ? slope * x : x;
    case K::square:
      return x * x;
    case K::erf:
      return std::erf(x);
    case K::sin:
      return std::sin(x);
    case K::identity:
      return x;
    default:
      return NAN;
  }
}

TEST_CASE("float Unary") {
  using K = schema::UnaryKind;
  Random random(6);
  const auto input = random.Floats(3 * 50 * 33, -4.0F, 4.0F);
  const auto slope = random.Floats(33, 0.0F, 1.0F);
  for (const K kind :
       {K::relu, K::leaky_relu, K::sigmoid, K::tanh, K::silu, K::exp, K::abs, K::neg, K::floor,
        K::ceil, K::clip, K::prelu, K::square, K::erf, K::sin, K::identity}) {
    CAPTURE(static_cast<int>(kind));
    ModelBuilder b;
    const auto x = b.FloatInput("x", {1, 50, 33});
    const auto y = b.Float({1, 50, 33});
    schema::UnaryT unary;
    unary.kind = kind;
    unary.alpha = 0.1F;
    unary.beta = 1.5F;
    std::vector<ModelBuilder::Id> ids = {x};
    if (kind == K::prelu) ids.push_back(b.ConstantFloat({33}, slope));
    b.Add(unary, ids, {y});
    b.Output("y", y);
    const auto got = FromBytes<float>(RunEverywhere(b.Finish(), {ToBytes(input)}, 3)[0]);
    REQUIRE(got.size() == input.size());
    size_t wrong = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const float expected = Apply(kind, input[i], slope[i % 33]);
      wrong += std::abs(got[i] - expected) > 2e-6F * std::max(1.0F, std::abs(expected)) ? 1 : 0;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Quantize, Requantize and Dequantize in a row") {
  Random random(8);
  const auto input = random.Floats(2 * 1000, -20.0F, 20.0F);
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, 1000});
  const auto q = b.Int8({1, 1000}, {0.125F, 10});
  const auto r = b.Int8({1, 1000}, {0.3F, -20});
  const auto y = b.Float({1, 1000});
  b.Add(schema::QuantizeT(), {x}, {q});
  schema::RequantizeT requantize;
  requantize.multiplier = 0.125F / 0.3F;
  requantize.int_range = std::make_unique<schema::IntRange>(int8_t{-60}, int8_t{60});
  b.Add(std::move(requantize), {q}, {r});
  b.Add(schema::DequantizeT(), {r}, {y});
  b.Output("q", q);
  b.Output("r", r);
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, 2);
  std::vector<int8_t> expected_q;
  std::vector<int8_t> expected_r;
  std::vector<float> expected_y;
  for (const float value : input) {
    expected_q.push_back(Requantize(1, value / 0.125F, 10));
    expected_r.push_back(Requantize(expected_q.back() - 10, 0.125F / 0.3F, -20, -60, 60));
    expected_y.push_back(0.3F * static_cast<float>(expected_r.back() + 20));
  }
  CHECK(FromBytes<int8_t>(outputs[0]) == expected_q);
  CHECK(FromBytes<int8_t>(outputs[1]) == expected_r);
  CHECK(FromBytes<float>(outputs[2]) == expected_y);
}

TEST_CASE("integer Softmax") {
  Random random(9);
  const float scale_in = 0.1F;
  const size_t rows = 12;
  const size_t cols = 37;
  const auto input = random.Int8s(rows * cols);
  std::vector<uint32_t> table;
  for (int d = 0; d < 256; ++d) {
    table.push_back(
        static_cast<uint32_t>(std::nearbyint(std::ldexp(std::exp(-double{scale_in} * d), 24))));
  }
  ModelBuilder b;
  const auto x = b.Input("x", {1, 6, static_cast<int>(cols)}, {scale_in, 17});
  const auto y = b.Int8({1, 6, static_cast<int>(cols)}, {1.0F / 256.0F, -128});
  schema::SoftmaxT softmax;
  softmax.table = b.BlobOf(table);
  softmax.multiplier = 256.0F;
  b.Add(softmax, {x}, {y});
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, 2);
  std::vector<int8_t> expected;
  for (size_t row = 0; row < rows; ++row) {
    const int8_t* in = input.data() + row * cols;
    const int top = *std::max_element(in, in + cols);
    uint64_t sum = 0;
    for (size_t i = 0; i < cols; ++i) sum += table[static_cast<size_t>(top - in[i])];
    for (size_t i = 0; i < cols; ++i) {
      const float share =
          static_cast<float>(table[static_cast<size_t>(top - in[i])]) / static_cast<float>(sum);
      expected.push_back(Requantize(1, share * 256.0F, -128));
    }
  }
  CHECK(FromBytes<int8_t>(outputs[0]) == expected);
}

TEST_CASE("float Softmax and log-softmax") {
  Random random(10);
  const size_t cols = 41;
  const auto input = random.Floats(2 * 5 * cols, -6.0F, 6.0F);
  for (const bool log : {false, true}) {
    CAPTURE(log);
    ModelBuilder b;
    const auto x = b.FloatInput("x", {1, 5, static_cast<int>(cols)});
    const auto y = b.Float({1, 5, static_cast<int>(cols)});
    schema::SoftmaxT softmax;
    softmax.log = log;
    b.Add(softmax, {x}, {y});
    b.Output("y", y);
    const auto got = FromBytes<float>(RunEverywhere(b.Finish(), {ToBytes(input)}, 2)[0]);
    size_t wrong = 0;
    for (size_t row = 0; row < 10; ++row) {
      double sum = 0;
      for (size_t i = 0; i < cols; ++i) sum += std::exp(double{input[row * cols + i]});
      for (size_t i = 0; i < cols; ++i) {
        const double share = std::exp(double{input[row * cols + i]}) / sum;
        const double expected = log ? std::log(share) : share;
        wrong += std::abs(got[row * cols + i] - expected) > 3e-6 * std::max(1.0, -expected) ? 1 : 0;
      }
    }
    CHECK(wrong == 0);
  }
}

}  // namespace
}  // namespace lutra::test
