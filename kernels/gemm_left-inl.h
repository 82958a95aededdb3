// Packing rows of the left operand: dense rows, or the patches that a convolution's window sees.
//
// Row m of the panel holds its k elements in order (kernel_h, kernel_w, channel), converted to the
// form the dot primitive wants. A patch is copied in the longest contiguous pieces the image has:
// kernel_w * channels where neither dilation nor a pixel stride lies between; what lies outside the
// image is filled with the padding value. There is no branch per element. Pieces of one or two
// vectors (images of few channels) are copied as whole vectors, each over the end of the last.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// Elements a Copy may write past its end (never read): room for one vector store.
constexpr size_t kCopySlack = HWY_LANES(int8_t);

/// Copies n elements of T to the panel as kernel operand L = T + offset. Reads nothing at or beyond
/// `end`; may write up to kCopySlack elements past the n. CopyVector: s8 only, kVector elements.
struct PlainCopy {  ///< float, and s8 as it is
  template <typename T>
  static HWY_INLINE void Copy(const T* from, size_t n, const T* /*end*/, T* to) {
    std::memcpy(to, from, n * sizeof(T));
  }
  template <typename T>
  static HWY_INLINE T Convert(T value) {
    return value;
  }
  static constexpr size_t kVector = HWY_LANES(int8_t);
  static HWY_INLINE void CopyVector(const int8_t* from, int8_t* to) {
    const hn::ScalableTag<int8_t> d;
    hn::StoreU(hn::LoadU(d, from), d, to);
  }
};

struct FlipCopy {  ///< s8 -> u8 with 128 added
  static HWY_INLINE void Copy(const int8_t* from, size_t n, const int8_t* end, uint8_t* to) {
    const hn::ScalableTag<uint8_t> d;
    const auto sign = hn::Set(d, uint8_t{0x80});
    size_t i = 0;
    for (; i < n && from + i + hn::Lanes(d) <= end; i += hn::Lanes(d)) {
      const auto v = hn::LoadU(d, reinterpret_cast<const uint8_t*>(from + i));
      hn::StoreU(hn::Xor(v, sign), d, to + i);
    }
    for (; i < n; ++i) to[i] = Convert(from[i]);
  }
  static constexpr size_t kVector = HWY_LANES(uint8_t);
  static HWY_INLINE void CopyVector(const int8_t* from, uint8_t* to) {
    const hn::ScalableTag<uint8_t> d;
    const auto v = hn::LoadU(d, reinterpret_cast<const uint8_t*>(from));
    hn::StoreU(hn::Xor(v, hn::Set(d, uint8_t{0x80})), d, to);
  }
  static HWY_INLINE uint8_t Convert(int8_t value) {
    return static_cast<uint8_t>(static_cast<uint8_t>(value) ^ 0x80U);
  }
};

struct WidenCopy {  ///< s8 -> s16
  static HWY_INLINE void Copy(const int8_t* from, size_t n, const int8_t* end, int16_t* to) {
    const hn::ScalableTag<int16_t> d;
    const hn::Rebind<int8_t, decltype(d)> d8;
    size_t i = 0;
    for (; i < n && from + i + hn::Lanes(d) <= end; i += hn::Lanes(d)) {
      hn::StoreU(hn::PromoteTo(d, hn::LoadU(d8, from + i)), d, to + i);
    }
    for (; i < n; ++i) to[i] = from[i];
  }
  static HWY_INLINE int16_t Convert(int8_t value) { return value; }
  static constexpr size_t kVector = HWY_LANES(int16_t);
  static HWY_INLINE void CopyVector(const int8_t* from, int16_t* to) {
    const hn::ScalableTag<int16_t> d;
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(hn::Rebind<int8_t, decltype(d)>(), from)), d, to);
  }
};

/// One past the last element of the left operand that may be read.
template <typename T>
const T* LeftEnd(const GemmProblem& p, const T* left) {
  if (p.left == LeftKind::dense) return left + (p.m - 1) * p.left_stride + p.groups * p.k;
  const Window& w = p.window;
  const size_t pixels = w.batch * static_cast<size_t>(w.in_h) * static_cast<size_t>(w.in_w);
  return left + (pixels - 1) * w.in_pixel_stride + p.groups * p.channels;
}

/// Writes one patch whose window begins at (y0, x0) of the image (which may lie outside).
template <typename Copier, typename T, typename L>
HWY_INLINE void PackPatch(const Window& w, size_t channels, const T* image, const T* end,
                          int32_t y0, int32_t x0, L padding, L* to) {
  const bool contiguous = w.dilation_w == 1 && w.in_pixel_stride == channels;
  // Taps [tap_begin, tap_end) of a row lie inside the image.
  int32_t tap_begin = 0;
  int32_t tap_end = w.kernel_w;
  if (x0 < 0 || x0 + (w.kernel_w - 1) * w.dilation_w >= w.in_w) {
    if (x0 < 0) tap_begin = std::min(w.kernel_w, (-x0 + w.dilation_w - 1) / w.dilation_w);
    tap_end = x0 >= w.in_w ? 0 : std::min(w.kernel_w, (w.in_w - 1 - x0) / w.dilation_w + 1);
    tap_end = std::max(tap_begin, tap_end);
  }
  const size_t fill_before = static_cast<size_t>(tap_begin) * channels;
  const size_t fill_after = static_cast<size_t>(w.kernel_w - tap_end) * channels;
  const size_t taps = static_cast<size_t>(tap_end - tap_begin);
  const size_t row_step = static_cast<size_t>(w.in_w) * w.in_pixel_stride;
  const size_t tap_step = static_cast<size_t>(w.dilation_w) * w.in_pixel_stride;
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    const int32_t y = y0 + ky * w.dilation_h;
    if (y < 0 || y >= w.in_h || taps == 0) {
      to = std::fill_n(to, static_cast<size_t>(w.kernel_w) * channels, padding);
      continue;
    }
    if (fill_before != 0) to = std::fill_n(to, fill_before, padding);
    const auto x = static_cast<size_t>(x0 + tap_begin * w.dilation_w);
    const T* from = image + static_cast<size_t>(y) * row_step + x * w.in_pixel_stride;
    if (contiguous) {
      Copier::Copy(from, taps * channels, end, to);
      to += taps * channels;
    } else {
      for (size_t tap = 0; tap < taps; ++tap, from += tap_step, to += channels) {
        Copier::Copy(from, channels, end, to);
      }
    }
    if (fill_after != 0) to = std::fill_n(to, fill_after, padding);
  }
}

