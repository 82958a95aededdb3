// 3x3 convolution by Winograd's F(2x2, 3x3) in exact integers: 16 products for four outputs where
// the plain way takes 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016).
//
// For each channel, with d a 4x4 block of the image, g the 3x3 weights and Y the 2x2 outputs,
//   4 Y = A' [ (2G g (2G)') . (B' d B) ] A        summed over channels before the last transform
//         1  0 -1  0            2  0  0             1  1  1  0
//   B' =  0  1  1  0     2G =   1  1  1      A' =   0  1 -1 -1
//         0 -1  1  0            1 -1  1
//         0  1  0 -1            0  0  2
// so for each of the 16 points of the block there is one matrix product [tiles][channels] times
// [channels][n], which is the GEMM's register tile on s16 weights. All is exact: |B' d B| <= 4 *
// 128 and |2G g (2G)'| <= 9 * 128 fit s16, and 4 Y fits int32 (winograd.h), so wrapping on the way
// does no harm and the shift by two at the end leaves no remainder. Zero points are the plain
// product's: the image's padding reads its zero point, `init` removes it.
//
// Only for rows whose dot primitive multiplies s16 (WideDot, which is D below). Where it takes s8
// (VNNI, NEON) it does twice the products in an instruction, and Winograd needs s16.
#include <type_traits>

#include "kernels/winograd.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kPoints = 16;

/// Tiles of a task: the transformed image should lie in L2 beside the weights that pass by.
constexpr size_t kWinogradBytes = 320 * 1024;
constexpr size_t kMostTiles = 96;

// ------------------------------ weights

/// k of the problem is 9 * channels; packed are kPoints * channels of s16: by tiles of channels,
/// [point][channel / 2][vector][lane][2].
template <class D>
PackedInt PackedWinograd(const void* packed, size_t n, size_t k) {
  return PackedInt(packed, n, k / 9 / D::kUnit, kPoints * (k / 9) * sizeof(int16_t));
}

template <class D>
size_t WinogradBytes(size_t n, size_t k, const WeightForm& /*int8*/) {
  return PackedWinograd<D>(nullptr, n, k).bytes;
}

/// Weights of the tile that begins at channel n.
template <class D>
int16_t* WinogradTile(const PackedInt& packed, size_t n) {
  return reinterpret_cast<int16_t*>(packed.weights) + n * kPoints * packed.steps * D::kUnit;
}

/// 2G times three values.
inline void ScaledG(const int32_t* in, size_t step, int32_t* out, size_t out_step) {
  const int32_t a = in[0];
  const int32_t b = in[step];
  const int32_t c = in[2 * step];
  out[0] = 2 * a;
  out[out_step] = a + b + c;
  out[2 * out_step] = a - b + c;
  out[3 * out_step] = 2 * c;
}

/// The 3x3 weights of output channel n and input channel c at all points; returns their sum.
inline int32_t TransformWeights(const IntWeights& w, size_t n, size_t c, int32_t* points) {
  const size_t channels = w.k / 9;
  int32_t g[9];
  int32_t sum = 0;
  for (size_t tap = 0; tap < 9; ++tap) {
    g[tap] = w.values[n * w.stride_n + (tap * channels + c) * w.stride_k];
    sum += g[tap];
  }
  int32_t columns[4 * 3];
  for (size_t x = 0; x < 3; ++x) ScaledG(g + x, 3, columns + x, 3);
  for (size_t y = 0; y < 4; ++y) ScaledG(columns + 3 * y, 1, points + 4 * y, 1);
  return sum;
}

template <class D>
void PackWinograd(const IntWeights& w, void* memory) {
  const PackedInt packed = PackedWinograd<D>(memory, w.n, w.k);
  std::memset(memory, 0, packed.bytes);
  for (size_t n = 0; n < packed.padded_n; ++n) {
    const size_t begin = n / kTileChannels * kTileChannels;
    const size_t vectors = std::min(D::kTileVectors, (packed.padded_n - begin) / kLanes);
    int16_t* tile = WinogradTile<D>(packed, begin) + (n - begin) * D::kUnit;
    uint32_t sum = 0;
    for (size_t c = 0; n < w.n && c < w.k / 9; ++c) {
      int32_t points[kPoints];
      sum += static_cast<uint32_t>(TransformWeights(w, n, c, points));
      for (size_t point = 0; point < kPoints; ++point) {
        const size_t step = point * packed.steps + c / D::kUnit;
        tile[step * vectors * kVectorElements<D> + c % D::kUnit] =
            static_cast<int16_t>(points[point]);
      }
    }
    PackChannelTerms<D>(w, packed, n, sum);
  }
}

