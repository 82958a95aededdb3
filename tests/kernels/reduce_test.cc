// Reductions, softmax and resize: the reference against the definition in wider arithmetic, then
// every row against the reference, byte for byte.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/kernel_data.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

int32_t Requantized(long double real, const OutputQuant& output) {
  const long double lo = output.lo - output.zero_point;
  const long double hi = output.hi - output.zero_point;
  return output.zero_point +
         static_cast<int32_t>(std::nearbyint(std::fmin(std::fmax(real, lo), hi)));
}

const ReduceKernels& Reference() { return FindRow("reference")->reduce; }

// ------------------------------ reductions

void CheckReduceInt(ReduceProblem p, std::mt19937& random) {
  p.zero_point_in = Uniform(random, -128, 127);
  p.multiplier = 0.9F / static_cast<float>(p.reduced);
  p.output = {Uniform(random, -128, 127), -120, 127};
  const std::vector<int8_t> in = Bytes(p.outer * p.reduced * p.inner, random);
  for (const ReduceKind kind : {ReduceKind::mean, ReduceKind::sum, ReduceKind::max}) {
    p.kind = kind;
    const auto run = [&](const ReduceKernels& kernels) {
      std::vector<int8_t> out(p.outer * p.inner, 77);
      kernels.reduce_int(p, in.data(), out.data(), p.outer / 2, p.outer);
      kernels.reduce_int(p, in.data(), out.data(), 0, p.outer / 2);
      return out;
    };
    const auto expected = run(Reference());
    for (size_t i = 0; i < expected.size(); ++i) {
      int64_t sum = 0;
      int32_t max = -128;
      for (size_t r = 0; r < p.reduced; ++r) {
        const int8_t q = in[(i / p.inner * p.reduced + r) * p.inner + i % p.inner];
        sum += q - p.zero_point_in;
        max = std::max<int32_t>(max, q);
      }
      CHECK(expected[i] == (kind == ReduceKind::max
                                ? std::clamp(max, p.output.lo, p.output.hi)
                                : Requantized(static_cast<float>(sum) * p.multiplier, p.output)));
    }
    for (const Row* row : SimdRows()) {
      INFO(std::string(row->name), " ", p.outer, " x ", p.reduced, " x ", p.inner);
      CHECK(run(row->reduce) == expected);
    }
  }
}

/// 16 lanes and the tree, written out once more.
double LaneSum(const std::vector<float>& x) {
  float lane[16] = {};
  for (size_t i = 0; i < x.size(); ++i) lane[i % 16] += x[i];
  const auto pairs = [&](int j) { return lane[j] + lane[j + 8]; };
  const auto quads = [&](int j) { return pairs(j) + pairs(j + 4); };
  return double{(quads(0) + quads(2)) + (quads(1) + quads(3))};
}

void CheckReduceFloat(ReduceProblem p, std::mt19937& random) {
  const std::vector<float> in = Floats(p.outer * p.reduced * p.inner, -1.5F, 2.0F, random);
  for (int kind = 0; kind <= static_cast<int>(ReduceKind::l2); ++kind) {
    p.kind = static_cast<ReduceKind>(kind);
    const auto run = [&](const ReduceKernels& kernels) {
      std::vector<float> out(p.outer * p.inner, 77.0F);
      kernels.reduce_float(p, in.data(), out.data(), 0, p.outer);
      return out;
    };
    const auto expected = run(Reference());
    for (size_t i = 0; i < expected.size(); ++i) {
      std::vector<float> x;
      std::vector<float> squares;
      double product = 1;
      for (size_t r = 0; r < p.reduced; ++r) {
        x.push_back(in[(i / p.inner * p.reduced + r) * p.inner + i % p.inner]);
        squares.push_back(x.back() * x.back());
        product *= x.back();
      }
      const auto count = static_cast<double>(p.reduced);
      switch (p.kind) {
        case ReduceKind::sum:
          CHECK(expected[i] == LaneSum(x));
          break;
        case ReduceKind::mean:
          CHECK(expected[i] == static_cast<float>(LaneSum(x) / count));
          break;
        case ReduceKind::max:
          CHECK(expected[i] == *std::max_element(x.begin(), x.end()));
          break;
        case ReduceKind::min:
          CHECK(expected[i] == *std::min_element(x.begin(), x.end()));
          break;
        case ReduceKind::l2:
          CHECK(expected[i] == static_cast<float>(std::sqrt(LaneSum(squares))));
          break;
        case ReduceKind::prod:  // each of at most `count` products rounds by 2^-24
          CHECK(std::fabs(expected[i] - product) <=
                (count + 16) * std::ldexp(std::fabs(product), -24) + 1e-45);
          break;
      }
    }
    for (const Row* row : SimdRows()) {
      INFO(std::string(row->name), " kind ", kind, " ", p.reduced, " x ", p.inner);
      CHECK(SameFloats(run(row->reduce), expected));
    }
  }
}

