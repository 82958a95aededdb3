// Gradients of single nodes: the backward column of the operators' rows, and what is the same for
// all of them (the fused clamp, errors that name the node). float32 alone. What a network does with
// them, in which order and over how many threads, is train/.
#pragma once

#include <string>
#include <vector>

#include "converter/executor/operator.h"

namespace lutra::converter::executor {

/// One backward execution of one node. Inputs and results are those of the forward one; what is
/// computed in float32 and not read by the row's Gradient may be gone (null). Constants, integers
/// (indices, axes, shapes) and all dims are always there.
struct GradientCall {
  const Node& node;
  std::vector<const Tensor*> inputs;
  std::vector<const Tensor*> results;  ///< after the fused clamp
  std::vector<std::vector<int64_t>> input_dims;
  /// Of the loss by each result; null where none of the loss depends on it. At least one is there.
  std::vector<const Tensor*> gradients;
  std::vector<bool> wanted;  ///< for each input: whether its gradient is asked for
  NodeCache& cache;          ///< not that of the forward call
  /// Those of `gradients` that nobody reads after this call, so Take may have them; may be shorter.
  std::vector<Tensor*> spent = {};

  /// Throw Error when it is not there.
  const Tensor& Input(size_t i) const;
  const Tensor& Result(size_t i = 0) const;
  const Tensor& Of(size_t result = 0) const;  ///< gradient of the loss by this result
  /// The same to be changed and handed on; without a copy where it is spent, then Of has it no
  /// more.
  Tensor Take(size_t result = 0) const;
  /// Null when left out or gone.
  const Tensor* Optional(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  /// One undefined tensor for each input.
  Gradients None() const { return Gradients(input_dims.size()); }
  bool Wants(size_t i) const { return i < wanted.size() && wanted[i]; }
};

/// The gradient by what a clamp was applied to, from that by its result: nothing comes back from
/// where the result lies on a bound.
Tensor ThroughClamp(const Clamp& clamp, const Tensor& result, Tensor gradient);

/// Why no gradient goes through this node, or "".
std::string WhyNoGradient(const Node& node);

/// What the node's gradient reads; with a fused clamp the results too.
bool GradientReadsInputs(const Node& node);
bool GradientReadsResults(const Node& node);

/// Gradients by the node's inputs, undefined where not wanted. Through a clamp nothing goes back
/// where the result lies on one of its bounds (as Relu's, whose gradient at 0 is 0). Throws Error
/// naming the node, for an input too that is wanted and has none (indices, frozen statistics).
Gradients ExecuteGradient(const GradientCall& call);

}  // namespace lutra::converter::executor
