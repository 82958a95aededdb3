// One parameter of the network as the optimizer sees it: the numbers that gradients move, and what
// the network gets made of them. Everything that constrains weights is here, so constraints
// combine: a mask keeps pruned weights exactly 0, a grid (weight_grid.h) lets only the values of a
// quantized layer pass, and units bring the channels to one size.
//
//   weight = kept ? grid(unit[channel] * latent) : 0
//
// Folding a batch normalization makes channels of very different size, and one learning rate suits
// all of them only when their numbers are alike: with a unit of the channel's largest weight, a
// step of 0.001 is a thousandth of that whichever channel it is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"
#include "converter/train/weight_grid.h"

namespace lutra::converter::train {

/// One flag for each weight, 0 where it is pruned; empty: all are kept.
using Mask = std::vector<uint8_t>;

class TrainedWeight {
 public:
  /// The weights as they are, unconstrained: unit 1.
  TrainedWeight(std::string name, const Tensor& weights, bool decays);
  /// With a unit per channel of `axis`; those that are 0 become 1.
  TrainedWeight(std::string name, const Tensor& weights, bool decays, ChannelAxis axis,
                std::vector<float> unit);

  const std::string& name() const { return name_; }
  bool decays() const { return decays_; }
  ChannelAxis axis() const { return axis_; }
  float unit(size_t channel = 0) const { return unit_[channel]; }

  /// With `one_scale` the scales of all channels, which are alike, stay so.
  void SetGrid(WeightGrid grid, bool one_scale = false);
  const std::optional<WeightGrid>& grid() const { return grid_; }
  /// It is the step size of activations (step_sizes.h): it stays positive, no less than a
  /// thousandth of its unit, and its gradient is taken times `factor`.
  void SetStep(float factor) { step_factor_ = factor; }
  void SetKept(Mask kept);
  const Mask& kept() const { return kept_; }

  /// What the optimizer changes, in this order: the latents, then, of a grid, scales (in units of
  /// what they were when it was set) and entries of codebooks (in units of a quarter of the
  /// largest).
  struct Latent {
    std::string name;  ///< "NAME", "NAME/scale", "NAME/entries"
    Tensor values;
    bool decays = false;
  };
  std::vector<Latent>& latents() { return latents_; }
  const std::vector<Latent>& latents() const { return latents_; }

  /// unit * latent, neither rounded nor masked: for choosing masks and grids anew.
  std::vector<float> Real() const;

  /// The network's weights. Takes the latents as they are now.
  Tensor Weights();
  /// The same into a tensor that has the memory already where the last time's is given again.
  void WriteWeights(Tensor& weights);
  /// `gradient` by the weights that Weights() gave last -> by each of the latents.
  std::vector<Tensor> Backward(Tensor gradient) const;

  /// Every number of it that may change, for checkpoints: "latent0", ..., "unit", "kept" (uint8,
  /// only where something is masked), and of a grid "first_scale", "scale", "entries".
  std::map<std::string, Tensor> State() const;
  /// Of a weight with the same constraints. Throws Error naming the tensor that is not of it.
  void Restore(const std::map<std::string, Tensor>& state);

 private:
  void TimesUnit(std::span<const float> from, std::span<float> to) const;
  void KeepOnly(std::span<float> values) const;

  std::string name_;
  bool decays_;
  ChannelAxis axis_;
  std::vector<float> unit_;
  Mask kept_;
  std::optional<WeightGrid> grid_;
  std::optional<float> step_factor_;
  std::vector<float> first_scale_;
  float entry_unit_ = 1;
  std::vector<Latent> latents_;
};

}  // namespace lutra::converter::train
