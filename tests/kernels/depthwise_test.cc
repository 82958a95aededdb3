// Depthwise convolution: the reference against the textbook sum in wider arithmetic, then every row
// of this machine against the reference, byte for byte.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "kernels/kernel_data.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

struct Shape {
  size_t channels, multiplier;
  int32_t in_h, in_w, kernel_h, kernel_w, stride, dilation;
  int32_t pad_top, pad_left, pad_bottom, pad_right;
  size_t batch, in_gap, out_gap;  ///< gaps between pixels, as inside a concat
};

std::string Describe(const Shape& s) {
  std::ostringstream text;
  text << s.channels << " x " << s.multiplier << " channels, " << s.in_h << "x" << s.in_w
       << ", kernel " << s.kernel_h << "x" << s.kernel_w << " stride " << s.stride << " dilation "
       << s.dilation << " pads " << s.pad_top << s.pad_left << s.pad_bottom << s.pad_right;
  return text.str();
}

DepthwiseProblem ProblemOf(const Shape& s) {
  DepthwiseProblem p;
  Window& w = p.window;
  w.batch = s.batch;
  w.in_h = s.in_h;
  w.in_w = s.in_w;
  w.kernel_h = s.kernel_h;
  w.kernel_w = s.kernel_w;
  w.stride_h = w.stride_w = s.stride;
  w.dilation_h = w.dilation_w = s.dilation;
  w.pad_top = s.pad_top;
  w.pad_left = s.pad_left;
  w.out_h = (s.in_h + s.pad_top + s.pad_bottom - (s.kernel_h - 1) * s.dilation - 1) / s.stride + 1;
  w.out_w = (s.in_w + s.pad_left + s.pad_right - (s.kernel_w - 1) * s.dilation - 1) / s.stride + 1;
  p.channels = s.channels;
  p.channel_multiplier = s.multiplier;
  w.in_pixel_stride = s.channels + s.in_gap;
  w.out_pixel_stride = s.channels * s.multiplier + s.out_gap;
  return p;
}

size_t Pixels(size_t count, size_t stride, size_t channels) {
  return count == 0 ? 0 : (count - 1) * stride + channels;
}

size_t InSize(const DepthwiseProblem& p) {
  const Window& w = p.window;
  return Pixels(w.batch * w.in_h * w.in_w, w.in_pixel_stride, p.channels);
}

size_t OutSize(const DepthwiseProblem& p) {
  const Window& w = p.window;
  return Pixels(w.batch * w.out_h * w.out_w, w.out_pixel_stride, p.channels * p.channel_multiplier);
}

struct IntData {
  DepthwiseProblem problem;
  std::vector<int8_t> in, weights, zero_points;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  std::vector<uint8_t> codes;  ///< of the same weights, where problem.form is coded
  std::vector<int8_t> tables;
  CurveData curve;  ///< behind the sums where it has coefficients

  IntWeights Weights() const {
    const size_t n = problem.channels * problem.channel_multiplier;
    const size_t k = weights.size() / n;
    IntWeights w;
    w.n = n;
    w.k = k;
    w.values = weights.data();
    w.stride_n = k;
    w.form = problem.form;
    w.codes = codes.data();
    w.tables = tables.data();
    w.zero_points = problem.weight_zero_points ? zero_points.data() : nullptr;
    w.bias = bias.data();
    w.scale = scale.data();
    w.factor = problem.curve.factors ? curve.factor.data() : nullptr;
    w.left_zero_point = problem.left_zero_point;
    return w;
  }
};

IntData MakeInt(const Shape& s, std::mt19937& random) {
  IntData d;
  d.problem = ProblemOf(s);
  const size_t n = s.channels * s.multiplier;
  d.in = Bytes(InSize(d.problem), random);
  d.weights = Bytes(n * static_cast<size_t>(s.kernel_h * s.kernel_w), random);
  d.zero_points = Bytes(n, random);
  for (size_t i = 0; i < n; ++i) d.bias.push_back(Uniform(random, -20000, 20000));
  d.scale = Floats(n, 1e-4F, 3e-3F, random);
  DepthwiseProblem& p = d.problem;
  p.weight_zero_points = random() % 2 == 0;
  p.left_zero_point = Uniform(random, -2, 2) * 64;
  p.left_zero_point = std::min(p.left_zero_point, 127);
  p.output.zero_point = Uniform(random, 0, 2) == 0 ? -128 : Uniform(random, -128, 127);
  if (random() % 2 == 0) {
    p.output.lo = Uniform(random, -128, 0);
    p.output.hi = Uniform(random, 1, 127);
  }
  return d;
}

