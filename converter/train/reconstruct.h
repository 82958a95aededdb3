// Rounding learned block by block from calibration data, without labels: AdaRound (Nagel et al.,
// arXiv 2004.10568) within the blocks of BRECQ (Li et al., arXiv 2102.05426).
//
// Blocks (blocks.h) are taken in their order. Each gets what the quantized network gives so far and
// shall give what the float network has there; which of two levels its weights are rounded to, and
// its biases, are moved by gradients until it does so best (block_rounding.h). So errors of earlier
// blocks are made up for as far as may be, and those of the layers of a residual block are weighed
// against each other.
//
// A quarter of the samples is held out. Every block is learned from two starts (soft_rounding.h),
// of which the better one on these is taken; it keeps the rounding it had unless the error on them
// is lower, and so does the whole network in the end.
#pragma once

#include <cstdint>

#include "converter/data/dataset.h"
#include "converter/quantize/calibrate.h"
#include "converter/quantize/quantization.h"
#include "converter/warnings.h"

namespace lutra::converter::train {

struct ReconstructSettings {
  size_t samples = 512;  ///< at most, spread over the data; fewer where values are large
  size_t steps = 400;    ///< for each block; fewer for large networks
  size_t batch = 32;
  uint64_t seed = 1;
  size_t threads = 0;  ///< 0: all; changes no result
};

/// `graph` is optimized and `quantization` complete for it (QuantizeGraph). Improves the rounding
/// and the biases of the layers computed in integers. Warns where that cannot be done, and where
/// nothing was found.
void Reconstruct(const Graph& graph, const data::Dataset& data, const ReconstructSettings& settings,
                 const quantize::Progress& progress, quantize::Quantization& quantization,
                 Warnings& warnings);

}  // namespace lutra::converter::train
