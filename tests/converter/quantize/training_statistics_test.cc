// Batch normalizations remember the training data: the same kind of data passes, data that is not
// scaled or centred as then is told.
#include "converter/quantize/training_statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "converter/executor/float_executor.h"
#include "converter/passes/passes.h"

namespace lutra::converter::quantize {
namespace {

// Images of smooth patches: (x * scale - mean) / std of pixels.
class Images : public data::Dataset {
 public:
  Images(size_t count, data::Normalization rule) : count_(count), rule_(std::move(rule)) {}
  size_t size() const override { return count_; }
  bool labelled() const override { return false; }
  data::Sample Get(size_t index) const override {
    std::mt19937 random(static_cast<uint32_t>(index + 1));
    std::vector<float> pixels;
    for (size_t c = 0; c < 3; ++c) {
      const float base = static_cast<float>(random() % 160);
      for (size_t i = 0; i < 64; ++i) {
        pixels.push_back(rule_.Apply(base + static_cast<float>(random() % 96), c));
      }
    }
    return {Tensor::Of({3, 8, 8}, pixels), -1, "image"};
  }
  uint64_t Hash() const override { return 0; }

 private:
  size_t count_;
  data::Normalization rule_;
};

const data::Normalization kTraining{1.0F / 255, {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};

Node NamedNode(const std::string& op, std::vector<std::string> inputs, const std::string& output) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = {output};
  return node;
}

// Conv, BatchNormalization, Relu, Conv, BatchNormalization, with the statistics of training data.
Graph Trained() {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  const auto numbers = [&](size_t count) {
    std::vector<float> values(count);
    for (float& x : values) x = normal(random);
    return values;
  };
  Graph graph;
  graph.inputs = {"x"};
  graph.values["x"] = {DataType::float32, std::vector<int64_t>{1, 3, 8, 8}};
  const auto add_pair = [&](const std::string& from, int64_t channels, const std::string& stem) {
    graph.initializers[stem + "_w"] =
        Tensor::Of({4, channels, 3, 3}, numbers(static_cast<size_t>(36 * channels)));
    graph.nodes.push_back(NamedNode("Conv", {from, stem + "_w"}, stem));
    graph.outputs = {stem};
    // Training: mean and variance of each channel over 200 images.
    std::vector<double> sum(4), square(4);
    double count = 0;
    Graph shaped = graph;
    passes::InferShapes(shaped);
    executor::FloatExecutor executor(shaped);
    const Images images(200, kTraining);
    for (size_t i = 0; i < images.size(); ++i) {
      const executor::TensorMap out =
          executor.Run({{"x", data::AsInput(images.Get(i), {1, 3, 8, 8})}});
      const std::span<const float> values = out.at(stem).as<float>();
      count += static_cast<double>(values.size()) / 4;
      for (size_t j = 0; j < values.size(); ++j) {
        sum[j * 4 / values.size()] += static_cast<double>(values[j]);
        square[j * 4 / values.size()] += std::pow(static_cast<double>(values[j]), 2);
      }
    }
    std::vector<float> mean, variance;
    for (size_t c = 0; c < 4; ++c) {
      mean.push_back(static_cast<float>(sum[c] / count));
      variance.push_back(static_cast<float>(square[c] / count - std::pow(sum[c] / count, 2)));
    }
    graph.initializers[stem + "_scale"] = Tensor::Of({4}, std::vector<float>{1, 0.5F, 2, 1});
    graph.initializers[stem + "_shift"] = Tensor::Of({4}, std::vector<float>{0, 0.1F, -1, 1});
    graph.initializers[stem + "_mean"] = Tensor::Of({4}, mean);
    graph.initializers[stem + "_variance"] = Tensor::Of({4}, variance);
    graph.nodes.push_back(
        NamedNode("BatchNormalization",
                  {stem, stem + "_scale", stem + "_shift", stem + "_mean", stem + "_variance"},
                  stem + "_bn"));
  };
  add_pair("x", 3, "first");
  graph.nodes.push_back(NamedNode("Relu", {"first_bn"}, "r"));
  add_pair("r", 4, "second");
  graph.outputs = {"second_bn"};
  passes::InferShapes(graph);
  return graph;
}

std::vector<std::string> SaidOf(const TrainingStatistics& training,
                                const data::Normalization& rule) {
  Warnings warnings;
  CompareWithTraining(training, Images(20, rule), warnings);
  return warnings.lines();
}

TEST_CASE("data of training passes; forgotten scale, mean and std do not") {
  const TrainingStatistics training = ReadTrainingStatistics(Trained());
  REQUIRE(training.layers.size() == 1);
  CHECK(training.layers[0].value == "first");
  CHECK(training.graph.nodes.size() == 1);

  CHECK(SaidOf(training, kTraining).empty());
  // Round numbers in place of the exact ones.
  CHECK(SaidOf(training, {1.0F / 255, {0.45F}, {0.25F}}).empty());
  for (const data::Normalization& rule :
       {data::Normalization{1, {}, {}}, data::Normalization{1.0F / 255, {}, {}}}) {
    const std::vector<std::string> said = SaidOf(training, rule);
    REQUIRE(said.size() == 1);
    CHECK(said[0].starts_with("the calibration data is unlike that of training: at 'first_bn'"));
  }
}

TEST_CASE("a network without batch normalization has nothing to compare with") {
  Graph graph = Trained();
  graph.nodes.resize(1);
  graph.outputs = {"first"};
  const TrainingStatistics training = ReadTrainingStatistics(graph);
  CHECK(training.layers.empty());
  CHECK(SaidOf(training, {1, {}, {}}).empty());
}

}  // namespace
}  // namespace lutra::converter::quantize
