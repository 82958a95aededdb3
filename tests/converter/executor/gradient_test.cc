// Gradients of single nodes: every operator against central finite differences of the forward run,
// and what can be calculated by hand.
#include "converter/executor/gradient.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/converter/executor/gradient_cases.h"

namespace lutra::converter::executor {
namespace {

std::vector<const Tensor*> Pointers(const std::vector<Tensor>& tensors) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& tensor : tensors) {
    pointers.push_back(tensor.type() == DataType::undefined ? nullptr : &tensor);
  }
  return pointers;
}

/// One node, its forward results, and gradients of the loss by them.
class Trial {
 public:
  Trial(Node node, std::vector<Tensor> inputs)
      : node_(std::move(node)), inputs_(std::move(inputs)) {
    results_ = Forward();
    for (size_t i = 0; i < results_.size(); ++i) {
      by_results_.push_back(Random(results_[i].dims(), static_cast<uint32_t>(1000 + i)));
    }
  }

  /// Gradients by these inputs, which are the computed ones: they are there only where the row
  /// says that it reads them.
  Gradients Backward(const std::vector<size_t>& by) {
    GradientCall call{node_, Pointers(inputs_), {}, {}, Pointers(by_results_), {}, backward_};
    for (const Tensor& input : inputs_) call.input_dims.push_back(input.dims());
    call.wanted.resize(inputs_.size());
    for (const size_t i : by) {
      call.wanted[i] = true;
      if (!GradientReadsInputs(node_)) call.inputs[i] = nullptr;
    }
    call.results.resize(results_.size());
    if (GradientReadsResults(node_)) call.results = Pointers(results_);
    return ExecuteGradient(call);
  }

  /// The loss with one element of one input at `value`.
  double LossAt(size_t input, size_t element, float value) {
    float& x = inputs_[input].as<float>()[element];
    const float before = std::exchange(x, value);
    const Results results = Forward();
    x = before;
    double loss = 0;
    for (size_t i = 0; i < results.size(); ++i) {
      const auto y = results[i].as<float>();
      const auto weights = std::as_const(by_results_[i]).as<float>();
      for (size_t k = 0; k < y.size(); ++k) loss += static_cast<double>(weights[k]) * y[k];
    }
    return loss;
  }

  const Tensor& Input(size_t i) const { return inputs_[i]; }
  void SetGradient(Tensor by_result) { by_results_[0] = std::move(by_result); }

 private:
  Results Forward() { return Execute({node_, Pointers(inputs_), {}, forward_}); }

  Node node_;
  std::vector<Tensor> inputs_;
  NodeCache forward_, backward_;
  Results results_;
  std::vector<Tensor> by_results_;
};

/// A step of 2^-7 errs by step^2 / 6 times the third derivative, which is below 10 for all cases:
/// 1e-4; and by the rounding of the results that the element has an effect on, at most some 30 of
/// magnitude 4, each of sums of 200 terms at most, that is 30 * 4 * 200 * 2^-24 / 2^-6 = 9e-2 if
/// all roundings conspired, and the root of the number of roundings less, 1e-3, as they come.
void CheckAgainstDifferences(const GradientCase& c) {
  constexpr float kStep = 0x1p-7f;
  // Elements far apart, no axis of the cases being a multiple of the prime.
  constexpr size_t kMostElements = 12, kPrime = 97;
  Trial trial(c.node, c.inputs);
  const Gradients gradients = trial.Backward(c.by);
  REQUIRE(gradients.size() == c.inputs.size());
  for (const size_t input : c.by) {
    CAPTURE(input);
    const Tensor& x = trial.Input(input);
    REQUIRE(gradients[input].type() == DataType::float32);
    REQUIRE(gradients[input].dims() == x.dims());
    for (size_t k = 0; k < std::min(x.elements(), kMostElements); ++k) {
      const size_t i = k * kPrime % x.elements();
      CAPTURE(i);
      const float value = x.as<float>()[i], above = value + kStep, below = value - kStep;
      const double difference = trial.LossAt(input, i, above) - trial.LossAt(input, i, below);
      const double expected = difference / (static_cast<double>(above) - below);
      const double actual = gradients[input].as<float>()[i];
      CHECK(std::abs(actual - expected) <= 1e-3 * std::max(1.0, std::abs(expected)));
    }
    // Alone it is the same, and nothing else comes with it.
    const Gradients alone = trial.Backward({input});
    for (size_t i = 0; i < alone.size(); ++i) {
      if (i == input) CHECK(alone[i] == gradients[i]);
      if (i != input) CHECK(alone[i].type() == DataType::undefined);
    }
  }
}

std::string Described(const GradientCase& c) {
  std::string text = c.node.op + (c.node.layout == Layout::nhwc ? " nhwc" : "");
  for (const Tensor& input : c.inputs) text += " " + DimsText(input.dims());
  return text;
}

TEST_CASE("Gradients are those of finite differences") {
  for (const GradientCase& c : GradientCases()) {
    const std::string described = Described(c);
    CAPTURE(described);
    CheckAgainstDifferences(c);
  }
}

