// The sums against the definition: every patch written out from ONNX's formula of the convolution.
#include "converter/quantize/input_moments.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace lutra::converter::quantize {
namespace {

class Samples : public data::Dataset {
 public:
  Samples(std::vector<int64_t> dims, size_t count) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal(0.3F, 1.0F);
    for (size_t i = 0; i < count; ++i) {
      std::vector<float> values(ElementCount(dims));
      for (float& v : values) v = normal(random);
      tensors_.push_back(Tensor::Of(dims, values));
    }
  }
  size_t size() const override { return tensors_.size(); }
  bool labelled() const override { return false; }
  data::Sample Get(size_t i) const override { return {tensors_[i], -1, "sample"}; }
  uint64_t Hash() const override { return 0; }

 private:
  std::vector<Tensor> tensors_;
};

Graph OneNode(const std::string& op, std::vector<int64_t> in, std::vector<int64_t> out,
              std::vector<int64_t> weights) {
  Graph graph;
  graph.inputs = {"x"};
  graph.outputs = {"y"};
  graph.values["x"] = {DataType::float32, std::move(in)};
  graph.values["y"] = {DataType::float32, std::move(out)};
  const std::vector<float> values(ElementCount(weights), 0.5F);
  graph.values["w"] = {DataType::float32, weights};
  graph.initializers["w"] = Tensor::Of(std::move(weights), values);
  Node& node = graph.nodes.emplace_back();
  node.op = op;
  node.inputs = {"x", "w"};
  node.outputs = {"y"};
  if (op == "Conv") node.layout = Layout::nhwc;
  return graph;
}

InputMoments Collect(const Graph& graph, const data::Dataset& data) {
  return CollectMoments(graph, {"y"}, data, {}).at("y");
}

// Adds the products of every two entries.
void AddProducts(const std::vector<double>& entries, double* sums) {
  for (size_t i = 0; i < entries.size(); ++i) {
    for (size_t j = 0; j < entries.size(); ++j) {
      sums[i * entries.size() + j] += entries[i] * entries[j];
    }
  }
}

void CheckUpperTriangle(const float* actual, const double* wanted, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = i; j < size; ++j) {
      const double bound = 1e-6 * std::sqrt(wanted[i * size + i] * wanted[j * size + j]);
      CHECK(std::fabs(static_cast<double>(actual[i * size + j]) - wanted[i * size + j]) <= bound);
    }
  }
}

TEST_CASE("a padded, strided, dilated convolution in groups") {
  constexpr int64_t kHeight = 7, kWidth = 6, kGroups = 2, kChannels = 3;  // channels of a group
  constexpr int64_t kKernelH = 3, kKernelW = 2, kStrideH = 2, kStrideW = 1, kDilationW = 2;
  constexpr int64_t kTop = 1, kLeft = 2, kOutH = 4, kOutW = 7;
  Graph graph = OneNode("Conv", {1, kHeight, kWidth, kGroups * kChannels}, {1, kOutH, kOutW, 4},
                        {4, kChannels, kKernelH, kKernelW});
  Node& conv = graph.nodes[0];
  conv.attributes["group"] = kGroups;
  conv.attributes["pads"] = std::vector<int64_t>{kTop, kLeft, 1, 1};
  conv.attributes["strides"] = std::vector<int64_t>{kStrideH, kStrideW};
  conv.attributes["dilations"] = std::vector<int64_t>{1, kDilationW};
  const Samples data({1, kHeight, kWidth, kGroups * kChannels}, 3);
  const InputMoments moments = Collect(graph, data);
  const size_t size = moments.size();
  REQUIRE(moments.k == kKernelH * kKernelW * kChannels);
  REQUIRE(moments.groups == kGroups);
  for (int64_t g = 0; g < kGroups; ++g) {
    std::vector<double> wanted(size * size, 0.0);
    for (size_t s = 0; s < data.size(); ++s) {
      const Tensor image = data.Get(s).input;
      const auto pixel = [&](int64_t y, int64_t x, int64_t c) {
        if (y < 0 || y >= kHeight || x < 0 || x >= kWidth) return 0.0;
        const int64_t at = (y * kWidth + x) * kGroups * kChannels + g * kChannels + c;
        return static_cast<double>(image.as<float>()[static_cast<size_t>(at)]);
      };
      for (int64_t y = 0; y < kOutH; ++y) {
        for (int64_t x = 0; x < kOutW; ++x) {
          std::vector<double> entries;
          for (int64_t i = 0; i < kKernelH; ++i)
            for (int64_t j = 0; j < kKernelW; ++j)
              for (int64_t c = 0; c < kChannels; ++c)
                entries.push_back(
                    pixel(y * kStrideH - kTop + i, x * kStrideW - kLeft + j * kDilationW, c));
          entries.push_back(1);
          AddProducts(entries, wanted.data());
        }
      }
    }
    CheckUpperTriangle(moments.Group(static_cast<size_t>(g)), wanted.data(), size);
  }
}

