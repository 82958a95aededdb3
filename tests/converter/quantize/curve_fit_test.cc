// Curves against the functions that they stand for, in double precision by formulas of their own.
#include "converter/quantize/curve_fit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace lutra::converter::quantize {
namespace {

using Function = std::function<double(double)>;

Node NodeOf(const std::string& op) {
  Node node;
  node.op = op;
  node.inputs = {"x"};
  node.outputs = {"y"};
  return node;
}

double ValueOf(const FittedCurve& curve, double x) {
  const double t = (x - curve.start) / curve.step;
  const double center = std::nearbyint(std::clamp(t, 0.0, 7.0));
  double y = 0;
  for (size_t power = 5; power-- > 0;) {
    y = y * (t - center) +
        static_cast<double>(curve.coefficients[power * 8 + static_cast<size_t>(center)]);
  }
  return y;
}

// The largest difference in steps of the output, over x of all sizes.
double LargestError(const FittedCurve& curve, const Function& function, const QuantParams& out,
                    double factor = 1) {
  const double low = -128 - out.zero_point, high = 127 - out.zero_point;
  double largest = 0;
  const auto look_at = [&](double x) {
    const double exact =
        std::clamp(function(x) / static_cast<double>(out.scale) * factor, low, high);
    const double fitted = std::clamp(ValueOf(curve, x) * factor, low, high);
    largest = std::max(largest, std::fabs(exact - fitted));
  };
  for (double x = -20; x <= 20; x += 0.00317) look_at(x);
  for (double x = 20; x < 1e6; x *= 1.1) {
    look_at(x);
    look_at(-x);
  }
  return largest;
}

double Silu(double x) { return x / (1 + std::exp(-x)); }
double Gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double HardSwish(double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }

TEST_CASE("activation functions are met within a quarter of a step, whatever the output's range") {
  const struct {
    const char* op;
    Function function;
    double lowest;  // of the function
  } kFunctions[] = {
      {"Silu", Silu, -0.2785},
      {"HardSwish", HardSwish, -0.375},
      {"Gelu", Gelu, -0.17},
      {"Mish", [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -0.3088},
      {"Elu", [](double x) { return x > 0 ? x : std::expm1(x); }, -1},
      {"LeakyRelu", [](double x) { return x > 0 ? x : 0.01 * x; }, -0.02},
      {"Softplus", [](double x) { return x > 30 ? x : std::log1p(std::exp(x)); }, 0}};
  for (const auto& [op, function, lowest] : kFunctions) {
    for (const double highest : {0.4, 1.0, 6.0, 30.0, 116.0}) {
      const double scale = (highest - lowest) / 255;
      const QuantParams out{static_cast<float>(scale),
                            static_cast<int32_t>(std::lround(-128 - lowest / scale))};
      const FittedCurve curve = FitCurve(Graph(), NodeOf(op), out);
      INFO(std::string(op), " to ", highest);
      CHECK(curve.error <= (highest < 1 ? 0.3 : 0.25));
      // What the fit says of itself is what is found.
      CHECK(LargestError(curve, function, out) <= curve.error + 0.02);
    }
  }
}

TEST_CASE("functions that end: sigmoid, tanh and their like") {
  const QuantParams unit{1.0F / 256, -128}, around{1.0F / 127, 0};
  const FittedCurve sigmoid = FitCurve(Graph(), NodeOf("Sigmoid"), unit);
  CHECK(sigmoid.error <= 0.25);
  CHECK(LargestError(
            sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, unit) <=
        sigmoid.error + 0.02);
  const FittedCurve tanh = FitCurve(Graph(), NodeOf("Tanh"), around);
  CHECK(tanh.error <= 0.25);
  CHECK(LargestError(
            tanh, [](double x) { return std::tanh(x); }, around) <= tanh.error + 0.02);
  const FittedCurve hard = FitCurve(Graph(), NodeOf("HardSigmoid"), unit);
  CHECK(LargestError(
            hard, [](double x) { return std::clamp(0.2 * x + 0.5, 0.0, 1.0); }, unit) <= 0.01);
}

TEST_CASE("pieces of the function's own degree are exact: bends lie on their edges") {
  const QuantParams out{0.05F, -120};
  CHECK(LargestError(FitCurve(Graph(), NodeOf("HardSwish"), out), HardSwish, out) < 0.002);
  Node leaky = NodeOf("LeakyRelu");
  leaky.attributes["alpha"] = 0.25F;
  CHECK(LargestError(
            FitCurve(Graph(), leaky, out), [](double x) { return x > 0 ? x : 0.25 * x; }, out) <
        0.002);
}

TEST_CASE("a factor of a channel makes what lies near 0 count more") {
  const QuantParams out{0.4F, -127};
  const FittedCurve curve = FitCurve(Graph(), NodeOf("Silu"), out, 64);
  CHECK(curve.error <= 0.25);
  CHECK(LargestError(curve, Silu, out, 64) <= curve.error + 0.02);
  CHECK(LargestError(curve, Silu, out, 8) <= curve.error + 0.02);
}

TEST_CASE("a clamp behind the function is the output's range") {
  Node node = NodeOf("Silu");
  node.clamp = Clamp{0, 2};
  const QuantParams out{2.0F / 255, -128};
  const FittedCurve curve = FitCurve(Graph(), node, out);
  CHECK(curve.error <= 0.25);
  CHECK(LargestError(curve, Silu, out) <= curve.error + 0.02);
}

TEST_CASE("jumps and poles do not suit") {
  const QuantParams out{0.02F, 0};
  for (const char* op : {"Sign", "Round", "Reciprocal", "Cos"}) {
    INFO(std::string(op));
    CHECK(FitCurve(Graph(), NodeOf(op), out).error > 1);
  }
}

}  // namespace
}  // namespace lutra::converter::quantize
