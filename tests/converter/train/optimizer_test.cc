// Optimizers against eight steps of PyTorch's, in pieces, and after a restart.
#include "converter/train/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>

#include "converter/error.h"
#include "converter/train/pytorch_values.h"

namespace lutra::converter::train {
namespace {

using Method = OptimizerSettings::Method;
using Floats = std::vector<float>;

struct Case {
  const char* name;
  OptimizerSettings settings;
  const std::vector<double>& trace;
};

std::vector<Case> Cases() {
  std::vector<Case> cases = {{"plain", {}, pytorch::kTracePlain},
                             {"momentum", {}, pytorch::kTraceMomentum},
                             {"nesterov", {}, pytorch::kTraceNesterov},
                             {"adam", {}, pytorch::kTraceAdam},
                             {"adamw", {}, pytorch::kTraceAdamW},
                             {"adamw, other betas", {}, pytorch::kTraceAdamWOther}};
  cases[0].settings.momentum = 0;
  cases[0].settings.nesterov = false;
  cases[0].settings.weight_decay = 0.01;
  cases[1].settings.nesterov = false;
  cases[2].settings.weight_decay = 0.05;
  cases[3].settings.method = Method::adam;
  cases[3].settings.weight_decay = 0.05;
  cases[4].settings.method = Method::adamw;
  cases[4].settings.weight_decay = 0.05;
  cases[5].settings.method = Method::adamw;
  cases[5].settings.beta1 = 0.8;
  cases[5].settings.beta2 = 0.95;
  cases[5].settings.epsilon = 1e-3;
  return cases;
}

constexpr size_t kElements = 6;

Floats Start() { return {pytorch::kStart.begin(), pytorch::kStart.end()}; }

Floats Gradient(size_t step) {
  const auto from = pytorch::kGradients.begin() + step * kElements;
  return {from, from + kElements};
}

Optimizer Make(const Case& which) { return Optimizer(which.settings, {{"w", {2, 3}, true}}); }

void Step(Optimizer& optimizer, size_t step, Floats& weights) {
  optimizer.Begin(pytorch::kRates[step]);
  optimizer.Update(0, weights, Gradient(step));
}

TEST_CASE("optimizers are PyTorch's") {
  for (const Case& which : Cases()) {
    CAPTURE(which.name);
    Optimizer optimizer = Make(which);
    Floats weights = Start();
    for (size_t step = 0; step < pytorch::kRates.size(); ++step) {
      Step(optimizer, step, weights);
      for (size_t i = 0; i < kElements; ++i) {
        CAPTURE(step);
        CAPTURE(i);
        // A handful of roundings of float32 each step, in an order that differs.
        const double expected = which.trace[step * kElements + i];
        CHECK(static_cast<double>(weights[i]) == doctest::Approx(expected).epsilon(2e-6).scale(4));
      }
    }
    CHECK(optimizer.steps() == 8);
  }
}

TEST_CASE("a parameter may be updated in pieces") {
  for (const Case& which : Cases()) {
    CAPTURE(which.name);
    Optimizer whole = Make(which), pieces = Make(which);
    Floats expected = Start(), weights = Start();
    for (size_t step = 0; step < 4; ++step) {
      Step(whole, step, expected);
      const Floats gradient = Gradient(step);
      pieces.Begin(pytorch::kRates[step]);
      for (const auto& [first, count] : {std::pair<size_t, size_t>{5, 1}, {0, 2}, {2, 3}}) {
        pieces.Update(0, std::span(weights).subspan(first, count),
                      std::span(gradient).subspan(first, count), first);
      }
      CHECK(weights == expected);
    }
  }
}

TEST_CASE("a restart changes nothing") {
  for (const Case& which : Cases()) {
    CAPTURE(which.name);
    Optimizer first = Make(which), second = Make(which);
    Floats expected = Start(), weights;
    for (size_t step = 0; step < 8; ++step) {
      if (step == 3) {
        second.Restore(first.steps(), first.state());
        weights = expected;
      }
      Step(first, step, expected);
      if (step >= 3) Step(second, step, weights);
    }
    CHECK(weights == expected);
  }
}

TEST_CASE("biases and normalization do not decay") {
  OptimizerSettings settings;
  settings.weight_decay = 0.5;
  for (const Method method : {Method::sgd, Method::adam, Method::adamw}) {
    settings.method = method;
    Optimizer optimizer(settings, {{"weight", {1}, true}, {"bias", {1}, false}});
    Floats weight = {1}, bias = {1};
    const Floats gradient = {0};
    optimizer.Begin(0.1);
    optimizer.Update(0, weight, gradient);
    optimizer.Update(1, bias, gradient);
    CHECK(weight[0] < 1);
    CHECK(bias[0] == 1);
  }
}

TEST_CASE("state goes by name") {
  OptimizerSettings settings;
  const std::vector<Optimizer::Parameter> parameters = {{"a", {2, 2}, true}, {"b", {3}, false}};
  Optimizer sgd(settings, parameters);
  REQUIRE(sgd.state().size() == 2);
  CHECK(sgd.state()[0].name == "momentum/a");
  CHECK(sgd.state()[1].name == "momentum/b");
  settings.method = Method::adam;
  Optimizer adam(settings, parameters);
  REQUIRE(adam.state().size() == 4);
  CHECK(adam.state()[1].name == "square/a");
  CHECK(adam.state()[2].name == "mean/b");
  CHECK(adam.state()[2].values.dims() == std::vector<int64_t>{3});
  settings.momentum = 0;
  settings.method = Method::sgd;
  CHECK(Optimizer(settings, parameters).state().empty());

  CHECK_THROWS_WITH_AS(adam.Restore(3, sgd.state()),
                       "the optimizer's state 'mean/a' of dimensions 2x2 is not there; it belongs "
                       "to another network or optimizer",
                       Error);
  std::vector<Optimizer::StateTensor> state = sgd.state();
  state[1].values = Tensor(DataType::float32, {4});
  CHECK_THROWS_AS(sgd.Restore(3, state), Error);
  state = sgd.state();
  state.push_back(state[0]);
  CHECK_THROWS_AS(sgd.Restore(3, state), Error);
  CHECK(sgd.steps() == 0);
}

TEST_CASE("ranges outside a parameter are refused") {
  Optimizer optimizer(OptimizerSettings{}, {{"w", {4}, true}});
  Floats values(3);
  CHECK_THROWS_AS(optimizer.Update(0, values, Floats(2)), Error);
  CHECK_THROWS_AS(optimizer.Update(0, values, Floats(3), 2), Error);
  CHECK_THROWS_AS(optimizer.Update(1, values, Floats(3)), Error);
}

TEST_CASE("clipping is PyTorch's") {
  Floats a = Gradient(0), b = Gradient(1);
  const std::vector<std::span<float>> gradients = {a, b};
  // PyTorch's norm is a float32, and it divides by the norm + 1e-6.
  CHECK(ClipNorm(gradients, 2.5) == doctest::Approx(pytorch::kNorm[0]).epsilon(1e-6));
  for (size_t i = 0; i < 2 * kElements; ++i) {
    const float have = i < kElements ? a[i] : b[i - kElements];
    CHECK(static_cast<double>(have) == doctest::Approx(pytorch::kClipped[i]).epsilon(1e-6));
  }
  CHECK(ClipNorm(gradients, 2.5) == doctest::Approx(2.5).epsilon(1e-6));
  // Longer than the lanes of the sum, and below the limit: nothing moves.
  Floats ones(19, 1.0F);
  const std::vector<std::span<float>> one = {ones};
  CHECK(ClipNorm(one, 100) == std::sqrt(19.0));
  CHECK(ones == Floats(19, 1.0F));
}

TEST_CASE("names of optimizers") {
  CHECK(ParseMethod("adamw") == Method::adamw);
  CHECK_THROWS_WITH_AS(ParseMethod("lion"),
                       "optimizer 'lion' is not known; known are sgd, adam, adamw", Error);
}

}  // namespace
}  // namespace lutra::converter::train
