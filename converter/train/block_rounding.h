// The weights of one block (blocks.h), quantized, and how their rounding is learned: so that what
// the block computes from the quantized network's values is nearest to what the float block
// computes from the float network's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/quantize/quantization.h"
#include "converter/train/blocks.h"
#include "converter/train/soft_rounding.h"
#include "converter/train/value_rows.h"

namespace lutra::converter::train {

struct LearnRounding {
  size_t steps = 0, batch = 32;
  std::optional<Start> start = Start::rounding;  ///< none: rounding stays, biases are learned
  uint64_t seed = 1;
  size_t block = 0;            ///< its number, of which the random numbers are a function too
  std::function<void()> step;  ///< called after every step
};

class BlockRounding {
 public:
  /// Begins with the rounding and the biases that `quantization` has.
  BlockRounding(const Block& block, const quantize::Quantization& quantization);

  /// The block with quantization points; weights and biases of its layers are inputs.
  const Graph& graph() const { return graph_; }
  const std::string& input() const { return graph_.inputs[0]; }
  TensorMap Weights() const;  ///< as the integers have them

  /// Whether there is anything to learn, and gradients pass every node.
  bool CanLearn() const;

  /// Sum over the outputs of their squared errors, each in parts of its targets' squares.
  double Error(const std::vector<ValueRows>& outputs, const std::vector<ValueRows>& targets) const;

  /// On these of the samples, with the float block's outputs as targets. `error`: of the rounding
  /// before. Weights() then has what was learned. Once for an object.
  void Learn(const ValueRows& inputs, const std::vector<ValueRows>& targets,
             std::span<const uint32_t> samples, double error, const LearnRounding& settings,
             Workers& workers);
  void Write(quantize::Quantization& quantization) const;

 private:
  struct Layer {
    std::string label, weights, bias;  ///< the latter two name inputs; no bias: ""
    std::vector<int64_t> dims;
    SoftRounding rounding;
    std::vector<int32_t> bias_before;
    std::vector<float> bias_latents;       ///< what is added to it, in bias_unit
    std::vector<float> bias_unit;          ///< of each channel
    std::vector<float> integer_bias_unit;  ///< what an integer of it stands for
    quantize::QuantizedWeights before;
    std::vector<size_t> order;
  };

  enum class Form { before, soft, chosen };

  std::vector<int32_t> IntegerBias(const Layer& layer) const;
  TensorMap Inputs(Form form, bool integer_bias) const;

  Graph graph_;
  std::vector<Layer> layers_;
  bool rounds_anew_ = false;  // what was learned counts, not what was there before
};

}  // namespace lutra::converter::train
