// Integer matrix multiplication: packed weights, packed left rows, a register tile, an epilogue.
// Reference: reference/gemm.cc. The design follows Goto and van de Geijn, "Anatomy of
// High-Performance Matrix Multiplication" (2008).
//
// Packed group:   weights by tiles of kTileVectors vectors of channels (the last tile may have
//                 fewer), each tile [k / kUnit][vector][channel][kUnit], zero beyond n and k;
//                 then five arrays of one value per channel (see PackedInt).
// Loops of a task: pack the rows of the left operand; for each tile of channels, for each block of
//                 k, for each tile of rows: sums += tile product. The block of weights stays in L1
//                 while the rows stream past it from L2. The last block ends in the epilogue.
//
// The sums are those of the packed operands; what the zero points and the flip to unsigned add is
// known in advance but for the row sums: with a the left row, za its zero point, o its offset,
//   sum (a - za)(w - zw) = sum (a + o) w - o sum w - zw sum a - za (sum w - k zw)
// so init = bias - o sum w - za (sum w - k zw) serves a fixed za, and weight zero points or a za of
// each row add one multiplication each in the epilogue. All modulo 2^32.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kTileRows = Dot::kTileRows;
constexpr size_t kTileChannels = Dot::kTileVectors * kLanes;
constexpr size_t kVectorBytes = kLanes * Dot::kUnit;  ///< of weights, one step

/// Half of the smallest L1 in use (32 KB): the rest is for left rows passing through.
constexpr size_t kBlockSteps = 16384 / (Dot::kTileVectors * kVectorBytes);

/// The panel of left rows should stay in L2; the smallest we care about has 512 KB, shared with
/// the weights.
constexpr size_t kPanelBytes = 256 * 1024;

struct PackedInt {
  PackedInt(const void* packed, size_t n, size_t k_in)
      : padded_n(RoundUp(n, kLanes)), steps(CeilDiv(k_in, Dot::kUnit)) {
    auto* bytes = static_cast<char*>(const_cast<void*>(packed));
    weights = reinterpret_cast<int8_t*>(bytes);
    init = reinterpret_cast<int32_t*>(bytes + RoundUp(padded_n * steps * Dot::kUnit, 64));
    row_zero_factor = init + padded_n;
    zero_point = row_zero_factor + padded_n;
    scale = reinterpret_cast<float*>(zero_point + padded_n);
    float_bias = scale + padded_n;
  }
  size_t Bytes() const {
    return static_cast<size_t>(reinterpret_cast<char*>(init) - reinterpret_cast<char*>(weights)) +
           RoundUp(padded_n * 20, 64);
  }
  /// Weights of the tile that begins at channel n, a multiple of kTileChannels.
  const int8_t* Tile(size_t n) const { return weights + n * steps * Dot::kUnit; }

  size_t padded_n, steps;
  int8_t* weights;
  int32_t* init;             ///< as above
  int32_t* row_zero_factor;  ///< sum w - k zw: what a row's own zero point is multiplied with
  int32_t* zero_point;       ///< zw
  float* scale;
  float* float_bias;
};

size_t PackedIntBytes(size_t n, size_t k) { return PackedInt(nullptr, n, k).Bytes(); }

void PackIntChannel(const IntWeights& w, const PackedInt& packed, size_t n) {
  const size_t tile_begin = n / kTileChannels * kTileChannels;
  const size_t tile_vectors = std::min(Dot::kTileVectors, (packed.padded_n - tile_begin) / kLanes);
  int8_t* to =
      packed.weights + tile_begin * packed.steps * Dot::kUnit + (n - tile_begin) * Dot::kUnit;
  uint32_t sum = 0;
  for (size_t step = 0; step < packed.steps; ++step, to += tile_vectors * kVectorBytes) {
    for (size_t unit = 0; unit < Dot::kUnit; ++unit) {
      const size_t k = step * Dot::kUnit + unit;
      const int8_t value =
          n < w.n && k < w.k ? w.values[n * w.stride_n + k * w.stride_k] : int8_t{0};
      to[unit] = value;
      sum += static_cast<uint32_t>(value);
    }
  }
  const bool real = n < w.n;
  const int32_t zero_point = real && w.zero_points != nullptr ? w.zero_points[n] : 0;
  const uint32_t factor = sum - static_cast<uint32_t>(w.k) * static_cast<uint32_t>(zero_point);
  const uint32_t bias = real && w.bias != nullptr ? static_cast<uint32_t>(w.bias[n]) : 0;
  packed.init[n] = static_cast<int32_t>(bias - static_cast<uint32_t>(Dot::kLeftOffset) * sum -
                                        static_cast<uint32_t>(w.left_zero_point) * factor);
  packed.row_zero_factor[n] = static_cast<int32_t>(factor);
  packed.zero_point[n] = zero_point;
  packed.scale[n] = real && w.scale != nullptr ? w.scale[n] : 1.0F;
  packed.float_bias[n] = real && w.float_bias != nullptr ? w.float_bias[n] : 0.0F;
}

