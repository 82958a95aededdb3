// Element-wise kernels: the reference against formulas written independently, then every row
// against the reference, byte for byte, over all lengths up to past two vectors and all forms of
// broadcasting.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/kernel_data.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

constexpr size_t kMaxCols = 140;  // past two vectors of 64 bytes

int32_t Clamped(long double x, const OutputQuant& output) {
  const long double lo = output.lo - output.zero_point;
  const long double hi = output.hi - output.zero_point;
  return output.zero_point + static_cast<int32_t>(std::nearbyint(std::fmin(std::fmax(x, lo), hi)));
}

/// Dense, one row repeated, one column repeated, one value, and with a gap between rows.
enum class Form { dense, row, column, value, gap };
constexpr Form kForms[] = {Form::dense, Form::row, Form::column, Form::value, Form::gap};

/// The elements and the view of them; data has exactly the elements that may be read.
template <typename T>
struct Input {
  std::vector<T> data;
  size_t stride, col_step;
  View<const T> view() const { return {data.data(), stride, col_step}; }
};

template <typename T, class Draw>
Input<T> MakeInput(Form form, size_t rows, size_t cols, Draw draw) {
  switch (form) {
    case Form::dense:
      return {draw(rows * cols), cols, 1};
    case Form::row:
      return {draw(cols), 0, 1};
    case Form::column:
      return {draw(rows), 1, 0};
    case Form::value:
      return {draw(1), 0, 0};
    case Form::gap:
      return {draw((rows - 1) * (cols + 3) + cols), cols + 3, 1};
  }
  return {};
}

/// Output rows two elements apart, so that writes beyond a row show.
template <typename T, class Run>
std::vector<T> Output(size_t rows, size_t cols, Run run) {
  std::vector<T> out(rows * (cols + 2), T{77});
  run(View<T>{out.data(), cols + 2});
  return out;
}

template <typename T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  if constexpr (std::is_same_v<T, float>) {
    return SameFloats(a, b);
  } else {
    return a == b;
  }
}

/// run(row, out) on the reference and on every row; returns the reference's output.
template <typename T, class Run>
std::vector<T> CheckRows(size_t rows, size_t cols, Run run) {
  const auto on = [&](const Row& row) {
    return Output<T>(rows, cols, [&](View<T> out) { run(row.elementwise, out); });
  };
  const std::vector<T> expected = on(*FindRow("reference"));
  for (const Row* row : SimdRows()) {
    INFO(std::string(row->name), " ", rows, " x ", cols);
    CHECK(Same(on(*row), expected));
  }
  return expected;
}

IntBinary DrawBinary(std::mt19937& random) {
  IntBinary p;
  p.is_mul = random() % 2 == 0;
  p.zero_point_a = Uniform(random, -128, 127);
  p.zero_point_b = Uniform(random, -1, 0) * 255 + 127;
  p.multiplier_a = Uniform(random, 1, 4000000);
  p.multiplier_b = Uniform(random, -4000000, 4000000);
  p.multiplier = p.is_mul ? 0.004F : 2.4e-7F;
  p.output.zero_point = Uniform(random, -128, 127);
  if (random() % 2 == 0) {
    p.output.lo = std::min(p.output.zero_point, 3);
    p.output.hi = 100;
  }
  return p;
}

