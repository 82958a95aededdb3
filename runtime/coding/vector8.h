// Eight signed numbers of 16 bits: the four operations that a mixer needs, each with one exact
// meaning, from the vector instructions that every x86-64 and every ARMv8 has. The plain version
// is the definition, and what other CPUs use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace lutra::coding {

namespace plain {

struct Vector8 {
  int16_t lanes[8];
};

inline Vector8 Load(const int16_t* from) {
  Vector8 v;
  std::copy_n(from, 8, v.lanes);
  return v;
}
inline Vector8 Set(int16_t a, int16_t b, int16_t c, int16_t d, int16_t e, int16_t f, int16_t g,
                   int16_t h) {
  return {{a, b, c, d, e, f, g, h}};
}
/// Sum of all products.
inline int32_t Dot(Vector8 a, Vector8 b) {
  uint32_t sum = 0;
  for (size_t i = 0; i < 8; ++i) sum += static_cast<uint32_t>(a.lanes[i] * b.lanes[i]);
  return static_cast<int32_t>(sum);
}
/// at[i] = saturated at[i] + round(inputs[i] * factor / 2^16), halves upwards. |inputs| < 2^14.
inline void AddScaled(int16_t* at, Vector8 inputs, int16_t factor) {
  for (size_t i = 0; i < 8; ++i) {
    const int step = (((2 * inputs.lanes[i] * factor) >> 16) + 1) >> 1;
    at[i] = static_cast<int16_t>(std::clamp(at[i] + step, -32768, 32767));
  }
}

}  // namespace plain

#if defined(__SSE2__)

using Vector8 = __m128i;

inline Vector8 Load(const int16_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
inline Vector8 Set(int16_t a, int16_t b, int16_t c, int16_t d, int16_t e, int16_t f, int16_t g,
                   int16_t h) {
  return _mm_setr_epi16(a, b, c, d, e, f, g, h);
}
inline int32_t Dot(Vector8 a, Vector8 b) {
  __m128i sum = _mm_madd_epi16(a, b);
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(sum);
}
inline void AddScaled(int16_t* at, Vector8 inputs, int16_t factor) {
  const __m128i twice = _mm_mulhi_epi16(_mm_add_epi16(inputs, inputs), _mm_set1_epi16(factor));
  const __m128i step = _mm_srai_epi16(_mm_add_epi16(twice, _mm_set1_epi16(1)), 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm_adds_epi16(Load(at), step));
}

#elif defined(__ARM_NEON)

using Vector8 = int16x8_t;

inline Vector8 Load(const int16_t* from) { return vld1q_s16(from); }
inline Vector8 Set(int16_t a, int16_t b, int16_t c, int16_t d, int16_t e, int16_t f, int16_t g,
                   int16_t h) {
  return Vector8{a, b, c, d, e, f, g, h};
}
inline int32_t Dot(Vector8 a, Vector8 b) {
  const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
  const int32x4_t sum = vmlal_s16(low, vget_high_s16(a), vget_high_s16(b));
  const int32x2_t half = vadd_s32(vget_low_s32(sum), vget_high_s32(sum));
  return vget_lane_s32(vpadd_s32(half, half), 0);
}
inline void AddScaled(int16_t* at, Vector8 inputs, int16_t factor) {
  const int32x4_t low = vmull_n_s16(vget_low_s16(inputs), factor);
  const int32x4_t high = vmull_n_s16(vget_high_s16(inputs), factor);
  const int16x8_t step = vcombine_s16(vrshrn_n_s32(low, 16), vrshrn_n_s32(high, 16));
  vst1q_s16(at, vqaddq_s16(vld1q_s16(at), step));
}

#else

using plain::AddScaled;
using plain::Dot;
using plain::Load;
using plain::Set;
using plain::Vector8;

#endif

}  // namespace lutra::coding