void PackInt(const IntWeights& w, void* packed) {
  const PackedInt p(packed, w.n, w.k);
  for (size_t n = 0; n < p.padded_n; ++n) PackIntChannel(w, p, n);
}

// ---- The register tile. Accumulators are indexed by constants only (fold expressions over index
// sequences), for g++ 12 keeps arrays that a loop indexes in memory.

template <size_t... kVector>
HWY_INLINE void TileRowStep(Dot::Acc* HWY_RESTRICT acc, VI32 left, const Dot::Weights* weights,
                            std::index_sequence<kVector...>) {
  ((acc[kVector] = Dot::Step(acc[kVector], left, weights[kVector])), ...);
}

template <size_t... kRow, size_t... kVector>
HWY_INLINE void TileStep(Dot::Acc* HWY_RESTRICT acc, const Dot::Left* left, size_t left_stride,
                         const int8_t* weights, std::index_sequence<kRow...>,
                         std::index_sequence<kVector...> vectors) {
  const Dot::Weights w[] = {Dot::Load(weights + kVector * kVectorBytes)...};
  (TileRowStep(acc + kRow * sizeof...(kVector), BroadcastLeft(left + kRow * left_stride), w,
               vectors),
   ...);
}

template <size_t... kIndex>
HWY_INLINE void TileKeep(Dot::Acc* acc, std::index_sequence<kIndex...>) {
  (Dot::Keep(acc[kIndex]), ...);
}

template <size_t... kIndex>
HWY_INLINE void TileClear(Dot::Acc* acc, std::index_sequence<kIndex...>) {
  ((acc[kIndex] = Dot::Zero()), ...);
}

template <bool kAdd>
HWY_INLINE void StoreSum(Dot::Acc acc, int32_t* sums) {
  VI32 sum = Dot::Sum(acc);
  if (kAdd) sum = hn::Add(sum, hn::Load(DI32(), sums));
  hn::Store(sum, DI32(), sums);
}

template <bool kAdd, size_t kVectors, size_t... kIndex>
HWY_INLINE void TileStore(const Dot::Acc* acc, int32_t* sums, std::index_sequence<kIndex...>) {
  (StoreSum<kAdd>(acc[kIndex],
                  sums + kIndex / kVectors * kTileChannels + kIndex % kVectors * kLanes),
   ...);
}

/// sums[row][channel] (rows kTileChannels apart) = or += over `steps` of left * weights.
template <size_t kRows, size_t kVectors>
void TileProduct(const Dot::Left* HWY_RESTRICT left, size_t left_stride,
                 const int8_t* HWY_RESTRICT weights, size_t steps, bool add,
                 int32_t* HWY_RESTRICT sums) {
  constexpr std::make_index_sequence<kRows * kVectors> all;
  Dot::Acc acc[kRows * kVectors];
  TileClear(acc, all);
  do {
    TileStep(acc, left, left_stride, weights, std::make_index_sequence<kRows>(),
             std::make_index_sequence<kVectors>());
    TileKeep(acc, all);
    left += Dot::kUnit;
    weights += kVectors * kVectorBytes;
  } while (--steps != 0);
  if (add) {
    TileStore<true, kVectors>(acc, sums, all);
  } else {
    TileStore<false, kVectors>(acc, sums, all);
  }
}

using TileFunction = void (*)(const Dot::Left*, size_t, const int8_t*, size_t, bool, int32_t*);

struct TileTable {
  TileFunction tile[kTileRows * Dot::kTileVectors];
};

template <size_t... kIndex>
constexpr TileTable MakeTileTable(std::index_sequence<kIndex...>) {
  return {{&TileProduct<kIndex / Dot::kTileVectors + 1, kIndex % Dot::kTileVectors + 1>...}};
}

/// By (rows - 1) * kTileVectors + vectors - 1.
constexpr TileTable kTiles =
    MakeTileTable(std::make_index_sequence<kTileRows * Dot::kTileVectors>());

// ---- The epilogues: rows x channels sums to the output.

using DF32 = hn::ScalableTag<float>;
using VF32 = hn::Vec<DF32>;

/// Where a tile lies and what its rows bring along.
struct TileOutput {
  const GemmProblem& p;
  const GemmOperands& o;
  const PackedInt& packed;
  const int32_t* row_sums;  ///< of the task's rows; null without weight zero points
  size_t group, m_begin;    ///< the task's
};