/// Runs the rows of the output in two pieces, the later first.
std::vector<int8_t> Run(const Row& row, const IntData& d) {
  const IntDepthwiseKernels& kernels = row.int_depthwise;
  const IntWeights weights = d.Weights();
  DepthwiseProblem p = d.problem;
  if (!d.curve.coefficients.empty()) p.curve.coefficients = d.curve.coefficients.data();
  const AlignedBuffer packed = Aligned(kernels.packed_bytes(weights.n, weights.k, weights.form));
  kernels.pack(weights, packed.get());
  kernels.plan(p);
  const AlignedBuffer scratch = Aligned(p.scratch_bytes);
  std::vector<int8_t> out(OutSize(p), 77);
  const size_t rows = p.window.batch * p.window.out_h;
  kernels.run(p, d.in.data(), packed.get(), out.data(), rows / 2, rows, scratch.get());
  kernels.run(p, d.in.data(), packed.get(), out.data(), 0, rows / 2, scratch.get());
  return out;
}

/// Calls tap(input element index, weight index) for every tap inside the image.
template <class Tap>
void ForEachTap(const DepthwiseProblem& p, size_t batch, int32_t y, int32_t x, size_t n, Tap tap) {
  const Window& w = p.window;
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
      const int32_t in_y = y * w.stride_h - w.pad_top + ky * w.dilation_h;
      const int32_t in_x = x * w.stride_w - w.pad_left + kx * w.dilation_w;
      if (in_y < 0 || in_y >= w.in_h || in_x < 0 || in_x >= w.in_w) continue;
      const size_t pixel = (batch * w.in_h + in_y) * w.in_w + in_x;
      const size_t taps = static_cast<size_t>(w.kernel_h) * w.kernel_w;
      tap(pixel * w.in_pixel_stride + n / p.channel_multiplier,
          n * taps + static_cast<size_t>(ky) * w.kernel_w + kx);
    }
  }
}

/// The textbook: sum of (q - z) * (w - zw) + bias in int64, requantized with nearbyint.
std::vector<int8_t> Textbook(const IntData& d) {
  const DepthwiseProblem& p = d.problem;
  const Window& w = p.window;
  std::vector<int8_t> out(OutSize(p), 77);
  for (size_t row = 0; row < w.batch * w.out_h; ++row) {
    for (int32_t x = 0; x < w.out_w; ++x) {
      for (size_t n = 0; n < p.channels * p.channel_multiplier; ++n) {
        int64_t acc = d.bias[n];
        const int32_t zero = p.weight_zero_points ? d.zero_points[n] : 0;
        ForEachTap(p, row / w.out_h, static_cast<int32_t>(row % w.out_h), x, n,
                   [&](size_t at, size_t weight) {
                     acc += int64_t{d.in[at] - p.left_zero_point} * (d.weights[weight] - zero);
                   });
        float real = static_cast<float>(acc) * d.scale[n];
        if (!d.curve.coefficients.empty()) {
          real = CurveValue(d.curve, acc, d.scale[n], p.curve.factors ? d.curve.factor[n] : 1.0F);
        }
        real = std::fmin(std::fmax(real, static_cast<float>(p.output.lo - p.output.zero_point)),
                         static_cast<float>(p.output.hi - p.output.zero_point));
        out[(row * w.out_w + x) * w.out_pixel_stride + n] =
            static_cast<int8_t>(p.output.zero_point + std::lrint(std::nearbyint(real)));
      }
    }
  }
  return out;
}

/// 0 for none, 1 for a curve, 2 for one with factors.
void CheckInt(const Shape& shape, std::mt19937& random, int curve = 0) {
  IntData d = MakeInt(shape, random);
  if (curve != 0) {
    d.curve = MakeCurve(d.scale.size(), random);
    d.problem.curve.offset = d.curve.offset;
    d.problem.curve.factors = curve == 2;
    for (float& scale : d.scale) scale *= 0.03F;
  }
  INFO(Describe(shape));
  const std::vector<int8_t> expected = Run(*FindRow("reference"), d);
  CHECK(expected == Textbook(d));
  for (const Row* row : SimdRows()) {
    INFO(std::string(row->name));
    CHECK(Run(*row, d) == expected);
  }
}