// ------------------------------ image

/// A thread's scratch: the transformed image, the 16 sums of every tile of a tile of channels, the
/// outputs of a row of pixels, a pixel of padding.
struct WinogradScratch {
  WinogradScratch(const GemmProblem& p, size_t tile_stride, void* memory)
      : stride(tile_stride), plane(PlaneElements(p.rows_per_task * stride)) {
    Pieces pieces(memory);
    image = pieces.Take<int16_t>(kPoints * plane);
    pieces.Align();
    sums = pieces.Take<int32_t>(kPoints * p.rows_per_task * kTileChannels);
    // Three rows more, as the epilogue reads too far.
    outputs = pieces.Take<int32_t>((4 * p.rows_per_task + 3) * kTileChannels);
    padding = pieces.Take<int8_t>(p.channels);
    pieces.Align();
    total_bytes = pieces.bytes();
  }
  /// An odd number of cache lines, so that the planes of one tile do not share cache sets.
  static size_t PlaneElements(size_t elements) {
    return (CeilDiv(elements * sizeof(int16_t), 64) | 1) * 64 / sizeof(int16_t);
  }
  size_t stride, plane;  ///< elements between tiles and between points
  int16_t* image;
  int32_t* sums;
  int32_t* outputs;
  int8_t* padding;
  size_t total_bytes;
};

/// Where a tile's outputs lie: pixel (y, x) of an image of the batch.
struct TilePlace {
  size_t image, y, x;
};

inline size_t WinogradTiles(const Window& w) {
  return static_cast<size_t>((w.out_h + 1) / 2) * static_cast<size_t>((w.out_w + 1) / 2);
}

inline TilePlace PlaceOfTile(const Window& w, size_t tile) {
  const size_t across = static_cast<size_t>((w.out_w + 1) / 2);
  const size_t of_image = WinogradTiles(w);
  return {tile / of_image, tile % of_image / across * 2, tile % across * 2};
}

/// The 4x4 pixels under a tile; those outside the image are `padding`.
HWY_INLINE void FindPixels(const Window& w, const int8_t* image, const TilePlace& place,
                           const int8_t* padding, const int8_t** pixels) {
  const int32_t y0 = static_cast<int32_t>(place.y) - w.pad_top;
  const int32_t x0 = static_cast<int32_t>(place.x) - w.pad_left;
  for (int32_t i = 0; i < 4; ++i) {
    const int32_t y = y0 + i;
    const bool row_inside = y >= 0 && y < w.in_h;
    for (int32_t j = 0; j < 4; ++j) {
      const int32_t x = x0 + j;
      const bool inside = row_inside && x >= 0 && x < w.in_w;
      const ptrdiff_t pixel = static_cast<ptrdiff_t>(y) * w.in_w + x;
      pixels[4 * i + j] =
          inside ? image + pixel * static_cast<ptrdiff_t>(w.in_pixel_stride) : padding;
    }
  }
}

using DBlock16 = hn::CappedTag<int16_t, 16>;
using VBlock16 = hn::Vec<DBlock16>;

/// B' times four vectors.
HWY_INLINE void TransformB(VBlock16 d0, VBlock16 d1, VBlock16 d2, VBlock16 d3, VBlock16* out,
                           size_t step) {
  out[0] = hn::Sub(d0, d2);
  out[step] = hn::Add(d1, d2);
  out[2 * step] = hn::Sub(d2, d1);
  out[3 * step] = hn::Sub(d1, d3);
}