/// Sums of one vector of channels, complete.
HWY_INLINE VI32 CompleteSums(const TileOutput& t, const int32_t* sums, size_t m, size_t n) {
  const DI32 d;
  VI32 acc = hn::Add(hn::Load(d, sums), hn::LoadU(d, t.packed.init + n));
  if (t.row_sums != nullptr) {
    const VI32 row_sum = hn::Set(d, t.row_sums[m - t.m_begin]);
    acc = hn::Sub(acc, hn::Mul(row_sum, hn::LoadU(d, t.packed.zero_point + n)));
  }
  if (t.p.epilogue == Epilogue::dynamic) {
    const VI32 zero_point = hn::Set(d, t.o.row_zero_point[m]);
    acc = hn::Sub(acc, hn::Mul(zero_point, hn::LoadU(d, t.packed.row_zero_factor + n)));
  }
  return acc;
}

/// Stores the first `count` lanes.
template <class D, typename T>
HWY_INLINE void StoreFirst(hn::Vec<D> v, D d, T* to, size_t count) {
  if (count >= hn::Lanes(d)) {
    hn::StoreU(v, d, to);
  } else {
    HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(T)];
    hn::StoreU(v, d, lanes);
    std::memcpy(to, lanes, count * sizeof(T));
  }
}

/// Requantize of reference/reference.h: after the clamp |x| <= 510, so adding 1.5 * 2^23 leaves the
/// integer, rounded half to even, in the low bits.
struct RequantizeStore {
  using Out = int8_t;
  explicit HWY_INLINE RequantizeStore(const GemmProblem& p)
      : lo(hn::Set(DF32(), static_cast<float>(p.output.lo - p.output.zero_point))),
        hi(hn::Set(DF32(), static_cast<float>(p.output.hi - p.output.zero_point))),
        magic(hn::Set(DF32(), 12582912.0F)),
        offset(hn::Set(DI32(), p.output.zero_point - 0x4B400000)) {}
  HWY_INLINE void operator()(const TileOutput& t, VI32 acc, size_t /*m*/, size_t n, int8_t* to,
                             size_t count) const {
    const DF32 d;
    VF32 x = hn::Mul(hn::ConvertTo(d, acc), hn::LoadU(d, t.packed.scale + n));
    x = hn::Min(hn::Max(x, lo), hi);
    const VI32 q = hn::Add(hn::BitCast(DI32(), hn::Add(x, magic)), offset);
    const hn::Rebind<int8_t, DI32> d8;
    StoreFirst(hn::DemoteTo(d8, q), d8, to, count);
  }
  VF32 lo, hi, magic;
  VI32 offset;
};

struct DynamicStore {
  using Out = float;
  explicit HWY_INLINE DynamicStore(const GemmProblem& p)
      : lo(hn::Set(DF32(), p.clamp.lo)), hi(hn::Set(DF32(), p.clamp.hi)) {}
  HWY_INLINE void operator()(const TileOutput& t, VI32 acc, size_t m, size_t n, float* to,
                             size_t count) const {
    const DF32 d;
    const VF32 scale = hn::Mul(hn::Set(d, t.o.row_scale[m]), hn::LoadU(d, t.packed.scale + n));
    const VF32 product = hn::Mul(hn::ConvertTo(d, acc), scale);
    VF32 x = hn::Add(product, hn::LoadU(d, t.packed.float_bias + n));
    x = hn::IfThenElse(hn::Lt(x, lo), lo, x);  // not Max: NaN passes, as in the reference
    x = hn::IfThenElse(hn::Gt(x, hi), hi, x);
    StoreFirst(x, d, to, count);
  }
  VF32 lo, hi;
};

struct RawStore {
  using Out = int32_t;
  explicit HWY_INLINE RawStore(const GemmProblem& /*p*/) {}
  HWY_INLINE void operator()(const TileOutput& /*t*/, VI32 acc, size_t /*m*/, size_t /*n*/,
                             int32_t* to, size_t count) const {
    StoreFirst(acc, DI32(), to, count);
  }
};

template <class Store>
HWY_INLINE void StoreTile(const TileOutput& t, const int32_t* sums, size_t m, size_t rows, size_t n,
                          size_t channels) {
  const Store store(t.p);
  auto* out = static_cast<typename Store::Out*>(t.o.out) + t.group * t.p.n + n;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < channels; c += kLanes) {
      const VI32 acc = CompleteSums(t, sums + row * kTileChannels + c, m + row, n + c);
      store(t, acc, m + row, n + c, out + (m + row) * t.p.out_stride + c, channels - c);
    }
  }
}

void StoreTileAny(const TileOutput& t, const int32_t* sums, size_t m, size_t rows, size_t n,
                  size_t channels) {
  switch (t.p.epilogue) {
    case Epilogue::requantize:
      return StoreTile<RequantizeStore>(t, sums, m, rows, n, channels);
    case Epilogue::dynamic:
      return StoreTile<DynamicStore>(t, sums, m, rows, n, channels);
    case Epilogue::raw:
      return StoreTile<RawStore>(t, sums, m, rows, n, channels);
  }
}

