// What a number of one type is in another: ONNX's Cast, with what it leaves open decided.
//   floating to integer   truncated towards zero; the nearest limit beyond the type's; NaN is 0
//   integer to integer    the low bits (two's complement)
//   anything to bool      whether it is not 0 (so NaN is true)
//   to floating           to nearest even, of which the floating-point environment must be the
//                         default one
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

namespace lutra {

/// For the arithmetic types; those of 16 bits that are floating pass through float or double.
template <typename To, typename From>
To CastNumber(From value) {
  static_assert(std::is_arithmetic_v<To> && std::is_arithmetic_v<From>);
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return 0;
    // The upper limit as a power of two, which every floating type holds exactly.
    const From limit = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    const From truncated = std::trunc(value);
    if (truncated >= limit) return std::numeric_limits<To>::max();
    if (truncated <= static_cast<From>(std::numeric_limits<To>::min())) {
      return std::numeric_limits<To>::min();
    }
    return static_cast<To>(truncated);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace lutra
