// Whole steps of training against PyTorch: convolution with padding and stride, batch normalization
// of the minibatch with its running statistics, ReLU, max pooling, depthwise convolution, global
// mean, linear layer, cross-entropy, momentum, weight decay. Ten samples are a minibatch, which the
// trainer cuts into parts of 3, 3, 2 and 2; PyTorch computed it in one piece, in double
// (make_pytorch_values.py).
#include <doctest/doctest.h>

#include <cmath>

#include "converter/passes/graph_builder.h"
#include "converter/train/given_samples.h"
#include "converter/train/pytorch_values.h"
#include "converter/train/trainer.h"

namespace lutra::converter::train {
namespace {

/// fine_numbers of make_pytorch_values.py; exact in float32.
std::vector<float> FineNumbers(size_t count, size_t step, float scale, float offset = 0) {
  std::vector<float> numbers;
  for (size_t i = 0; i < count; ++i) {
    const auto whole = static_cast<float>((step * i * i + 7 * i + step) % 2003) - 1001;
    numbers.push_back(offset + whole / 1024 * scale);
  }
  return numbers;
}

/// In the order of PyTorch's state_dict.
const std::vector<std::string> kNames = {
    "conv.weight",   "conv.bias",        "norm.scale",     "norm.bias",     "norm.mean",
    "norm.variance", "depthwise.weight", "depthwise.bias", "linear.weight", "linear.bias"};

Network StepsNetwork() {
  passes::GraphBuilder b;
  using Ints = std::vector<int64_t>;
  b.Input("x", {1, 2, 9, 9});
  b.Floats("conv.weight", {4, 2, 3, 3}, FineNumbers(72, 31, 0.5F));
  b.Floats("conv.bias", {4}, FineNumbers(4, 37, 0.5F));
  b.Add("Conv", {"x", "conv.weight", "conv.bias"}, "c",
        {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  b.Floats("norm.scale", {4}, FineNumbers(4, 41, 0.5F, 1));
  b.Floats("norm.bias", {4}, FineNumbers(4, 43, 0.5F));
  b.Floats("norm.mean", {4}, FineNumbers(4, 47, 0.5F));
  b.Floats("norm.variance", {4}, FineNumbers(4, 53, 0.5F, 1));
  // PyTorch's momentum of 0.1 is ONNX's of 0.9: the share of the old.
  b.Add("BatchNormalization", {"c", "norm.scale", "norm.bias", "norm.mean", "norm.variance"}, "n",
        {{"epsilon", 1e-5F}, {"momentum", 0.9F}});
  b.Add("Relu", {"n"}, "r");
  b.Add("MaxPool", {"r"}, "m", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{1, 1}}});
  b.Floats("depthwise.weight", {4, 1, 3, 3}, FineNumbers(36, 59, 0.5F));
  b.Floats("depthwise.bias", {4}, FineNumbers(4, 61, 0.5F));
  b.Add("Conv", {"m", "depthwise.weight", "depthwise.bias"}, "d",
        {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"group", int64_t{4}}});
  b.Add("GlobalAveragePool", {"d"}, "g");
  b.Add("Flatten", {"g"}, "f");
  b.Floats("linear.weight", {3, 4}, FineNumbers(12, 67, 1));
  b.Floats("linear.bias", {3}, FineNumbers(3, 71, 0.5F));
  b.Add("Gemm", {"f", "linear.weight", "linear.bias"}, "y", {{"transB", int64_t{1}}});
  return MakeNetwork(MakeTrainable(b.Finish({"y"})));
}

/// Every epoch is one step. Returns all parameters and statistics, and the losses.
std::vector<float> AfterSteps(size_t steps, std::vector<double>& losses) {
  GivenSamples samples;
  const std::vector<float> values = FineNumbers(10 * 162, 29, 2);
  for (int64_t i = 0; i < 10; ++i) {
    const auto first = values.begin() + i * 162;
    samples.Add({2, 9, 9}, {first, first + 162}, i * i % 3);
  }
  TrainSettings settings;
  settings.epochs = steps;
  settings.batches.size = 10;
  settings.validation = 0;
  settings.optimizer.method = OptimizerSettings::Method::sgd;
  settings.optimizer.nesterov = false;
  settings.optimizer.weight_decay = 0.02;
  settings.schedule.shape = Schedule::Shape::constant;
  settings.schedule.rate = 0.1;
  Network network = StepsNetwork();
  Workers workers(2);
  Warnings warnings;
  const SampleStore store(samples, network.input_dims, workers);
  Trainer trainer(network, store, settings, workers, warnings);
  trainer.Run([&](const EpochReport& report) {
    losses.push_back(report.loss);
    return true;
  });
  std::vector<float> all;
  const TensorMap shared = network.Shared();
  for (const std::string& name : kNames) {
    const auto tensor = shared.at(name).as<float>();
    all.insert(all.end(), tensor.begin(), tensor.end());
  }
  return all;
}

double FarthestFrom(const std::vector<float>& ours, const std::vector<double>& theirs) {
  REQUIRE(ours.size() == theirs.size());
  double largest = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(ours[i]) - theirs[i]));
  }
  return largest;
}

}  // namespace

// Parameters are numbers of up to 2, which float32 rounds by up to 6e-8 of themselves, and each
// gradient is a sum of a few hundred rounded terms: some 1e-7 in one step. At a rate of 0.1 and a
// momentum of 0.9 errors of gradients come to be added whole, so twenty steps may have twenty times
// that. A running variance without its correction (of 250 elements) would be 1e-4 off, a bias that
// decays 1e-3.
TEST_CASE("one step, and twenty, end where PyTorch's do") {
  std::vector<double> losses;
  CHECK(FarthestFrom(AfterSteps(1, losses), pytorch::kAfterStep1) < 3e-7);
  REQUIRE(losses.size() == 1);
  CHECK(std::abs(losses[0] - pytorch::kStepLosses[0]) < 3e-7);
  losses.clear();
  CHECK(FarthestFrom(AfterSteps(20, losses), pytorch::kAfterStep20) < 2e-6);
  REQUIRE(losses.size() == 20);
  for (size_t i = 0; i < 20; ++i) {
    CAPTURE(i);
    CHECK(std::abs(losses[i] - pytorch::kStepLosses[i]) < 2e-6);
  }
}

}  // namespace lutra::converter::train