TEST_CASE("reductions") {
  std::mt19937 random(kDataSeed);
  MESSAGE("seed ", kDataSeed);
  ReduceProblem p;
  p.outer = 3;
  for (const size_t reduced : {1, 2, 15, 16, 17, 31, 33, 49, 127, 256, 257, 600}) {
    for (const size_t inner : {1, 2, 3, 7, 8, 15, 16, 17, 32, 33, 63, 64, 65}) {
      p.reduced = reduced;
      p.inner = inner;
      CheckReduceInt(p, random);
      CheckReduceFloat(p, random);
    }
  }
}

TEST_CASE("reductions of extreme bytes") {
  for (const int8_t q : {int8_t{-128}, int8_t{127}}) {
    for (const size_t inner : {1, 32}) {
      ReduceProblem p;
      p.kind = ReduceKind::sum;
      p.reduced = 70000;
      p.inner = inner;
      p.zero_point_in = q == 127 ? -128 : 127;
      p.multiplier = 1.1e-5F;
      p.output.zero_point = p.zero_point_in;
      const std::vector<int8_t> in(p.reduced * inner, q);
      const float real = static_cast<float>(70000 * (q - p.zero_point_in)) * p.multiplier;
      for (const Row* row : SimdRows()) {
        std::vector<int8_t> out(inner);
        row->reduce.reduce_int(p, in.data(), out.data(), 0, 1);
        CHECK(out == std::vector<int8_t>(inner, static_cast<int8_t>(Requantized(real, p.output))));
      }
    }
  }
}

TEST_CASE("float maximum and minimum: NaN wins, rows agree on signed zeros") {
  std::mt19937 random(kDataSeed + 1);
  const std::vector<float> special = SpecialFloats();
  for (int kind = 0; kind <= static_cast<int>(ReduceKind::l2); ++kind) {
    for (const size_t inner : {1, 19}) {
      for (int repeat = 0; repeat < 50; ++repeat) {
        ReduceProblem p;
        p.kind = static_cast<ReduceKind>(kind);
        p.reduced = 1 + random() % 40;
        p.inner = inner;
        std::vector<float> in(p.reduced * inner);
        for (float& x : in) x = random() % 2 == 0 ? 0.0F : -0.0F;
        in[random() % in.size()] = special[random() % special.size()];
        std::vector<float> expected(inner);
        Reference().reduce_float(p, in.data(), expected.data(), 0, 1);
        for (const Row* row : SimdRows()) {
          std::vector<float> out(inner);
          row->reduce.reduce_float(p, in.data(), out.data(), 0, 1);
          CHECK(SameFloats(out, expected));
        }
      }
    }
  }
}

// ------------------------------ softmax

