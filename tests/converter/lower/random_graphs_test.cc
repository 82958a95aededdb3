// Random networks of branches, concatenations and reshapes: the runtime's validation accepts their
// memory plans, and what they compute is right, so nothing was overwritten.
#include <doctest/doctest.h>

#include <random>

#include "lowered.h"

namespace lutra::converter::test {
namespace {

GraphBuilder RandomGraph(uint32_t seed) {
  std::mt19937 random(seed);
  GraphBuilder b;
  b.Input("x", {1, 4, 4, 6});
  struct Value {
    std::string name;
    int64_t channels;
  };
  std::vector<Value> values = {{"x", 6}};
  const auto pick = [&]() -> const Value& { return values[random() % values.size()]; };
  const size_t count = 3 + random() % 15;
  for (size_t i = 0; i < count; ++i) {
    const std::string name = "v" + std::to_string(i);
    const Value first = pick(), second = pick();
    switch (random() % 5) {
      case 0: {
        Node& pool = b.Add("MaxPool", {first.name}, {name});
        pool.attributes["kernel_shape"] = std::vector<int64_t>{3, 3};
        pool.attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
        values.push_back({name, first.channels});
        break;
      }
      case 1:
        b.Add("Transpose", {first.name}, {name}).attributes["perm"] =
            std::vector<int64_t>{0, 2, 1, 3};
        values.push_back({name, first.channels});
        break;
      case 2: {
        b.Ints(name + "_flat", {1, 16 * first.channels});
        b.Add("Reshape", {first.name, name + "_flat"}, {name + "_r"});
        b.Ints(name + "_image", {1, 4, 4, first.channels});
        b.Add("Reshape", {name + "_r", name + "_image"}, {name});
        values.push_back({name, first.channels});
        break;
      }
      case 3:
        b.Ints(name + "_starts", {1});
        b.Ints(name + "_ends", {first.channels});
        b.Ints(name + "_axes", {3});
        if (first.channels == 1) continue;
        b.Add("Slice", {first.name, name + "_starts", name + "_ends", name + "_axes"}, {name});
        values.push_back({name, first.channels - 1});
        break;
      default:
        if (first.channels + second.channels > 60) continue;
        b.Add("Concat", {first.name, second.name}, {name}).attributes["axis"] = int64_t{3};
        values.push_back({name, first.channels + second.channels});
        break;
    }
  }
  if (b.graph.nodes.empty()) b.Add("Identity", {"x"}, {"v"});
  b.graph.outputs = {b.graph.nodes.back().outputs[0]};
  return b;
}

TEST_CASE("random networks of moves are exact") {
  size_t parts = 0;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = Run(RandomGraph(seed).graph, OnGrid(96, {0.05F, 13}, seed));
    CHECK(outcome.ErrorInSteps() <= 1e-3);
    for (const auto& tensor : outcome.model.writer.model.tensors) parts += tensor->inside != 65535;
  }
  // In-place concat was among them.
  CHECK(parts > 50);
}

}  // namespace
}  // namespace lutra::converter::test
