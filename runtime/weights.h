// Weight operands of Conv and Linear on their way from the file into a kernel's packed form. The
// file's order is [output channel][k] in the kinds of schema Weights; kernels pack from int8 or
// float, codebook indices are looked up on the way. 8-bit and fp32 blobs are read where they lie,
// everything else is expanded group by group into borrowed memory of the model's block, so that no
// expanded copy outlives packing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/operator.h"

namespace lutra {

/// The operand, decoded from the (validated) tables. Pointers are into the file.
struct WeightSource {
  schema::WeightKind kind = schema::WeightKind::linear;
  schema::Compute compute = schema::Compute::integer;
  size_t bits = 8;
  size_t n = 0, k = 0;  ///< all output channels, elements of each
  const uint8_t* values = nullptr;
  const int32_t* int_bias = nullptr;    ///< [n], integer
  const float* float_bias = nullptr;    ///< [n], dynamic and float
  const float* scale = nullptr;         ///< [n], multiplier (integer) or scale; null for fp16, fp32
  const int8_t* zero_points = nullptr;  ///< [n] or null
  /// Codebook: tables of 2^bits entries, one for every `table_channels` output channels.
  const int8_t* tables = nullptr;
  size_t table_channels = 0;

  const int8_t* Table(size_t channel) const {
    return tables + ((channel / table_channels) << bits);
  }
};

WeightSource ReadWeights(const ModelView& view, const schema::Weights& weights,
                         schema::Compute compute, size_t n, size_t k);

/// Which packing and from how many groups: the same for the matrix and the depthwise kernels.
struct PackTarget {
  size_t (*packed_bytes)(size_t n, size_t k);
  void (*pack_int)(const kernels::IntWeights& weights, void* packed);
  void (*pack_float)(const kernels::FloatWeights& weights, void* packed);
  size_t groups = 1;
};

/// Packs into the block and returns the place; null while counting.
const void* PackWeights(const WeightSource& source, const PackTarget& target,
                        int32_t left_zero_point, Bump& block);

/// float of an IEEE 754 half, exact.
float HalfToFloat(uint16_t half);

/// Two's-complement element `index` of a stream of `bits`-bit values, least significant bit first.
int8_t UnpackLinear(const uint8_t* values, size_t bits, size_t index);

/// Unsigned element `index` of the same kind of stream, bits 1 to 8.
size_t UnpackIndex(const uint8_t* values, size_t bits, size_t index);

/// Clamps of the options' ranges; an absent range clamps nothing.
kernels::OutputQuant ToOutputQuant(const Tensor& output, const schema::IntRange* range);
kernels::FloatClamp ToFloatClamp(const schema::FloatRange* range);

}  // namespace lutra
