#include "converter/quantize/range_trials.h"

#include <doctest/doctest.h>

#include <random>

namespace lutra::converter::quantize {
namespace {

// Most values within 1, and in one place of a hundred `outlier`.
class OutlierSamples : public data::Dataset {
 public:
  explicit OutlierSamples(float outlier) : outlier_(outlier) {}
  size_t size() const override { return 8; }
  bool labelled() const override { return false; }
  uint64_t Hash() const override { return 0; }
  data::Sample Get(size_t i) const override {
    std::mt19937 random(static_cast<uint32_t>(i));
    std::vector<float> values(400);
    for (size_t at = 0; at < values.size(); ++at) {
      values[at] = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
      if (at % 100 == 7) values[at] = outlier_;
    }
    return {Tensor::Of({1, 100, 4}, std::move(values)), -1, "sample"};
  }

 private:
  float outlier_;
};

// A MatMul by `weights`, one for each of the four channels.
std::map<std::string, size_t> Try(float outlier, std::vector<float> weights, bool output = false) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  if (output) graph.outputs.push_back("x");
  graph.values["x"] = {DataType::float32, std::vector<int64_t>{1, 100, 4}};
  graph.values["y"] = {DataType::float32, std::vector<int64_t>{1, 100, 1}};
  graph.initializers["w"] = Tensor::Of({4, 1}, std::move(weights));
  Node node;
  node.op = "MatMul";
  node.inputs = {"x", "w"};
  node.outputs = {"y"};
  graph.nodes = {node};
  return TryRanges(graph, {{"x", {{-50, 50}, {-1, 1}}}}, {"y"}, OutlierSamples(outlier), {});
}

TEST_CASE("the range with the smaller error in what is computed from the value") {
  // Nothing lies outside the narrow range.
  CHECK(Try(0.5F, {1, 1, 1, 1}).at("x") == 1);
  // What lies outside counts for more than the finer steps.
  CHECK(Try(50, {1, 1, 1, 1}).empty());
  // It lies in channel 3, which is multiplied by 0.
  CHECK(Try(50, {1, 1, 1, 0}).at("x") == 1);
}

TEST_CASE("outputs of the graph keep the first range") {
  CHECK(Try(0.5F, {1, 1, 1, 1}, true).empty());
}

}  // namespace
}  // namespace lutra::converter::quantize
