// Pool, Reduce and Resize against their formulas.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

struct PoolCase {
  const char* name;
  int in_h, in_w, channels, kernel_h, kernel_w, stride_h, stride_w;
  int dilation_h, dilation_w, top, left, bottom, right, out_h, out_w;
  bool include_pad = false;
  bool one_dimensional = false;
};

const PoolCase kPoolCases[] = {
    {"2x2", 8, 8, 16, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 4, 4},
    {"3x3 same", 7, 9, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 7, 9},
    {"counted padding", 7, 9, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 4, 5, true},
    {"rounded up", 8, 7, 33, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 4, 3},
    {"rounded up, counted padding", 6, 6, 3, 3, 3, 2, 2, 1, 1, 0, 1, 0, 0, 3, 3, true},
    {"dilated", 9, 9, 4, 3, 2, 1, 2, 2, 3, 1, 0, 0, 1, 6, 4},
    {"whole image", 6, 5, 70, 6, 5, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1},
    {"1-D", 1, 20, 8, 1, 4, 1, 3, 1, 1, 0, 1, 0, 1, 1, 7, false, true},
    {"enough work for threads", 80, 80, 40, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 80, 80},
};

ModelBuilder::Shape ImageShape(const PoolCase& c, int h, int w) {
  if (c.one_dimensional) return {1, w, c.channels};
  return {1, h, w, c.channels};
}

/// Calls window(output index, input indices inside the image, count of positions that count).
template <typename Function>
void ForEachWindow(const PoolCase& c, int batch, const Function& window) {
  size_t out = 0;
  std::vector<size_t> inside;
  for (int n = 0; n < batch; ++n) {
    for (int y = 0; y < c.out_h; ++y) {
      for (int x = 0; x < c.out_w; ++x) {
        for (int channel = 0; channel < c.channels; ++channel, ++out) {
          inside.clear();
          size_t padded = 0;
          for (int ky = 0; ky < c.kernel_h; ++ky) {
            for (int kx = 0; kx < c.kernel_w; ++kx) {
              const int in_y = y * c.stride_h - c.top + ky * c.dilation_h;
              const int in_x = x * c.stride_w - c.left + kx * c.dilation_w;
              if (in_y < c.in_h + c.bottom && in_x < c.in_w + c.right) ++padded;
              if (in_y < 0 || in_y >= c.in_h || in_x < 0 || in_x >= c.in_w) continue;
              inside.push_back(static_cast<size_t>(
                  ((n * c.in_h + in_y) * c.in_w + in_x) * c.channels + channel));
            }
          }
          window(out, inside, c.include_pad ? padded : inside.size());
        }
      }
    }
  }
}

schema::PoolT Options(const PoolCase& c, schema::PoolKind kind) {
  schema::PoolT pool;
  pool.kind = kind;
  pool.kernel_h = static_cast<uint16_t>(c.kernel_h);
  pool.kernel_w = static_cast<uint16_t>(c.kernel_w);
  pool.stride_h = static_cast<uint16_t>(c.stride_h);
  pool.stride_w = static_cast<uint16_t>(c.stride_w);
  pool.dilation_h = static_cast<uint16_t>(c.dilation_h);
  pool.dilation_w = static_cast<uint16_t>(c.dilation_w);
  pool.pad_top = static_cast<uint16_t>(c.top);
  pool.pad_left = static_cast<uint16_t>(c.left);
  pool.pad_bottom = static_cast<uint16_t>(c.bottom);
  pool.pad_right = static_cast<uint16_t>(c.right);
  pool.count_include_pad = c.include_pad;
  return pool;
}

