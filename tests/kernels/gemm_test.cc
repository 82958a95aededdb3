// The integer and float GEMM: the reference against a textbook formula, then every row that this
// machine runs against the reference, byte for byte.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "kernels/gemm_case.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

/// Output size from the padding at the far side.
GemmProblem Patches(Window w, size_t channels, size_t n, int32_t pad_bottom, int32_t pad_right) {
  w.out_h =
      (w.in_h + w.pad_top + pad_bottom - w.dilation_h * (w.kernel_h - 1) - 1) / w.stride_h + 1;
  w.out_w =
      (w.in_w + w.pad_left + pad_right - w.dilation_w * (w.kernel_w - 1) - 1) / w.stride_w + 1;
  GemmProblem p;
  p.left = LeftKind::patches;
  p.m = w.batch * static_cast<size_t>(w.out_h) * static_cast<size_t>(w.out_w);
  p.n = n;
  p.k = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w) * channels;
  p.channels = channels;
  if (w.in_pixel_stride == 0) w.in_pixel_stride = channels;
  p.window = w;
  p.out_stride = n;
  return p;
}

/// Compares every SIMD row, for 1 and 3 threads, with the reference.
template <typename Case>
void CheckRows(const Case& c) {
  const auto expected = RunCase(*FindRow("reference"), c);
  for (const Row* row : SimdRows()) {
    for (size_t threads : {size_t{1}, size_t{3}}) {
      INFO(std::string(row->name), " threads ", threads, ": ", Describe(c.problem));
      CHECK(RunCase(*row, c, threads) == expected);
    }
  }
}

TEST_CASE("this machine runs at least one row besides the reference") {
#if defined(__x86_64__) || defined(__aarch64__)
  REQUIRE(SimdRows().size() >= 1);
#endif
  for (const Row* row : SimdRows()) MESSAGE("row under test: ", std::string(row->name));
}

TEST_CASE("every element of a reference product follows the formula") {
  std::mt19937 random(kSeed);
  GemmProblem p = Dense(5, 7, 33);
  p.weight_zero_points = true;
  p.left_zero_point = -11;
  p.output = {9, -100, 120};
  const IntCase c = MakeIntCase(p, random);
  const auto out = RunCase(*FindRow("reference"), c);
  for (size_t m = 0; m < p.m; ++m) {
    for (size_t n = 0; n < p.n; ++n) {
      int64_t acc = c.bias[n];
      for (size_t k = 0; k < p.k; ++k) {
        acc += int64_t{c.left[m * p.k + k] + 11} * (c.weights[n * p.k + k] - c.zero_points[n]);
      }
      double x = static_cast<double>(static_cast<float>(acc) * c.scale[n]);
      x = std::nearbyint(std::fmin(std::fmax(x, -109.0), 111.0)) + 9;
      CHECK(static_cast<int8_t>(out[kGuard + m * p.n + n]) == static_cast<int>(x));
    }
  }
}

TEST_CASE("every element of a reference product by a curve follows the formula") {
  std::mt19937 random(kSeed);
  for (const bool factors : {false, true}) {
    GemmProblem p = Dense(40, 9, 33);
    p.output = {9, -100, 120};
    IntCase c = MakeIntCase(p, random);
    AddCurve(c, factors, random);
    const auto out = RunCase(*FindRow("reference"), c);
    std::set<int> values;
    for (size_t m = 0; m < p.m; ++m) {
      for (size_t n = 0; n < p.n; ++n) {
        int64_t acc = c.bias[n];
        for (size_t k = 0; k < p.k; ++k)
          acc += int64_t{c.left[m * p.k + k]} * c.weights[n * p.k + k];
        const double y = static_cast<double>(
            CurveValue(c.curve, acc, c.scale[n], factors ? c.curve.factor[n] : 1.0F));
        const double x = std::nearbyint(std::fmin(std::fmax(y, -109.0), 111.0)) + 9;
        const auto q = static_cast<int8_t>(out[kGuard + m * p.n + n]);
        CHECK(q == static_cast<int>(x));
        values.insert(q);
      }
    }
    CHECK(values.size() > 50);
  }
}

