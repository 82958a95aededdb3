// What two runs of training must have in common to be the same run, so that one may go on with the
// other's checkpoint (checkpoint.h).
#pragma once

#include "converter/train/checkpoint.h"
#include "converter/train/network.h"
#include "converter/train/sample_store.h"
#include "converter/train/trainer.h"

namespace lutra::converter::train {

/// Everything that changes results: settings by the flags that set them, and checksums of "the
/// network" with the weights that it has now and of "the data". `batch`: samples of a minibatch.
Fingerprint FingerprintOf(const TrainSettings& settings, size_t batch, const Network& network,
                          const SampleStore& store);

}  // namespace lutra::converter::train
