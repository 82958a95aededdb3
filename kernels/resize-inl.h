// Resize, vectorised over channels. Reference: reference/resize.cc.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// The four input pixels of one output pixel. Where a weight is 0 the second is the first.
template <typename T>
struct ResizeCorners {
  const T* pixel[2][2];  ///< [row][column]
  int32_t weight_h, weight_w;
};

/// Calls pixel(corners, out) for every output pixel of the given rows.
template <typename T, class Pixel>
void ForEachResizePixel(const ResizeProblem& p, const T* in, T* out, size_t row_begin,
                        size_t row_end, const Pixel& pixel) {
  const size_t row_elements = p.in_w * p.in_pixel_stride;
  for (size_t row = row_begin; row < row_end; ++row) {
    const size_t y = row % p.out_h;
    const T* first = in + (row / p.out_h * p.in_h + p.source_h[y]) * row_elements;
    ResizeCorners<T> corners;
    corners.weight_h = p.weight_h != nullptr ? p.weight_h[y] : 0;
    const T* rows[2] = {first, corners.weight_h != 0 ? first + row_elements : first};
    for (int32_t x = 0; x < p.out_w; ++x) {
      corners.weight_w = p.weight_w != nullptr ? p.weight_w[x] : 0;
      const size_t left = p.source_w[x] * p.in_pixel_stride;
      const size_t right = corners.weight_w != 0 ? left + p.in_pixel_stride : left;
      for (size_t i = 0; i < 2; ++i) {
        corners.pixel[i][0] = rows[i] + left;
        corners.pixel[i][1] = rows[i] + right;
      }
      pixel(corners, out + (row * p.out_w + x) * p.out_pixel_stride);
    }
  }
}

HWY_INLINE bool IsNearest(const ResizeProblem& p) {
  return p.weight_h == nullptr && p.weight_w == nullptr;
}

template <typename T>
void ResizeNearest(const ResizeProblem& p, const T* in, T* out, size_t row_begin, size_t row_end) {
  ForEachResizePixel(p, in, out, row_begin, row_end, [&](const ResizeCorners<T>& corners, T* to) {
    std::memcpy(to, corners.pixel[0][0], p.channels * sizeof(T));
  });
}

HWY_INLINE ByteBlock::VI16 LoadByteBlock(const int8_t* from, size_t lanes) {
  return lanes == kBlockLanes ? ByteBlock::Load(from) : LoadPartialBlock(from, lanes);
}

/// The weights of the four pixels add up to 2^22, and so does what the zero point is multiplied
/// with: |sum| < 2^22 * 255 < 2^30.
inline void ResizeInt(const ResizeProblem& p, const int8_t* in, int8_t* out, size_t row_begin,
                      size_t row_end) {
  if (IsNearest(p)) return ResizeNearest(p, in, out, row_begin, row_end);
  const BlockInt d32;
  const SumRequantizer requantize(p.output, p.multiplier, p.zero_point_in * (1 << 22));
  ForEachResizePixel(
      p, in, out, row_begin, row_end, [&](const ResizeCorners<int8_t>& c, int8_t* to) HWY_ATTR {
        const int32_t height[2] = {2048 - c.weight_h, c.weight_h};
        const int32_t width[2] = {2048 - c.weight_w, c.weight_w};
        ForEachBlock<kBlockLanes>(p.channels, [&](size_t channel, size_t lanes) HWY_ATTR {
          ByteBlock::Pair32 sums = {hn::Zero(d32), hn::Zero(d32)};
          for (size_t i = 0; i < 4; ++i) {
            const auto weight = hn::Set(d32, height[i / 2] * width[i % 2]);
            const auto x = ByteBlock::Widen(LoadByteBlock(c.pixel[i / 2][i % 2] + channel, lanes));
            sums.lo = hn::Add(sums.lo, hn::Mul(x.lo, weight));
            sums.hi = hn::Add(sums.hi, hn::Mul(x.hi, weight));
          }
          requantize.Store(sums, to + channel, lanes);
        });
      });
}

/// first * (1 - weight / 2048) + second * weight / 2048; a weight of 0 leaves `first` untouched.
HWY_INLINE FloatVector Mix(FloatVector first, FloatVector second, int32_t weight) {
  if (weight == 0) return first;
  const FloatTag d;
  constexpr float kUnit = 1.0F / 2048.0F;
  return hn::Add(hn::Mul(first, hn::Set(d, static_cast<float>(2048 - weight) * kUnit)),
                 hn::Mul(second, hn::Set(d, static_cast<float>(weight) * kUnit)));
}

inline void ResizeFloat(const ResizeProblem& p, const float* in, float* out, size_t row_begin,
                        size_t row_end) {
  if (IsNearest(p)) return ResizeNearest(p, in, out, row_begin, row_end);
  const FloatTag d;
  ForEachResizePixel(
      p, in, out, row_begin, row_end, [&](const ResizeCorners<float>& c, float* to) HWY_ATTR {
        ForEachBlock<kF32Lanes>(p.channels, [&](size_t channel, size_t lanes) HWY_ATTR {
          FloatVector rows[2];
          for (size_t i = 0; i < 2; ++i) {
            rows[i] = Mix(LoadBlock(d, c.pixel[i][0] + channel, lanes),
                          LoadBlock(d, c.pixel[i][1] + channel, lanes), c.weight_w);
          }
          StoreBlock(Mix(rows[0], rows[1], c.weight_h), d, to + channel, lanes);
        });
      });
}

constexpr ResizeKernels MakeResize() { return {&ResizeInt, &ResizeFloat}; }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
