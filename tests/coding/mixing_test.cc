// The integer functions of the model against their definitions in floating point, the vector
// operations against the plain ones, and distributions.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "runtime/coding/blend.h"
#include "runtime/coding/distribution.h"
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

TEST_CASE("vector operations of distributions are the plain ones") {
  std::mt19937 random(12);
  const auto sum = [&] {
    return static_cast<int16_t>(random() % 4 == 0 ? 32767 : random() % 32768);
  };
  for (int round = 0; round < 20000; ++round) {
    int16_t a[8], b[8], results[5][8], expected[5][8];
    for (size_t i = 0; i < 8; ++i) {
      a[i] = sum();
      b[i] = sum();
    }
    const int16_t rate = static_cast<int16_t>(random() % 32768);
    const auto factor = static_cast<uint16_t>(random());
    const int16_t rounding = static_cast<int16_t>(random() % 256), point = sum();
    const auto va = coding::Load(a), vb = coding::Load(b);
    const auto pa = coding::plain::Load(a), pb = coding::plain::Load(b);
    coding::Store(coding::Add(va, vb), results[0]);
    coding::plain::Store(coding::plain::Add(pa, pb), expected[0]);
    coding::Store(coding::Subtract(va, coding::ShiftRight<9>(vb)), results[1]);
    coding::plain::Store(coding::plain::Subtract(pa, coding::plain::ShiftRight<9>(pb)),
                         expected[1]);
    coding::Store(coding::Average(va, vb), results[2]);
    coding::plain::Store(coding::plain::Average(pa, pb), expected[2]);
    CHECK(coding::CountUpTo(va, vb, point) == coding::plain::CountUpTo(pa, pb, point));
    coding::Store(coding::MultiplyHigh(va, factor), results[4]);
    coding::plain::Store(coding::plain::MultiplyHigh(pa, factor), expected[4]);
    std::memcpy(results[3], b, sizeof(b));
    std::memcpy(expected[3], b, sizeof(b));
    coding::MoveTowards(results[3], va, rate, rounding);
    coding::plain::MoveTowards(expected[3], pa, rate, rounding);
    CHECK(std::memcmp(results, expected, sizeof(results)) == 0);
  }
}

TEST_CASE("a distribution learns frequencies and leaves room for every symbol") {
  std::mt19937 random(13);
  for (const unsigned letters : {1U, 2U, 5U, 16U}) {
    CAPTURE(letters);
    coding::Distribution distribution;
    for (size_t s = 0; s < coding::kSymbols; ++s) {
      distribution.sums[s] = static_cast<int16_t>(coding::kDistributionTotal * (s + 1) / 16);
    }
    distribution.seen = 1;
    // Symbol i is twice as frequent as symbol i + 1.
    const auto draw = [&] {
      unsigned symbol = 0;
      while (symbol + 1 < letters && random() % 2 == 0) ++symbol;
      return symbol;
    };
    for (int round = 0; round < 4000; ++round) {
      coding::Update(&distribution, draw());
      const auto bounds =
          coding::Bounds(coding::Load(distribution.sums), coding::Load(distribution.sums + 8));
      uint32_t end = 0;
      for (unsigned s = 0; s < coding::kSymbols; ++s) {
        REQUIRE(bounds.begin(s) == end);
        REQUIRE(bounds.size(s) >= 2);
        end += bounds.size(s);
        REQUIRE(bounds.Find(static_cast<int16_t>(end - bounds.size(s))) == s);
        REQUIRE(bounds.Find(static_cast<int16_t>(end - 1)) == s);
      }
      REQUIRE(end == coding::kDistributionTotal);
    }
    // The last 256 draws scatter by 1 / sqrt(256) of the deviation of one: three of them.
    const double first = distribution.sums[0] / 32767.0;
    CHECK(std::abs(first - (letters == 1 ? 1.0 : 0.5)) < 0.1);
  }
}

/// A coder of symbols that are given, which looks at what they would cost.
struct Observer {
  unsigned CodeSymbol(unsigned symbol, const coding::Bounds& bounds) {
    REQUIRE(bounds.begin(0) == 0);
    for (unsigned s = 0; s < coding::kSymbols; ++s) {
      REQUIRE(bounds.size(s) >= 2);
      REQUIRE(bounds.Find(static_cast<int16_t>(bounds.begin(s) + bounds.size(s) - 1)) == s);
    }
    REQUIRE(bounds.begin(coding::kSymbols - 1) + bounds.size(coding::kSymbols - 1) ==
            coding::kDistributionTotal);
    bits -= std::log2(bounds.size(symbol) / double{coding::kDistributionTotal});
    return symbol;
  }
  double bits = 0;
};

TEST_CASE("a blend finds the distribution that is right") {
  std::mt19937 random(14);
  coding::Distribution flat = {}, upper = {}, lower = {};
  for (int s = 0; s < 16; ++s) {
    flat.sums[s] = static_cast<int16_t>(coding::kDistributionTotal * (s + 1) / 16);
    upper.sums[s] = static_cast<int16_t>(s < 15 ? 0 : coding::kDistributionTotal);
    lower.sums[s] = static_cast<int16_t>(coding::kDistributionTotal);
  }
  coding::Distribution* const mixed[] = {&upper, &lower, &flat};
  coding::Blend<3> blend;
  Observer observer;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    coding::CodeSymbol(observer, static_cast<unsigned>(random() % 16), mixed, 0, &blend);
    REQUIRE(blend.weights[0] + blend.weights[1] + blend.weights[2] == 1U << coding::kBlendBits);
  }
  CHECK(blend.weights[2] > (1U << coding::kBlendBits) * 8 / 10);
  // Four bits a symbol; what is left to others costs log2(1 / 0.8) at most in the long run.
  CHECK(observer.bits < kDraws * 4.33);
}

}  // namespace
}  // namespace lutra::test
