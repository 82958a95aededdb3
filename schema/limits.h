// Versions this runtime understands and the limits it sets on a file. A model past a limit is
// refused with Code::limit: it may be sound, but its cost is not worth carrying everywhere (indices
// of 16 bits, image positions of 32 bits, validation in bounded time).
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra {

/// The header's and Model's format_version.
constexpr uint16_t kFormatVersion = 1;
/// Feature level of this runtime, compared with Model.min_runtime_version: 2 reads weights of kind
/// codebook, 3 entropy-coded weights, 4 codebooks that do not hold 0, 5 weights coded with today's
/// `best`, 6 parameters with one scale for all channels, or with biases of 16 bits, 7 streams of
/// `best` that hold more than kMaxWeightsPerCodedByte, 8 weights with a scale for each group, 9
/// tensors of other types than float32 and int8, and what came with them: Cast, TopK, 10 curves, 11
/// int16 activations.
constexpr uint16_t kRuntimeVersion = 11;
/// Formulas of docs/quantization.md, compared with Model.numerics_version.
constexpr uint16_t kNumericsVersion = 1;

constexpr size_t kHeaderBytes = 64;
constexpr size_t kSegmentAlignment = 64;
/// Blobs of this size and more start on kSegmentAlignment bytes, smaller ones on kBlobAlignment.
constexpr size_t kLargeBlobBytes = 4096;
constexpr size_t kBlobAlignment = 8;
constexpr size_t kArenaAlignment = 64;
/// "none" for Tensor.inside, Port.pixel_table and Weights.codebook.
constexpr uint16_t kNoIndex = 65535;

/// Header and FlatBuffer together.
constexpr uint32_t kMaxMetadataBytes = 64U << 20;
constexpr size_t kMaxTensors = 32768;
constexpr size_t kMaxOperators = 16384;
constexpr size_t kMaxBlobs = 65535;
constexpr size_t kMaxPorts = 256;
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxRank = 6;
/// Of one dimension; leaves 32-bit image positions room for padding and dilation.
constexpr int32_t kMaxDimension = 1 << 26;
/// Bytes of one tensor and of the arena, per sample.
constexpr uint64_t kMaxTensorBytes = (uint64_t{1} << 31) - 64;
constexpr uint64_t kMaxArenaBytes = (uint64_t{1} << 32) - 64;
/// Positions of one pooling window.
constexpr uint32_t kMaxPoolWindow = 65536;
/// Output channels that share a codebook are a multiple of this.
constexpr uint32_t kCodebookChannels = 16;
/// The largest int16 activation, of either sign: what two signed bytes can say (kernels/wide.h).
constexpr int32_t kLargestInt16 = 32639;
/// Pieces of a curve, and the powers that each has.
constexpr unsigned kCurvePieces = 8, kCurvePowers = 5;
/// Of a curve's numbers, so that no sum makes an infinity or NaN of them: 2^31 of the sum times
/// multiplier, coefficient and factor stays below 2^127.
constexpr float kMaxCurveMultiplier = 0x1p40F, kMaxCurveCoefficient = 0x1p30F,
                kMaxCurveFactor = 0x1p20F;
/// Elements that may share a scale of their own.
constexpr bool IsScaleGroup(uint64_t elements) {
  return elements == 32 || elements == 64 || elements == 128;
}
/// Entropy-coded weights of n bytes are at most kFreeCodedWeights + n * kMaxWeightsPerCodedByte (of
/// `best` n * kMaxWeightsPerBestByte), so that a short stream cannot ask for much memory or time,
/// and at most kMaxCodedWeights.
constexpr uint64_t kFreeCodedWeights = 65536;
constexpr uint64_t kMaxWeightsPerCodedByte = 256, kMaxWeightsPerBestByte = 1024;
constexpr uint64_t kMaxCodedWeights = uint64_t{1} << 31;
/// Elementary steps that checking a file may take, above all the sums over weights: operators may
/// share a blob, so the file's size alone does not bound them.
constexpr uint64_t kValidationSteps = uint64_t{1} << 27;
constexpr uint64_t kValidationStepsPerByte = 64;

}  // namespace lutra