/// B' d B of 16 channels.
HWY_INLINE void TransformPixels(const int8_t* const* pixels, size_t channel, int16_t* to,
                                size_t plane) {
  const DBlock16 d;
  const hn::Rebind<int8_t, DBlock16> d8;
  VBlock16 columns[16];
  HWY_UNROLL(4)
  for (size_t j = 0; j < 4; ++j) {
    TransformB(hn::PromoteTo(d, hn::LoadU(d8, pixels[j] + channel)),
               hn::PromoteTo(d, hn::LoadU(d8, pixels[4 + j] + channel)),
               hn::PromoteTo(d, hn::LoadU(d8, pixels[8 + j] + channel)),
               hn::PromoteTo(d, hn::LoadU(d8, pixels[12 + j] + channel)), columns + j, 4);
  }
  HWY_UNROLL(4)
  for (size_t i = 0; i < 4; ++i) {
    VBlock16 points[4];
    const VBlock16* row = columns + 4 * i;
    TransformB(row[0], row[1], row[2], row[3], points, 1);
    HWY_UNROLL(4)
    for (size_t j = 0; j < 4; ++j) hn::StoreU(points[j], d, to + (4 * i + j) * plane);
  }
}

inline void TransformImage(const GemmProblem& p, const int8_t* left, const Task& task,
                           const WinogradScratch& scratch) {
  const Window w = p.window;
  const size_t channels = p.channels;
  const size_t image_size =
      static_cast<size_t>(w.in_h) * static_cast<size_t>(w.in_w) * w.in_pixel_stride;
  std::memset(scratch.padding, p.left_zero_point, channels);
  int16_t* to = scratch.image;
  for (size_t tile = task.m_begin; tile < task.m_end; ++tile, to += scratch.stride) {
    const TilePlace place = PlaceOfTile(w, tile);
    const int8_t* pixels[16];
    FindPixels(w, left + place.image * image_size + task.group * channels, place, scratch.padding,
               pixels);
    for (size_t c = 0; c < channels; c += hn::Lanes(DBlock16())) {
      TransformPixels(pixels, c, to + c, scratch.plane);
    }
  }
}

// ------------------------------ outputs

/// A' times four vectors.
HWY_INLINE void TransformA(VI32 m0, VI32 m1, VI32 m2, VI32 m3, VI32& y0, VI32& y1) {
  y0 = hn::Add(hn::Add(m0, m1), m2);
  y1 = hn::Sub(hn::Sub(m1, m2), m3);
}

/// The 2x2 outputs of a tile, one vector of channels, from sums[point * plane].
HWY_INLINE void TransformSums(const int32_t* sums, size_t plane, int32_t* upper, int32_t* lower,
                              size_t pixel) {
  const DI32 d;
  VI32 rows[8];
  HWY_UNROLL(4)
  for (size_t j = 0; j < 4; ++j) {
    TransformA(hn::Load(d, sums + j * plane), hn::Load(d, sums + (4 + j) * plane),
               hn::Load(d, sums + (8 + j) * plane), hn::Load(d, sums + (12 + j) * plane), rows[j],
               rows[4 + j]);
  }
  VI32 y[4];
  TransformA(rows[0], rows[1], rows[2], rows[3], y[0], y[1]);
  TransformA(rows[4], rows[5], rows[6], rows[7], y[2], y[3]);
  hn::Store(hn::ShiftRight<2>(y[0]), d, upper);
  hn::Store(hn::ShiftRight<2>(y[1]), d, upper + pixel);
  hn::Store(hn::ShiftRight<2>(y[2]), d, lower);
  hn::Store(hn::ShiftRight<2>(y[3]), d, lower + pixel);
}

