// ONNX's definition of Cast, and the limits of what a tensor may be.
#include "converter/graph/tensor.h"

#include <doctest/doctest.h>

#include <limits>

#include "converter/error.h"

namespace lutra::converter {
namespace {

using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;

Tensor FloatRow(Floats values) {
  const auto n = static_cast<int64_t>(values.size());
  return Tensor::Of({n}, std::move(values));
}

Tensor IntRow(Ints values) {
  const auto n = static_cast<int64_t>(values.size());
  return Tensor::Of({n}, std::move(values));
}

}  // namespace

TEST_CASE("a tensor is zero-filled and knows its type") {
  Tensor tensor(DataType::int16, {2, 3});
  CHECK(tensor.elements() == 6);
  CHECK(tensor.bytes().size() == 12);
  CHECK(tensor.ToInts() == Ints(6, 0));
  tensor.as<int16_t>()[4] = -7;
  CHECK(tensor.ToFloats()[4] == -7.0F);
  CHECK_THROWS_WITH_AS(tensor.as<float>(), "a tensor of type int16 is read as another", Error);
  CHECK(Tensor().elements() == 0);
  CHECK(Tensor(DataType::float32, {}).elements() == 1);
  CHECK(Tensor(DataType::float32, {3, 0}).elements() == 0);
}

TEST_CASE("impossible dimensions are refused before memory is taken") {
  CHECK_THROWS_WITH_AS(Tensor(DataType::float32, {2, -1, 3}),
                       "a tensor of 2x?x3 has a negative dimension", Error);
  CHECK_THROWS_WITH_AS(Tensor(DataType::float32, {1 << 16, 1 << 16}),
                       "a tensor of 65536x65536 is too large", Error);
  CHECK_THROWS_AS(Tensor(DataType::float32, {INT64_MAX, INT64_MAX, 4}), Error);
  // 2^30 elements, 2^31 bytes.
  const auto count = [](std::vector<int64_t> dims) { return ElementCount(dims); };
  CHECK(count({1 << 15, 1 << 15}) == size_t{1} << 30);
  CHECK_THROWS_AS(count({1 << 15, (1 << 15) + 1}), Error);
  CHECK_THROWS_WITH_AS(Tensor(DataType::int64, {(1 << 28) + 1}),
                       "a tensor of 268435457 is too large", Error);
  CHECK_THROWS_WITH_AS(Tensor(DataType::string, {1}), "a tensor of type string cannot be used here",
                       Error);
  CHECK_THROWS_WITH_AS(Tensor::Of({2, 2}, Floats{1, 2, 3}), "3 values do not fill a tensor of 2x2",
                       Error);
}

TEST_CASE("Cast of floating numbers to integers truncates and saturates") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor from = FloatRow({1.9F, -1.9F, 300.0F, -300.0F, inf, -inf, -inf - -inf, 127.5F});
  CHECK(from.Cast(DataType::int8).ToInts() == Ints{1, -1, 127, -128, 127, -128, 0, 127});
  CHECK(from.Cast(DataType::uint8).ToInts() == Ints{1, 0, 255, 0, 255, 0, 0, 127});
  CHECK(FloatRow({1e19F, -1e19F}).Cast(DataType::int64).ToInts() ==
        Ints{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()});
}

TEST_CASE("Cast of integers to narrower ones wraps") {
  CHECK(IntRow({300, -129, 255}).Cast(DataType::int8).ToInts() == Ints{44, 127, -1});
  CHECK(IntRow({300, -1}).Cast(DataType::uint8).ToInts() == Ints{44, 255});
}

TEST_CASE("Cast to bool asks for zero, whatever the type") {
  CHECK(FloatRow({0.0F, -0.0F, 0.25F}).Cast(DataType::boolean).ToInts() == Ints{0, 0, 1});
  CHECK(IntRow({0, 256}).Cast(DataType::boolean).ToInts() == Ints{0, 1});
}

TEST_CASE("Cast between floating types keeps what fits") {
  const Tensor from = FloatRow({0.1F, 65504.0F, 1e6F});
  const Floats half = from.Cast(DataType::float16).ToFloats();
  CHECK(half[0] == 0.0999755859375F);  // 0x2E66
  CHECK(half[1] == 65504.0F);
  CHECK(half[2] == std::numeric_limits<float>::infinity());
  CHECK(from.Cast(DataType::float64).Cast(DataType::float32) == from);
  CHECK(IntRow({(int64_t{1} << 53) + 1}).Cast(DataType::float64).as<double>()[0] == 0x1p53);
}

TEST_CASE("Reshaped keeps the elements") {
  const Tensor tensor = IntRow({1, 2, 3, 4, 5, 6});
  CHECK(tensor.Reshaped({2, 3}).dims() == Ints{2, 3});
  CHECK(tensor.Reshaped({3, 1, 2}).ToInts() == tensor.ToInts());
  CHECK_THROWS_WITH_AS(tensor.Reshaped({4}), "a tensor of 6 cannot be reshaped to 4", Error);
}

}  // namespace lutra::converter
