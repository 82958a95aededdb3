// Data for kernel tests: seeded, with extreme values mixed in, in buffers of exactly the size that
// may be touched so that a sanitizer sees an access beyond.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "kernels/curve.h"

namespace lutra::kernels {

constexpr uint32_t kDataSeed = 20261123;

inline int32_t Uniform(std::mt19937& random, int32_t lo, int32_t hi) {
  return lo + static_cast<int32_t>(random() % static_cast<uint32_t>(hi - lo + 1));
}

/// Every fourth value is an end of the range.
inline std::vector<int8_t> Bytes(size_t count, std::mt19937& random) {
  std::vector<int8_t> values(count);
  for (int8_t& value : values) {
    const int32_t drawn = Uniform(random, -128, 127);
    value = static_cast<int8_t>(random() % 4 != 0 ? drawn : drawn < 0 ? -128 : 127);
  }
  return values;
}

/// `bits` of every code, one after another, lowest first: bit by bit, as the format describes it.
inline std::vector<uint8_t> BitStream(const std::vector<size_t>& codes, size_t bits) {
  std::vector<uint8_t> stream((codes.size() * bits + 7) / 8);
  for (size_t i = 0; i < codes.size() * bits; ++i) {
    const size_t bit = codes[i / bits] >> (i % bits) & 1U;
    stream[i / 8] |= static_cast<uint8_t>(bit << (i % 8));
  }
  return stream;
}

inline std::vector<float> Floats(size_t count, float lo, float hi, std::mt19937& random) {
  std::vector<float> values(count);
  for (float& value : values) {
    const auto fraction = static_cast<float>(random() % 65536) / 65535.0F;
    value = lo + (hi - lo) * fraction;
  }
  return values;
}

/// A curve whose pieces fit nothing, so that a wrong one shows, and factors of n channels. Sums of
/// about 2 / multiplier in magnitude meet all pieces.
struct CurveData {
  std::vector<float> coefficients, factor;
  float offset = 3.25F;
};

inline CurveData MakeCurve(size_t n, std::mt19937& random) {
  CurveData curve;
  curve.coefficients = Floats(kCurveCoefficients, -90.0F, 90.0F, random);
  for (size_t power = 2; power <= kCurveDegree; ++power) {
    curve.coefficients[power * kCurvePieces] = 0;
    curve.coefficients[(power + 1) * kCurvePieces - 1] = 0;
  }
  curve.factor = Floats(n, 0.25F, 1.5F, random);
  return curve;
}

/// The value before it is clamped and rounded, as docs/quantization.md has it.
inline float CurveValue(const CurveData& curve, int64_t acc, float multiplier, float factor) {
  const float scaled = static_cast<float>(acc) * multiplier;
  const float t = scaled + curve.offset;
  const float center = std::nearbyint(std::fmin(std::fmax(t, 0.0F), 7.0F));
  const auto piece = static_cast<size_t>(center);
  const float u = t - center;
  float y = 0;
  for (size_t power = 5; power-- > 0;) {
    const float product = y * u;
    y = product + curve.coefficients[power * 8 + piece];
  }
  return y * factor;
}

/// What goes wrong first: zeros, denormals, infinities, NaN, the ends of the range.
inline std::vector<float> SpecialFloats() {
  using Limits = std::numeric_limits<float>;
  std::vector<float> values = {0.0F,
                               Limits::denorm_min(),
                               1e-40F,
                               Limits::min(),
                               0.5F,
                               1.5F,
                               2.5F,
                               88.8F,
                               104.0F,
                               8192.5F,
                               8388608.0F,
                               16777217.0F,
                               1e20F,
                               Limits::max(),
                               Limits::infinity()};
  for (size_t i = 0, n = values.size(); i < n; ++i) values.push_back(-values[i]);
  values.push_back(Limits::quiet_NaN());
  return values;
}

/// Same bits, but for NaN, whose sign and payload are unspecified.
inline bool SameFloat(float a, float b) {
  return (a != a && b != b) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

inline bool SameFloats(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameFloat);
}

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
using AlignedBuffer = std::unique_ptr<void, FreeDeleter>;

/// 64-byte aligned, filled with a pattern that is no plausible value.
inline AlignedBuffer Aligned(size_t bytes) {
  void* p = std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  std::memset(p, 0xA5, bytes);
  return AlignedBuffer(p);
}

}  // namespace lutra::kernels