struct FloatData {
  DepthwiseProblem problem;
  std::vector<float> in, weights, bias;
};

std::vector<float> Run(const Row& row, const FloatData& d) {
  const FloatDepthwiseKernels& kernels = row.float_depthwise;
  DepthwiseProblem p = d.problem;
  FloatWeights weights;
  weights.n = p.channels * p.channel_multiplier;
  weights.k = d.weights.size() / weights.n;
  weights.values = d.weights.data();
  weights.stride_n = weights.k;
  weights.bias = d.bias.data();
  const AlignedBuffer packed = Aligned(kernels.packed_bytes(weights.n, weights.k));
  kernels.pack(weights, packed.get());
  kernels.plan(p);
  const AlignedBuffer scratch = Aligned(p.scratch_bytes);
  std::vector<float> out(OutSize(p), 77.0F);
  kernels.run(p, d.in.data(), packed.get(), out.data(), 0, p.window.batch * p.window.out_h,
              scratch.get());
  return out;
}

void CheckFloat(const Shape& shape, std::mt19937& random) {
  FloatData d;
  d.problem = ProblemOf(shape);
  const size_t n = shape.channels * shape.multiplier;
  d.in = Floats(InSize(d.problem), -2.0F, 2.0F, random);
  d.weights = Floats(n * static_cast<size_t>(shape.kernel_h * shape.kernel_w), -1, 1, random);
  d.bias = Floats(n, -1.0F, 1.0F, random);
  if (random() % 2 == 0) d.problem.clamp = {0.0F, 1.0F};
  INFO(Describe(shape));
  const std::vector<float> expected = Run(*FindRow("reference"), d);
  const DepthwiseProblem& p = d.problem;
  const Window& w = p.window;
  for (size_t row = 0; row < w.batch * w.out_h; ++row) {
    for (int32_t x = 0; x < w.out_w; ++x) {
      for (size_t c = 0; c < n; ++c) {
        double sum = d.bias[c];
        double magnitude = std::fabs(sum);
        ForEachTap(p, row / w.out_h, static_cast<int32_t>(row % w.out_h), x, c,
                   [&](size_t at, size_t weight) {
                     const double product = double{d.in[at]} * d.weights[weight];
                     sum += product;
                     magnitude += std::fabs(product);
                   });
        sum = std::fmin(std::fmax(sum, p.clamp.lo), p.clamp.hi);
        // Each of the k + 1 sums and each product rounds by at most 2^-24 of the partial sums.
        const double taps = w.kernel_h * w.kernel_w;
        CHECK(std::fabs(expected[(row * w.out_w + x) * w.out_pixel_stride + c] - sum) <=
              (taps + 2) * std::ldexp(magnitude, -24));
      }
    }
  }
  for (const Row* row : SimdRows()) {
    INFO(std::string(row->name));
    CHECK(SameFloats(Run(*row, d), expected));
  }
}

/// channels, multiplier, h, w, kh, kw, stride, dilation, pads, batch, gaps
const Shape kShapes[] = {
    {32, 1, 9, 11, 3, 3, 1, 1, 1, 1, 1, 1, 2, 0, 0},
    {32, 1, 9, 11, 3, 3, 2, 1, 0, 0, 1, 1, 1, 0, 0},
    {48, 1, 8, 7, 3, 3, 2, 1, 1, 1, 1, 1, 1, 5, 3},
    {33, 1, 6, 6, 5, 5, 1, 1, 2, 2, 2, 2, 1, 0, 0},
    {17, 1, 13, 5, 3, 3, 1, 2, 2, 2, 2, 2, 1, 0, 1},
    {7, 3, 6, 5, 3, 3, 1, 1, 1, 1, 1, 1, 2, 2, 0},
    {40, 2, 5, 5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 0, 0},
    {3, 1, 4, 4, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0},
    {64, 1, 1, 20, 1, 7, 1, 1, 0, 3, 0, 3, 1, 0, 0},
    {5, 1, 2, 2, 5, 5, 1, 1, 2, 2, 2, 2, 1, 0, 0},  // larger than the image
    {65, 1, 3, 3, 7, 7, 1, 1, 3, 3, 3, 3, 1, 0, 0},
    {34, 1, 2, 3, 3, 3, 1, 3, 3, 3, 3, 3, 1, 0, 0},      // no tap but the middle one inside
    {32, 1, 20, 20, 17, 17, 1, 1, 8, 8, 8, 8, 1, 0, 0},  // more taps than one chunk
    {16, 1, 4, 4, 2, 2, 3, 1, 1, 1, 0, 0, 1, 0, 0},
    {96, 1, 7, 7, 7, 7, 1, 1, 0, 0, 0, 0, 1, 0, 0},  // global
};

