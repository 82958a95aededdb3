// Float matrix multiplication with the same structure as the integer one (gemm_int-inl.h), and a
// contract of its own: every output is summed in k order from +0, each product and each sum rounded
// separately, so all rows give the same bits. It is vectorised over channels only, never fused
// (Mul, then Add), and never cut along k. Reference: reference/gemm.cc.
//
// Packed group: tiles of kFloatVectors vectors of channels (the last may have fewer), each
// [k][channel], then bias[n]; zero beyond n. Dense left rows are read where they lie.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

using DFloat = hn::ScalableTag<float>;
using VFloat = hn::Vec<DFloat>;
constexpr size_t kFloatLanes = HWY_LANES(float);

// rows * vectors accumulators, the vectors of weights, one left element and one product must fit
// the registers.
constexpr size_t kFloatRows = 6, kFloatVectors = kRegisters == 32 ? 4 : 2;
constexpr size_t kFloatChannels = kFloatVectors * kFloatLanes;
constexpr size_t kFloatPanelBytes = 256 * 1024;  ///< as in the integer kernel

struct PackedFloat {
  PackedFloat(const void* packed, size_t n, size_t k_in)
      : padded_n(RoundUp(n, kFloatLanes)), k(k_in) {
    Pieces pieces(packed);
    weights = pieces.Take<float>(padded_n * k);
    bias = pieces.Take<float>(padded_n);
    pieces.Align();
    bytes = pieces.bytes();
  }
  size_t padded_n, k;
  size_t bytes;  ///< of all
  float* weights;
  float* bias;
};

size_t PackedFloatBytes(size_t n, size_t k) { return PackedFloat(nullptr, n, k).bytes; }

void PackFloat(const FloatWeights& w, void* packed) {
  const PackedFloat p(packed, w.n, w.k);
  for (size_t n = 0; n < p.padded_n; ++n) {
    const size_t tile_begin = n / kFloatChannels * kFloatChannels;
    const size_t tile_channels = std::min(kFloatChannels, p.padded_n - tile_begin);
    float* to = p.weights + tile_begin * w.k + (n - tile_begin);
    for (size_t k = 0; k < w.k; ++k, to += tile_channels) {
      *to = n < w.n ? w.values[n * w.stride_n + k * w.stride_k] : 0.0F;
    }
    p.bias[n] = n < w.n && w.bias != nullptr ? w.bias[n] : 0.0F;
  }
}

template <size_t... kVector>
HWY_INLINE void FloatRowStep(VFloat* HWY_RESTRICT acc, VFloat left, const VFloat* weights,
                             std::index_sequence<kVector...>) {
  ((acc[kVector] = hn::Add(acc[kVector], hn::Mul(left, weights[kVector]))), ...);
}

template <size_t... kRow, size_t... kVector>
HWY_INLINE void FloatStep(VFloat* HWY_RESTRICT acc, const float* left, size_t left_stride,
                          const float* weights, std::index_sequence<kRow...>,
                          std::index_sequence<kVector...> vectors) {
  const DFloat d;
  const VFloat w[] = {hn::LoadU(d, weights + kVector * kFloatLanes)...};
  (FloatRowStep(acc + kRow * sizeof...(kVector), hn::Set(d, left[kRow * left_stride]), w, vectors),
   ...);
}

template <size_t... kIndex>
HWY_INLINE void FloatClear(VFloat* acc, std::index_sequence<kIndex...>) {
  ((acc[kIndex] = hn::Zero(DFloat())), ...);
}

template <size_t kVectors, size_t... kIndex>
HWY_INLINE void FloatStore(const VFloat* acc, float* sums, std::index_sequence<kIndex...>) {
  (hn::Store(acc[kIndex], DFloat(),
             sums + kIndex / kVectors * kFloatChannels + kIndex % kVectors * kFloatLanes),
   ...);
}

template <size_t kRows, size_t kVectors>
void FloatTile(const float* HWY_RESTRICT left, size_t left_stride,
               const float* HWY_RESTRICT weights, size_t k, float* HWY_RESTRICT sums) {
  constexpr std::make_index_sequence<kRows * kVectors> all;
  VFloat acc[kRows * kVectors];
  FloatClear(acc, all);
  do {
    FloatStep(acc, left, left_stride, weights, std::make_index_sequence<kRows>(),
              std::make_index_sequence<kVectors>());
    left += 1;
    weights += kVectors * kFloatLanes;
  } while (--k != 0);
  FloatStore<kVectors>(acc, sums, all);
}

