// The loop of training: minibatches forward and backward, the optimizer, validation after every
// epoch, the best weights kept.
//
// A minibatch is cut into kParts parts whatever the machine has, so weights come out bit for bit
// the same for any number of threads (on one kind of CPU: oneDNN's kernels differ between them).
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/error.h"
#include "converter/train/batches.h"
#include "converter/train/network.h"
#include "converter/train/optimizer.h"
#include "converter/train/schedule.h"

namespace lutra::converter::train {

constexpr size_t kParts = 4;
inline constexpr std::array kRates = {1e-3, 3e-4, 1e-4, 3e-5};

/// What a network shall give: the labels' classes; the data's targets, by mean squared error, for
/// networks that classify nothing; or what a teacher gives.
enum class Goal : uint8_t { labels, targets, teacher };

struct TrainSettings {
  size_t epochs = 30;
  BatchSettings batches;
  OptimizerSettings optimizer;
  /// With a rate of 0 a few steps are tried at each of kRates, and undone: the highest that leaves
  /// the loss at most twice of what it is without any step, and 0.1, is taken.
  Schedule schedule;
  double validation = 0.1;  ///< share of the samples, or their number (split.h)
  float smoothing = 0;      ///< of labels
  double largest_norm = 0;  ///< of all gradients together; 0: not clipped
  /// Ends as soon as the validation samples reach it (a fraction); NaN: never.
  double target = std::numeric_limits<double>::quiet_NaN();
  /// Weights are validated and kept as their moving average with this decay; 0: as they are.
  double average = 0;
  /// With a teacher: what its scores count for beside the labels, 0 to 1. Targets count alone.
  double teacher_share = 0.7;
  double temperature = 2;
  Goal goal = Goal::labels;
  /// Weights are kept from this epoch on, from 1; before it the network is not yet what it shall
  /// become. 0: those it began with too.
  size_t first_kept = 1;
  double time_limit = std::numeric_limits<double>::infinity();  ///< seconds
  /// The file in which a run that is killed goes on (checkpoint.h); empty: none. Written at the
  /// start, after every epoch, and within one when the last time is so many seconds ago. It stays
  /// when the run is complete: the caller removes it once the results are safe.
  std::string checkpoint;
  double checkpoint_seconds = 60;
  /// What a checkpoint's run and this one must have in common besides all of the above: of whoever
  /// changes the network in between, by what users call it.
  std::map<std::string, std::string> fingerprint;
};

/// The scores of another network for the same input: [n, ...] -> [n, classes]. Called for several
/// parts at the same time, each with its number.
using Teacher = std::function<Tensor(const Tensor& input, size_t part)>;

struct EpochReport {
  size_t epoch = 0, epochs = 0;  ///< from 1
  double loss = 0;               ///< mean over the epoch's samples
  double accuracy = 0;           ///< on them, as they were being trained on; fraction, or NaN
  double validation_loss = 0, validation_accuracy = 0;  ///< NaN without validation samples
  double rate = 0;                                      ///< of the last step
  double seconds = 0, remaining = 0;
  bool best = false;  ///< of all epochs so far: its weights are kept
};

/// The loss is no number any more. The network has the best weights there were.
class Diverged : public Error {
 public:
  Diverged(const std::string& message, size_t best_epoch)
      : Error(message), best_epoch_(best_epoch) {}
  size_t best_epoch() const { return best_epoch_; }  ///< from 1; 0: no epoch was completed

 private:
  size_t best_epoch_;
};

class Trainer {
 public:
  /// Keeps references to all but the settings. `network` is left with the best weights.
  /// Throws Error: a data set that does not fit the network or the settings.
  Trainer(Network& network, const SampleStore& store, TrainSettings settings, Workers& workers,
          Warnings& warnings);
  ~Trainer();

  void SetTeacher(Teacher teacher);
  /// Asked of the network after an epoch that would be the best; where it is not so, the best
  /// before stays.
  void KeepOnlyIf(std::function<bool()> may_be_kept);
  /// Called before every step, for constraints that change with time.
  void BeforeStep(std::function<void(size_t step, size_t steps)> change);
  /// Called after every step with the steps done, for a progress line.
  void AfterStep(std::function<void(size_t step, size_t steps)> show);

  /// Called at the start of a run that a checkpoint goes on with, with the steps done.
  void OnResume(std::function<void(size_t step, size_t steps)> show);

  /// Whether to go on is what `report` returns. Throws Diverged, and Error for a checkpoint that
  /// cannot be written or gone on from.
  void Run(const std::function<bool(const EpochReport&)>& report);

  size_t best_epoch() const;  ///< from 1; 0: the network is what it was

  /// Mean loss of the validation samples, and the fraction of them on which the network is right
  /// (without labels: at one with the teacher; NaN with targets); NaN when there are none.
  struct Measured {
    double loss = 0, accuracy = 0;
  };
  Measured Validate();  ///< with the weights as they are
  Measured ValidateTeacher();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lutra::converter::train