TEST_CASE("integer pooling") {
  Random random(21);
  const int batch = 2;
  for (const PoolCase& c : kPoolCases) {
    CAPTURE(c.name);
    const auto input = random.Int8s(static_cast<size_t>(batch * c.in_h * c.in_w * c.channels));
    for (const auto kind : {schema::PoolKind::max, schema::PoolKind::average}) {
      const bool average = kind == schema::PoolKind::average;
      CAPTURE(average);
      const Quant quant_in = {0.1F, 12};
      const Quant quant_out = average ? Quant{0.07F, -3} : quant_in;
      std::map<size_t, float> multipliers;
      ForEachWindow(c, batch, [&](size_t, const std::vector<size_t>&, size_t count) {
        multipliers[count] = 0.1F / 0.07F / static_cast<float>(count);
      });
      ModelBuilder b;
      const auto x = b.Input("x", ImageShape(c, c.in_h, c.in_w), quant_in);
      const auto y = b.Int8(ImageShape(c, c.out_h, c.out_w), quant_out);
      schema::PoolT pool = Options(c, kind);
      if (average) {
        for (const auto& [count, multiplier] : multipliers) {
          pool.counts.push_back(static_cast<uint32_t>(count));
          pool.multipliers.push_back(multiplier);
        }
        pool.int_range = std::make_unique<schema::IntRange>(int8_t{-100}, int8_t{90});
      }
      b.Add(std::move(pool), {x}, {y});
      b.Output("y", y);
      const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, batch);
      std::vector<int8_t> expected;
      ForEachWindow(c, batch, [&](size_t, const std::vector<size_t>& inside, size_t count) {
        int64_t sum = 0;
        int8_t top = -128;
        for (const size_t i : inside) {
          sum += input[i] - 12;
          top = std::max(top, input[i]);
        }
        expected.push_back(average ? Requantize(sum, multipliers[count], -3, -100, 90) : top);
      });
      CHECK(FromBytes<int8_t>(outputs[0]) == expected);
    }
  }
}

TEST_CASE("float pooling") {
  Random random(22);
  const int batch = 2;
  for (const PoolCase& c : kPoolCases) {
    CAPTURE(c.name);
    const auto input = random.Floats(static_cast<size_t>(batch * c.in_h * c.in_w * c.channels));
    for (const auto kind : {schema::PoolKind::max, schema::PoolKind::average}) {
      const bool average = kind == schema::PoolKind::average;
      CAPTURE(average);
      ModelBuilder b;
      const auto x = b.FloatInput("x", ImageShape(c, c.in_h, c.in_w));
      const auto y = b.Float(ImageShape(c, c.out_h, c.out_w));
      b.Add(Options(c, kind), {x}, {y});
      b.Output("y", y);
      const auto got = FromBytes<float>(RunEverywhere(b.Finish(), {ToBytes(input)}, batch)[0]);
      size_t wrong = 0;
      ForEachWindow(c, batch, [&](size_t out, const std::vector<size_t>& inside, size_t count) {
        double sum = 0;
        float top = -INFINITY;
        for (const size_t i : inside) {
          sum += double{input[i]};
          top = std::max(top, input[i]);
        }
        // Sums of at most 30 terms of magnitude 2: 30 roundings of at most 60 * 2^-24.
        const double expected = average ? sum / static_cast<double>(count) : double{top};
        wrong += std::abs(got[out] - expected) > (average ? 1e-4 : 0.0) ? 1 : 0;
      });
      CHECK(wrong == 0);
    }
  }
}

struct ReduceCase {
  ModelBuilder::Shape in, out;
  std::vector<uint8_t> axes;
};

const ReduceCase kReduceCases[] = {
    {{1, 7, 6, 19}, {1, 1, 1, 19}, {1, 2}}, {{1, 7, 6, 19}, {1, 19}, {1, 2}},
    {{1, 5, 33}, {1, 5, 1}, {2}},           {{1, 5, 6, 7}, {1, 6, 7}, {1}},
    {{1, 5, 6, 7}, {1, 5}, {2, 3}},         {{1, 100, 90, 40}, {1, 100, 1, 40}, {2}},
};

size_t Elements(const ModelBuilder::Shape& shape) {
  size_t count = 1;
  for (const int32_t d : shape) count *= static_cast<size_t>(d);
  return count;
}

/// Calls reduce(outer * inner index, values).
template <typename T, typename Function>
void ForEachReduction(const ReduceCase& c, const std::vector<T>& input, const Function& reduce) {
  size_t reduced = 1;
  size_t inner = 1;
  for (size_t d = 0; d < c.in.size(); ++d) {
    if (d >= c.axes.front() && d <= c.axes.back()) reduced *= static_cast<size_t>(c.in[d]);
    if (d > c.axes.back()) inner *= static_cast<size_t>(c.in[d]);
  }
  const size_t outer = input.size() / reduced / inner;
  std::vector<T> values(reduced);
  for (size_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < inner; ++i) {
      for (size_t r = 0; r < reduced; ++r) values[r] = input[(o * reduced + r) * inner + i];
      reduce(o * inner + i, values);
    }
  }
}

