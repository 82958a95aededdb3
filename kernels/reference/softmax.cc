// Reference softmax and log-softmax.
#include <algorithm>

#include "kernels/reference/float_lane.h"
#include "kernels/reference/lanes.h"
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

using reference::Functions;

void SoftmaxInt(const uint32_t* exp_table, float scale_in, float multiplier, bool log,
                OutputQuant output, View<const int8_t> in, View<int8_t> out, size_t rows,
                size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    const int8_t* x = in.data + row * in.stride;
    int8_t* y = out.data + row * out.stride;
    const int32_t max = *std::max_element(x, x + cols);
    uint64_t sum = 0;
    for (size_t col = 0; col < cols; ++col) sum += exp_table[max - x[col]];
    const auto total = static_cast<float>(sum);
    const float log_total = Functions::Log(total * (1.0F / 16777216.0F));
    for (size_t col = 0; col < cols; ++col) {
      const int32_t d = max - x[col];
      const float real = log ? -(static_cast<float>(d) * scale_in) - log_total
                             : static_cast<float>(exp_table[d]) / total;
      y[col] = RequantizeReal(real * multiplier, output);
    }
  }
}

void SoftmaxFloat(bool log, View<const float> in, View<float> out, size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    const float* x = in.data + row * in.stride;
    float* y = out.data + row * out.stride;
    float max = -__builtin_inff();
    for (size_t col = 0; col < cols; ++col) max = x[col] > max ? x[col] : max;
    const float sum = reference::ReduceLanes(
        cols, 0.0F, [&](size_t i) { return Functions::Exp(x[i] - max); },
        [](float a, float b) { return a + b; });
    const float log_sum = Functions::Log(sum);
    for (size_t col = 0; col < cols; ++col) {
      y[col] = log ? (x[col] - max) - log_sum : Functions::Exp(x[col] - max) / sum;
    }
  }
}

}  // namespace

SoftmaxKernels ReferenceSoftmax() { return {&SoftmaxInt, &SoftmaxFloat}; }

}  // namespace lutra::kernels