TEST_CASE("integer add, sub and mul") {
  std::mt19937 random(kDataSeed);
  MESSAGE("seed ", kDataSeed);
  for (const Form form_a : kForms) {
    for (const Form form_b : kForms) {
      for (size_t cols = 1; cols <= kMaxCols; cols += 1 + random() % 6) {
        const size_t rows = 1 + random() % 3;
        const IntBinary p = DrawBinary(random);
        const auto draw = [&](size_t n) { return Bytes(n, random); };
        const auto a = MakeInput<int8_t>(form_a, rows, cols, draw);
        const auto b = MakeInput<int8_t>(form_b, rows, cols, draw);
        const auto out =
            CheckRows<int8_t>(rows, cols, [&](const ElementwiseKernels& k, View<int8_t> to) {
              k.int_binary(p, a.view(), b.view(), to, rows, cols);
            });
        for (size_t i = 0; i < rows * cols; ++i) {
          const size_t row = i / cols;
          const size_t col = i % cols;
          const int64_t x = a.data[row * a.stride + col * a.col_step] - p.zero_point_a;
          const int64_t y = b.data[row * b.stride + col * b.col_step] - p.zero_point_b;
          const int64_t acc = p.is_mul ? x * y : x * p.multiplier_a + y * p.multiplier_b;
          const float real = static_cast<float>(acc) * p.multiplier;
          CHECK(out[row * (cols + 2) + col] == Clamped(real, p.output));
        }
      }
    }
  }
}

TEST_CASE("dense integer views of several rows") {
  std::mt19937 random(kDataSeed + 1);
  const std::vector<int8_t> a = Bytes(5 * 37, random);
  const std::vector<int8_t> b = Bytes(5 * 37, random);
  const IntBinary p = DrawBinary(random);
  std::vector<int8_t> expected(a.size());
  FindRow("reference")
      ->elementwise.int_binary(p, {a.data(), 37}, {b.data(), 37}, {expected.data(), 37}, 5, 37);
  for (const Row* row : SimdRows()) {
    std::vector<int8_t> out(a.size());
    row->elementwise.int_binary(p, {a.data(), 37}, {b.data(), 37}, {out.data(), 37}, 5, 37);
    CHECK(out == expected);
  }
}

TEST_CASE("accumulators at both ends of int32") {
  for (const int32_t sign : {-1, 1}) {
    IntBinary p;
    p.zero_point_a = p.zero_point_b = 127;
    p.multiplier_a = sign * 4210752;  // 255 * 2 * this is just below 2^31
    p.multiplier_b = sign * 4210752;
    p.multiplier = 5.9e-8F;
    p.output.zero_point = sign;
    const std::vector<int8_t> q(40, -128);
    const float real = static_cast<float>(-255LL * 2 * p.multiplier_a) * p.multiplier;
    const auto out = CheckRows<int8_t>(1, 40, [&](const ElementwiseKernels& k, View<int8_t> to) {
      k.int_binary(p, {q.data(), 40}, {q.data(), 40}, to, 1, 40);
    });
    CHECK(out[0] == Clamped(real, p.output));
  }
}

TEST_CASE("tables") {
  std::mt19937 random(kDataSeed + 2);
  const std::vector<int8_t> table = Bytes(256, random);
  std::vector<int8_t> all(256);
  for (int q = -128; q < 128; ++q) all[static_cast<size_t>(q + 128)] = static_cast<int8_t>(q);
  const auto out = CheckRows<int8_t>(1, 256, [&](const ElementwiseKernels& k, View<int8_t> to) {
    k.table(table.data(), {all.data(), 256}, to, 1, 256);
  });
  CHECK(std::equal(table.begin(), table.end(), out.begin()));
  for (const Form form : kForms) {
    for (size_t cols = 1; cols <= kMaxCols; ++cols) {
      const auto in = MakeInput<int8_t>(form, 2, cols, [&](size_t n) { return Bytes(n, random); });
      CheckRows<int8_t>(2, cols, [&](const ElementwiseKernels& k, View<int8_t> to) {
        k.table(table.data(), in.view(), to, 2, cols);
      });
    }
  }
}

TEST_CASE("requantize: ties go to even before the zero point is added") {
  std::mt19937 random(kDataSeed + 3);
  for (size_t cols = 1; cols <= kMaxCols; ++cols) {
    const int32_t zero_in = Uniform(random, -128, 127);
    const OutputQuant output = {Uniform(random, -128, 127), -128 + Uniform(random, 0, 20), 127};
    const std::vector<int8_t> q = Bytes(cols, random);
    for (const float multiplier : {0.5F, 0.25F, 1.7F, 300.0F, 1e-30F}) {
      const auto out =
          CheckRows<int8_t>(1, cols, [&](const ElementwiseKernels& k, View<int8_t> to) {
            k.requantize(zero_in, multiplier, output, {q.data(), cols}, to, 1, cols);
          });
      for (size_t i = 0; i < cols; ++i) {
        CHECK(out[i] == Clamped(static_cast<float>(q[i] - zero_in) * multiplier, output));
      }
    }
  }
}