TEST_CASE("Every operator with a gradient is compared with finite differences") {
  // Rounding has no derivative: its gradient is an estimator.
  std::set<std::string> compared{".FakeQuantize", ".LearnedFakeQuantize"};
  for (const GradientCase& c : GradientCases()) compared.insert(c.node.domain + "." + c.node.op);
  size_t trainable = 0;
  for (const Operator* row : AllOperators()) {
    if (row->gradient.run == nullptr) continue;
    ++trainable;
    CAPTURE(row->name);
    CHECK(compared.contains(std::string(row->domain) + "." + std::string(row->name)));
  }
  CHECK(trainable == compared.size());
}

/// Gradients by all float32 inputs when the gradient of the result is given.
Gradients BackwardOf(const Node& node, const std::vector<Tensor>& inputs, const Tensor& by_result) {
  Trial trial(node, inputs);
  trial.SetGradient(by_result);
  std::vector<size_t> by;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].type() == DataType::float32) by.push_back(i);
  }
  return trial.Backward(by);
}

TEST_CASE("The first of equally large elements receives MaxPool's gradient") {
  Node node = MakeNode("MaxPool", {"x"}, {"y"}, {{"kernel_shape", Int64s{2, 2}}});
  // Windows over columns 0-1 and 1-2: [2 2; 1 2] and [2 3; 2 3].
  const Tensor x = Tensor::Of({1, 1, 2, 3}, Floats{2, 2, 3, 1, 2, 3});
  const Tensor g = Tensor::Of({1, 1, 1, 2}, Floats{5, 7});
  const Floats expected{5, 0, 7, 0, 0, 0};
  CHECK(BackwardOf(node, {x}, g)[0].ToFloats() == expected);
  node.layout = Layout::nhwc;
  const Gradients nhwc = BackwardOf(node, {x.Reshaped({1, 2, 3, 1})}, g.Reshaped({1, 1, 2, 1}));
  CHECK(nhwc[0].ToFloats() == expected);
}

TEST_CASE("Elements of AveragePool share by the number that was counted") {
  const Tensor x = Tensor::Of({1, 1, 3}, Floats{1, 2, 3}), g = Tensor::Of({1, 1, 2}, Floats{6, 12});
  // Windows over [pad, 0] and [1, 2].
  Node node =
      MakeNode("AveragePool", {"x"}, {"y"},
               {{"kernel_shape", Int64s{2}}, {"strides", Int64s{2}}, {"pads", Int64s{1, 0}}});
  CHECK(BackwardOf(node, {x}, g)[0].ToFloats() == Floats{6, 6, 6});
  node.attributes["count_include_pad"] = int64_t{1};
  CHECK(BackwardOf(node, {x}, g)[0].ToFloats() == Floats{3, 6, 6});
}

TEST_CASE("A convolution of 1x1 is a matrix product") {
  // Two pixels of two channels, [1 2] and [3 4]; one output channel with weights [10 20].
  const Node node = MakeNode("Conv", {"x", "w", "b"}, {"y"});
  const Tensor x = Tensor::Of({1, 2, 1, 2}, Floats{1, 3, 2, 4});
  const Gradients gradients =
      BackwardOf(node, {x, Tensor::Of({1, 2, 1, 1}, Floats{10, 20}), Tensor::Of({1}, Floats{0})},
                 Tensor::Of({1, 1, 1, 2}, Floats{1, -2}));
  CHECK(gradients[0].ToFloats() == Floats{10, -20, 20, -40});
  CHECK(gradients[1].ToFloats() == Floats{1 - 2 * 3, 2 - 2 * 4});
  CHECK(gradients[2].ToFloats() == Floats{-1});
}

TEST_CASE("Nothing passes a kink or a bound that is reached") {
  const Tensor x = Tensor::Of({5}, Floats{-1, 0, 0.5f, 6, 7}), g = Tensor::Of({5}, Floats(5, 1));
  CHECK(BackwardOf(MakeNode("Relu", {"x"}, {"y"}), {x}, g)[0].ToFloats() == Floats{0, 0, 1, 1, 1});
  Node clamped = MakeNode("Identity", {"x"}, {"y"});
  clamped.clamp = Clamp{0, 6};
  CHECK(BackwardOf(clamped, {x}, g)[0].ToFloats() == Floats{0, 0, 1, 0, 0});
}

TEST_CASE("Equal elements share the gradient of a maximum") {
  const Tensor x = Tensor::Of({1, 4}, Floats{3, 1, 3, 2});
  CHECK(BackwardOf(MakeNode("ReduceMax", {"x"}, {"y"}), {x}, Tensor::Of({1, 1}, Floats{8}))[0]
            .ToFloats() == Floats{4, 0, 4, 0});
  const Gradients both = BackwardOf(MakeNode("Max", {"x", "z"}, {"y"}),
                                    {Tensor::Of({2}, Floats{1, 2}), Tensor::Of({2}, Floats{1, 3})},
                                    Tensor::Of({2}, Floats{8, 8}));
  CHECK(both[0].ToFloats() == Floats{4, 0});
  CHECK(both[1].ToFloats() == Floats{4, 8});
}

