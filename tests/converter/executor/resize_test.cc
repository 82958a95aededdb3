// Resize by scales and lengths where float32 decides: the expected pixels are those of PyTorch's
// upsampling (floor(i / scale) in float32) and of hand calculations.
#include <doctest/doctest.h>

#include <numeric>

#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {
namespace {

using Text = std::string;

/// [1, 1, 1, n] of 0, 1, 2 ...
Tensor Row(int64_t n) {
  Floats values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0.0F);
  return Tensor::Of({1, 1, 1, n}, values);
}

Floats ByScale(int64_t n, float scale, std::map<std::string, Attribute> attributes) {
  const Tensor none;
  return RunNode("Resize", {Row(n), none, Tensor::Of({4}, Floats{1, 1, 1, scale})},
                 std::move(attributes))
      .ToFloats();
}

Floats Nearest(int64_t n, float scale) {
  return ByScale(
      n, scale,
      {{"coordinate_transformation_mode", Text("asymmetric")}, {"nearest_mode", Text("floor")}});
}

TEST_CASE("a length is the product in float32, rounded down") {
  // 0.7f is 0.69999999: the product is 7 in float32 and 6.9999999 in float64. So with the others.
  CHECK(Nearest(10, 0.7F).size() == 7);
  CHECK(Nearest(10, 1.3F).size() == 13);
  CHECK(Nearest(10, 1.9F).size() == 19);
  CHECK(Nearest(10, 0.9F).size() == 9);
  CHECK(Nearest(11, 0.6F).size() == 6);
}

TEST_CASE("a position that float32 rounds to a whole number is that pixel") {
  // 3 / 0.6f is 5 in float32, 4.9999998 in float64.
  CHECK(Nearest(10, 0.6F) == Floats{0, 1, 3, 5, 6, 8});
  CHECK(Nearest(4, 1.7F) == Floats{0, 0, 1, 1, 2, 2});
}

TEST_CASE("align_corners spreads the whole length of the result") {
  // 6 * 1.1 = 6.6 becomes 6 positions from 0 to 5, as PyTorch does it.
  const Floats y = ByScale(
      6, 1.1F,
      {{"coordinate_transformation_mode", Text("align_corners")}, {"mode", Text("linear")}});
  CHECK(y == Floats{0, 1, 2, 3, 4, 5});
}

TEST_CASE("Resize-10 shrinks by the pixel behind and grows by the one before") {
  const std::map<std::string, Attribute> attributes = {
      {"coordinate_transformation_mode", Text("asymmetric")},
      {"nearest_mode", Text("ceil_to_shrink")}};
  CHECK(ByScale(4, 0.6F, attributes) == Floats{0, 2});  // ONNX's example: 0 and 1 / 0.6 = 1.67
  CHECK(ByScale(2, 2, attributes) == Floats{0, 0, 1, 1});
}

}  // namespace
}  // namespace lutra::converter::executor
