// Checkpoints: everything of a run that changes, as one safetensors file, so that a run that was
// killed goes on to the same bytes as one that was not. All else that a run depends on (network,
// data, settings) is in it as a fingerprint alone: what is of another run is refused, not mixed.
//
// A file is replaced only when the next one is whole on the disk, so whenever a run is killed, and
// even when the disk is full, there is one to go on from.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/executor/float_executor.h"
#include "converter/train/optimizer.h"
#include "converter/train/trained_weight.h"

namespace lutra::converter::train {

/// How far a run is.
struct Progress {
  size_t epochs = 0, minibatches = 0;  ///< done: whole epochs, and steps of the epoch at hand
  double loss = 0;                     ///< sums over the samples of the epoch at hand
  size_t right = 0;
  double seconds = 0;  ///< of all processes that have worked on it
  double rate = 0;     ///< the highest learning rate, given or chosen; 0: not yet
  bool ended = false;  ///< nothing is left to do, whatever the number of epochs
};

/// The best weights so far.
struct Kept {
  std::vector<TrainedWeight> weights;
  executor::TensorMap statistics;
  double loss = 0, accuracy = 0;  ///< of the validation samples
  size_t epoch = 0;               ///< after so many
};

/// The parts of a run that change.
struct RunState {
  Progress& progress;
  std::vector<TrainedWeight>& weights;
  executor::TensorMap& statistics;  ///< running ones of normalizations
  Optimizer& optimizer;
  std::vector<Tensor>& average;  ///< of the latents, in their order; empty: none
  std::optional<Kept>& best;
};

/// What two runs must have in common, by what users call it: "--epochs" -> "30".
using Fingerprint = std::map<std::string, std::string>;

/// Throws Error naming the file, which then is as it was.
void WriteCheckpoint(const std::string& path, const Fingerprint& fingerprint,
                     const RunState& state);

/// False: there is no file of that name. Throws Error naming the file: it cannot be read, is
/// damaged or no checkpoint, or of another run, of which it names everything that differs. The
/// state is then of no use.
bool ReadCheckpoint(const std::string& path, const Fingerprint& fingerprint, const RunState& state);

/// Removes the file of a run that is complete, if there is one. Throws Error naming it.
void RemoveCheckpoint(const std::string& path);

}  // namespace lutra::converter::train
