// Eight signed numbers of 16 bits: the operations that mixing and adapting need, each with one
// exact meaning, from the vector instructions that every x86-64 and every ARMv8 has. The plain
// version is the definition, and what other CPUs use.
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
inline void Store(Vector8 v, int16_t* to) { std::copy_n(v.lanes, 8, to); }
inline Vector8 Add(Vector8 a, Vector8 b) {
  for (size_t i = 0; i < 8; ++i) a.lanes[i] = static_cast<int16_t>(a.lanes[i] + b.lanes[i]);
  return a;
}
inline Vector8 Subtract(Vector8 a, Vector8 b) {
  for (size_t i = 0; i < 8; ++i) a.lanes[i] = static_cast<int16_t>(a.lanes[i] - b.lanes[i]);
  return a;
}
template <int bits>
inline Vector8 ShiftRight(Vector8 a) {
  for (int16_t& lane : a.lanes) lane = static_cast<int16_t>(lane >> bits);
  return a;
}
/// (a + b + 1) / 2 of numbers that are not negative.
inline Vector8 Average(Vector8 a, Vector8 b) {
  for (size_t i = 0; i < 8; ++i)
    a.lanes[i] = static_cast<int16_t>((a.lanes[i] + b.lanes[i] + 1) / 2);
  return a;
}
/// a[i] * factor / 2^16 of numbers that are not negative, rounded down.
inline Vector8 MultiplyHigh(Vector8 a, uint16_t factor) {
  for (int16_t& lane : a.lanes) lane = static_cast<int16_t>(int32_t{lane} * factor >> 16);
  return a;
}
/// How many of the 16 numbers are not above `point`.
inline unsigned CountUpTo(Vector8 a, Vector8 b, int16_t point) {
  unsigned count = 0;
  for (size_t i = 0; i < 8; ++i)
    count += (a.lanes[i] <= point ? 1 : 0) + (b.lanes[i] <= point ? 1 : 0);
  return count;
}
/// at[i] += saturated (target[i] - at[i] + rounding) * rate / 2^16, rounded down. Numbers at hand
/// and target are not negative.
inline void MoveTowards(int16_t* at, Vector8 target, int16_t rate, int16_t rounding) {
  for (size_t i = 0; i < 8; ++i) {
    const int difference = std::min(target.lanes[i] - at[i] + rounding, 32767);
    at[i] = static_cast<int16_t>(at[i] + (difference * rate >> 16));
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
inline void Store(Vector8 v, int16_t* to) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v); }
inline Vector8 Add(Vector8 a, Vector8 b) { return _mm_add_epi16(a, b); }
inline Vector8 Subtract(Vector8 a, Vector8 b) { return _mm_sub_epi16(a, b); }
template <int bits>
inline Vector8 ShiftRight(Vector8 a) {
  return _mm_srai_epi16(a, bits);
}
inline Vector8 Average(Vector8 a, Vector8 b) { return _mm_avg_epu16(a, b); }
inline Vector8 MultiplyHigh(Vector8 a, uint16_t factor) {
  return _mm_mulhi_epu16(a, _mm_set1_epi16(static_cast<int16_t>(factor)));
}
inline unsigned CountUpTo(Vector8 a, Vector8 b, int16_t point) {
  const __m128i points = _mm_set1_epi16(point);
  const __m128i above = _mm_packs_epi16(_mm_cmpgt_epi16(a, points), _mm_cmpgt_epi16(b, points));
  // 1 for each that is above, in two sums.
  const __m128i sums = _mm_sad_epu8(_mm_sub_epi8(_mm_setzero_si128(), above), _mm_setzero_si128());
  return 16U -
         static_cast<unsigned>(_mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_srli_si128(sums, 8))));
}
inline void MoveTowards(int16_t* at, Vector8 target, int16_t rate, int16_t rounding) {
  const __m128i now = Load(at);
  const __m128i difference = _mm_adds_epi16(_mm_sub_epi16(target, now), _mm_set1_epi16(rounding));
  Store(_mm_add_epi16(now, _mm_mulhi_epi16(difference, _mm_set1_epi16(rate))), at);
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
inline void Store(Vector8 v, int16_t* to) { vst1q_s16(to, v); }
inline Vector8 Add(Vector8 a, Vector8 b) { return vaddq_s16(a, b); }
inline Vector8 Subtract(Vector8 a, Vector8 b) { return vsubq_s16(a, b); }
template <int bits>
inline Vector8 ShiftRight(Vector8 a) {
  return vshrq_n_s16(a, bits);
}
inline Vector8 Average(Vector8 a, Vector8 b) { return vrhaddq_s16(a, b); }
inline Vector8 MultiplyHigh(Vector8 a, uint16_t factor) {
  const uint16x8_t numbers = vreinterpretq_u16_s16(a);
  const uint32x4_t low = vmull_n_u16(vget_low_u16(numbers), factor);
  const uint32x4_t high = vmull_n_u16(vget_high_u16(numbers), factor);
  return vreinterpretq_s16_u16(vcombine_u16(vshrn_n_u32(low, 16), vshrn_n_u32(high, 16)));
}
inline unsigned CountUpTo(Vector8 a, Vector8 b, int16_t point) {
  const int16x8_t points = vdupq_n_s16(point);
  const uint16x8_t masks = vaddq_u16(vcleq_s16(a, points), vcleq_s16(b, points));
  const uint16x4_t four = vadd_u16(vget_low_u16(masks), vget_high_u16(masks));
  const uint16x4_t two = vpadd_u16(four, four);
  return static_cast<uint16_t>(-vget_lane_u16(vpadd_u16(two, two), 0));
}
inline void MoveTowards(int16_t* at, Vector8 target, int16_t rate, int16_t rounding) {
  const int16x8_t now = vld1q_s16(at);
  const int16x8_t difference = vqaddq_s16(vsubq_s16(target, now), vdupq_n_s16(rounding));
  const int32x4_t low = vmull_n_s16(vget_low_s16(difference), rate);
  const int32x4_t high = vmull_n_s16(vget_high_s16(difference), rate);
  const int16x8_t step = vcombine_s16(vshrn_n_s32(low, 16), vshrn_n_s32(high, 16));
  vst1q_s16(at, vaddq_s16(now, step));
}

#else

using plain::Add;
using plain::AddScaled;
using plain::Average;
using plain::CountUpTo;
using plain::Dot;
using plain::Load;
using plain::MoveTowards;
using plain::MultiplyHigh;
using plain::Set;
using plain::ShiftRight;
using plain::Store;
using plain::Subtract;
using plain::Vector8;

#endif

}  // namespace lutra::coding