/// Tiles [begin, end) of the task, all of one row of the image, become two rows of pixels.
inline void StoreTileRow(const TileOutput& output, const WinogradScratch& scratch, const Task& task,
                         size_t begin, size_t end, size_t n) {
  const Window& w = output.p.window;
  const size_t channels = std::min(kTileChannels, task.n_end - n);
  const size_t vectors = CeilDiv(channels, kLanes);
  const size_t pixel = vectors * kLanes;
  const size_t plane = (task.m_end - task.m_begin) * pixel;
  int32_t* upper = scratch.outputs;
  int32_t* lower = upper + 2 * (end - begin) * pixel;
  for (size_t tile = begin; tile < end; ++tile) {
    const int32_t* sums = scratch.sums + (tile - task.m_begin) * pixel;
    const size_t at = 2 * (tile - begin) * pixel;
    for (size_t v = 0; v < pixel; v += kLanes) {
      TransformSums(sums + v, plane, upper + at + v, lower + at + v, pixel);
    }
  }
  const TilePlace place = PlaceOfTile(w, begin);
  const auto out_h = static_cast<size_t>(w.out_h);
  const auto out_w = static_cast<size_t>(w.out_w);
  const size_t count = std::min(2 * (end - begin), out_w - place.x);
  const size_t m = (place.image * out_h + place.y) * out_w + place.x;
  kStores.store[vectors - 1](output, {upper, m, count, n, channels});
  if (place.y + 1 < out_h) {
    kStores.store[vectors - 1](output, {lower, m + out_w, count, n, channels});
  }
}

// ------------------------------ the loops of a task

/// p.m becomes the number of tiles, which are the rows of the products.
template <class D>
void PlanWinograd(GemmProblem& p, size_t threads) {
  p.m = p.window.batch * WinogradTiles(p.window);
  const size_t stride = LeftStride<D>(p.channels);
  const size_t tile_bytes = kPoints * stride * sizeof(int16_t);
  const size_t tiles = std::clamp(kWinogradBytes / tile_bytes, 2 * D::kTileRows, kMostTiles);
  CutTasks(p, threads, {D::kTileRows, kTileChannels, tiles});
  p.scratch_bytes = WinogradScratch(p, stride, nullptr).total_bytes;
}

/// The sums of all points for one tile of channels.
template <class D>
void MultiplyPoints(const WinogradScratch& scratch, const PackedInt& packed, size_t tiles, size_t n,
                    size_t vectors) {
  const int16_t* weights = WinogradTile<D>(packed, n);
  int32_t* sums = scratch.sums;
  for (size_t point = 0; point < kPoints; ++point) {
    const int16_t* image = scratch.image + point * scratch.plane;
    // Register tiles of about the same height: a last one of one row takes as long as one of four.
    for (size_t left = tiles; left != 0;) {
      const size_t rows = CeilDiv(left, CeilDiv(left, D::kTileRows));
      kTiles<D>.tile[(rows - 1) * D::kTileVectors + vectors - 1](image, scratch.stride, weights,
                                                                 packed.steps, false, sums);
      image += rows * scratch.stride;
      sums += rows * vectors * kLanes;
      left -= rows;
    }
    weights += packed.steps * vectors * kVectorElements<D>;
  }
}

template <class D>
void RunWinograd(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  const Task task = TaskAt(p, index);
  const WinogradScratch scratch(p, LeftStride<D>(p.channels), memory);
  const PackedInt packed = PackedWinograd<D>(
      static_cast<const char*>(o.packed) + task.group * WinogradBytes<D>(p.n, p.k, p.form), p.n,
      p.k);
  TransformImage(p, static_cast<const int8_t*>(o.left), task, scratch);
  const TileOutput output{p, o, packed, nullptr, task.group, 0};
  const size_t across = static_cast<size_t>((p.window.out_w + 1) / 2);
  for (size_t n = task.n_begin; n < task.n_end; n += kTileChannels) {
    const size_t vectors = CeilDiv(std::min(kTileChannels, task.n_end - n), kLanes);
    MultiplyPoints<D>(scratch, packed, task.m_end - task.m_begin, n, vectors);
    for (size_t tile = task.m_begin; tile < task.m_end;) {
      const size_t end = std::min(task.m_end, (tile / across + 1) * across);
      StoreTileRow(output, scratch, task, tile, end, n);
      tile = end;
    }
  }
}

template <class D>
constexpr IntGemmKernels WinogradKernels() {
  if constexpr (std::is_void_v<D>) {
    return {};
  } else {
    return {&WinogradBytes<D>, &PackWinograd<D>, &PlanWinograd<D>, &RunWinograd<D>};
  }
}

constexpr IntGemmKernels MakeIntWinograd() { return WinogradKernels<WideDot>(); }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