TEST_CASE("integer Reduce") {
  Random random(23);
  for (const ReduceCase& c : kReduceCases) {
    const auto input = random.Int8s(2 * Elements(c.in));
    for (const auto kind :
         {schema::ReduceKind::mean, schema::ReduceKind::sum, schema::ReduceKind::max}) {
      CAPTURE(static_cast<int>(kind));
      const bool max = kind == schema::ReduceKind::max;
      const auto terms = static_cast<float>(Elements(c.in) / Elements(c.out));
      const float multiplier = 0.8F / (kind == schema::ReduceKind::mean ? terms : std::sqrt(terms));
      ModelBuilder b;
      const auto x = b.Input("x", c.in, {0.1F, 6});
      const auto y = b.Int8(c.out, max ? Quant{0.1F, 6} : Quant{0.125F, -30});
      schema::ReduceT reduce;
      reduce.kind = kind;
      reduce.axes = c.axes;
      reduce.multiplier = max ? 0.0F : multiplier;
      b.Add(std::move(reduce), {x}, {y});
      b.Output("y", y);
      const auto outputs = RunEverywhere(b.Finish(), {ToBytes(input)}, 2);
      std::vector<int8_t> expected(2 * Elements(c.out));
      ForEachReduction(c, input, [&](size_t out, const std::vector<int8_t>& values) {
        int64_t sum = 0;
        for (const int8_t q : values) sum += q - 6;
        expected[out] = max ? *std::max_element(values.begin(), values.end())
                            : Requantize(sum, multiplier, -30);
      });
      CHECK(FromBytes<int8_t>(outputs[0]) == expected);
    }
  }
}

TEST_CASE("float Reduce, every kind") {
  Random random(24);
  for (const ReduceCase& c : kReduceCases) {
    const auto input = random.Floats(2 * Elements(c.in), 0.9F, 1.1F);
    for (int kind = 0; kind <= static_cast<int>(schema::ReduceKind::l2); ++kind) {
      CAPTURE(kind);
      ModelBuilder b;
      const auto x = b.FloatInput("x", c.in);
      const auto y = b.Float(c.out);
      schema::ReduceT reduce;
      reduce.kind = static_cast<schema::ReduceKind>(kind);
      reduce.axes = c.axes;
      b.Add(std::move(reduce), {x}, {y});
      b.Output("y", y);
      const auto got = FromBytes<float>(RunEverywhere(b.Finish(), {ToBytes(input)}, 2)[0]);
      REQUIRE(got.size() == 2 * Elements(c.out));
      size_t wrong = 0;
      ForEachReduction(c, input, [&](size_t out, const std::vector<float>& values) {
        double sum = 0;
        double squares = 0;
        double product = 1;
        for (const float v : values) {
          sum += double{v};
          squares += double{v} * double{v};
          product *= double{v};
        }
        const double expected[] = {sum / static_cast<double>(values.size()),
                                   sum,
                                   double{*std::max_element(values.begin(), values.end())},
                                   double{*std::min_element(values.begin(), values.end())},
                                   product,
                                   std::sqrt(squares)};
        // At most 90 roundings of relative error 2^-24 on positive terms.
        wrong += std::abs(got[out] - expected[kind]) > 1e-5 * expected[kind] ? 1 : 0;
      });
      CHECK(wrong == 0);
    }
  }
}

schema::ResizeAxisT Axis(Random& random, int in, int out, bool linear) {
  schema::ResizeAxisT axis;
  for (int o = 0; o < out; ++o) {
    const int weight = linear && in > 1 ? random.Int(0, 2048) : 0;
    axis.source.push_back(static_cast<uint16_t>(random.Int(0, weight > 0 ? in - 2 : in - 1)));
    if (linear) axis.weight.push_back(static_cast<uint16_t>(weight));
  }
  return axis;
}

