#include "kernels/float_scalar.h"

#include <bit>
#include <cmath>

namespace lutra::kernels {
namespace {

constexpr float kInfinity = __builtin_inff();
constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer

/// log2 of a positive finite number: x = m * 2^e, m in [sqrt(1/2), sqrt(2)), and the series of
/// ln(m) = 2 atanh(s), s = (m - 1) / (m + 1); s^2 < 0.0295, so eleven terms leave 2^-58.
double Log2(double x) {
  constexpr int64_t kSqrtHalf = 0x3FE6A09E667F3BCD;
  const auto bits = std::bit_cast<int64_t>(x);
  const int64_t exponent = (bits - kSqrtHalf) >> 52;
  const auto m = std::bit_cast<double>(bits - exponent * (int64_t{1} << 52));
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double sum = 0.0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
  constexpr double kTwoOverLn2 = 2.8853900817779268;
  return static_cast<double>(exponent) + sum * s * kTwoOverLn2;
}

/// 2^x for |x| <= 1000: nearest integer, and the Taylor series of exp for the rest (|r| <= 0.35,
/// fourteen terms leave 2^-58).
double Exp2(double x) {
  const double n = (x + kRound) - kRound;
  const double r = (x - n) * 0.69314718055994530942;
  double sum = 1.0;
  for (int k = 14; k >= 1; --k) sum = 1.0 + sum * r / k;
  return sum * std::bit_cast<double>((static_cast<int64_t>(n) + 1023) << 52);
}

enum class Parity : uint8_t { fraction, even, odd };

Parity ParityOf(float b) {
  const float magnitude = b < 0.0F ? -b : b;
  if (magnitude >= 16777216.0F) return Parity::even;  // 2^24 and beyond, infinity
  const auto whole = static_cast<int32_t>(magnitude);
  if (static_cast<float>(whole) != magnitude) return Parity::fraction;
  return whole % 2 == 0 ? Parity::even : Parity::odd;
}

}  // namespace

float Pow(float a, float b) {
  if (b == 0.0F || a == 1.0F) return 1.0F;
  if (a != a || b != b) return __builtin_nanf("");
  const Parity parity = ParityOf(b);
  const bool negative = std::signbit(a) && parity == Parity::odd;
  const float sign = negative ? -1.0F : 1.0F;
  const float magnitude = std::signbit(a) ? -a : a;
  if (b == kInfinity || b == -kInfinity) {
    if (magnitude == 1.0F) return 1.0F;
    return (magnitude > 1.0F) == (b > 0.0F) ? kInfinity : 0.0F;
  }
  if (magnitude == 0.0F) return b > 0.0F ? sign * 0.0F : sign * kInfinity;
  if (magnitude == kInfinity) return b > 0.0F ? sign * kInfinity : sign * 0.0F;
  if (a < 0.0F && parity == Parity::fraction) return __builtin_nanf("");
  double power = static_cast<double>(b) * Log2(static_cast<double>(magnitude));
  power = power < -200.0 ? -200.0 : power > 200.0 ? 200.0 : power;  // beyond float either way
  return sign * static_cast<float>(Exp2(power));
}

ReducedAngle ReduceHugeAngle(float x) {
  // 2 / pi behind the binary point of the second word.
  static constexpr uint64_t kTwoOverPi[] = {0, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0,
                                            0xDB6295993C439041, 0xFE5163ABDEBBC561};
  const auto bits = std::bit_cast<uint32_t>(x);
  const auto exponent = static_cast<int32_t>(bits >> 23 & 0xFF) - 150;  // x = mantissa * 2^exponent
  const uint64_t mantissa = (bits & 0x7FFFFF) | 0x800000;
  // The 64 bits of 2 / pi that decide the product modulo 4, in units of 2^-62.
  const int32_t first = 64 + exponent - 2;
  const int32_t word = first / 64;
  const int32_t shift = first % 64;
  uint64_t window = kTwoOverPi[word] << shift;
  if (shift != 0) window |= kTwoOverPi[word + 1] >> (64 - shift);
  uint64_t product = mantissa * window;
  if (std::signbit(x)) product = ~product + 1;
  const uint64_t quadrant = (product + (uint64_t{1} << 61)) >> 62;
  const auto rest = static_cast<int64_t>(product - (quadrant << 62));
  constexpr double kUnit = 1.5707963267948966 / 4611686018427387904.0;  // pi / 2 / 2^62
  return {static_cast<float>(static_cast<double>(rest) * kUnit),
          static_cast<int32_t>(quadrant & 3)};
}

}  // namespace lutra::kernels
