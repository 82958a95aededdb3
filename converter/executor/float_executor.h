// Executes a Graph in float32 on oneDNN (convolution, matrix product, pooling, softmax) and plain
// loops (the rest). Any layout the graph uses. Calibration, evaluation, comparison and the ONNX
// conformance tests all run here; integer and quantized ONNX operators are executed as ONNX
// defines them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::executor {

using TensorMap = std::map<std::string, Tensor>;

class FloatExecutor {
 public:
  /// Keeps a reference to the graph. Throws Error listing every node it cannot execute.
  explicit FloatExecutor(const Graph& graph);
  ~FloatExecutor();

  /// Called with every value as it is computed (inputs of the graph too).
  using Observer = std::function<void(const std::string& value, const Tensor& tensor)>;

  /// States that `inputs` does not give keep their values from run to run, beginning with zeros.
  /// Input shapes may differ from call to call (dynamic batch); primitives are cached by shape.
  /// Values are freed after their last use. Inputs that `inputs` lacks are taken from `more`: what
  /// stays the same over many runs. Samples are float32: where the graph takes integers or bools
  /// they are cast. Throws Error naming the node.
  TensorMap Run(const TensorMap& inputs, const Observer& observer = {}, const TensorMap& more = {});

 private:
  Tensor KeptValue(const std::string& input) const;

  struct State;
  std::unique_ptr<State> state_;
};

/// Why the executor cannot run this node, or "" if it can.
std::string WhyUnsupported(const Node& node);

/// Executes one node on given inputs (absent optional inputs: empty Tensor). Constant folding uses
/// it.
std::vector<Tensor> ExecuteNode(const Node& node, const std::vector<Tensor>& inputs);

}  // namespace lutra::converter::executor
