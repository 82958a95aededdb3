#include "converter/quantize/coordinates.h"

#include <doctest/doctest.h>

namespace lutra::converter::quantize {
namespace {

struct Builder {
  Graph graph;

  void Add(const std::string& op, std::vector<std::string> inputs, const std::string& output) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    graph.nodes.push_back(std::move(node));
  }
  void Constant(const std::string& name, std::vector<int64_t> dims) {
    size_t elements = 1;
    for (const int64_t d : dims) elements *= static_cast<size_t>(d);
    graph.initializers[name] = Tensor::Of(dims, std::vector<float>(elements, 0.5F));
  }
};

// A head of boxes and one of scores; the anchors' centres are [1, 100, 2].
Graph Detector(std::vector<int64_t> anchors) {
  Builder b;
  b.graph.inputs = {"x"};
  b.graph.outputs = {"boxes", "scores"};
  b.Constant("w", {4, 3, 1, 1});
  b.Constant("anchors", std::move(anchors));
  b.Constant("tenth", {});
  b.Add("Conv", {"x", "w"}, "c");
  b.Add("Relu", {"c"}, "r");
  b.Add("Conv", {"r", "w"}, "offsets");
  b.Add("Conv", {"r", "w"}, "logits");
  b.Add("Reshape", {"offsets", "shape"}, "o");
  b.Add("Mul", {"o", "tenth"}, "small");
  b.Add("Add", {"small", "anchors"}, "boxes");
  b.Add("Reshape", {"logits", "shape"}, "l");
  b.Add("Sigmoid", {"l"}, "scores");
  b.graph.initializers["shape"] = Tensor::Of({3}, std::vector<int64_t>{1, 100, 2});
  return b.graph;
}

TEST_CASE("what anchors are added to, and all that is connected with it behind the products") {
  CHECK(FindCoordinates(Detector({1, 100, 2})) == std::set<std::string>{"o", "small", "boxes"});
}

TEST_CASE("constants of channels, or before a product, are no places") {
  CHECK(FindCoordinates(Detector({2})).empty());
  CHECK(FindCoordinates(Detector({1, 1, 2})).empty());
  Graph graph = Detector({1, 100, 2});
  Node product;
  product.op = "Gemm";
  product.inputs = {"boxes", "w"};
  product.outputs = {"y"};
  graph.nodes.push_back(product);
  CHECK(FindCoordinates(graph).empty());
}

}  // namespace
}  // namespace lutra::converter::quantize
