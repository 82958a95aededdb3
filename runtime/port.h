// How values cross the C API at the model's inputs and outputs: real numbers as float32 in the ONNX
// graph's own order, the native tensor, or uint8 pixels through a table. The native side is always
// dense.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/context.h"
#include "schema/status.h"

namespace lutra {

/// Float values of the ONNX shape into the native tensor at `out`, which holds reals: permuted, and
/// quantized by q = clamp(round_half_even(x / scale) + zero_point), or rounded to float16.
/// Code::not_finite names the port.
Status StoreFloat(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
                  const float* values, void* out);

/// The tensor's own elements, in its own order. Code::invalid_argument names the port and the
/// element of bool that is neither 0 nor 1, Code::not_finite one of float16.
Status StoreNative(const schema::Port& port, const Tensor& tensor, const void* values, void* out);

/// Pixels [N, H, W, C] through the port's table [C][256].
void StorePixels(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
                 const uint8_t* pixels, int8_t* out);

/// The native tensor as float values of the ONNX shape.
void LoadFloat(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
               const void* native, float* values);

}  // namespace lutra
