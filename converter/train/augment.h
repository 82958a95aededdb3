// Augmentation: samples changed at random in ways that leave their label true, so that a network
// sees no sample twice. Works on normalized samples as the data set gives them, before they become
// the network's input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/graph/tensor.h"
#include "converter/train/random.h"

namespace lutra::converter::train {

/// 0 or false: not done. In the order in which they are applied:
struct Augmentation {
  /// Images [C, H, W]: left and right exchanged, every second time.
  bool flip = false;
  /// Images: moved by -crop to crop pixels each way; what comes in is raw 0 (black), normalized.
  int crop = 0;
  /// Moved by -shift to shift steps along time, the longest dimension; what comes in repeats the
  /// step at the edge.
  int shift = 0;
  /// Images of three channels: brightness (x f), contrast (distance to the image's mean x f) and
  /// saturation (distance to the pixel's mean over the channels x f), each f between 1 - jitter and
  /// 1 + jitter, on raw values (x * scale). Values are not clamped.
  double jitter = 0;
  /// Normally distributed numbers are added, of this part of the sample's own deviation.
  double noise = 0;
  /// Images: a square of so many pixels a side becomes 0 (of the normalized values: their mean).
  /// Its centre is any pixel, so part of it may lie outside (DeVries and Taylor, "Cutout", 2017).
  int cutout = 0;
  /// Of a whole minibatch (batches.h): each sample becomes p of itself and 1 - p of another, labels
  /// too, p from Beta(mixup, mixup) (Zhang et al., "mixup", 2018).
  double mixup = 0;
};

/// "flip,crop:4,cutout:8,mixup:0.2,jitter:0.2,shift:2,noise:0.01", each word at most once; "none".
/// Throws Error naming the word and what is known.
Augmentation ParseAugmentation(const std::string& text);

/// Throws Error when samples of these dimensions cannot be changed so.
void CheckAugmentation(const Augmentation& augmentation, const std::vector<int64_t>& sample_dims);

/// All but mixup, which needs other samples. What happens depends on the arguments alone.
void Augment(const Augmentation& augmentation, const data::Normalization& normalization,
             Random random, Tensor& sample);

/// A minibatch of images [C, H, W], as the network takes them (rows of pixels, or of pixels'
/// channels where it wants them last), left and right exchanged.
Tensor Mirrored(const Tensor& minibatch, const std::vector<int64_t>& sample_dims);

}  // namespace lutra::converter::train
