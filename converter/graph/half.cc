#include "converter/graph/half.h"

#include <bit>

#include "base/half.h"

namespace lutra::converter {

float ToFloat(Float16 value) { return HalfToFloat(value.bits); }

float ToFloat(BFloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

Float16 ToFloat16(double value) { return {ToHalf(value)}; }

BFloat16 ToBFloat16(double value) { return {EncodeIn16Bits(value, 8, 7)}; }

}  // namespace lutra::converter
