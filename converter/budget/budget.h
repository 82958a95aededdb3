// What a user may spend, and what came of it: the vocabulary of `--max-size` and `--max-drop`.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "converter/metric.h"

namespace lutra::converter::budget {

/// One of the first two is given.
struct Limits {
  std::optional<uint64_t> max_size = {};  ///< bytes of the whole model file
  uint64_t spared = 0;                    ///< of these are left for what comes later
  /// Points (percent of the samples) by which the accuracy may fall; without labels, by which the
  /// agreement with the float network may stay below 100. With a metric Metric::Drop.
  std::optional<double> max_drop = {};
  std::optional<Metric> metric = {};  ///< against the data's targets; it decides, not the accuracy
  /// Whether the weights that schemes have were asked for: then they are the family, linear or
  /// codebook, and the most bits. Else they mean nothing.
  bool weights_given = false;
  /// Asked between measurements; true ends the search with the best found so far.
  std::function<bool()> stop = {};
  bool at_least_one = false;  ///< but not before there is one

  std::string Text() const;  ///< "--max-size 4000"
};

/// `--min-sqnr`: what the outputs shall keep, whatever it takes.
struct SqnrGoal {
  double db = 0;  ///< of the worst output, on samples that have calibrated nothing
  std::function<bool()> stop = {};  ///< asked between measurements: true takes the best so far
};

/// A value, or several that have one scale, and what it gained to compute with it in more than 8
/// bits.
struct ActivationChoice {
  std::string name;     ///< of the first layer that makes or reads it
  double gain = 0;      ///< noise of the outputs that goes with it, as a share of all
  size_t products = 0;  ///< layers that it makes int16 or float
};

struct ActivationReport {
  double wanted_db = 0, int8_db = 0, reached_db = 0;  ///< NaN: identical
  size_t samples = 0;                                 ///< held out
  size_t values = 0;                                  ///< that could be chosen
  std::vector<ActivationChoice> chosen;   ///< in the order of what they gain for their cost
  std::vector<std::string> float_layers;  ///< layers whose weights are float too
};

/// One way to quantize all layers, as it was tried.
struct Trial {
  std::string weights;  ///< "codebook4", or "mixed"
  uint64_t bytes = 0;   ///< of the whole file
  /// On the held-out samples; NaN: not measured, or (accuracy) no classifier.
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< fraction, or of the metric
  double divergence = std::numeric_limits<double>::quiet_NaN();
  bool chosen = false;
};

struct LayerChoice {
  std::string name, label;  ///< to users, and of the node in the laid out graph
  size_t parameters = 0;
  std::string weights;  ///< "codebook3"
  /// Of the file; for layers whose scheme was given, only where they have integer weights.
  uint64_t bytes = 0;
  /// By how much the outputs diverge when only this layer is quantized; NaN: not measured.
  double cost = std::numeric_limits<double>::quiet_NaN();
  double sparsity = 0;  ///< share of the weights that pruning has made 0
  /// By how much the outputs of the network as it came diverge when so many of only this layer's
  /// weights are 0 and the others have few bits; NaN: not measured.
  double sparsity_cost = std::numeric_limits<double>::quiet_NaN();
  bool fixed = false;  ///< by the recipe
};

struct Report {
  std::string limit;                                      ///< Limits::Text
  std::string accuracy, divergence;                       ///< what the two are, in words
  bool is_metric = false;                                 ///< the former is one
  size_t calibration = 0, held_out = 0, sensitivity = 0;  ///< samples
  double fp32_accuracy = std::numeric_limits<double>::quiet_NaN();
  bool stopped = false;
  std::vector<LayerChoice> layers;  ///< in the order of the network
  std::vector<Trial> trials;        ///< by size
};

}  // namespace lutra::converter::budget
