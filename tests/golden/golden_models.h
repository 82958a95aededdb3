// The golden models as they were once built. The stored files are what counts: this source and
// make_golden only tell how they came to be.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/coding/codec.h"

namespace lutra::test {

constexpr uint64_t kGoldenSeed = 20240607;

class ModelBuilder;

/// The file, with a golden check of these outputs.
std::vector<uint8_t> FinishGolden(ModelBuilder& b, const char* name,
                                  const std::vector<uint32_t>& output_crc);

/// int8 from end to end: Conv, depthwise Conv, Linear, MatMul, Binary, Pool, Reduce, Resize,
/// Transpose, Pad, Concat in place, Reshape in place, Softmax, Lookup.
std::vector<uint8_t> IntegerModel(const std::vector<uint32_t>& output_crc);
/// Float and mixed: Quantize, Dequantize, Unary, float Conv (fp16), Linear (fp32, integer weights,
/// dynamic), float Binary and Pool, Requantize, Slice, a persistent tensor, a pixel table,
/// constants.
std::vector<uint8_t> MixedModel(const std::vector<uint32_t>& output_crc);
/// Codebooks of every width, for all channels and for groups of them: Conv, grouped and depthwise
/// Conv, Linear; integer, dynamic and float.
std::vector<uint8_t> CodebookModel(const std::vector<uint32_t>& output_crc);
/// A scale for each group of k: a Conv of 1x1, Linear; integer, dynamic and float.
std::vector<uint8_t> GroupedModel(const std::vector<uint32_t>& output_crc);
/// Curves behind products, with and without factors: Conv, depthwise Conv, Linear.
std::vector<uint8_t> CurveModel(const std::vector<uint32_t>& output_crc);
/// int16 activations: Conv, Conv of groups, Linear, to int16 and to float.
std::vector<uint8_t> WideModel(const std::vector<uint32_t>& output_crc);
/// Tensors of every type, in and out, moved and cast.
std::vector<uint8_t> TypedModel(const std::vector<uint32_t>& output_crc);
/// An operator of two outputs: TopK of int8 and float rows.
std::vector<uint8_t> TopKModel(const std::vector<uint32_t>& output_crc);
/// Weights of 8, 5 and (indices) 4 bits, raw or entropy coded: one network in three files.
std::vector<uint8_t> CodedModel(const std::vector<uint32_t>& output_crc, coding::Codec codec);

}  // namespace lutra::test