TEST_CASE("a convolution along one axis") {
  Graph graph = OneNode("Conv", {1, 9, 2}, {1, 5, 3}, {3, 2, 2});
  graph.nodes[0].attributes["pads"] = std::vector<int64_t>{1, 0};
  graph.nodes[0].attributes["strides"] = std::vector<int64_t>{2};
  const Samples data({1, 9, 2}, 2);
  const InputMoments moments = Collect(graph, data);
  std::vector<double> wanted(25, 0.0);
  for (size_t s = 0; s < 2; ++s) {
    const Tensor row = data.Get(s).input;
    for (int64_t x = 0; x < 5; ++x) {
      std::vector<double> entries;
      for (int64_t tap = 2 * x - 1; tap <= 2 * x; ++tap) {
        for (int64_t c = 0; c < 2; ++c) {
          const auto at = static_cast<size_t>(2 * std::max<int64_t>(tap, 0) + c);
          entries.push_back(tap < 0 ? 0.0 : static_cast<double>(row.as<float>()[at]));
        }
      }
      entries.push_back(1);
      AddProducts(entries, wanted.data());
    }
  }
  CheckUpperTriangle(moments.Group(0), wanted.data(), 5);
}

// Rows of the input, and 1 for the bias; MatMul has none.
void CheckLinear(const std::string& op, const std::vector<int64_t>& in, double constant) {
  CAPTURE(op);
  const auto k = static_cast<size_t>(in.back());
  std::vector<int64_t> out = in;
  out.back() = 3;
  const Graph graph = OneNode(op, in, out, {in.back(), 3});
  const Samples data(in, 6);
  const InputMoments moments = Collect(graph, data);
  std::vector<double> wanted((k + 1) * (k + 1), 0.0);
  for (size_t s = 0; s < data.size(); ++s) {
    const Tensor rows = data.Get(s).input;
    for (size_t r = 0; r < rows.elements() / k; ++r) {
      std::vector<double> entries;
      for (size_t i = 0; i < k; ++i) {
        entries.push_back(static_cast<double>(rows.as<float>()[r * k + i]));
      }
      entries.push_back(constant);
      AddProducts(entries, wanted.data());
    }
  }
  CHECK(moments.groups == 1);
  CheckUpperTriangle(moments.Group(0), wanted.data(), k + 1);
}

TEST_CASE("linear layers") {
  CheckLinear("Gemm", {1, 13}, 1);
  CheckLinear("MatMul", {1, 4, 8}, 0);
}

TEST_CASE("of large images a few thousand patches are taken, other ones from every sample") {
  const Graph graph = OneNode("Conv", {1, 100, 100, 1}, {1, 100, 100, 2}, {2, 1, 1, 1});
  const Samples data({1, 100, 100, 1}, 3);
  const InputMoments moments = Collect(graph, data);
  const double patches = static_cast<double>(moments.sums[3]);
  CHECK(patches >= 2048);
  CHECK(patches <= 2048 + 3);
  // The mean and the energy of the generator's values.
  CHECK(static_cast<double>(moments.sums[1]) / patches == doctest::Approx(0.3).epsilon(0.2));
  CHECK(static_cast<double>(moments.sums[0]) / patches == doctest::Approx(1.09).epsilon(0.1));
}

// Two linear layers beside each other, the labels "y" and "z".
Graph LongAndShort(int64_t k, int64_t short_k) {
  Graph graph = OneNode("Gemm", {1, k}, {1, 2}, {k, 2});
  const Graph other = OneNode("Gemm", {1, short_k}, {1, 2}, {short_k, 2});
  graph.values["short"] = {DataType::float32, std::vector<int64_t>{1, short_k}};
  graph.values["z"] = other.values.at("y");
  graph.initializers["v"] = other.initializers.at("w");
  Node node = other.nodes[0];
  node.inputs = {"short", "v"};
  node.outputs = {"z"};
  graph.nodes.push_back(node);
  return graph;
}

TEST_CASE("layers that were not asked for are left out") {
  const Graph graph = OneNode("Gemm", {1, 4}, {1, 2}, {4, 2});
  CHECK(CollectMoments(graph, {"z"}, Samples({1, 4}, 1), {}).empty());
}

TEST_CASE("products are kept as far as memory goes, of short rows first; of others only squares") {
  constexpr int64_t kLong = 50, kShort = 8;
  constexpr size_t kLongBytes = 51 * 51 * 4, kShortBytes = 9 * 9 * 4;
  const Graph graph = LongAndShort(kLong, kShort);
  const Samples data({1, kLong}, 2), short_data({1, kShort}, 2);
  const auto collect = [&](size_t most_bytes) {
    MomentsCollector collector(graph, {"y", "z"}, 2, most_bytes);
    for (size_t i = 0; i < 2; ++i) {
      collector.Observe("x", data.Get(i).input, i);
      collector.Observe("short", short_data.Get(i).input, i);
      collector.Observe("y", data.Get(i).input, i);  // nobody reads it
    }
    return collector.Take();
  };
  const auto all = collect(kLongBytes + kShortBytes);
  CHECK(all.at("y").HasProducts());
  CHECK(all.at("z").HasProducts());
  const auto some = collect(kLongBytes + kShortBytes - 1);
  CHECK(some.at("z").sums == all.at("z").sums);
  CHECK(!collect(kShortBytes - 1).at("z").HasProducts());
  const InputMoments& moments = some.at("y");
  REQUIRE(!moments.HasProducts());
  for (const size_t i : {size_t{0}, size_t{23}, size_t{kLong - 1}}) {
    const float a = data.Get(0).input.as<float>()[i], b = data.Get(1).input.as<float>()[i];
    CHECK(moments.Square(0, i) == doctest::Approx(a * a + b * b));
    CHECK(moments.Sum(0, i) == doctest::Approx(a + b));
  }
  CHECK(moments.Sum(0, kLong) == 2);
}

}  // namespace
}  // namespace lutra::converter::quantize
