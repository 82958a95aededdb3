// Expectations: the tables of IEEE 754 binary16 and bfloat16, and exhaustive round trips.
#include "converter/graph/half.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace lutra::converter {

TEST_CASE("float16 encodes the corner values of the format") {
  CHECK(ToFloat16(0.0).bits == 0x0000);
  CHECK(ToFloat16(-0.0).bits == 0x8000);
  CHECK(ToFloat16(1.0).bits == 0x3C00);
  CHECK(ToFloat16(-2.0).bits == 0xC000);
  CHECK(ToFloat16(65504.0).bits == 0x7BFF);  // largest
  CHECK(ToFloat16(0x1p-14).bits == 0x0400);  // smallest normal
  CHECK(ToFloat16(0x1p-24).bits == 0x0001);  // smallest subnormal
  CHECK(ToFloat16(1.0 / 3).bits == 0x3555);
  CHECK(ToFloat16(std::numeric_limits<double>::infinity()).bits == 0x7C00);
}

TEST_CASE("float16 rounds to nearest even, once") {
  CHECK(ToFloat16(1 + 0x1p-11).bits == 0x3C00);            // tie, down to even
  CHECK(ToFloat16(1 + 3 * 0x1p-11).bits == 0x3C02);        // tie, up to even
  CHECK(ToFloat16(1 + 0x1p-11 + 0x1p-40).bits == 0x3C01);  // through float32 it would be a tie
  CHECK(ToFloat16(65519.99).bits == 0x7BFF);
  CHECK(ToFloat16(65520.0).bits == 0x7C00);  // tie with the next binade: infinity
  CHECK(ToFloat16(0x1p-25).bits == 0x0000);  // tie with zero
  CHECK(ToFloat16(0x1.8p-25).bits == 0x0001);
  CHECK(ToFloat16(0x1p-14 - 0x1p-26).bits == 0x0400);  // rounds up out of the subnormals
}

TEST_CASE("every float16 and bfloat16 survives the way to float and back") {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const float value = ToFloat(half);
    if (std::isnan(value)) {
      CHECK((bits & 0x7C00) == 0x7C00);
      CHECK(std::isnan(ToFloat(ToFloat16(static_cast<double>(value)))));
    } else {
      REQUIRE(ToFloat16(static_cast<double>(value)).bits == bits);
    }
    const BFloat16 brain{static_cast<uint16_t>(bits)};
    const float wide = ToFloat(brain);
    if (!std::isnan(wide)) REQUIRE(ToBFloat16(static_cast<double>(wide)).bits == bits);
  }
}

TEST_CASE("bfloat16 is the rounded upper half of a float") {
  CHECK(ToBFloat16(1.0).bits == 0x3F80);
  CHECK(ToBFloat16(1 + 0x1p-8).bits == 0x3F80);      // tie, down to even
  CHECK(ToBFloat16(1 + 3 * 0x1p-8).bits == 0x3F82);  // tie, up to even
  CHECK(ToBFloat16(3.4e38).bits == 0x7F80);
}

}  // namespace lutra::converter