// ---- Tasks.

/// Elements between packed left rows. Rows 1 KB apart, or a multiple, would share few cache sets.
size_t LeftStride(size_t k) {
  const size_t bytes = RoundUp(RoundUp(k, Dot::kUnit) * sizeof(Dot::Left), 64);
  return (bytes % 1024 == 0 ? bytes + 64 : bytes) / sizeof(Dot::Left);
}

/// A thread's scratch: panel of left rows, sums of one tile of channels, row sums.
struct IntScratch {
  IntScratch(const GemmProblem& p, void* scratch)
      : panel_bytes(
            RoundUp((p.rows_per_task * LeftStride(p.k) + kCopySlack) * sizeof(Dot::Left), 64)) {
    auto* bytes = static_cast<char*>(scratch);
    panel = reinterpret_cast<Dot::Left*>(bytes);
    sums = reinterpret_cast<int32_t*>(bytes + panel_bytes);
    row_sums = sums + p.rows_per_task * kTileChannels;
    total_bytes = panel_bytes + RoundUp(p.rows_per_task * (kTileChannels + 1) * 4, 64);
  }
  size_t panel_bytes, total_bytes;
  Dot::Left* panel;
  int32_t* sums;
  int32_t* row_sums;
};

void PlanInt(GemmProblem& p, size_t threads) {
  SimplifyPatches(p);
  const size_t row_bytes = LeftStride(p.k) * sizeof(Dot::Left);
  const size_t rows = std::max<size_t>(1, kPanelBytes / row_bytes / kTileRows) * kTileRows;
  CutTasks(p, threads, {kTileRows, kTileChannels, rows});
  p.scratch_bytes = IntScratch(p, nullptr).total_bytes;
}

/// Sums of left rows as they were before the offset was added.
void SumRows(const Dot::Left* panel, size_t stride, size_t k, size_t rows, int32_t* sums) {
  for (size_t row = 0; row < rows; ++row, panel += stride) {
    int32_t sum = 0;
    for (size_t i = 0; i < k; ++i) sum += panel[i] - Dot::kLeftOffset;
    sums[row] = sum;
  }
}

#if defined(LUTRA_DOT_AVX512VNNI) || defined(LUTRA_DOT_AVXVNNI)
using LeftCopy = FlipCopy;
#elif HWY_ARCH_X86
using LeftCopy = WidenCopy;
#else
using LeftCopy = PlainCopy;
#endif

void PackLeftInt(const GemmProblem& p, const GemmOperands& o, const Task& task, size_t steps,
                 Dot::Left* panel) {
  const auto* left = static_cast<const int8_t*>(o.left);
  const size_t stride = LeftStride(p.k);
  PackLeft<LeftCopy>(p, left, task, steps * Dot::kUnit, static_cast<int8_t>(p.left_zero_point),
                     panel, stride);
}

void RunInt(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  const Task task = TaskAt(p, index);
  const IntScratch scratch(p, memory);
  const PackedInt packed(static_cast<const char*>(o.packed) + task.group * PackedIntBytes(p.n, p.k),
                         p.n, p.k);
  const size_t stride = LeftStride(p.k);
  const size_t rows = task.m_end - task.m_begin;
  PackLeftInt(p, o, task, packed.steps, scratch.panel);
  if (p.weight_zero_points) SumRows(scratch.panel, stride, p.k, rows, scratch.row_sums);
  const TileOutput output{
      p, o, packed, p.weight_zero_points ? scratch.row_sums : nullptr, task.group, task.m_begin};
  for (size_t n = task.n_begin; n < task.n_end; n += kTileChannels) {
    const size_t channels = std::min(kTileChannels, task.n_end - n);
    const size_t vectors = CeilDiv(channels, kLanes);
    for (size_t step = 0; step < packed.steps; step += kBlockSteps) {
      const size_t steps = std::min(kBlockSteps, packed.steps - step);
      const int8_t* weights = packed.Tile(n) + step * vectors * kVectorBytes;
      for (size_t row = 0; row < rows; row += kTileRows) {
        const size_t tile_rows = std::min(kTileRows, rows - row);
        int32_t* sums = scratch.sums + row * kTileChannels;
        kTiles.tile[(tile_rows - 1) * Dot::kTileVectors + vectors - 1](
            scratch.panel + row * stride + step * Dot::kUnit, stride, weights, steps, step != 0,
            sums);
        if (step + steps == packed.steps) {
          StoreTileAny(output, sums, task.m_begin + row, tile_rows, n, channels);
        }
      }
    }
  }
}

constexpr IntGemmKernels MakeIntGemm() { return {&PackedIntBytes, &PackInt, &PlanInt, &RunInt}; }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
