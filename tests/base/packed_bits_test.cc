// The packed bit string against its definition, bit by bit, and against the example of
// docs/model_format.md.
#include "base/packed_bits.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace lutra {
namespace {

std::vector<uint8_t> Pack(const std::vector<uint32_t>& elements, unsigned bits) {
  std::vector<uint8_t> string(PackedBytes(elements.size(), bits), 0xA5);
  PackedWriter writer(string.data(), bits);
  for (const uint32_t element : elements) writer.Put(element);
  CHECK(writer.Finish() == string.data() + string.size());
  return string;
}

TEST_CASE("bit j of element i is bit i * bits + j of the string, and the rest is zero") {
  std::mt19937 random(20260401);
  for (unsigned bits = 1; bits <= 16; ++bits) {
    for (const size_t count : {0, 1, 2, 3, 7, 8, 9, 31, 64, 127}) {
      CAPTURE(bits);
      CAPTURE(count);
      std::vector<uint32_t> elements(count);
      for (uint32_t& element : elements) element = static_cast<uint32_t>(random());
      const std::vector<uint8_t> string = Pack(elements, bits);
      CHECK(string.size() == (count * bits) / 8 + (count * bits % 8 == 0 ? 0 : 1));
      for (size_t position = 0; position < string.size() * 8; ++position) {
        const bool bit = (string[position / 8] >> (position % 8) & 1) != 0;
        const size_t i = position / bits;
        REQUIRE(bit == (i < count && (elements[i] >> (position % bits) & 1) != 0));
      }
      for (size_t i = 0; i < count; ++i) {
        REQUIRE(PackedAt(string.data(), bits, i) == elements[i] % (1U << bits));
      }
    }
  }
}

TEST_CASE("the last element is read without a byte behind it") {
  for (unsigned bits = 1; bits <= 16; ++bits) {
    for (const size_t count : {1, 5, 8}) {
      // Of its exact size on the heap, for sanitizers to watch.
      const std::vector<uint8_t> string = Pack(std::vector<uint32_t>(count, 0xFFFF), bits);
      CHECK(PackedAt(string.data(), bits, count - 1) == (1U << bits) - 1);
    }
  }
}

TEST_CASE("packing in place, from one element in each byte") {
  for (unsigned bits = 1; bits <= 8; ++bits) {
    std::vector<uint8_t> bytes(100);
    std::vector<uint32_t> elements;
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<uint8_t>(i * 89);
      elements.push_back(bytes[i]);
    }
    PackedWriter writer(bytes.data(), bits);
    for (size_t i = 0; i < elements.size(); ++i) writer.Put(bytes[i]);
    bytes.resize(static_cast<size_t>(writer.Finish() - bytes.data()));
    CHECK(bytes == Pack(elements, bits));
  }
}

TEST_CASE("two's complement: the format's example") {
  const std::vector<int32_t> values = {1, -1, 3, -4};
  const std::vector<uint8_t> string = Pack({1, UINT32_MAX, 3, UINT32_MAX - 3}, 3);
  CHECK(string == std::vector<uint8_t>{0xF9, 0x08});
  for (size_t i = 0; i < values.size(); ++i) {
    CHECK(SignedElement(PackedAt(string.data(), 3, i), 3) == values[i]);
  }
}

TEST_CASE("two's complement of every width: both ends, zero and -1") {
  for (unsigned bits = 2; bits <= 16; ++bits) {
    const uint32_t top = 1U << (bits - 1);
    CHECK(SignedElement(top - 1, bits) == static_cast<int32_t>(top) - 1);
    CHECK(SignedElement(top, bits) == -static_cast<int32_t>(top));
    CHECK(SignedElement(2 * top - 1, bits) == -1);
    CHECK(SignedElement(0, bits) == 0);
  }
}

}  // namespace
}  // namespace lutra
