// How random graphs are made: the pieces that every family of operators uses, and the families,
// which have files of their own (random_windows.cc, random_arithmetic.cc, random_movement.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "converter/graph/graph.h"
#include "support/random_numbers.h"

namespace lutra::test {

class RandomGraphBuilder {
  using DataType = converter::DataType;
  using Graph = converter::Graph;
  using Node = converter::Node;
  using Tensor = converter::Tensor;
  using Dims = std::vector<int64_t>;

 public:
  explicit RandomGraphBuilder(RandomNumbers& random) : random_(random) {}

  Graph Build();

 private:
  static constexpr int64_t kMostElements = 6000;

  // Pieces of a graph.
  std::string Fresh() { return "v" + std::to_string(names_++); }
  std::string Constant(Tensor tensor);
  std::string Scalar(float value) { return Constant(Tensor::Of({}, std::vector{value})); }
  std::string Floats(const Dims& dims, float low, float high);
  std::string Ints(Dims values);
  Node& Add(const std::string& op, std::vector<std::string> inputs, size_t outputs = 1);
  std::string Through(const std::string& op, std::vector<std::string> inputs) {
    return Add(op, std::move(inputs)).outputs[0];
  }
  const Dims& DimsOf(const std::string& value) const { return *graph_.Info(value)->dims; }

  // What an operator may be applied to.
  const std::string& Pick() { return values_[random_.Below(values_.size())]; }
  std::string PickOfRank(size_t least, size_t most);
  /// The value through Tanh, or through Abs and + 0.5, for functions that need bounds.
  std::string Small(const std::string& value) { return Through("Tanh", {value}); }
  std::string Positive(const std::string& value) {
    return Through("Add", {Through("Abs", {value}), Scalar(0.5F)});
  }

  // Families; each appends what it makes, or nothing where it finds nothing to work on.
  void Convolution();
  void Pool();
  void GlobalPool();
  void Resize();
  void Blocks();
  void Winograd();
  void LongProduct();
  void Product();
  void Unary();
  void UnaryWithParameters();
  void Binary();
  void BinaryOfTwo();
  void Reduce();
  void Softmax();
  void Transpose();
  void Slice();
  void Split();
  void Pad();
  void Concat();
  void Reshape();
  void Gather();
  void TopK();

  void Window(Node& node, size_t axes, bool dilated);
  void AddConv(const std::string& x, int64_t out, int64_t groups, const Node& window);

  RandomNumbers& random_;
  Graph graph_;
  std::vector<std::string> values_;
  size_t names_ = 0;
};

}  // namespace lutra::test
