// The walk of a depthwise convolution over its output rows, the same for both types and every
// instruction set: which input pixel lies under which tap.
//
// A span is a run of output pixels whose taps all advance by the same step, so a kernel needs one
// pointer per tap and no test for borders. The interior of a row is one span; the few pixels at its
// left and right edge are spans of their own. Taps in the padding point at a row of padding values,
// which is as long as a row of the image so that it can be walked like one.
//
// Kernels read and write whole vectors. Where the image does not allow that (a channel multiplier,
// or fewer channels than the smallest vector), the rows under the window are first copied into
// scratch, each channel repeated `multiplier` times and pixels padded to `min_channels`.
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/depthwise.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {

/// Pointers to the first channel under each tap for the span's first output pixel. One more entry
/// repeats the last tap, for kernels that take taps in pairs.
template <typename T>
struct DepthwiseSpan {
  const T* const* taps;
  size_t count;    ///< output pixels
  size_t in_step;  ///< elements from one output pixel's taps to the next's
  T* out;
  size_t out_step;
};

template <typename T>
class DepthwiseWalk {
 public:
  /// min_channels: the smallest number of channels that a kernel reads at once.
  DepthwiseWalk(const DepthwiseProblem& problem, size_t min_channels, T padding, void* scratch)
      : problem_(problem), padding_(padding), layout_(problem, min_channels) {
    auto* bytes = static_cast<char*>(scratch);
    taps_ = reinterpret_cast<const T**>(bytes);
    rows_ = taps_ + layout_.tap_count;
    sources_ = rows_ + problem.window.kernel_h;
    padding_row_ = reinterpret_cast<T*>(bytes + layout_.pointer_bytes);
    copies_ = padding_row_ + layout_.row_elements;
  }

  static size_t ScratchBytes(const DepthwiseProblem& problem, size_t min_channels) {
    const Layout layout(problem, min_channels);
    const size_t rows = 1 + (layout.copy ? static_cast<size_t>(problem.window.kernel_h) : 0);
    return layout.pointer_bytes + rows * layout.row_elements * sizeof(T);
  }

  /// Calls run(span) for every span of the output rows [row_begin, row_end).
  template <class Run>
  void Rows(const T* in, T* out, size_t row_begin, size_t row_end, const Run& run) {
    const Window& w = problem_.window;
    const size_t rows_to_fill = 1 + (layout_.copy ? static_cast<size_t>(w.kernel_h) : 0);
    for (size_t i = 0; i < rows_to_fill * layout_.row_elements; ++i) padding_row_[i] = padding_;
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) sources_[ky] = nullptr;
    // Output columns whose whole window lies inside the image.
    const int32_t reach = (w.kernel_w - 1) * w.dilation_w;
    const int32_t room = w.in_w - 1 - reach + w.pad_left;
    const int32_t end = room < 0 ? 0 : std::min(w.out_w, room / w.stride_w + 1);
    const int32_t begin = std::min((w.pad_left + w.stride_w - 1) / w.stride_w, end);
    for (size_t row = row_begin; row < row_end; ++row) {
      SetRows(in + row / w.out_h * w.in_h * w.in_w * w.in_pixel_stride,
              static_cast<int32_t>(row % w.out_h) * w.stride_h - w.pad_top);
      T* out_row = out + row * w.out_w * w.out_pixel_stride;
      for (int32_t x = 0; x < begin; ++x) RunSpan(out_row, x, x + 1, run);
      if (end > begin) RunSpan(out_row, begin, end, run);
      for (int32_t x = end; x < w.out_w; ++x) RunSpan(out_row, x, x + 1, run);
    }
  }

 private:
  struct Layout {
    Layout(const DepthwiseProblem& p, size_t min_channels)
        : copy(p.channel_multiplier != 1 || p.channels < min_channels),
          pixel_stride(copy ? std::max(p.channels * p.channel_multiplier, min_channels)
                            : p.window.in_pixel_stride),
          tap_count(static_cast<size_t>(p.window.kernel_h) * p.window.kernel_w + 1),
          pointer_bytes((tap_count + 2 * static_cast<size_t>(p.window.kernel_h)) * sizeof(T*)),
          row_elements(p.window.in_w * pixel_stride) {}
    bool copy;
    size_t pixel_stride;
    size_t tap_count;
    size_t pointer_bytes;
    size_t row_elements;
  };

  /// Points rows_ at the input rows under the window whose top row is `top`.
  void SetRows(const T* image, int32_t top) {
    const Window& w = problem_.window;
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
      const int32_t y = top + ky * w.dilation_h;
      if (y < 0 || y >= w.in_h) {
        rows_[ky] = padding_row_;
        continue;
      }
      rows_[ky] = image + static_cast<size_t>(y) * w.in_w * w.in_pixel_stride;
      // Undilated windows that overlap find their common rows copied already.
      if (layout_.copy) rows_[ky] = CopyRow(rows_[ky], w.dilation_h == 1 ? y % w.kernel_h : ky);
    }
  }

  /// Elements of a pixel beyond its channels keep the padding value: kernels multiply them by 0.
  const T* CopyRow(const T* in, int32_t slot) {
    T* copy = copies_ + slot * layout_.row_elements;
    if (sources_[slot] == in) return copy;
    sources_[slot] = in;
    const size_t multiplier = problem_.channel_multiplier;
    for (int32_t x = 0; x < problem_.window.in_w; ++x) {
      const T* from = in + x * problem_.window.in_pixel_stride;
      T* to = copy + x * layout_.pixel_stride;
      if (multiplier == 1) {
        std::memcpy(to, from, problem_.channels * sizeof(T));
        continue;
      }
      for (size_t channel = 0; channel < problem_.channels; ++channel) {
        for (size_t i = 0; i < multiplier; ++i) *to++ = from[channel];
      }
    }
    return copy;
  }

  /// Output columns [begin, end) share their taps' validity.
  template <class Run>
  void RunSpan(T* out_row, int32_t begin, int32_t end, const Run& run) {
    const Window& w = problem_.window;
    const T** tap = taps_;
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
      for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
        const int32_t x = begin * w.stride_w - w.pad_left + kx * w.dilation_w;
        const bool inside = x >= 0 && x < w.in_w;
        *tap++ = inside ? rows_[ky] + x * layout_.pixel_stride : padding_row_;
      }
    }
    *tap = tap[-1];
    run(DepthwiseSpan<T>{taps_, static_cast<size_t>(end - begin), w.stride_w * layout_.pixel_stride,
                         out_row + begin * w.out_pixel_stride, w.out_pixel_stride});
  }

  const DepthwiseProblem& problem_;
  T padding_;
  Layout layout_;
  const T** taps_;
  const T** rows_;
  const T** sources_;  ///< the input row that each slot of copies_ holds
  T* padding_row_;
  T* copies_;
};

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