TEST_CASE("integer softmax") {
  std::mt19937 random(kDataSeed + 2);
  for (const bool log : {false, true}) {
    for (const size_t cols : {1, 2, 7, 8, 9, 10, 16, 33, 100, 255, 256, 257, 1000}) {
      const float scale_in = log ? 0.05F : 0.11F;
      const OutputQuant output = log ? OutputQuant{127, -128, 127} : OutputQuant{-128, -128, 127};
      const float multiplier = log ? 1.0F / 0.09F : 256.0F;
      std::vector<uint32_t> table(256);
      for (size_t d = 0; d < 256; ++d) {
        table[d] = static_cast<uint32_t>(
            std::lround(16777216.0 * std::exp(-static_cast<double>(scale_in) * double(d))));
      }
      constexpr size_t kRows = 3;
      const size_t stride = cols + 5;
      std::vector<int8_t> in = Bytes(kRows * stride, random);
      std::fill_n(in.begin(), cols, int8_t{-128});  // a row of equal values
      const auto run = [&](const Row& row) {
        std::vector<int8_t> out(kRows * stride, 77);
        row.softmax.softmax_int(table.data(), scale_in, multiplier, log, output,
                                {in.data(), stride}, {out.data(), stride}, kRows, cols);
        return out;
      };
      const auto expected = run(*FindRow("reference"));
      for (size_t r = 0; r < kRows; ++r) {
        const int8_t* x = in.data() + r * stride;
        const int32_t max = *std::max_element(x, x + cols);
        double sum = 0;
        for (size_t i = 0; i < cols; ++i) sum += std::exp(double{scale_in} * (x[i] - max));
        for (size_t i = 0; i < cols; ++i) {
          const double exponent = double{scale_in} * (x[i] - max);
          const double real = log ? exponent - std::log(sum) : std::exp(exponent) / sum;
          // Table and float roundings stay far below one step of the output.
          CHECK(std::abs(expected[r * stride + i] - Requantized(real * multiplier, output)) <= 1);
        }
      }
      for (const Row* row : SimdRows()) {
        INFO(std::string(row->name), " ", cols);
        CHECK(run(*row) == expected);
      }
    }
  }
}

TEST_CASE("float softmax") {
  std::mt19937 random(kDataSeed + 3);
  const std::vector<float> special = SpecialFloats();
  for (const bool log : {false, true}) {
    for (size_t cols = 1; cols <= 70; ++cols) {
      constexpr size_t kRows = 3;
      const size_t stride = cols + 2;
      std::vector<float> in = Floats(kRows * stride, -9.0F, 9.0F, random);
      in[stride * 2 + random() % cols] = special[random() % special.size()];
      const auto run = [&](const Row& row, bool in_place) {
        std::vector<float> out = in;
        row.softmax.softmax_float(log, {in_place ? out.data() : in.data(), stride},
                                  {out.data(), stride}, kRows, cols);
        return out;
      };
      const auto expected = run(*FindRow("reference"), false);
      for (size_t r = 0; r < 2; ++r) {
        const float* x = in.data() + r * stride;
        const double max = *std::max_element(x, x + cols);
        double sum = 0;
        for (size_t i = 0; i < cols; ++i) sum += std::exp(x[i] - max);
        for (size_t i = 0; i < cols; ++i) {
          const double exact = log ? x[i] - max - std::log(sum) : std::exp(x[i] - max) / sum;
          // exp within 1.5 ulp plus 2^-24 of |x - max| <= 18, the sum by 2^-24 per addition.
          CHECK(std::fabs(expected[r * stride + i] - exact) <=
                std::ldexp(40.0 + std::fabs(exact), -24) * (log ? 1.0 : exact + 1e-9));
        }
      }
      for (const Row* row : SimdRows()) {
        INFO(std::string(row->name), " ", cols);
        CHECK(SameFloats(run(*row, false), expected));
        CHECK(SameFloats(run(*row, true), expected));
      }
    }
  }
}

// ------------------------------ resize

struct Axis {
  std::vector<uint16_t> source, weight;
};

/// Half-pixel linear positions, the last clamped to lie inside.
Axis LinearAxis(int32_t in, int32_t out) {
  Axis axis;
  for (int32_t o = 0; o < out; ++o) {
    const double x = std::clamp((o + 0.5) * in / out - 0.5, 0.0, in - 1.0);
    const int32_t first = std::max(0, std::min(static_cast<int32_t>(x), in - 2));
    axis.source.push_back(static_cast<uint16_t>(first));
    axis.weight.push_back(static_cast<uint16_t>(in == 1 ? 0 : std::lround((x - first) * 2048)));
  }
  return axis;
}

