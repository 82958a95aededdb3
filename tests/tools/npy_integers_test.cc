// Arrays of integers as the type of a port: exact, or refused by element.
#include "runtime/tools/npy_integers.h"

#include <doctest/doctest.h>

#include <cstring>

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

TEST_CASE("integers become the type of the input where it has them") {
  using schema::TensorType;
  std::string error;
  NpyArray array = ArrayOf<int32_t>('i', {-7, 1, 70000});
  REQUIRE(ToIntegers("x.npy", TensorType::int64, &array, &error));
  CHECK(array.header.TypeName() == "int64");
  const int64_t wide[] = {-7, 1, 70000};
  REQUIRE(array.bytes.size() == sizeof(wide));
  CHECK(std::memcmp(array.bytes.data(), wide, sizeof(wide)) == 0);
  CHECK(!ToIntegers("x.npy", TensorType::int16, &array, &error));
  CHECK(error == "x.npy: element 2 is 70000, which is no int16");
  array = ArrayOf<int64_t>('i', {0, 1, -1});
  CHECK(!ToIntegers("x.npy", TensorType::uint8, &array, &error));
  CHECK(error == "x.npy: element 2 is -1, which is no uint8");
  CHECK(!ToIntegers("x.npy", TensorType::bool_, &array, &error));
  CHECK(error == "x.npy: element 2 is -1, which is no bool");
  array = ArrayOf<uint64_t>('u', {1, 0});
  REQUIRE(ToIntegers("x.npy", TensorType::bool_, &array, &error));
  CHECK(array.header.TypeName() == "bool");
  CHECK(array.bytes == std::vector<uint8_t>{1, 0});
  array = ArrayOf<float>('f', {1});
  CHECK(!ToIntegers("x.npy", TensorType::int32, &array, &error));
  CHECK(error == "x.npy: holds float32, the input takes int32");
}

TEST_CASE("every type of a tensor has a header that reads back") {
  for (const auto type : schema::EnumValuesTensorType()) {
    CHECK(HeaderOf(type).TypeName() == TypeName(type));
  }
}

}  // namespace
}  // namespace lutra::tools
