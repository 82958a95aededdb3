// What an operator of the executor is: a row of a table. Each family of operators (one .cc file)
// has a list of rows; operators.cc finds the row of a node and does what is the same for all of
// them: narrow floating types, NHWC for operators that know only NCHW, the fused clamp, and errors
// that name the node. A row may have a gradient (gradient.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "converter/error.h"
#include "converter/graph/graph.h"

namespace lutra::converter::executor {

/// What a node keeps between runs (oneDNN primitives, reordered weights), by input shapes. Only the
/// latest few shapes are kept, so that memory does not grow with the number of runs.
class NodeCache {
 public:
  /// The value made for this key, made now if there is none. One node uses one type T.
  template <typename T, typename Make>
  T& Get(const std::vector<int64_t>& key, const Make& make) {
    for (const Entry& entry : entries_) {
      if (entry.first == key) return *static_cast<T*>(entry.second.get());
    }
    // A run of batches has two shapes: the full batch and the last one.
    constexpr size_t kShapes = 4;
    if (entries_.size() == kShapes) entries_.erase(entries_.begin());
    entries_.emplace_back(key, std::make_shared<T>(make()));
    return *static_cast<T*>(entries_.back().second.get());
  }
  /// The number of shapes kept.
  size_t size() const { return entries_.size(); }

 private:
  using Entry = std::pair<std::vector<int64_t>, std::shared_ptr<void>>;
  std::vector<Entry> entries_;
};

/// One execution of one node.
struct Call {
  const Node& node;
  std::vector<const Tensor*> inputs;  ///< null: left out
  std::vector<bool> constant;         ///< input i is the same at every run (may be shorter)
  NodeCache& cache;

  /// Null when left out.
  const Tensor* Optional(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  /// Throws Error when left out.
  const Tensor& Input(size_t i) const;
  bool IsConstant(size_t i) const { return i < constant.size() && constant[i]; }
};

using Results = std::vector<Tensor>;

/// What the row's function expects of floating inputs; the others are converted before it, and the
/// results back after it.
enum class Precision : uint8_t {
  any,    ///< takes tensors as they are (moves bytes, or converts by itself)
  wide,   ///< float32, float64 and integers; float16 and bfloat16 become float32
  single  ///< float32 only
};

struct GradientCall;
using Gradients = std::vector<Tensor>;

/// The column of training: what an operator sends back from its results to its inputs.
struct Gradient {
  /// One for each input, undefined where it is not wanted. Null: the operator cannot be trained
  /// through.
  Gradients (*run)(const GradientCall&) = nullptr;
  /// What it looks at, and what therefore lives from the forward run to the backward one.
  bool reads_inputs = false, reads_results = false;
};

struct Operator {
  std::string_view name;
  Results (*run)(const Call&) = nullptr;
  Precision precision = Precision::wide;
  /// Why this node cannot be run, or "". Null: always can.
  std::string (*why_unsupported)(const Node&) = nullptr;
  /// A spatial operator that understands Layout::nhwc only through transposes around it.
  bool through_nchw = false;
  std::string_view domain = "";
  Gradient gradient = {};
};

/// The row with a gradient.
constexpr Operator Trainable(Operator row, Gradient gradient) {
  row.gradient = gradient;
  return row;
}

using OperatorRows = std::span<const Operator>;

OperatorRows UnaryOperators();      // unary.cc
OperatorRows BinaryOperators();     // binary.cc
OperatorRows ReduceOperators();     // reduce.cc
OperatorRows ShapeOperators();      // shape.cc
OperatorRows CopyOperators();       // copy.cc
OperatorRows PadOperators();        // pad.cc
OperatorRows GatherOperators();     // gather.cc
OperatorRows OrderOperators();      // order.cc
OperatorRows ResizeOperators();     // resize.cc
OperatorRows ConvOperators();       // conv.cc
OperatorRows PoolOperators();       // pool.cc
OperatorRows MatmulOperators();     // matmul.cc
OperatorRows SoftmaxOperators();    // softmax.cc
OperatorRows NormalizeOperators();  // normalize.cc
OperatorRows QuantizeOperators();   // quantize.cc
OperatorRows IntegerOperators();    // integer.cc
OperatorRows QLinearOperators();    // qlinear.cc

/// Null when the executor has no such operator.
const Operator* FindOperator(const Node& node);
/// Every row of every family.
std::vector<const Operator*> AllOperators();

/// Runs the node through its row. Throws Error naming the node.
Results Execute(const Call& call);

/// Throws Error when a node would take more elementary steps than anyone waits for: shapes that a
/// file of a few bytes can ask for. In floating point, as the product may leave 64 bits.
void CheckWork(double steps);

/// For families that are compositions of others: runs operator `op` with the attributes of `node`.
Tensor Compute(std::string_view op, const Node& node, std::vector<const Tensor*> inputs);

}  // namespace lutra::converter::executor