std::vector<float> DrawFloats(size_t n, std::mt19937& random) {
  std::vector<float> values = Floats(n, -20.0F, 20.0F, random);
  const std::vector<float> special = SpecialFloats();
  for (float& value : values) {
    if (random() % 3 == 0) value = special[random() % special.size()];
  }
  return values;
}

TEST_CASE("quantize and dequantize") {
  std::mt19937 random(kDataSeed + 4);
  for (const Form form : kForms) {
    for (size_t cols = 1; cols <= kMaxCols; cols += 3) {
      const float scale = 0.37F;
      const int32_t zero = Uniform(random, -128, 127);
      const auto in =
          MakeInput<float>(form, 2, cols, [&](size_t n) { return DrawFloats(n, random); });
      const auto q = CheckRows<int8_t>(2, cols, [&](const ElementwiseKernels& k, View<int8_t> to) {
        k.quantize(scale, zero, in.view(), to, 2, cols);
      });
      for (size_t i = 0; i < cols; ++i) {
        const float quotient = in.data[i * in.col_step] / scale;
        const float real = std::isnan(quotient) ? 0.0F : quotient;
        CHECK(q[i] == Clamped(real, {zero, -128, 127}));
      }
      const View<const int8_t> view = {q.data(), in.stride == 0 ? 0 : cols + 2, in.col_step};
      const auto x = CheckRows<float>(2, cols, [&](const ElementwiseKernels& k, View<float> to) {
        k.dequantize(scale, zero, view, to, 2, cols);
      });
      CHECK(x[0] == scale * static_cast<float>(q[0] - zero));
    }
  }
}

TEST_CASE("dynamic quantization of rows") {
  std::mt19937 random(kDataSeed + 5);
  for (size_t cols = 1; cols <= kMaxCols; ++cols) {
    constexpr size_t kRows = 6;
    std::vector<float> in = Floats(kRows * cols, -3.0F, 5.0F, random);
    for (size_t i = 0; i < cols; ++i) {
      in[cols + i] = 0.0F;                         // equal zeros
      in[2 * cols + i] = std::fabs(in[i]) + 1.0F;  // 0 is not between the values
      in[3 * cols + i] = -4.0F;                    // equal values
      in[4 * cols + i] = 1e-45F;                   // a range that vanishes
    }
    in[5 * cols] = std::numeric_limits<float>::quiet_NaN();
    const auto run = [&](const Row& row, std::vector<float>& scale, std::vector<int32_t>& zero) {
      std::vector<int8_t> q(kRows * cols);
      scale.assign(kRows, -1.0F);
      zero.assign(kRows, -1);
      row.elementwise.quantize_rows({in.data(), cols}, q.data(), scale.data(), zero.data(), kRows,
                                    cols);
      return q;
    };
    std::vector<float> scale;
    std::vector<int32_t> zero;
    const auto expected = run(*FindRow("reference"), scale, zero);
    for (const Row* row : SimdRows()) {
      std::vector<float> row_scale;
      std::vector<int32_t> row_zero;
      INFO(std::string(row->name), " ", cols);
      CHECK(run(*row, row_scale, row_zero) == expected);
      CHECK(row_scale == scale);
      CHECK(row_zero == zero);
    }
    CHECK(scale[1] == 1.0F);
    CHECK(zero[1] == 0);
    CHECK(scale[4] == 1.0F);
    CHECK(zero[2] == -128);
    CHECK(zero[3] == 127);
    CHECK(expected[3 * cols] == -128);
    for (size_t r : {size_t{0}, size_t{2}}) {
      for (size_t i = 0; i < cols; ++i) {
        const float x = in[r * cols + i];
        const float back = scale[r] * static_cast<float>(expected[r * cols + i] - zero[r]);
        // Half a step, and rounding in the zero point may clamp an end by another half.
        CHECK(std::fabs(back - x) <= scale[r] * 1.01F);
      }
    }
  }
}

