// Arrays of every number type as float32: exact, or refused by element.
#include "base/npy_floats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace lutra::tools {
namespace {

template <typename T>
NpyArray ArrayOf(char kind, const std::vector<T>& values) {
  NpyArray array;
  array.header.kind = kind;
  array.header.item_bytes = sizeof(T);
  array.header.shape = {static_cast<int64_t>(values.size())};
  array.bytes.resize(values.size() * sizeof(T));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

// The floats, or none with *error filled.
std::vector<float> Floats(NpyArray array, std::string* error) {
  if (!ToFloats("x.npy", &array, error)) return {};
  CHECK(array.header.TypeName() == "float32");
  std::vector<float> values(array.bytes.size() / sizeof(float));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

TEST_CASE("numbers that float32 holds come through, whatever their type") {
  using Values = std::vector<float>;
  std::string error;
  CHECK(Floats(ArrayOf<int8_t>('i', {-128, 127}), &error) == Values{-128, 127});
  CHECK(Floats(ArrayOf<uint8_t>('u', {0, 255}), &error) == Values{0, 255});
  CHECK(Floats(ArrayOf<uint8_t>('b', {0, 1}), &error) == Values{0, 1});
  CHECK(Floats(ArrayOf<int16_t>('i', {-32768}), &error) == Values{-32768});
  CHECK(Floats(ArrayOf<uint16_t>('u', {65535}), &error) == Values{65535});
  CHECK(Floats(ArrayOf<int32_t>('i', {16777216, std::numeric_limits<int32_t>::min()}), &error) ==
        Values{0x1p24F, -0x1p31F});
  CHECK(Floats(ArrayOf<int64_t>('i', {-3, int64_t{1} << 40, std::numeric_limits<int64_t>::min()}),
               &error) == Values{-3, 0x1p40F, -0x1p63F});
  CHECK(Floats(ArrayOf<uint64_t>('u', {uint64_t{1} << 63}), &error) == Values{0x1p63F});
  // float64 goes to the nearest: 0.1 and 2^24 + 1, which lies between two and goes to the even one.
  CHECK(Floats(ArrayOf<double>('f', {0.1, 16777217}), &error) == Values{0.1F, 0x1p24F});
  // float16 by its definition: 1, -2, the largest, the smallest normal and subnormal number.
  CHECK(Floats(ArrayOf<uint16_t>('f', {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001}), &error) ==
        Values{1, -2, 65504, 0x1p-14F, 0x1p-24F});
  CHECK(std::isinf(Floats(ArrayOf<uint16_t>('f', {0x7C00}), &error).at(0)));
  CHECK(std::isnan(Floats(ArrayOf<uint16_t>('f', {0x7E00}), &error).at(0)));
  CHECK(error == "");
}

TEST_CASE("integers that float32 would round are refused by element") {
  const auto refused = [](const NpyArray& array) {
    std::string error;
    CHECK(Floats(array, &error).empty());
    return error;
  };
  const std::string behind = ", which float32 does not hold; this input takes real numbers";
  CHECK(refused(ArrayOf<int32_t>('i', {1, 16777217})) == "x.npy: element 1 is 16777217" + behind);
  CHECK(refused(ArrayOf<int64_t>('i', {std::numeric_limits<int64_t>::max()})) ==
        "x.npy: element 0 is 9223372036854775807" + behind);
  CHECK(refused(ArrayOf<uint64_t>('u', {std::numeric_limits<uint64_t>::max()})) ==
        "x.npy: element 0 is 18446744073709551615" + behind);
  CHECK(refused(ArrayOf<double>('f', {0, 0, 0x1p128})) ==
        "x.npy: element 2 is 340282366920938463463374607431768211456.000000" + behind);
}

}  // namespace
}  // namespace lutra::tools
