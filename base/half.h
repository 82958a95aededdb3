// IEEE 754 binary16 and its like: a sign, an exponent and a mantissa in 16 bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace lutra {

/// Its float, exact.
inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000U} << 16;
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 0x1F ? 0xFFU : exponent + (127 - 15);
  const uint32_t bits = sign | (wide_exponent << 23) | (fraction << 13);
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// Sign, `exponent_bits` and `mantissa_bits` (15 together) of the value, rounded once, straight
/// from binary64, to nearest even; too large becomes infinity, NaN a quiet NaN. The value is scaled
/// so that one unit is the last mantissa bit, which makes nearbyint do the rounding; below the
/// smallest normal exponent the unit stays that of the subnormals.
inline uint16_t EncodeIn16Bits(double value, int exponent_bits, int mantissa_bits) {
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

/// The nearest binary16.
inline uint16_t ToHalf(double value) { return EncodeIn16Bits(value, 5, 10); }

}  // namespace lutra