TEST_CASE("float binary") {
  std::mt19937 random(kDataSeed + 6);
  using Kind = FloatBinaryKind;
  for (const Kind kind :
       {Kind::add, Kind::sub, Kind::mul, Kind::div, Kind::min, Kind::max, Kind::pow}) {
    for (const Form form_a : kForms) {
      for (const Form form_b : kForms) {
        for (const size_t cols : {1, 3, 4, 7, 8, 9, 15, 16, 17, 33}) {
          const auto draw = [&](size_t n) { return DrawFloats(n, random); };
          const auto a = MakeInput<float>(form_a, 2, cols, draw);
          const auto b = MakeInput<float>(form_b, 2, cols, draw);
          const FloatClamp clamp = random() % 2 == 0 ? FloatClamp{} : FloatClamp{-1.5F, 6.0F};
          const auto out =
              CheckRows<float>(2, cols, [&](const ElementwiseKernels& k, View<float> to) {
                k.float_binary(kind, clamp, a.view(), b.view(), to, 2, cols);
              });
          const float x = a.data[0];
          const float y = b.data[0];
          float exact = kind == Kind::add   ? x + y
                        : kind == Kind::sub ? x - y
                        : kind == Kind::mul ? x * y
                        : kind == Kind::div ? x / y
                                            : 0.0F;
          const bool nan = std::isnan(x) || std::isnan(y);
          if (kind == Kind::min) exact = nan ? NAN : std::fmin(x, y);
          if (kind == Kind::max) exact = nan ? NAN : std::fmax(x, y);
          if (kind == Kind::pow) continue;  // float_functions_test.cc
          if (exact < clamp.lo) exact = clamp.lo;
          if (exact > clamp.hi) exact = clamp.hi;
          CHECK((out[0] == exact || (std::isnan(out[0]) && std::isnan(exact))));
        }
      }
    }
  }
}

TEST_CASE("float unary: rows agree on dense sweeps and special values") {
  std::mt19937 random(kDataSeed + 7);
  std::vector<float> x = SpecialFloats();
  for (uint32_t bits = 0; bits < 0xFFF00000; bits += 400009) {
    x.push_back(std::bit_cast<float>(bits));
  }
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) * 0.0031F);
  const std::vector<float> slope = Floats(x.size(), -1.0F, 1.0F, random);
  for (int kind = 0; kind <= static_cast<int>(FloatUnaryKind::log_sigmoid); ++kind) {
    INFO("kind ", kind);
    const bool prelu = static_cast<FloatUnaryKind>(kind) == FloatUnaryKind::prelu;
    CheckRows<float>(1, x.size(), [&](const ElementwiseKernels& k, View<float> to) {
      k.float_unary(static_cast<FloatUnaryKind>(kind), 0.3F, 1.1F, prelu ? slope.data() : nullptr,
                    {x.data(), x.size()}, to, 1, x.size());
    });
  }
  for (const Form form : kForms) {
    for (size_t cols = 1; cols <= 35; ++cols) {
      const auto in =
          MakeInput<float>(form, 2, cols, [&](size_t n) { return DrawFloats(n, random); });
      CheckRows<float>(2, cols, [&](const ElementwiseKernels& k, View<float> to) {
        k.float_unary(FloatUnaryKind::prelu, 0, 0, slope.data(), in.view(), to, 2, cols);
      });
      CheckRows<float>(2, cols, [&](const ElementwiseKernels& k, View<float> to) {
        k.float_unary(FloatUnaryKind::tanh, 0, 0, nullptr, in.view(), to, 2, cols);
      });
    }
  }
}

}  // namespace
}  // namespace lutra::kernels