void CheckResize(int32_t in_h, int32_t in_w, int32_t out_h, int32_t out_w, size_t channels,
                 std::mt19937& random) {
  const Axis height = LinearAxis(in_h, out_h);
  const Axis width = LinearAxis(in_w, out_w);
  ResizeProblem p;
  p.batch = 2;
  p.channels = channels;
  p.in_h = in_h;
  p.in_w = in_w;
  p.out_h = out_h;
  p.out_w = out_w;
  p.in_pixel_stride = channels + random() % 3;
  p.out_pixel_stride = channels + random() % 3;
  p.source_h = height.source.data();
  p.source_w = width.source.data();
  p.zero_point_in = Uniform(random, -128, 127);
  p.multiplier = 1.2F / 4194304.0F;
  p.output.zero_point = Uniform(random, -128, 127);
  const size_t in_size = (2 * static_cast<size_t>(in_h * in_w) - 1) * p.in_pixel_stride + channels;
  const size_t out_size =
      (2 * static_cast<size_t>(out_h * out_w) - 1) * p.out_pixel_stride + channels;
  const std::vector<int8_t> bytes = Bytes(in_size, random);
  const std::vector<float> floats = Floats(in_size, -3.0F, 3.0F, random);
  for (int form = 0; form < 4; ++form) {  // nearest, one axis, the other, both
    p.weight_h = form & 1 ? height.weight.data() : nullptr;
    p.weight_w = form & 2 ? width.weight.data() : nullptr;
    const size_t rows = p.batch * static_cast<size_t>(out_h);
    const auto run_int = [&](const ResizeKernels& kernels) {
      std::vector<int8_t> out(out_size, 77);
      kernels.resize_int(p, bytes.data(), out.data(), rows / 2, rows);
      kernels.resize_int(p, bytes.data(), out.data(), 0, rows / 2);
      return out;
    };
    const auto run_float = [&](const ResizeKernels& kernels) {
      std::vector<float> out(out_size, 77.0F);
      kernels.resize_float(p, floats.data(), out.data(), 0, rows);
      return out;
    };
    const auto expected_int = run_int(FindRow("reference")->resize);
    const auto expected_float = run_float(FindRow("reference")->resize);
    for (size_t row = 0; row < rows; ++row) {
      for (int32_t x = 0; x < out_w; ++x) {
        const size_t y = row % out_h;
        const int64_t wh = form & 1 ? height.weight[y] : 0;
        const int64_t ww = form & 2 ? width.weight[x] : 0;
        const size_t pixel = (row / out_h * in_h + height.source[y]) * in_w + width.source[x];
        for (size_t c = 0; c < channels; ++c) {
          const auto at = [&](size_t dy, size_t dx) {
            return (pixel + dy * in_w + dx) * p.in_pixel_stride + c;
          };
          int64_t acc = 0;
          double real = 0;
          for (size_t i = 0; i < 4; ++i) {
            const int64_t weight = (i / 2 != 0 ? wh : 2048 - wh) * (i % 2 != 0 ? ww : 2048 - ww);
            if (weight == 0) continue;
            acc += weight * (bytes[at(i / 2, i % 2)] - p.zero_point_in);
            real += static_cast<double>(weight) / 4194304.0 * floats[at(i / 2, i % 2)];
          }
          const size_t out_at = (row * out_w + x) * p.out_pixel_stride + c;
          CHECK(expected_int[out_at] ==
                (form == 0 ? bytes[at(0, 0)]
                           : Requantized(static_cast<float>(acc) * p.multiplier, p.output)));
          CHECK(std::fabs(expected_float[out_at] - real) <= std::ldexp(3.0 * 6, -24));
        }
      }
    }
    for (const Row* row : SimdRows()) {
      INFO(std::string(row->name), " ", channels, " form ", form);
      CHECK(run_int(row->resize) == expected_int);
      CHECK(SameFloats(run_float(row->resize), expected_float));
    }
  }
}

TEST_CASE("resize") {
  std::mt19937 random(kDataSeed + 4);
  for (size_t channels = 1; channels <= 67; ++channels) {
    CheckResize(3, 2, 5, 4, channels, random);
  }
  CheckResize(1, 7, 3, 20, 16, random);
  CheckResize(9, 9, 4, 3, 33, random);
}

}  // namespace
}  // namespace lutra::kernels
