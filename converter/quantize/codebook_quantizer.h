// Executable codebooks: weight = scale[channel] * entry, entry one of at most 2^bits integers that
// all channels (or each group of codebook_channels) share. Found in the space
// where the kernels compute: values divided by the channel's scale, entries integers from the
// start. Codebook and scales take turns, each the best for the other: the codebook by dynamic
// programming (cluster/integer_codebook.h), a channel's scale by least squares. An error counts as
// much as the output sees of it, which is the mean square of the input it multiplies.
//
// 0 is among the entries, so that pruned weights stay 0, unless the error falls clearly without it
// (weights of one magnitude and both signs are two entries, of 1 bit) and no sparsity is asked for.
#pragma once

#include <span>

#include "converter/quantize/quantization.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {

/// Entries go to this and its negative: so that the products of several entries with bytes fit 16
/// bits together, as AVX2's vpmaddubsw wants, two at 64 (2 * 64 * 255 < 2^15) and four at 32. 4
/// entries lose nothing by a grid of 32 (0.001 dB, of normally distributed values), 16 would lose
/// 0.04 dB.
int LargestEntry(int bits);

/// Requires scheme.kind == codebook. `importance` is empty (all errors count alike) or has
/// matrix.k values for each group of a convolution. input_scale as for QuantizeWeights.
QuantizedWeights QuantizeToCodebook(const WeightMatrix& matrix, const LayerScheme& scheme,
                                    std::span<const float> importance, double input_scale);

}  // namespace lutra::converter::quantize