TEST_CASE("products by curves, with zero points, groups and codes, on every row") {
  std::mt19937 random(kSeed);
  for (const bool factors : {false, true}) {
    for (const bool weight_zero_points : {false, true}) {
      for (size_t n : {1, 7, 8, 16, 23, 64, 129}) {
        for (size_t m : {1, 3, 13, 40}) {
          GemmProblem p = Dense(m, n, 37);
          p.groups = n == 23 ? 3 : 1;
          p.left_stride = p.groups * p.k + 5;
          p.out_stride = p.groups * p.n + 3;
          p.weight_zero_points = weight_zero_points;
          p.left_zero_point = 3;
          p.output = {static_cast<int32_t>(n) - 64, -110, 127};
          IntCase c = MakeIntCase(p, random);
          AddCurve(c, factors, random);
          CheckRows(c);
          if (weight_zero_points || p.groups != 1) continue;
          p.form.bits = 4;
          p.form.largest = 8;
          IntCase coded = MakeCodedCase(p, /*tables=*/false, random);
          AddCurve(coded, factors, random);
          CheckRows(coded);
        }
      }
    }
  }
}

TEST_CASE("a convolution calculated by hand") {
  // 2x3 image, two channels, kernel 1x2, stride 1, one column of padding at the left whose value is
  // the zero point 1: (a - 1) is 0 there.
  Window w;
  w.in_h = 2;
  w.in_w = 3;
  w.kernel_w = 2;
  w.pad_left = 1;
  GemmProblem p = Patches(w, 2, 1, 0, 0);
  p.left_zero_point = 1;
  p.epilogue = Epilogue::raw;
  IntCase c;
  c.problem = p;
  c.left = {2, 3, 4, 5, 6, 7, -1, -2, -3, -4, -5, -128};
  c.weights = {1, 10, 100, -128};
  c.bias = {7};
  c.scale = {1};
  // Row 0: (1*100 - 2*128) + 7; (1 + 20) + (300 - 512) + 7; (3 + 40) + (500 - 768) + 7.
  // Row 1: (-200 + 384) + 7; (-2 - 30) + (-400 + 640) + 7; (-4 - 50) + (-600 + 129*128) + 7.
  const int32_t expected[] = {-149, -184, -218, 191, 215, 15865};
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (!row->available()) continue;
    INFO(std::string(row->name));
    const auto out = RunCase(*row, c);
    CHECK(std::memcmp(out.data() + kGuard * 4, expected, sizeof(expected)) == 0);
  }
}

TEST_CASE("dense products at the edges of tiles and blocks") {
  std::mt19937 random(kSeed);
  // Register tiles have 4, 6 or 12 rows and 8 to 64 channels; blocks 256 to 1024 k.
  for (size_t m : {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 24, 25}) {
    for (size_t n : {1, 3, 4, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 129}) {
      for (size_t k : {1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 33}) {
        GemmProblem p = Dense(m, n, k);
        p.output.zero_point = static_cast<int32_t>(n % 256) - 128;
        p.left_zero_point = static_cast<int32_t>(k * 37 % 256) - 128;
        CheckRows(MakeIntCase(p, random));
      }
    }
  }
  for (size_t k : {63, 127, 255, 256, 257, 512, 1023, 1024, 1025, 2049, 3079}) {
    for (size_t m : {1, 13}) {
      for (size_t n : {9, 67}) CheckRows(MakeIntCase(Dense(m, n, k), random));
    }
  }
}

TEST_CASE("epilogues, zero points and strides of dense products") {
  std::mt19937 random(kSeed);
  for (Epilogue epilogue : {Epilogue::requantize, Epilogue::dynamic, Epilogue::raw}) {
    for (bool weight_zero_points : {false, true}) {
      for (int32_t left_zero_point : {-128, -1, 0, 127}) {
        for (size_t groups : {1, 3}) {
          for (size_t k : {5, 64, 1031}) {
            GemmProblem p = Dense(7, 21, k);
            p.groups = groups;
            p.left_stride = groups * k + 5;
            p.out_stride = groups * p.n + 11;
            p.epilogue = epilogue;
            p.weight_zero_points = weight_zero_points;
            p.left_zero_point = left_zero_point;
            p.output = {-left_zero_point - 1, -128 + left_zero_point % 3, 127};
            p.output.lo = std::max(p.output.lo, -128);
            p.clamp = {-40.0F, 50.0F};
            CheckRows(MakeIntCase(p, random));
          }
        }
      }
    }
  }
}

