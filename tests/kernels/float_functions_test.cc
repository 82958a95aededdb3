// The float functions: the reference against libm in higher precision over dense sweeps, within the
// bounds that docs/quantization.md states, and their special values. Rows are compared with the
// reference in elementwise_test.cc.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <type_traits>

#include "kernels/float_scalar.h"
#include "kernels/kernel_data.h"
#include "kernels/row.h"

namespace lutra::kernels {
namespace {

using Kind = FloatUnaryKind;
// long double where the processor has it, double where it would be emulated: 2^-28 ulp of a float.
using Real =
    std::conditional_t<std::numeric_limits<long double>::digits == 64, long double, double>;
using Exact = std::function<Real(Real)>;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> Apply(Kind kind, const std::vector<float>& x, float alpha = 0, float beta = 0,
                         const float* slope = nullptr) {
  std::vector<float> y(x.size());
  FindRow("reference")
      ->elementwise.float_unary(kind, alpha, beta, slope, {x.data(), x.size()},
                                {y.data(), y.size()}, 1, x.size());
  return y;
}

float ApplyOne(Kind kind, float x, float alpha = 0, float beta = 0) {
  return Apply(kind, {x}, alpha, beta)[0];
}

/// Distance in units of the last place of the correctly rounded result.
Real UlpError(float y, Real exact) {
  const auto rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isnan(rounded)) return SameFloat(y, rounded) ? 0 : 1e9;
  int exponent = 0;
  std::frexp(rounded, &exponent);
  const Real ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::fabs(static_cast<Real>(y) - exact) / ulp;
}

/// About 400,000 floats between lo and hi, evenly over values and over exponents.
std::vector<float> Sweep(float lo, float hi) {
  std::vector<float> x;
  constexpr int kSteps = 200000;
  for (int i = 0; i <= kSteps; ++i) {
    x.push_back(static_cast<float>(lo + (double{hi} - lo) * i / kSteps));
  }
  for (const float sign : {-1.0F, 1.0F}) {
    for (uint32_t bits = 1; bits < 0x7F800000; bits += 20011) {
      const float value = sign * std::bit_cast<float>(bits);
      if (value >= lo && value <= hi) x.push_back(value);
    }
  }
  return x;
}

struct Bound {
  Kind kind;
  const char* name;
  float lo, hi;
  double ulp;       ///< documented bound
  double absolute;  ///< where the relative one does not hold (0: it always does)
  Exact exact;
  float alpha = 0, beta = 0;
};

Real Sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real Softplus(Real x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

TEST_CASE("float functions stay within their documented errors") {
  const Bound bounds[] = {
      {Kind::exp, "exp", -104, 89, 1.5, 0, [](auto x) { return std::exp(x); }},
      {Kind::log, "log", 0, 3.4e38F, 1.5, 0, [](auto x) { return std::log(x); }},
      {Kind::sigmoid, "sigmoid", -104, 104, 3, 0, Sigmoid},
      {Kind::tanh, "tanh", -20, 20, 3, 0, [](auto x) { return std::tanh(x); }},
      {Kind::silu, "silu", -80, 80, 4, 0, [](auto x) { return x * Sigmoid(x); }},
      {Kind::swish, "swish", -160, 160, 4, 0, [](auto x) { return x * Sigmoid(x / 2); }, 0.5F},
      // The rounding of alpha * x grows with x, but the value falls faster.
      {Kind::swish, "swish", -80, 80, 4, 3e-7, [](auto x) { return x * Sigmoid(1.702F * x); },
       1.702F},
      {Kind::erf, "erf", -6, 6, 2, 0, [](auto x) { return std::erf(x); }},
      {Kind::gelu, "gelu", -8, 8, 4, 3e-7,
       [](auto x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }},
      {Kind::gelu_tanh, "gelu_tanh", -8, 8, 8, 1e-7,
       [](auto x) {
         return x * Sigmoid(2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x));
       }},
      {Kind::softplus, "softplus", -100, 100, 2.5, 0, Softplus},
      {Kind::log_sigmoid, "log_sigmoid", -100, 100, 2.5, 0, [](auto x) { return -Softplus(-x); }},
      {Kind::mish, "mish", -80, 80, 5, 0,
       [](auto x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {Kind::sin, "sin", -8192, 8192, 2, 1.2e-7, [](auto x) { return std::sin(x); }},
      {Kind::cos, "cos", -8192, 8192, 2, 1.2e-7, [](auto x) { return std::cos(x); }},
      {Kind::sin, "sin", -3.4e38F, 3.4e38F, 2, 1.2e-7, [](auto x) { return std::sin(x); }},
      {Kind::cos, "cos", -3.4e38F, 3.4e38F, 2, 1.2e-7, [](auto x) { return std::cos(x); }},
      {Kind::elu, "elu", -100, 10, 2.5, 0, [](auto x) { return x < 0 ? 0.75 * std::expm1(x) : x; },
       0.75F},
      {Kind::selu, "selu", -100, 10, 3, 0,
       [](auto x) { return 1.25 * (x < 0 ? 0.75 * std::expm1(x) : x); }, 0.75F, 1.25F},
      {Kind::celu, "celu", -100, 10, 3, 0, [](auto x) { return x < 0 ? 2 * std::expm1(x / 2) : x; },
       2.0F},
      {Kind::softsign, "softsign", -1e6F, 1e6F, 1.5, 0,
       [](auto x) { return x / (1 + std::fabs(x)); }},
      {Kind::rsqrt, "rsqrt", 0, 3.4e38F, 1.5, 0, [](auto x) { return 1 / std::sqrt(x); }},
      {Kind::hard_swish, "hard_swish", -5, 5, 3, 3e-7,
       [](auto x) { return x * std::fmin(std::fmax(x / 6 + 0.5, 0), 1); }},
      // Exact or correctly rounded.
      {Kind::sqrt, "sqrt", 0, 3.4e38F, 0.5, 0, [](auto x) { return std::sqrt(x); }},
      {Kind::reciprocal, "reciprocal", -3e38F, 3e38F, 0.5, 0, [](auto x) { return 1 / x; }},
      {Kind::square, "square", -1e19F, 1e19F, 0.5, 0, [](auto x) { return x * x; }},
      {Kind::floor, "floor", -1e9F, 1e9F, 0, 0, [](auto x) { return std::floor(x); }},
      {Kind::ceil, "ceil", -1e9F, 1e9F, 0, 0, [](auto x) { return std::ceil(x); }},
      {Kind::round, "round", -1e9F, 1e9F, 0, 0, [](auto x) { return std::nearbyint(x); }},
  };
  for (const Bound& bound : bounds) {
    const std::vector<float> x = Sweep(bound.lo, bound.hi);
    const std::vector<float> y = Apply(bound.kind, x, bound.alpha, bound.beta);
    Real worst = 0;
    Real worst_absolute = 0;
    float at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const Real exact = bound.exact(x[i]);
      const Real absolute = std::fabs(y[i] - exact);
      const Real ulp = UlpError(y[i], exact);
      if (std::isfinite(exact)) worst_absolute = std::max(worst_absolute, absolute);
      if (bound.absolute > 0 && absolute <= bound.absolute) continue;
      if (ulp > worst) {
        worst = ulp;
        at = x[i];
      }
    }
    const std::string name = bound.name;
    if (bound.absolute > 0) {
      MESSAGE(name, ": at most ", static_cast<double>(worst_absolute), " off");
    } else {
      MESSAGE(name, ": at most ", static_cast<double>(worst), " ulp, at ", at);
    }
    INFO(name, " at ", at);
    CHECK(worst <= bound.ulp);
  }
}

TEST_CASE("pow is within 0.51 ulp, and has C's special values") {
  std::mt19937 random(kDataSeed);
  Real worst = 0;
  for (int i = 0; i < 400000; ++i) {
    const float a = std::bit_cast<float>(static_cast<uint32_t>(random()) & 0x7FFFFFFF);
    const float b = (static_cast<float>(random() % 200001) - 100000.0F) / 1000.0F;
    if (!std::isfinite(a)) continue;
    worst = std::max(worst, UlpError(Pow(a, b), std::pow(static_cast<Real>(a), b)));
  }
  MESSAGE("pow: ", static_cast<double>(worst), " ulp");
  CHECK(worst <= 0.51);
  std::vector<float> values = SpecialFloats();
  for (const float x : {1.0F, 2.0F, 3.0F, -1.0F, -2.0F, -3.0F, 0.25F, -0.25F, 16777216.0F}) {
    values.push_back(x);
  }
  for (const float a : values) {
    for (const float b : values) {
      INFO(a, " to the power ", b);
      const auto exact = std::pow(static_cast<Real>(a), static_cast<Real>(b));
      CHECK(UlpError(Pow(a, b), exact) <= 0.51);
      CHECK((std::isnan(exact) || std::signbit(Pow(a, b)) == std::signbit(exact)));
    }
  }
}

TEST_CASE("special values of the float functions") {
  CHECK(ApplyOne(Kind::exp, -kInf) == 0.0F);
  CHECK(ApplyOne(Kind::exp, kInf) == kInf);
  CHECK(ApplyOne(Kind::exp, 88.72284F) == kInf);
  CHECK(ApplyOne(Kind::log, 0.0F) == -kInf);
  CHECK(ApplyOne(Kind::log, -0.0F) == -kInf);
  CHECK(ApplyOne(Kind::log, kInf) == kInf);
  CHECK(std::isnan(ApplyOne(Kind::log, -1.0F)));
  CHECK(std::isnan(ApplyOne(Kind::log, -kInf)));
  CHECK(ApplyOne(Kind::sigmoid, kInf) == 1.0F);
  CHECK(ApplyOne(Kind::sigmoid, -kInf) == 0.0F);
  CHECK(ApplyOne(Kind::tanh, kInf) == 1.0F);
  CHECK(ApplyOne(Kind::tanh, -kInf) == -1.0F);
  CHECK(std::signbit(ApplyOne(Kind::tanh, -0.0F)));
  CHECK(ApplyOne(Kind::erf, -kInf) == -1.0F);
  CHECK(ApplyOne(Kind::softplus, kInf) == kInf);
  CHECK(ApplyOne(Kind::softplus, -kInf) == 0.0F);
  CHECK(std::isnan(ApplyOne(Kind::sin, kInf)));
  CHECK(std::isnan(ApplyOne(Kind::cos, -kInf)));
  CHECK(std::isnan(ApplyOne(Kind::sqrt, -1.0F)));
  CHECK(ApplyOne(Kind::round, 2.5F) == 2.0F);
  CHECK(ApplyOne(Kind::round, -3.5F) == -4.0F);
  CHECK(std::signbit(ApplyOne(Kind::round, -0.25F)));
  CHECK(ApplyOne(Kind::sign, -3.0F) == -1.0F);
  CHECK(ApplyOne(Kind::sign, 0.0F) == 0.0F);
  CHECK(ApplyOne(Kind::relu, -1.0F) == 0.0F);
  CHECK(ApplyOne(Kind::leaky_relu, -2.0F, 0.125F) == -0.25F);
  CHECK(ApplyOne(Kind::clip, 9.0F, -1.0F, 6.0F) == 6.0F);
  CHECK(ApplyOne(Kind::clip, -9.0F, -1.0F, 6.0F) == -1.0F);
  CHECK(ApplyOne(Kind::thresholded_relu, 1.0F, 1.0F) == 0.0F);
  CHECK(ApplyOne(Kind::thresholded_relu, 1.5F, 1.0F) == 1.5F);
  CHECK(ApplyOne(Kind::hard_sigmoid, 1.0F, 0.25F, 0.5F) == 0.75F);
  CHECK(ApplyOne(Kind::hard_sigmoid, 9.0F, 0.25F, 0.5F) == 1.0F);
  CHECK(ApplyOne(Kind::abs, -4.0F) == 4.0F);
  CHECK(ApplyOne(Kind::neg, 4.0F) == -4.0F);
  CHECK(ApplyOne(Kind::identity, 4.0F) == 4.0F);
  const float slope[] = {0.5F, 0.25F};
  CHECK(Apply(Kind::prelu, {-2.0F, -2.0F}, 0, 0, slope) == std::vector<float>{-1.0F, -0.5F});
}

TEST_CASE("NaN passes through every float function") {
  for (int kind = 0; kind <= static_cast<int>(Kind::log_sigmoid); ++kind) {
    if (static_cast<Kind>(kind) == Kind::thresholded_relu) continue;  // NaN > alpha is false
    INFO("kind ", kind);
    CHECK(std::isnan(ApplyOne(static_cast<Kind>(kind), kNan, 1.0F, 2.0F)));
  }
}

}  // namespace
}  // namespace lutra::kernels
