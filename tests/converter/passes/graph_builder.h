// Small graphs in few words, and the comparison that every pass must stand: the float executor
// gives the same before and after.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::passes {

class GraphBuilder {
 public:
  explicit GraphBuilder(uint32_t seed = 1) : random_(seed) {}

  std::string Input(const std::string& name, std::vector<int64_t> dims,
                    DataType type = DataType::float32);
  /// Normally distributed numbers.
  std::string Weights(const std::string& name, std::vector<int64_t> dims);
  /// Uniform in [0.5, 1.5]: variances, divisors.
  std::string Positive(const std::string& name, std::vector<int64_t> dims);
  std::string Floats(const std::string& name, std::vector<int64_t> dims, std::vector<float> values);
  std::string Ints(const std::string& name, std::vector<int64_t> values);
  /// Appends a node with one output, which it returns.
  std::string Add(const std::string& op, std::vector<std::string> inputs, const std::string& output,
                  std::map<std::string, Attribute> attributes = {});
  /// Names the outputs; the graph has passed Check().
  Graph Finish(std::vector<std::string> outputs);

 private:
  std::string Constant(const std::string& name, Tensor tensor);

  Graph graph_;
  std::mt19937 random_;
};

std::vector<std::string> Ops(const Graph& graph);
size_t Count(const Graph& graph, const std::string& op);
const Node& NodeOf(const Graph& graph, const std::string& output);

/// Runs both on the same random inputs and returns the largest difference of any output element,
/// relative to the largest magnitude of that output. Names and shapes of outputs must agree.
double LargestDifference(const Graph& before, const Graph& after, uint32_t seed = 7);

}  // namespace lutra::converter::passes
