// The two 16-bit floating types of ONNX: storage and conversion, for g++ 12 has neither as a type.
// IEEE 754 binary16 and bfloat16 (the upper half of a binary32); encoding rounds to nearest even.
#pragma once

#include <cstdint>

namespace lutra::converter {

struct Float16 {
  uint16_t bits = 0;
};

struct BFloat16 {
  uint16_t bits = 0;
};

/// Exact, subnormals, infinities and NaN included.
float ToFloat(Float16 value);
float ToFloat(BFloat16 value);

/// Rounds once, straight from binary64; too large becomes infinity, NaN stays a (quiet) NaN.
Float16 ToFloat16(double value);
BFloat16 ToBFloat16(double value);

}  // namespace lutra::converter
