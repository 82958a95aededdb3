// Cast between all pairs of types, against their definition in quantization.md evaluated in numbers
// that hold every element: 64 bits of mantissa.
#include <doctest/doctest.h>

#include <cfloat>
#include <cmath>
#include <limits>

#include "runtime/harness.h"
#include "schema/tensor_type.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

using schema::TensorType;
using Real = long double;
static_assert(LDBL_MANT_DIG >= 64);

constexpr TensorType kTypes[] = {TensorType::float32, TensorType::int8,  TensorType::uint8,
                                 TensorType::float16, TensorType::int16, TensorType::int32,
                                 TensorType::int64,   TensorType::bool_};

bool IsReal(TensorType type) { return type == TensorType::float32 || type == TensorType::float16; }

int Bits(TensorType type) { return static_cast<int>(8 * ElementBytes(type)); }

Real Lowest(TensorType type) {
  return type == TensorType::uint8 ? 0.0L : -std::ldexp(1.0L, Bits(type) - 1);
}

/// Mantissa bits, and the exponent of the smallest unit, of the floating types.
Real RoundedTo(Real x, int mantissa, int smallest, Real infinite_from) {
  if (x == 0 || std::isnan(x)) return x;
  if (std::fabs(x) >= infinite_from) return std::copysign(HUGE_VALL, x);
  const int unit = std::max(std::ilogb(x) - mantissa, smallest);
  return std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit);
}

Real Expected(Real x, TensorType from, TensorType to) {
  if (to == TensorType::bool_) return x != 0 ? 1 : 0;
  if (to == TensorType::float32) return RoundedTo(x, 23, -149, 0x1.ffffffp127L);
  if (to == TensorType::float16) return RoundedTo(x, 10, -24, 65520);
  if (IsReal(from)) {
    if (std::isnan(x)) return 0;
    const Real highest = Lowest(to) + std::ldexp(1.0L, Bits(to)) - 1;
    return std::min(std::max(std::trunc(x), Lowest(to)), highest);
  }
  const Real range = std::ldexp(1.0L, Bits(to));
  return x - range * std::floor((x - Lowest(to)) / range);
}

Real RealOf(TensorType type, const uint8_t* bytes) {
  return VisitType(type, [&](auto element) -> Real {
    std::memcpy(&element, bytes, sizeof(element));
    using Element = decltype(element);
    if constexpr (std::is_same_v<Element, Half>) {
      const int exponent = element.bits >> 10 & 31;
      const Real mantissa = element.bits & 1023;
      const Real sign = (element.bits & 0x8000) != 0 ? -1 : 1;
      if (exponent == 31) return mantissa == 0 ? sign * HUGE_VALL : std::nanl("");
      return sign * (exponent == 0 ? std::ldexp(mantissa, -24)
                                   : std::ldexp(1024 + mantissa, exponent - 25));
    } else if constexpr (std::is_same_v<Element, Boolean>) {
      return element.byte;
    } else {
      return static_cast<Real>(element);
    }
  });
}

/// Random bits, and for the wide types numbers of every size; NaN and infinities among the reals.
Bytes Inputs(TensorType type, size_t count) {
  Random random(57);
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    uint64_t bits =
        uint64_t{random.Next()} << 40 ^ uint64_t { random.Next() } << 20 ^ random.Next();
    if (type == TensorType::float32 && i % 2 == 0) {
      bits = __builtin_bit_cast(
          uint32_t, std::ldexp(static_cast<float>(random.Int(-9999, 9999)), random.Int(-24, 8)));
    }
    if (type == TensorType::int32 || type == TensorType::int64) {
      const auto shift = static_cast<unsigned>(random.Int(0, Bits(type) - 2));
      bits = static_cast<uint64_t>(static_cast<int64_t>(bits << (64 - Bits(type))) >>
                                   (64 - Bits(type)) >> shift);
    }
    if (type == TensorType::bool_) bits &= 1;
    for (size_t b = 0; b < ElementBytes(type); ++b) {
      bytes.push_back(static_cast<uint8_t>(bits >> 8 * b));
    }
  }
  return bytes;
}

TEST_CASE("Cast between all pairs of types") {
  const int32_t width = 37;
  const size_t batch = 3, count = batch * 11 * width;
  for (const TensorType from : kTypes) {
    const Bytes in = Inputs(from, count);
    for (const TensorType to : kTypes) {
      INFO(std::string(TypeName(from)) << " to " << TypeName(to));
      ModelBuilder b;
      const auto x = b.TypedInput("x", from, {1, 11, width});
      const auto y = b.Typed(to, {1, 11, width});
      b.Add(schema::CastT{}, {x}, {y});
      b.Output("y", y);
      const Bytes out = RunEverywhere(b.Finish(), {in}, batch)[0];
      REQUIRE(out.size() == count * ElementBytes(to));
      size_t wrong = 0;
      for (size_t i = 0; i < count; ++i) {
        const Real got = RealOf(to, out.data() + i * ElementBytes(to));
        const Real want = Expected(RealOf(from, in.data() + i * ElementBytes(from)), from, to);
        const bool same =
            std::isnan(want)
                ? std::isnan(got)
                : got == want && (!IsReal(to) || std::signbit(got) == std::signbit(want));
        if (!same && wrong++ == 0) {
          MESSAGE("element " << i << ": " << static_cast<double>(got) << " instead of "
                             << static_cast<double>(want));
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("Cast in parts of an in-place Concat") {
  ModelBuilder b;
  const auto x = b.TypedInput("x", TensorType::int64, {1, 5, 3});
  const auto z = b.TypedInput("z", TensorType::bool_, {1, 5, 2});
  const auto left = b.Typed(TensorType::int16, {1, 5, 3});
  const auto right = b.Typed(TensorType::int16, {1, 5, 2});
  const auto whole = b.Typed(TensorType::int16, {1, 5, 5});
  b.Add(schema::CastT{}, {x}, {left});
  b.Add(schema::CastT{}, {z}, {right});
  schema::ConcatT concat;
  concat.axis = 2;
  b.Add(std::move(concat), {left, right}, {whole});
  b.Inside(left, whole, 0);
  b.Inside(right, whole, 3 * sizeof(int16_t));
  b.Output("y", whole);
  std::vector<int64_t> numbers;
  std::vector<uint8_t> flags;
  std::vector<int16_t> expected;
  for (int i = 0; i < 2 * 5; ++i) {
    for (int c = 0; c < 3; ++c) {
      numbers.push_back(i * 100000 + c);
      expected.push_back(static_cast<int16_t>(numbers.back()));
    }
    for (int c = 0; c < 2; ++c) {
      flags.push_back(static_cast<uint8_t>((i + c) % 2));
      expected.push_back(flags.back());
    }
  }
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(numbers), flags}, 2);
  CHECK(FromBytes<int16_t>(outputs[0]) == expected);
}

TEST_CASE("a borrowed byte that is neither 0 nor 1 counts as true") {
  ModelBuilder b;
  const auto x = b.TypedInput("x", TensorType::bool_, {1, 4});
  const auto y = b.Typed(TensorType::int32, {1, 4});
  b.Add(schema::CastT{}, {x}, {y});
  b.Output("y", y);
  const auto outputs = RunEverywhere(b.Finish(), {Bytes{0, 1, 2, 255}});
  CHECK(FromBytes<int32_t>(outputs[0]) == std::vector<int32_t>{0, 1, 1, 1});
}

}  // namespace
}  // namespace lutra::test