template <typename T, typename Store>
void NaiveResize(const schema::ResizeT& resize, int in_h, int in_w, int channels, int batch,
                 const std::vector<T>& input, const Store& store) {
  const bool linear = resize.kind == schema::ResizeKind::linear;
  const size_t out_h = resize.height == nullptr ? 1 : resize.height->source.size();
  const auto axis = [&](const std::unique_ptr<schema::ResizeAxisT>& a, size_t o, size_t tap,
                        int* weight) {
    const int w = linear && a != nullptr ? a->weight[o] : 0;
    *weight = tap == 0 ? 2048 - w : w;
    return static_cast<int>((a == nullptr ? 0U : a->source[o]) + tap);
  };
  for (int n = 0; n < batch; ++n) {
    for (size_t y = 0; y < out_h; ++y) {
      for (size_t x = 0; x < resize.width->source.size(); ++x) {
        for (int c = 0; c < channels; ++c) {
          std::vector<std::pair<T, int64_t>> taps;
          for (size_t ty = 0; ty < 2; ++ty) {
            for (size_t tx = 0; tx < 2; ++tx) {
              int wy = 0;
              int wx = 0;
              const int in_y = axis(resize.height, y, ty, &wy);
              const int in_x = axis(resize.width, x, tx, &wx);
              if (wy == 0 || wx == 0) continue;
              taps.emplace_back(
                  input[static_cast<size_t>(((n * in_h + in_y) * in_w + in_x) * channels + c)],
                  int64_t{wy} * wx);
            }
          }
          store(taps);
        }
      }
    }
  }
}

TEST_CASE("Resize nearest and linear, 2-D and 1-D") {
  Random random(25);
  const int batch = 2;
  for (const bool one_dimensional : {false, true}) {
    for (const auto kind : {schema::ResizeKind::nearest, schema::ResizeKind::linear}) {
      const bool linear = kind == schema::ResizeKind::linear;
      CAPTURE(one_dimensional);
      CAPTURE(linear);
      const int in_h = one_dimensional ? 1 : 5, in_w = 6, channels = 19;
      const int out_h = one_dimensional ? 1 : 9, out_w = 11;
      schema::ResizeT resize;
      resize.kind = kind;
      if (!one_dimensional) {
        resize.height = std::make_unique<schema::ResizeAxisT>(Axis(random, in_h, out_h, linear));
      }
      resize.width = std::make_unique<schema::ResizeAxisT>(Axis(random, in_w, out_w, linear));
      const auto shape = [&](int h, int w) {
        return one_dimensional ? ModelBuilder::Shape{1, w, channels}
                               : ModelBuilder::Shape{1, h, w, channels};
      };
      const auto count = static_cast<size_t>(batch * in_h * in_w * channels);
      const auto q = random.Int8s(count);
      const auto f = random.Floats(count);

      ModelBuilder bi;
      const auto xi = bi.Input("x", shape(in_h, in_w), {0.1F, 8});
      const auto yi = bi.Int8(shape(out_h, out_w), linear ? Quant{0.08F, -2} : Quant{0.1F, 8});
      resize.multiplier = linear ? 0.1F / 0.08F / 4194304.0F : 0.0F;
      bi.Add(schema::ResizeT(resize), {xi}, {yi});
      bi.Output("y", yi);
      const auto got_q = FromBytes<int8_t>(RunEverywhere(bi.Finish(), {ToBytes(q)}, batch)[0]);
      std::vector<int8_t> expected_q;
      NaiveResize(resize, in_h, in_w, channels, batch, q, [&](const auto& taps) {
        int64_t sum = 0;
        for (const auto& [value, weight] : taps) sum += weight * (value - 8);
        expected_q.push_back(linear ? Requantize(sum, resize.multiplier, -2) : taps[0].first);
      });
      CHECK(got_q == expected_q);

      ModelBuilder bf;
      const auto xf = bf.FloatInput("x", shape(in_h, in_w));
      const auto yf = bf.Float(shape(out_h, out_w));
      bf.Add(schema::ResizeT(resize), {xf}, {yf});
      bf.Output("y", yf);
      const auto got_f = FromBytes<float>(RunEverywhere(bf.Finish(), {ToBytes(f)}, batch)[0]);
      size_t at = 0;
      size_t wrong = 0;
      NaiveResize(resize, in_h, in_w, channels, batch, f, [&](const auto& taps) {
        double sum = 0;
        for (const auto& [value, weight] : taps) sum += double{value} * static_cast<double>(weight);
        const double tolerance = linear ? 2e-6 : 0.0;  // a few roundings of values up to 2
        wrong += std::abs(got_f[at++] - sum / 4194304.0) > tolerance ? 1 : 0;
      });
      CHECK(wrong == 0);
    }
  }
}

}  // namespace
}  // namespace lutra::test
