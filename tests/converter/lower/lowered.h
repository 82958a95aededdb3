// Small graphs, lowered and run by the real runtime next to the float executor.
#pragma once

#include <string>
#include <vector>

#include "converter/lower/lower.h"
#include "converter/quantize/quantization.h"

namespace lutra::converter::test {

/// Builds a graph node by node; every spatial node is channels last.
class GraphBuilder {
 public:
  Graph graph;

  void Input(const std::string& name, std::vector<int64_t> dims);
  void Floats(const std::string& name, std::vector<int64_t> dims, std::vector<float> values);
  void Ints(const std::string& name, std::vector<int64_t> values);
  Node& Add(const std::string& op, std::vector<std::string> inputs,
            std::vector<std::string> outputs);
};

/// Values that int8 with these parameters represents exactly, both ends among them.
std::vector<float> OnGrid(size_t count, quantize::QuantParams params, uint32_t seed);

struct Outcome {
  lowering::LoweredModel model;
  std::vector<float> wanted, got;  ///< of the first output, in ONNX's order
  float scale = 0;                 ///< of its tensor; 0: float32
  /// Largest |wanted - got| in steps of the output.
  double ErrorInSteps() const;
  /// Operators of the file by their schema names.
  std::vector<std::string> OperatorTypes() const;
};

/// Calibrates on the one input tensor, lowers, runs both.
Outcome Run(Graph graph, const std::vector<float>& input, const quantize::LayerScheme& scheme = {});

}  // namespace lutra::converter::test
