// Reference resize: one output element at a time.
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

/// The two positions that an output coordinate reads along one axis, and the weight of the second.
struct Source {
  size_t first, second;
  int32_t weight;
};

Source SourceAt(const uint16_t* source, const uint16_t* weight, size_t index) {
  const int32_t w = weight != nullptr ? weight[index] : 0;
  return {source[index], source[index] + (w != 0 ? size_t{1} : size_t{0}), w};
}

/// Calls element(corner, rows, cols) for every output; corner(y, x) is the input there.
template <typename T, class Element>
void Resize(const ResizeProblem& p, const T* in, T* out, size_t row_begin, size_t row_end,
            Element element) {
  for (size_t row = row_begin; row < row_end; ++row) {
    const T* image = in + row / p.out_h * p.in_h * p.in_w * p.in_pixel_stride;
    const Source rows = SourceAt(p.source_h, p.weight_h, row % p.out_h);
    for (size_t x = 0; x < static_cast<size_t>(p.out_w); ++x) {
      const Source cols = SourceAt(p.source_w, p.weight_w, x);
      for (size_t channel = 0; channel < p.channels; ++channel) {
        const auto corner = [&](size_t y_at, size_t x_at) {
          return image[(y_at * p.in_w + x_at) * p.in_pixel_stride + channel];
        };
        out[(row * p.out_w + x) * p.out_pixel_stride + channel] = element(corner, rows, cols);
      }
    }
  }
}

bool IsNearest(const ResizeProblem& p) { return p.weight_h == nullptr && p.weight_w == nullptr; }

void ResizeInt(const ResizeProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
               size_t row_end) {
  Resize(p, in, out, row_begin, row_end, [&p](const auto& corner, Source rows, Source cols) {
    if (IsNearest(p)) return corner(rows.first, cols.first);
    const auto along_row = [&](size_t y) {
      return (2048 - cols.weight) * (corner(y, cols.first) - p.zero_point_in) +
             cols.weight * (corner(y, cols.second) - p.zero_point_in);
    };
    const int32_t acc =
        (2048 - rows.weight) * along_row(rows.first) + rows.weight * along_row(rows.second);
    return Requantize(acc, p.multiplier, p.output);
  });
}

/// A weight of 0 does not read the second value, which may be infinite.
float Mix(float first, float second, int32_t weight) {
  if (weight == 0) return first;
  constexpr float kUnit = 1.0F / 2048.0F;
  return first * (static_cast<float>(2048 - weight) * kUnit) +
         second * (static_cast<float>(weight) * kUnit);
}

void ResizeFloat(const ResizeProblem& p, const float* in, float* out, size_t row_begin,
                 size_t row_end) {
  Resize(p, in, out, row_begin, row_end, [](const auto& corner, Source rows, Source cols) {
    const float first =
        Mix(corner(rows.first, cols.first), corner(rows.first, cols.second), cols.weight);
    const float second =
        Mix(corner(rows.second, cols.first), corner(rows.second, cols.second), cols.weight);
    return Mix(first, second, rows.weight);
  });
}

}  // namespace

ResizeKernels ReferenceResize() { return {&ResizeInt, &ResizeFloat}; }

}  // namespace lutra::kernels
