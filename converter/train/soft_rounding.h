// Which of two levels a weight is rounded to, as a number that gradients move: Nagel et al., "Up or
// down? Adaptive rounding for post-training quantization" (AdaRound, arXiv 2004.10568).
//
//   weight = low + (high - low) h(v),   h(v) = clamp(1.2 sigmoid(v) - 0.1, 0, 1)
//
// low and high are neighbouring levels of the layer's grid (of a codebook: neighbouring entries):
// the one that the weight was rounded to before, and the next one towards the real weight. A
// regularizer, the sum of 1 - |2 h(v) - 1|^beta, draws every h(v) to 0 or 1; a beta that begins
// large leaves those in the middle alone at first.
//
// AdaRound begins at the real weight. The rounding before already weighs the errors of a channel's
// weights against each other (quantize/rounding.h), which learning that forgets it may take tens of
// thousands of steps to come back to; on the other hand it may be a place that few steps do not
// leave. So there are two starts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/quantize/quantization.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::train {

/// Where learning begins: 1/4 of the way from the level before, or where the real weight is.
enum class Start : uint8_t { rounding, weight };

class SoftRounding {
 public:
  /// `order` (quantize::WeightMatrixOrder) is where element [n][k] stands in the initializer, in
  /// whose order all spans are. Weights that are 0 and were rounded to 0 have no choice: pruned
  /// ones stay so. Begins at the rounding.
  SoftRounding(const quantize::WeightMatrix& real, const quantize::QuantizedWeights& before,
               std::vector<size_t> order);

  void Begin(Start start);
  std::vector<float>& latents() { return latents_; }
  size_t size() const { return latents_.size(); }

  void Soft(std::span<float> weights) const;
  void Hard(std::span<float> weights) const;  ///< the nearer level: of 1/2 the higher
  /// The integers of Hard.
  std::vector<int8_t> Levels() const;

  /// `gradient`: by the weights of Soft, becomes that by the latents.
  void Backward(std::span<float> gradient) const;
  /// Adds that of factor times the regularizer.
  void AddRegularizer(double beta, double factor, std::span<float> gradient) const;

 private:
  bool IsUp(size_t i) const { return latents_[i] >= 0; }

  std::vector<size_t> order_;
  std::vector<float> low_, high_;
  std::vector<int8_t> low_level_, high_level_, first_level_;
  std::vector<float> real_;
  std::vector<float> latents_;
};

}  // namespace lutra::converter::train
