// The integer functions of the model against their definitions in floating point, and the vector
// operations against the plain ones.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "runtime/coding/logistic.h"
#include "runtime/coding/vector8.h"

namespace lutra::test {
namespace {

TEST_CASE("powers, logistic function and its inverse") {
  for (uint64_t x = 0; x < 30U << 16; x += 256) {
    const double exact = std::exp2(-static_cast<double>(x) / 65536) * 0x1p32;
    CHECK(std::abs(static_cast<double>(coding::Exp2Negative(x)) - exact) <= 1.0);
  }
  // An exponent of up to 2^-8 octaves too small: 0.3 % of the odds, at most 45 of 65536.
  for (int logit = -coding::kMaxLogit; logit <= coding::kMaxLogit; ++logit) {
    const double exact = 65536 / (1 + std::exp(-logit / 256.0));
    CHECK(std::abs(coding::Squash(logit) - exact) <= 46);
    if (logit > -coding::kMaxLogit) CHECK(coding::Squash(logit) >= coding::Squash(logit - 1));
  }
  for (uint32_t p = 64; p < 4032; ++p) {
    const double exact = 256 * std::log((p + 0.5) / (4095.5 - p));
    CHECK(std::abs(coding::Stretch(p) - exact) <= 4);
  }
}

TEST_CASE("vector operations are the plain ones") {
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    int16_t weights[8], inputs[8], expected[8];
    for (size_t i = 0; i < 8; ++i) {
      weights[i] = static_cast<int16_t>(random());
      inputs[i] = static_cast<int16_t>(static_cast<int>(random() % 4095) - 2047);
      if (round % 8 == 0) weights[i] = random() % 2 == 0 ? INT16_MIN : INT16_MAX;
    }
    int16_t factor = static_cast<int16_t>(random());
    if (round % 16 == 0) factor = INT16_MIN;
    CHECK(coding::Dot(coding::Load(weights), coding::Load(inputs)) ==
          coding::plain::Dot(coding::plain::Load(weights), coding::plain::Load(inputs)));
    std::memcpy(expected, weights, sizeof(weights));
    coding::plain::AddScaled(expected, coding::plain::Load(inputs), factor);
    coding::AddScaled(weights, coding::Load(inputs), factor);
    CHECK(std::memcmp(expected, weights, sizeof(weights)) == 0);
  }
}

}  // namespace
}  // namespace lutra::test
