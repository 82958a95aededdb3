// The weights of every layer in every scheme that is tried: quantized once, as far as they fit into
// memory, and how many bytes of a model file they are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "converter/graph/graph.h"
#include "converter/quantize/quantize.h"
#include "runtime/coding/codec.h"

namespace lutra::converter::budget {

/// By node label.
using Schemes = std::map<std::string, quantize::LayerScheme>;

class WeightStore {
 public:
  /// Keeps references. The graph is laid out (passes.h).
  WeightStore(const Graph& graph, const quantize::Calibration& calibration, coding::Codec codec)
      : graph_(graph), calibration_(calibration), codec_(codec) {}

  using Weights = std::shared_ptr<const quantize::LayerWeights>;
  /// Of a layer with integer weights.
  Weights Get(const Node& node, const quantize::LayerScheme& scheme);

  /// Bytes of a model file with this layer alone. What is the same in all schemes is in it too: two
  /// schemes differ by as much in a file with further layers, up to the alignment of blobs.
  uint64_t Bytes(const Node& node, const quantize::LayerScheme& scheme);

  /// Which layers compute in integers, and the parameters of activations.
  const quantize::Quantization& formats() const { return calibration_.quantization; }

  /// The whole network's quantization.
  quantize::Quantization Assemble(const Schemes& schemes);

 private:
  const Graph& graph_;
  const quantize::Calibration& calibration_;
  coding::Codec codec_;
  std::map<std::tuple<std::string, std::string, double>, Weights> kept_;  // label, text, sparsity
  size_t kept_bytes_ = 0;
};

}  // namespace lutra::converter::budget
