// A tensor of the file as the operators want to see it: shape with the batch applied, strides and
// quantization, read on demand from the (validated) schema tables. Nothing is stored per tensor
// but its address, which belongs to a context.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/container.h"
#include "schema/limits.h"
#include "schema/tensor_type.h"

namespace lutra {

struct Tensor {
  uint16_t index = 0;
  schema::TensorType type = schema::TensorType::float32;
  schema::Lifetime lifetime = schema::Lifetime::transient;
  size_t rank = 0;
  size_t shape[kMaxRank] = {};  ///< innermost last; dimension 0 includes the batch
  size_t pixel_stride = 1;      ///< elements from one innermost row to the next
  size_t elements = 1;          ///< product of the shape
  float scale = 1.0F;
  int32_t zero_point = 0;

  size_t element_bytes() const { return ElementBytes(type); }
  size_t channels() const { return rank == 0 ? 1 : shape[rank - 1]; }
  size_t pixels() const { return elements / channels(); }
  bool dense() const { return pixel_stride == channels(); }
  /// From one index of dimension d to the next, in elements.
  size_t Stride(size_t d) const {
    if (d + 1 == rank) return 1;
    size_t stride = pixel_stride;
    for (size_t i = d + 1; i + 1 < rank; ++i) stride *= shape[i];
    return stride;
  }
};

/// The batch multiplies dimension 0 of transient and persistent tensors.
Tensor ReadTensor(const ModelView& view, size_t index, size_t batch);

/// An image tensor [N, H, W, C], or [N, W, C] with height 1.
struct ImageShape {
  size_t batch = 1;
  int32_t height = 1, width = 1;
  size_t channels = 1;
};
ImageShape AsImage(const Tensor& tensor);

}  // namespace lutra
