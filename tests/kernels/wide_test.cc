// The element-wise parts of 16-bit activations, against their formulas and on every row.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/kernel_data.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

std::vector<const Row*> AllRows() {
  std::vector<const Row*> rows = SimdRows();
  rows.push_back(FindRow("reference"));
  return rows;
}

TEST_CASE("every int16 is 256 times its high byte and its low one, or the largest that is") {
  for (const size_t count : {size_t{65536}, size_t{1}, size_t{37}}) {
    std::vector<int16_t> in(count);
    for (size_t i = 0; i < count; ++i) in[i] = static_cast<int16_t>(i * 65536 / count - 32768);
    for (const Row* row : AllRows()) {
      INFO(std::string(row->name));
      std::vector<int8_t> high(count), low(count);
      row->wide.split(in.data(), high.data(), low.data(), count);
      bool same = true;
      for (size_t i = 0; i < count; ++i) {
        same = same && 256 * high[i] + low[i] == std::min<int>(in[i], 32639);
      }
      CHECK(same);
    }
  }
}

TEST_CASE("float to int16: halves to even, both ends, NaN, views") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> edges = {0.5F,       1.5F,     -0.5F,     -2.5F, 32639.0F,
                                    32639.5F,   40000.0F, -32640.0F, 1e38F, kInfinity,
                                    -kInfinity, kNan,     -0.0F,     0.25F};
  const std::vector<int16_t> expected = {0,      2,     0,     -2,     32639, 32639, 32639,
                                         -32639, 32639, 32639, -32639, 0,     0,     0};
  std::mt19937 random(kDataSeed);
  const std::vector<float> many = Floats(5 * 83, -40000, 40000, random);
  for (const Row* row : AllRows()) {
    INFO(std::string(row->name));
    for (const float scale : {1.0F, 0.125F}) {
      std::vector<float> scaled = edges;
      for (float& x : scaled) x *= scale;
      std::vector<int16_t> q(edges.size());
      row->wide.quantize(scale, {scaled.data(), 0}, {q.data(), 0}, 1, q.size());
      CHECK(q == expected);
    }
    for (size_t cols = 1; cols <= 83; ++cols) {
      std::vector<int16_t> q(5 * 90, 77);
      row->wide.quantize(3.0F, {many.data(), 83}, {q.data(), 90}, 5, cols);
      bool same = true;
      for (size_t i = 0; i < q.size(); ++i) {
        const float x = many[i / 90 * 83 + std::min<size_t>(i % 90, 82)];
        same = same && q[i] == (i % 90 < cols ? std::lrint(std::nearbyint(x / 3.0F)) : 77);
      }
      CHECK(same);
    }
    const float one = 21.0F;
    std::vector<int16_t> q(7);
    row->wide.quantize(2.0F, {&one, 0, 0}, {q.data(), 0}, 1, 7);
    CHECK(q == std::vector<int16_t>(7, 10));
  }
}

}  // namespace
}  // namespace lutra::kernels
