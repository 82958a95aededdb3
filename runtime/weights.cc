#include "runtime/weights.h"

#include <cstring>

namespace lutra {
namespace {

int8_t IntegerAt(const WeightSource& source, size_t row, size_t element) {
  if (source.tables == nullptr) return UnpackLinear(source.values, source.bits, element);
  return source.Table(row)[UnpackIndex(source.values, source.bits, element)];
}

void ExpandInt(const WeightSource& source, size_t first, size_t rows, int8_t* out) {
  for (size_t row = first; row < first + rows; ++row) {
    for (size_t i = 0; i < source.k; ++i) *out++ = IntegerAt(source, row, row * source.k + i);
  }
}

void ExpandFloat(const WeightSource& source, size_t first, size_t rows, float* out) {
  for (size_t row = first; row < first + rows; ++row) {
    for (size_t i = 0; i < source.k; ++i) {
      const size_t element = row * source.k + i;
      float value = 0.0F;
      if (source.kind == schema::WeightKind::fp16) {
        uint16_t half;
        std::memcpy(&half, source.values + element * sizeof(half), sizeof(half));
        value = HalfToFloat(half);
      } else {
        const int32_t zero_point = source.zero_points == nullptr ? 0 : source.zero_points[row];
        const int32_t q = IntegerAt(source, row, element);
        value = source.scale[row] * static_cast<float>(q - zero_point);
      }
      *out++ = value;
    }
  }
}

}  // namespace

float HalfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000U} << 16;
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 0x1F ? 0xFFU : exponent + (127 - 15);
  const uint32_t bits = sign | (wide_exponent << 23) | (fraction << 13);
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

size_t UnpackIndex(const uint8_t* values, size_t bits, size_t index) {
  const size_t bit = index * bits;
  uint32_t window = values[bit / 8];
  if (bit % 8 + bits > 8) window |= uint32_t{values[bit / 8 + 1]} << 8;
  return (window >> (bit % 8)) & ((1U << bits) - 1);
}

int8_t UnpackLinear(const uint8_t* values, size_t bits, size_t index) {
  const auto top = static_cast<uint8_t>(UnpackIndex(values, bits, index) << (8 - bits));
  return static_cast<int8_t>(static_cast<int8_t>(top) >> (8 - bits));
}

WeightSource ReadWeights(const ModelView& view, const schema::Weights& weights,
                         schema::Compute compute, size_t n, size_t k) {
  WeightSource source;
  source.kind = weights.kind();
  source.compute = compute;
  source.bits = weights.bits();
  source.n = n;
  source.k = k;
  source.values = view.Blob(weights.values());
  const uint8_t* params = view.Blob(weights.params());
  const size_t column = n * sizeof(float);
  const bool codebook = weights.kind() == schema::WeightKind::codebook;
  const bool scaled = codebook || weights.kind() == schema::WeightKind::linear;
  if (compute == schema::Compute::integer) {
    source.int_bias = reinterpret_cast<const int32_t*>(params);
  } else {
    source.float_bias = reinterpret_cast<const float*>(params);
  }
  if (scaled) source.scale = reinterpret_cast<const float*>(params + column);
  if (weights.has_zero_points()) {
    source.zero_points = reinterpret_cast<const int8_t*>(params + (scaled ? 2 : 1) * column);
  }
  if (codebook) {
    source.tables = reinterpret_cast<const int8_t*>(view.Blob(weights.codebook()));
    source.table_channels = weights.codebook_channels() == 0 ? n : weights.codebook_channels();
  }
  return source;
}

const void* PackWeights(const WeightSource& source, const PackTarget& target,
                        int32_t left_zero_point, Bump& block) {
  const bool to_float = source.compute == schema::Compute::float_;
  const size_t n = source.n / target.groups;
  const size_t group_elements = SaturatingMultiply(n, source.k);
  const size_t packed_bytes = target.packed_bytes(n, source.k);
  auto* packed = static_cast<uint8_t*>(block.Take(SaturatingMultiply(packed_bytes, target.groups)));
  const bool in_place = to_float ? source.kind == schema::WeightKind::fp32
                                 : source.kind == schema::WeightKind::linear && source.bits == 8;
  void* expanded = nullptr;
  if (!in_place) {
    expanded =
        block.Borrow(SaturatingMultiply(group_elements, to_float ? sizeof(float) : sizeof(int8_t)));
  }
  if (!block.placing()) return nullptr;

  for (size_t group = 0; group < target.groups; ++group) {
    const size_t first = group * n;
    uint8_t* out = packed + group * packed_bytes;
    if (to_float) {
      kernels::FloatWeights weights{
          .n = n, .k = source.k, .stride_n = source.k, .bias = source.float_bias + first};
      if (in_place) {
        weights.values = reinterpret_cast<const float*>(source.values) + first * source.k;
      } else {
        ExpandFloat(source, first, n, static_cast<float*>(expanded));
        weights.values = static_cast<const float*>(expanded);
      }
      target.pack_float(weights, out);
    } else {
      kernels::IntWeights weights{.n = n,
                                  .k = source.k,
                                  .stride_n = source.k,
                                  .scale = source.scale + first,
                                  .left_zero_point = left_zero_point};
      if (source.int_bias != nullptr) weights.bias = source.int_bias + first;
      if (source.float_bias != nullptr) weights.float_bias = source.float_bias + first;
      if (source.zero_points != nullptr) weights.zero_points = source.zero_points + first;
      if (in_place) {
        weights.values = reinterpret_cast<const int8_t*>(source.values) + first * source.k;
      } else {
        ExpandInt(source, first, n, static_cast<int8_t*>(expanded));
        weights.values = static_cast<const int8_t*>(expanded);
      }
      target.pack_int(weights, out);
    }
  }
  return packed;
}

kernels::OutputQuant ToOutputQuant(const Tensor& output, const schema::IntRange* range) {
  kernels::OutputQuant quant;
  quant.zero_point = output.zero_point;
  if (range != nullptr) {
    quant.lo = range->lo();
    quant.hi = range->hi();
  }
  return quant;
}

kernels::FloatClamp ToFloatClamp(const schema::FloatRange* range) {
  kernels::FloatClamp clamp;
  if (range != nullptr) {
    clamp.lo = range->lo();
    clamp.hi = range->hi();
  }
  return clamp;
}

}  // namespace lutra