/// Patches wholly inside the image whose rows of the window are short contiguous runs.
template <typename Copier, typename T, typename L>
class ShortRuns {
 public:
  ShortRuns(const Window& w, size_t channels, const T* end)
      : w_(w),
        run_(static_cast<size_t>(w.kernel_w) * channels),
        row_step_(static_cast<size_t>(w.in_w) * w.in_pixel_stride),
        end_(end),
        possible_(sizeof(T) == 1 && w.dilation_h == 1 && w.dilation_w == 1 &&
                  w.in_pixel_stride == channels && run_ <= 2 * Copier::kVector) {}

  /// As PackPatch; false if the patch is none of these. Writes up to a vector too far.
  HWY_INLINE bool Pack(const T* image, int32_t y0, int32_t x0, L* to) const {
    if constexpr (sizeof(T) == 1) {
      if (!possible_ || y0 < 0 || x0 < 0 || y0 + w_.kernel_h > w_.in_h ||
          x0 + w_.kernel_w > w_.in_w) {
        return false;
      }
      const T* from = image + static_cast<size_t>(y0) * row_step_ +
                      static_cast<size_t>(x0) * w_.in_pixel_stride;
      const size_t rows = static_cast<size_t>(w_.kernel_h);
      if (from + (rows - 1) * row_step_ + 2 * Copier::kVector > end_) return false;
      for (size_t row = 0; row < rows; ++row, from += row_step_, to += run_) {
        Copier::CopyVector(from, to);
        if (run_ > Copier::kVector)
          Copier::CopyVector(from + Copier::kVector, to + Copier::kVector);
      }
      return true;
    }
    return false;
  }

 private:
  const Window w_;
  const size_t run_, row_step_;
  const T* const end_;
  const bool possible_;
};

/// Packs rows [m_begin, m_end) of one group to `panel`, rows `stride` elements apart, and clears
/// what a row has between k and k_padded. Rows are written in order, each up to kCopySlack
/// elements too far.
template <typename Copier, typename T, typename L>
void PackDense(const GemmProblem& p, const T* left, const Task& task, size_t k_padded, L* panel,
               size_t stride) {
  const T* end = LeftEnd(p, left);
  const size_t row_elements = p.k;  // copies, which stores of int8 cannot change
  const size_t left_stride = p.left_stride;
  const T* from = left + task.m_begin * left_stride + task.group * row_elements;
  for (size_t m = task.m_begin; m < task.m_end; ++m) {
    Copier::Copy(from, row_elements, end, panel);
    for (size_t k = row_elements; k < k_padded; ++k) panel[k] = L{0};
    from += left_stride;
    panel += stride;
  }
}

template <typename Copier, typename T, typename L>
void PackPatches(const GemmProblem& p, const T* left, const Task& task, size_t k_padded, T padding,
                 L* panel, size_t stride) {
  const T* end = LeftEnd(p, left);
  const Window w = p.window;  // a copy, which stores of int8 cannot change
  const size_t channels = p.channels;
  const size_t row_elements = p.k;
  const size_t out_w = static_cast<size_t>(w.out_w);
  const size_t out_pixels = static_cast<size_t>(w.out_h) * out_w;
  const size_t image_size =
      static_cast<size_t>(w.in_h) * static_cast<size_t>(w.in_w) * w.in_pixel_stride;
  const T* image = left + task.m_begin / out_pixels * image_size + task.group * p.channels;
  auto y = static_cast<int32_t>(task.m_begin % out_pixels / out_w);
  auto x = static_cast<int32_t>(task.m_begin % out_w);
  const ShortRuns<Copier, T, L> short_runs(w, channels, end);
  for (size_t m = task.m_begin; m < task.m_end; ++m) {
    const int32_t y0 = y * w.stride_h - w.pad_top;
    const int32_t x0 = x * w.stride_w - w.pad_left;
    if (!short_runs.Pack(image, y0, x0, panel)) {
      PackPatch<Copier>(w, channels, image, end, y0, x0, Copier::Convert(padding), panel);
    }
    for (size_t k = row_elements; k < k_padded; ++k) panel[k] = L{0};
    panel += stride;
    if (++x == w.out_w) {
      x = 0;
      if (++y == w.out_h) {
        y = 0;
        image += image_size;
      }
    }
  }
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