TEST_CASE(
    "halves of products of 16 bits: the formula, and every row, with all that weights can be") {
  std::mt19937 random(kSeed);
  for (const bool to_int16 : {false, true}) {
    GemmProblem p = Dense(5, 7, 33);
    p.epilogue = Epilogue::wide;
    p.to_int16 = to_int16;
    p.weight_zero_points = true;
    p.clamp = {-20000.0F, to_int16 ? 1e9F : 30000.0F};
    IntCase c = MakeIntCase(p, random);
    const auto out = RunCase(*FindRow("reference"), c);
    for (size_t i = 0; i < p.m * p.n; ++i) {
      const size_t m = i / p.n, n = i % p.n;
      int64_t acc = 0;
      for (size_t k = 0; k < p.k; ++k) {
        acc += int64_t{c.left[m * p.k + k]} * (c.weights[n * p.k + k] - c.zero_points[n]);
      }
      const float total = 256.0F * static_cast<float>(c.high[i]) + static_cast<float>(acc);
      float value = total * c.scale[n];
      value = std::fmin(std::fmax(value + c.float_bias[n], p.clamp.lo), p.clamp.hi);
      if (to_int16) {
        int16_t q = 0;
        std::memcpy(&q, out.data() + (kGuard + i) * 2, 2);
        CHECK(q == static_cast<int>(std::nearbyint(std::fmin(value, 32639.0F))));
      } else {
        float real = 0;
        std::memcpy(&real, out.data() + (kGuard + i) * 4, 4);
        CHECK(real == value);
      }
    }
    for (const bool weight_zero_points : {false, true}) {
      for (const size_t groups : {1, 3}) {
        for (const size_t k : {5, 64, 1031}) {
          GemmProblem q = Dense(7, 21, k);
          q.groups = groups;
          q.left_stride = groups * k + 5;
          q.out_stride = groups * q.n + 11;
          q.epilogue = Epilogue::wide;
          q.to_int16 = to_int16;
          q.weight_zero_points = weight_zero_points;
          q.clamp = p.clamp;
          CheckRows(MakeIntCase(q, random));
          if (weight_zero_points) continue;
          q.form = {.bits = 4, .largest = 8};
          CheckRows(MakeCodedCase(q, /*tables=*/false, random));
        }
      }
    }
  }
}

TEST_CASE("the extremes are exact: -128 and 127 everywhere") {
  for (int8_t left : {int8_t{-128}, int8_t{127}}) {
    for (int8_t weight : {int8_t{-128}, int8_t{127}}) {
      for (int32_t left_zero_point : {-128, 127}) {
        GemmProblem p = Dense(13, 67, 1100);
        p.epilogue = Epilogue::raw;
        p.left_zero_point = left_zero_point;
        p.weight_zero_points = true;
        IntCase c;
        c.problem = p;
        c.left.assign(p.m * p.k, left);
        c.weights.assign(p.n * p.k, weight);
        c.zero_points.assign(p.n, static_cast<int8_t>(-weight - 1));
        c.bias.assign(p.n, 12345);
        c.scale.assign(p.n, 1.0F);
        const int32_t sum = 1100 * (left - left_zero_point) * (weight + weight + 1) + 12345;
        for (const Row* row : SimdRows()) {
          INFO(std::string(row->name));
          const auto out = RunCase(*row, c);
          for (size_t i = 0; i < p.m * p.n; ++i) {
            int32_t value = 0;
            std::memcpy(&value, out.data() + (kGuard + i) * 4, 4);
            REQUIRE(value == sum);
          }
        }
      }
    }
  }
}

/// Windows with everything that a border can do.
std::vector<GemmProblem> PatchProblems() {
  std::vector<GemmProblem> problems;
  for (int32_t kernel : {1, 2, 3, 5, 7}) {
    for (int32_t stride : {1, 2, 3}) {
      for (int32_t dilation : {1, 2}) {
        for (int32_t pad : {0, 1, 3}) {
          for (size_t channels : {1, 3, 4, 8, 17}) {
            Window w;
            w.batch = 2;
            w.in_h = 9;
            w.in_w = 7;
            w.kernel_h = kernel;
            w.kernel_w = std::min(kernel, 3);
            w.stride_h = stride;
            w.stride_w = 3 - stride % 3;
            w.dilation_h = dilation;
            w.dilation_w = 3 - dilation;
            w.pad_top = pad;
            w.pad_left = 3 - pad;
            if (w.in_h + pad < dilation * (kernel - 1) + 1) continue;
            if (w.in_w + 3 - pad < w.dilation_w * (w.kernel_w - 1) + 1) continue;
            w.in_pixel_stride = channels + (channels % 2 == 0 ? 5 : 0);
            GemmProblem p = Patches(w, channels, 5 + channels, pad / 2, pad);
            p.left_zero_point = pad * 40 - 50;
            p.output.zero_point = stride;
            problems.push_back(p);
          }
        }
      }
    }
  }
  return problems;
}

TEST_CASE("convolutions: strides, dilation, padding, pixel strides") {
  std::mt19937 random(kSeed);
  const auto problems = PatchProblems();
  REQUIRE(problems.size() > 200);
  for (GemmProblem p : problems) {
    CheckRows(MakeIntCase(p, random));
    p.epilogue = Epilogue::raw;
    p.weight_zero_points = true;
    p.out_stride += 2;
    CheckRows(MakeIntCase(p, random));
  }
}

