// IEEE 754 binary16.
#pragma once

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

}  // namespace lutra
