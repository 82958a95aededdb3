// Reference element-wise kernels: one element at a time, exactly the formulas of
// docs/quantization.md.
#include <cstring>

#include "kernels/reference/float_lane.h"
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

using reference::Functions;

template <typename T>
T& At(View<T> view, size_t row, size_t col) {
  return view.data[row * view.stride + col * view.col_step];
}

void IntBinaryRun(const IntBinary& p, View<const int8_t> a, View<const int8_t> b, View<int8_t> out,
                  size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      const int32_t x = At(a, row, col) - p.zero_point_a;
      const int32_t y = At(b, row, col) - p.zero_point_b;
      const uint32_t sum = static_cast<uint32_t>(x) * static_cast<uint32_t>(p.multiplier_a) +
                           static_cast<uint32_t>(y) * static_cast<uint32_t>(p.multiplier_b);
      const int32_t acc = p.is_mul ? x * y : static_cast<int32_t>(sum);
      At(out, row, col) = Requantize(acc, p.multiplier, p.output);
    }
  }
}

void Table(const int8_t* table, View<const int8_t> in, View<int8_t> out, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      At(out, row, col) = table[At(in, row, col) + 128];
    }
  }
}

void RequantizeRun(int32_t zero_point_in, float multiplier, OutputQuant output,
                   View<const int8_t> in, View<int8_t> out, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      At(out, row, col) = Requantize(At(in, row, col) - zero_point_in, multiplier, output);
    }
  }
}

void Quantize(float scale, int32_t zero_point, View<const float> in, View<int8_t> out, size_t rows,
              size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      At(out, row, col) = QuantizeReal(At(in, row, col) / scale, zero_point);
    }
  }
}

void Dequantize(float scale, int32_t zero_point, View<const int8_t> in, View<float> out,
                size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      At(out, row, col) = scale * static_cast<float>(At(in, row, col) - zero_point);
    }
  }
}

void QuantizeRows(View<const float> in, int8_t* out, float* scale, int32_t* zero_point, size_t rows,
                  size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    float lo = 0.0F;
    float hi = 0.0F;
    for (size_t col = 0; col < cols; ++col) {
      const float x = At(in, row, col);
      lo = x < lo ? x : lo;
      hi = x > hi ? x : hi;
    }
    const RowQuant quant = QuantOfRange(lo, hi);
    scale[row] = quant.scale;
    zero_point[row] = quant.zero_point;
    for (size_t col = 0; col < cols; ++col) {
      out[row * cols + col] = QuantizeReal(At(in, row, col) / quant.scale, quant.zero_point);
    }
  }
}

float Binary(FloatBinaryKind kind, float a, float b) {
  switch (kind) {
    case FloatBinaryKind::add:
      return a + b;
    case FloatBinaryKind::sub:
      return a - b;
    case FloatBinaryKind::mul:
      return a * b;
    case FloatBinaryKind::div:
      return a / b;
    case FloatBinaryKind::min:
      return Functions::Minimum(a, b);
    case FloatBinaryKind::max:
      return Functions::Maximum(a, b);
    case FloatBinaryKind::pow:
      return Pow(a, b);
  }
  return a;
}

void FloatBinary(FloatBinaryKind kind, FloatClamp clamp, View<const float> a, View<const float> b,
                 View<float> out, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      At(out, row, col) = Clamp(Binary(kind, At(a, row, col), At(b, row, col)), clamp);
    }
  }
}

void FloatUnary(FloatUnaryKind kind, float alpha, float beta, const float* slope,
                View<const float> in, View<float> out, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) {
      At(out, row, col) = Functions::Unary(kind, alpha, beta, slope != nullptr ? slope[col] : 0.0F,
                                           At(in, row, col));
    }
  }
}

}  // namespace

ElementwiseKernels ReferenceElementwise() {
  return {&IntBinaryRun, &Table,        &RequantizeRun, &Quantize,
          &Dequantize,   &QuantizeRows, &FloatBinary,   &FloatUnary};
}

}  // namespace lutra::kernels