TEST_CASE("depthwise int8: shapes") {
  std::mt19937 random(kDataSeed);
  MESSAGE("seed ", kDataSeed);
  for (const Shape& shape : kShapes) CheckInt(shape, random);
}

TEST_CASE("integer depthwise by curves follows the formula on every row") {
  std::mt19937 random(kDataSeed);
  for (const int curve : {1, 2}) {
    for (const Shape& shape : kShapes) CheckInt(shape, random, curve);
    for (size_t channels = 1; channels <= 70; ++channels) {
      CheckInt({channels, 1, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0}, random, curve);
    }
  }
}

TEST_CASE("depthwise int8: every channel count up to past two blocks of the widest row") {
  std::mt19937 random(kDataSeed + 1);
  for (size_t channels = 1; channels <= 129; ++channels) {
    CheckInt({channels, 1, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0}, random);
  }
}

TEST_CASE("depthwise: codes of all widths, one table or one for 16 channels, more than a strip") {
  std::mt19937 random(kDataSeed + 4);
  const Shape many = {1500, 1, 4, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0};
  for (size_t bits = 1; bits <= 7; ++bits) {
    for (const Shape& shape : {kShapes[2], kShapes[3], kShapes[5], kShapes[6], many}) {
      IntData d = MakeInt(shape, random);
      d.problem.form = {.bits = bits, .table_channels = bits % 2 * 16, .largest = 127};
      const size_t per_table = bits % 2 == 0 ? d.bias.size() : 16;
      const size_t taps = d.weights.size() / d.bias.size();
      d.tables = Bytes((d.bias.size() / per_table + 1) << bits, random);
      std::vector<size_t> codes(d.weights.size());
      for (size_t i = 0; i < codes.size(); ++i) {
        codes[i] = random() % (size_t{1} << bits);
        d.weights[i] = d.tables[(i / taps / per_table << bits) + codes[i]];
      }
      d.codes = BitStream(codes, bits);
      INFO(Describe(shape), " ", bits, " bits");
      const std::vector<int8_t> expected = Textbook(d);
      CHECK(Run(*FindRow("reference"), d) == expected);
      for (const Row* row : SimdRows()) {
        INFO(std::string(row->name));
        CHECK(Run(*row, d) == expected);
      }
    }
  }
}

TEST_CASE("depthwise int8: the largest sums") {
  std::mt19937 random(kDataSeed + 2);
  for (const int8_t zero : {int8_t{-128}, int8_t{127}}) {
    IntData d = MakeInt({35, 1, 19, 19, 17, 17, 1, 1, 8, 8, 8, 8, 1, 0, 0}, random);
    d.problem.weight_zero_points = true;
    d.problem.left_zero_point = zero;
    const auto other = static_cast<int8_t>(zero == 127 ? -128 : 127);
    std::fill(d.in.begin(), d.in.end(), other);
    std::fill(d.weights.begin(), d.weights.end(), other);
    std::fill(d.zero_points.begin(), d.zero_points.end(), zero);
    std::fill(d.scale.begin(), d.scale.end(), 5.5e-6F);
    d.problem.output = {-128, -128, 127};
    const std::vector<int8_t> expected = Textbook(d);
    CHECK(Run(*FindRow("reference"), d) == expected);
    for (const Row* row : SimdRows()) {
      INFO(std::string(row->name));
      CHECK(Run(*row, d) == expected);
    }
  }
}

TEST_CASE("depthwise float: shapes and channel counts") {
  std::mt19937 random(kDataSeed + 3);
  for (const Shape& shape : kShapes) CheckFloat(shape, random);
  for (size_t channels = 1; channels <= 33; ++channels) {
    CheckFloat({channels, 1, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0}, random);
  }
}

TEST_CASE("the rows under test include one with SIMD") {
#if defined(__x86_64__) || defined(__aarch64__)
  REQUIRE(!SimdRows().empty());
#endif
}

}  // namespace
}  // namespace lutra::kernels