using FloatTileFunction = void (*)(const float*, size_t, const float*, size_t, float*);

struct FloatTileTable {
  FloatTileFunction tile[kFloatRows * kFloatVectors];
};

template <size_t... kIndex>
constexpr FloatTileTable MakeFloatTileTable(std::index_sequence<kIndex...>) {
  return {{&FloatTile<kIndex / kFloatVectors + 1, kIndex % kFloatVectors + 1>...}};
}

/// By (rows - 1) * kFloatVectors + vectors - 1.
constexpr FloatTileTable kFloatTiles =
    MakeFloatTileTable(std::make_index_sequence<kFloatRows * kFloatVectors>());

void StoreFloatTile(const GemmProblem& p, const float* sums, const float* bias, size_t rows,
                    size_t channels, float* out) {
  const DFloat d;
  const FloatClamper<DFloat> clamp(p.clamp);
  for (size_t row = 0; row < rows; ++row, sums += kFloatChannels, out += p.out_stride) {
    for (size_t c = 0; c < channels; c += kFloatLanes) {
      const VFloat x = clamp(hn::Add(hn::Load(d, sums + c), hn::LoadU(d, bias + c)));
      if (channels - c >= kFloatLanes) {
        hn::StoreU(x, d, out + c);
      } else {
        StorePartial(x, d, out + c, channels - c);
      }
    }
  }
}

/// Elements between packed rows; not a multiple of 1 KB, see LeftStride.
size_t FloatLeftStride(size_t k) {
  const size_t stride = RoundUp(k, 16);
  return stride % 256 == 0 ? stride + 16 : stride;
}

void PlanFloat(GemmProblem& p, size_t threads) {
  SimplifyPatches(p);
  const size_t stride = FloatLeftStride(p.k);
  const size_t rows =
      std::max<size_t>(1, kFloatPanelBytes / (stride * sizeof(float)) / kFloatRows) * kFloatRows;
  CutTasks(p, threads, {kFloatRows, kFloatChannels, rows});
  p.scratch_bytes =
      p.left == LeftKind::dense ? 0 : (p.rows_per_task * stride + kCopySlack) * sizeof(float);
}

void RunFloat(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  const Task task = TaskAt(p, index);
  const PackedFloat packed(
      static_cast<const char*>(o.packed) + task.group * PackedFloatBytes(p.n, p.k), p.n, p.k);
  const auto* left = static_cast<const float*>(o.left);
  const float* rows_begin = left + task.m_begin * p.left_stride + task.group * p.k;
  size_t stride = p.left_stride;
  if (p.left == LeftKind::patches) {
    auto* panel = static_cast<float*>(memory);
    stride = FloatLeftStride(p.k);
    PackPatches<PlainCopy>(p, left, task, p.k, 0.0F, panel, stride);
    rows_begin = panel;
  }
  const size_t rows = task.m_end - task.m_begin;
  auto* out = static_cast<float*>(o.out) + task.group * p.n;
  HWY_ALIGN float sums[kFloatRows * kFloatChannels];
  for (size_t n = task.n_begin; n < task.n_end; n += kFloatChannels) {
    const size_t channels = std::min(kFloatChannels, task.n_end - n);
    const size_t vectors = CeilDiv(channels, kFloatLanes);
    for (size_t row = 0; row < rows; row += kFloatRows) {
      const size_t tile_rows = std::min(kFloatRows, rows - row);
      kFloatTiles.tile[(tile_rows - 1) * kFloatVectors + vectors - 1](
          rows_begin + row * stride, stride, packed.weights + n * p.k, p.k, sums);
      StoreFloatTile(p, sums, packed.bias + n, tile_rows, channels,
                     out + (task.m_begin + row) * p.out_stride + n);
    }
  }
}

constexpr FloatGemmKernels MakeFloatGemm() {
  return {&PackedFloatBytes, &PackFloat, &PlanFloat, &RunFloat};
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
