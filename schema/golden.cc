// See golden.h. The finalizer is that of Steele, Lea and Flood, "Fast splittable pseudorandom
// number generators", 2014 (variant 13 of Stafford's mixers).
#include "schema/golden.h"

#include <cstring>
#include <type_traits>

#include "base/half.h"
#include "schema/tensor_type.h"

namespace lutra {
namespace {

uint64_t Word(uint64_t seed, uint32_t input, uint64_t w) {
  uint64_t z = seed + 0x9E3779B97F4A7C15U * ((uint64_t{input} << 32) + w + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

template <typename Element>
Element GoldenElement(int8_t q) {
  if constexpr (std::is_same_v<Element, Half>) {
    return {ToHalf(static_cast<double>(q) / 64.0)};
  } else if constexpr (std::is_same_v<Element, Boolean>) {
    return {static_cast<uint8_t>(q & 1)};
  } else if constexpr (std::is_floating_point_v<Element>) {
    return static_cast<Element>(q) / 64;
  } else {
    return static_cast<Element>(q);
  }
}

}  // namespace

void FillGoldenInput(uint64_t seed, uint32_t input, schema::TensorType type, size_t elements,
                     void* out) {
  VisitType(type, [&](auto kind) {
    using Element = decltype(kind);
    auto* bytes = static_cast<uint8_t*>(out);
    uint64_t word = 0;
    for (size_t e = 0; e < elements; ++e, bytes += sizeof(Element)) {
      if (e % 8 == 0) word = Word(seed, input, e / 8);
      const Element element = GoldenElement<Element>(static_cast<int8_t>(word >> (8 * (e % 8))));
      std::memcpy(bytes, &element, sizeof(Element));
    }
  });
}

}  // namespace lutra