TEST_CASE("Gather adds up what was taken more than once") {
  const Gradients gradients = BackwardOf(MakeNode("Gather", {"x", "i"}, {"y"}),
                                         {Tensor(DataType::float32, {3, 2}), Ints({2, 0, 2})},
                                         Tensor::Of({3, 2}, Floats{1, 2, 3, 4, 5, 6}));
  CHECK(gradients[0].ToFloats() == Floats{3, 4, 0, 0, 6, 8});
}

TEST_CASE("Parts that nothing depends on have a gradient of zero") {
  const Node node = MakeNode("Split", {"x"}, {"y", "z"});
  NodeCache cache;
  const Tensor g = Tensor::Of({2}, Floats{1, 2});
  const Gradients gradients =
      ExecuteGradient({node, {nullptr}, {nullptr, nullptr}, {{4}}, {nullptr, &g}, {true}, cache});
  CHECK(gradients[0].ToFloats() == Floats{0, 0, 1, 2});
}

TEST_CASE("Rounding counts as the identity and clamping does not") {
  const Node node = MakeNode("FakeQuantize", {"x"}, {"y"},
                             {{"scale", 0.5f}, {"lo", int64_t{-4}}, {"hi", int64_t{3}}});
  const Tensor x = Tensor::Of({5}, Floats{-3, -1.3f, 0.1f, 0.9f, 2});
  CHECK(BackwardOf(node, {x}, Tensor::Of({5}, Floats{1, 2, 3, 4, 5}))[0].ToFloats() ==
        Floats{0, 2, 3, 4, 0});
}

TEST_CASE("A learned scale gets what rounding adds, and the ends of the grid beyond them") {
  const Node node =
      MakeNode("LearnedFakeQuantize", {"x", "s"}, {"y"}, {{"lo", int64_t{-4}}, {"hi", int64_t{3}}});
  // In steps of 0.5: -6, -2.6, 0.2, 1.8, 4; rounded and clamped -4, -3, 0, 2, 3.
  const Floats x{-3, -1.3f, 0.1f, 0.9f, 2}, g{1, 2, 3, 4, 5};
  const Tensor scale = Tensor::Of({1}, Floats{0.5f});
  const Gradients gradients = BackwardOf(node, {Tensor::Of({5}, x), scale}, Tensor::Of({5}, g));
  CHECK(gradients[0].ToFloats() == Floats{0, 2, 3, 4, 0});
  const double expected = 1 * -4 + 2 * (-3 + 2.6) + 3 * (0 - 0.2) + 4 * (2 - 1.8) + 5 * 3;
  CHECK(gradients[1].dims() == std::vector<int64_t>{1});
  CHECK(static_cast<double>(gradients[1].ToFloats()[0]) == doctest::Approx(expected));
  // With rounding's jumps left out, y = s clamp(x / s + r) with r = round(x / s) - x / s held, that
  // is the derivative by s.
  const auto smooth = [&](double s) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double now = static_cast<double>(x[i]) / 0.5;
      const double r = std::nearbyint(now) - now;
      const double steps = static_cast<double>(x[i]) / s;
      const bool inside = now > -4 && now < 3;
      sum += static_cast<double>(g[i]) * s * (inside ? steps + r : std::clamp(now, -4.0, 3.0));
    }
    return sum;
  };
  CHECK((smooth(0.501) - smooth(0.499)) / 0.002 == doctest::Approx(expected));
}

TEST_CASE("What has no gradient is refused by name") {
  Node node = MakeNode("Round", {"x"}, {"rounded"});
  CHECK(WhyNoGradient(node) == "operator Round has no gradient");
  node.domain = "com.example";
  CHECK(WhyNoGradient(node) == "operator com.example.Round has no gradient");
  CHECK(WhyNoGradient(MakeNode("Relu", {"x"}, {"y"})).empty());

  const Tensor c = Tensor::Of({1}, Floats{1}), x = Tensor::Of({1, 1, 1}, Floats{1});
  CHECK_THROWS_WITH_AS(
      BackwardOf(MakeNode("BatchNormalization", {}, {"normal"}), {x, c, c, c, c}, x),
      "gradient of node 'normal' (BatchNormalization): input 3 has no gradient", Error);
  CHECK_THROWS_WITH_AS(BackwardOf(MakeNode("Pow", {}, {"power"}), {c, c}, c),
                       "gradient of node 'power' (Pow): input 1 has no gradient", Error);
  CHECK_THROWS_WITH_AS(
      BackwardOf(MakeNode("LeakyRelu", {}, {"leaky"}, {{"alpha", -1.0f}}), {c}, c),
      "gradient of node 'leaky' (LeakyRelu): there is no gradient for a negative 'alpha'", Error);
}

}  // namespace
}  // namespace lutra::converter::executor
