#include "converter/graph/half.h"

#include <bit>
#include <cmath>

namespace lutra::converter {
namespace {

/// Sign, `exponent_bits` and `mantissa_bits` of the value, rounded to nearest even. The value is
/// scaled so that one unit is the last mantissa bit, which makes nearbyint do the rounding; below
/// the smallest normal exponent the unit stays that of the subnormals.
uint16_t Encode(double value, int exponent_bits, int mantissa_bits) {
  const uint32_t sign = std::signbit(value) ? 0x8000U : 0U;
  const uint32_t infinity = ((1U << exponent_bits) - 1) << mantissa_bits;
  if (std::isnan(value)) {
    return static_cast<uint16_t>(sign | infinity | (1U << (mantissa_bits - 1)));
  }
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return static_cast<uint16_t>(sign | infinity);
  if (magnitude == 0) return static_cast<uint16_t>(sign);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  int exponent = std::ilogb(magnitude);
  if (exponent > bias) return static_cast<uint16_t>(sign | infinity);
  if (exponent < 1 - bias) exponent = 1 - bias;
  const double units = std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));
  // A normal number has its hidden bit in `units`: adding it to exponent - 1 sets the exponent
  // field, and a carry out of the rounding moves into it, up to infinity.
  const uint32_t field = static_cast<uint32_t>(exponent + bias - 1) << mantissa_bits;
  return static_cast<uint16_t>(sign | (field + static_cast<uint32_t>(units)));
}

}  // namespace

float ToFloat(Float16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000U) << 16;
  const uint32_t exponent = (value.bits >> 10) & 0x1FU;
  const uint32_t mantissa = value.bits & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255U : exponent + 127 - 15;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

float ToFloat(BFloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

Float16 ToFloat16(double value) { return {Encode(value, 5, 10)}; }

BFloat16 ToBFloat16(double value) { return {Encode(value, 8, 7)}; }

}  // namespace lutra::converter