TEST_CASE("convolutions: groups, a window wholly outside, one dimension") {
  std::mt19937 random(kSeed);
  Window grouped;
  grouped.in_h = grouped.in_w = 6;
  grouped.kernel_h = grouped.kernel_w = 3;
  grouped.pad_top = grouped.pad_left = 1;
  grouped.in_pixel_stride = 4 * 5;
  GemmProblem p = Patches(grouped, 5, 3, 1, 1);
  p.groups = 4;
  p.out_stride = 4 * 3;
  p.left_zero_point = 100;
  CheckRows(MakeIntCase(p, random));

  Window outside;  // padding larger than the kernel: patches of padding alone
  outside.in_h = outside.in_w = 2;
  outside.kernel_h = outside.kernel_w = 2;
  outside.pad_top = outside.pad_left = 4;
  p = Patches(outside, 3, 9, 4, 4);
  p.left_zero_point = -77;
  CheckRows(MakeIntCase(p, random));
  CheckRows(MakeFloatCase(p, random));

  Window line;
  line.in_w = 40;
  line.kernel_w = 9;
  line.stride_w = 2;
  line.pad_left = 4;
  CheckRows(MakeIntCase(Patches(line, 12, 20, 0, 4), random));

  Window dense;  // reads each pixel once: becomes a dense product
  dense.in_h = 5;
  dense.in_w = 6;
  dense.in_pixel_stride = 24;
  p = Patches(dense, 10, 18, 0, 0);
  p.groups = 2;
  p.out_stride = 36;
  CheckRows(MakeIntCase(p, random));
  CheckRows(MakeFloatCase(p, random));
}

TEST_CASE("more rows and channels than one task, for any number of threads") {
  std::mt19937 random(kSeed);
  for (const GemmProblem& p : {Dense(1201, 40, 300), Dense(3, 1200, 257), Dense(130, 130, 9)}) {
    const IntCase c = MakeIntCase(p, random);
    const auto expected = RunCase(*FindRow("reference"), c);
    for (const Row* row : SimdRows()) {
      for (size_t threads = 1; threads <= 9; ++threads) {
        INFO(std::string(row->name), " threads ", threads, ": ", Describe(c.problem));
        CHECK(RunCase(*row, c, threads) == expected);
      }
    }
  }
}

TEST_CASE("float products have the same bits on every row") {
  std::mt19937 random(kSeed);
  for (size_t m : {1, 2, 5, 6, 7, 13}) {
    for (size_t n : {1, 4, 7, 8, 15, 16, 17, 33, 64, 65, 129}) {
      for (size_t k : {1, 2, 3, 17, 300}) {
        GemmProblem p = Dense(m, n, k);
        p.groups = 1 + k % 2;
        p.left_stride = p.groups * k + 3;
        p.out_stride = p.groups * n + 2;
        if (m % 2 == 0) p.clamp = {-1.0F, 1.5F};
        CheckRows(MakeFloatCase(p, random));
      }
    }
  }
  for (const GemmProblem& p : PatchProblems()) CheckRows(MakeFloatCase(p, random));
}

TEST_CASE("float: NaN passes the clamp, infinity is clamped") {
  GemmProblem p = Dense(3, 20, 2);
  p.clamp = {0.0F, 6.0F};
  FloatCase c;
  c.problem = p;
  c.left = {NAN, 1.0F, INFINITY, 1.0F, -INFINITY, 1.0F};
  c.weights.assign(p.n * p.k, 1.0F);
  c.bias.assign(p.n, 0.5F);
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (!row->available()) continue;
    INFO(std::string(row->name));
    const auto out = RunCase(*row, c);
    float values[60];
    std::memcpy(values, out.data() + kGuard * 4, sizeof(values));
    for (size_t n = 0; n < p.n; ++n) {
      CHECK(std::isnan(values[n]));
      CHECK(values[p.n + n] == 6.0F);
      CHECK(values[2 * p.n + n] == 0.0F);
    }
  }
}

TEST_CASE("rows: names are found, unknown ones are not, the reference is last and always runs") {
  size_t count = 0;
  while (RowAt(count) != nullptr) ++count;
  CHECK(std::string(RowAt(count - 1)->name) == "reference");
  CHECK(RowAt(count - 1)->available());
  CHECK(FindRow("reference") == RowAt(count - 1));
  CHECK(FindRow("") == nullptr);
  CHECK(FindRow("avx") == nullptr);
  CHECK(BestRow().available());
}

}  // namespace
}  // namespace lutra::kernels
