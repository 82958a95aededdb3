// Weight operands of Conv and Linear on their way from the file into a kernel's packed form. The
// file's order is [output channel][k] in the kinds of schema Weights. Integer kernels pack from
// int8 or from codes of 1 to 7 bits, which stay codes; 8-bit codebooks become int8. Float kernels
// pack from float. What a kernel reads as it is in the file is read where it lies; the rest is
// expanded group by group into borrowed memory of the model's block, so that no expanded copy
// outlives packing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/weight_format.h"
#include "runtime/operator.h"

namespace lutra {

/// The operand, decoded from the (validated) tables. Pointers are into the file.
struct WeightSource {
  WeightFormat format;
  schema::Compute compute = schema::Compute::integer;
  size_t n = 0, k = 0;  ///< all output channels, elements of each
  const uint8_t* values = nullptr;
  const int32_t* int_bias = nullptr;    ///< [n], integer, or else:
  const int16_t* short_bias = nullptr;  ///< [n], integer
  const float* float_bias = nullptr;    ///< [n], dynamic and float
  /// Multiplier (integer) or scale, [n], or [1] for granularity tensor; null for fp16, fp32.
  const float* scale = nullptr;
  const int8_t* zero_points = nullptr;    ///< [n] or null
  const uint8_t* group_scales = nullptr;  ///< [n][groups of k] or null: times the channel's scale
  const int8_t* tables = nullptr;         ///< codebook
  const float* curve_factors = nullptr;   ///< [n] or null

  size_t bits() const { return static_cast<size_t>(format.bits); }
  bool one_scale() const { return format.granularity == Granularity::tensor; }
  float Scale(size_t channel) const { return scale[one_scale() ? 0 : channel]; }
  int32_t GroupScale(size_t channel, size_t i) const {
    if (group_scales == nullptr) return 1;
    return group_scales[channel * ((k + format.group - 1) / format.group) + i / format.group];
  }
  /// Output channels that share a table.
  size_t table_channels() const { return format.ChannelsPerTable(n); }
  const int8_t* Table(size_t channel) const {
    return tables + channel / table_channels() * format.TableEntries();
  }
};

/// How an integer kernel keeps the operand of a convolution of so many groups. Entries of tables
/// are looked at, for kernels add up products in 16 bits where they are small enough.
kernels::WeightForm FormOf(const WeightSource& source, size_t groups);

/// `curve` is the one behind the product, or null.
WeightSource ReadWeights(const ModelView& view, const schema::Weights& weights,
                         schema::Compute compute, size_t n, size_t k, const schema::Curve* curve);

/// Which packing, in which form, and from how many groups: the same for the matrix and the
/// depthwise kernels. Instead, the block-sparse form of `sparse` where enough is zero.
struct PackTarget {
  size_t (*int_bytes)(size_t n, size_t k, const kernels::WeightForm& form);
  void (*pack_int)(const kernels::IntWeights& weights, void* packed);
  size_t (*float_bytes)(size_t n, size_t k);
  void (*pack_float)(const kernels::FloatWeights& weights, void* packed);
  size_t groups = 1;
  kernels::WeightForm form = {};
  const kernels::IntGemmKernels* sparse = nullptr;  ///< set by AllowSparse
  size_t most_kept_percent = 0;                     ///< of the blocks, for `sparse` to be faster
};

/// Lets the matrix product of the target, Winograd's or the plain one, give way to the row's
/// block-sparse one if that is faster, and can be used with these weights.
void AllowSparse(const WeightSource& source, const kernels::Row& row, bool winograd,
                 PackTarget* target);

/// Changes the target to the block-sparse form where that is allowed, faster, and takes no more
/// memory. Reads the source's values.
void ChooseSparse(const WeightSource& source, PackTarget* target);

/// Entropy-coded weights turn out block-sparse or not after the need was stated, so a context's
/// scratch is counted for both.
struct OpenChoice {
  const kernels::IntGemmKernels* dense = nullptr;  ///< null: the form is known
  const kernels::IntGemmKernels* sparse = nullptr;
  kernels::WeightForm dense_form = {};

  /// Scratch of a thread that is enough for either, of a product that is not planned yet; 0 where
  /// the form is known.
  size_t ScratchBytes(const kernels::GemmProblem& problem, size_t threads) const;
};

/// Packs into the block and returns the place; null while counting.
const void* PackWeights(const WeightSource& source, const PackTarget& target,
                        int32_t left_zero_point, Bump& block);

/// Clamps of the options' ranges; an absent range clamps nothing.
kernels::OutputQuant ToOutputQuant(const Tensor& output, const schema::IntRange* range);
kernels::FloatClamp ToFloatClamp(const schema::FloatRange* range);
/// Null gives none. Coefficients stay in the file.
kernels::Curve ToCurve(const schema::Curve* curve);

}  // namespace lutra
