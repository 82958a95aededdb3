// Reference of what 16-bit activations need beside the matrix product (gemm.cc).
#include <algorithm>

#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

void Quantize(float scale, View<const float> in, View<int16_t> out, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      const float quotient = in.data[row * in.stride + col * in.col_step] / scale;
      StoreWide(quotient != quotient ? 0.0F : quotient, {}, /*to_int16=*/true, out.data,
                row * out.stride + col);
    }
  }
}

void Split(const int16_t* in, int8_t* high, int8_t* low, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const int32_t q = std::min<int32_t>(in[i], kWideLargest);
    const int32_t upper = (q + 128) >> 8;
    high[i] = static_cast<int8_t>(upper);
    low[i] = static_cast<int8_t>(q - 256 * upper);
  }
}

}  // namespace

WideKernels ReferenceWide() { return {&Quantize, &Split}; }

}  // namespace lutra::kernels
