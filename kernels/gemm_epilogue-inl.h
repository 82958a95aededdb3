// The epilogues of the integer GEMM: a tile of sums becomes rows x channels of output.
//
// int8 output is narrowed four vectors at a time (of one row, or of up to four rows where a tile is
// narrow): two packs and one permutation make one full vector of bytes, where narrowing vector by
// vector would take four shuffles for each.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

using DF32 = hn::ScalableTag<float>;
using VF32 = hn::Vec<DF32>;

/// What the epilogue of a task's tiles needs.
struct TileOutput {
  const GemmProblem& p;
  const GemmOperands& o;
  const PackedInt& packed;
  const int32_t* row_sums;  ///< of the task's rows; null without weight zero points
  size_t group, m_begin;    ///< the task's
};

/// A tile of sums [rows][vectors * kLanes], which may be changed, and its place in the output.
struct Tile {
  int32_t* sums;
  size_t m, rows, n, channels;
};

/// What the row's own zero point and row sum take from one vector of channels.
HWY_INLINE VI32 WithoutRowTerms(const TileOutput& t, VI32 acc, size_t m, size_t n) {
  const DI32 d;
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

/// The low bytes of four vectors whose lanes fit int8, one after the other.
HWY_INLINE hn::Vec<hn::Repartition<int8_t, DI32>> FourToBytes(VI32 v0, VI32 v1, VI32 v2, VI32 v3) {
  const hn::Repartition<int16_t, DI32> d16;
  const hn::Repartition<int8_t, DI32> d8;
  const auto low = hn::ReorderDemote2To(d16, v0, v1);
  const auto high = hn::ReorderDemote2To(d16, v2, v3);
#if HWY_ARCH_ARM
  return hn::Combine(d8, hn::DemoteTo(hn::Half<decltype(d8)>(), high),
                     hn::DemoteTo(hn::Half<decltype(d8)>(), low));
#else
  const hn::Vec<decltype(d8)> packed{PackBytes(low.raw, high.raw)};
  if constexpr (kLanes == 4) {
    return packed;
  } else {
    // Packing works inside 128-bit blocks: 4-byte piece 4 * b + j comes from block b of vector j.
    constexpr size_t kBlocks = kLanes / 4;
    HWY_ALIGN int32_t order[kLanes];
    for (size_t i = 0; i < kLanes; ++i) {
      order[i] = static_cast<int32_t>(i % kBlocks * 4 + i / kBlocks);
    }
    const DI32 d32;
    return hn::BitCast(
        d8, hn::TableLookupLanes(hn::BitCast(d32, packed), hn::SetTableIndices(d32, order)));
  }
#endif
}

/// The kCount vectors of init and scale that a tile's channels have.
template <size_t kCount>
struct ChannelVectors {
  HWY_INLINE ChannelVectors(const PackedInt& packed, size_t n) {
    for (size_t i = 0; i < kCount; ++i) {
      init[i] = hn::LoadU(DI32(), packed.init + n + i * kLanes);
      scale[i] = hn::LoadU(DF32(), packed.scale + n + i * kLanes);
    }
  }
  VI32 init[kCount];
  VF32 scale[kCount];
};

/// What is rounded, in units of the output's scale: the sums times their multipliers,
template <bool kRowTerms, size_t kVectors>
struct ScaledSums {
  HWY_INLINE ScaledSums(const TileOutput& output, const Tile& tile)
      : t(output), n(tile.n), channel(output.packed, tile.n) {}
  /// Vector i of the rows from m on.
  HWY_INLINE VF32 operator()(const int32_t* sums, size_t m, size_t i) const {
    const size_t v = i % kVectors;
    VI32 acc = hn::Add(hn::Load(DI32(), sums + i * kLanes), channel.init[v]);
    if (kRowTerms) acc = WithoutRowTerms(t, acc, m + i / kVectors, n + v * kLanes);
    return hn::Mul(hn::ConvertTo(DF32(), acc), channel.scale[v]);
  }
  const TileOutput& t;
  size_t n;
  ChannelVectors<kVectors> channel;
};

/// or what CurveSums has left in their place.
struct CurveValues {
  HWY_INLINE CurveValues(const TileOutput& /*t*/, const Tile& /*tile*/) {}
  HWY_INLINE VF32 operator()(const int32_t* sums, size_t /*m*/, size_t i) const {
    return hn::BitCast(DF32(), hn::Load(DI32(), sums + i * kLanes));
  }
};

/// Replaces sums by the curve's values: a loop of its own, for all registers are taken by the
/// curve.
template <size_t kVectors>
void CurveSums(const TileOutput& t, const Tile& tile) {
  const DI32 d;
  const CurveFunction<DF32> function(t.p.curve);
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t n = tile.n + v * kLanes;
    const VI32 init = hn::LoadU(d, t.packed.init + n);
    const VF32 scale = hn::LoadU(DF32(), t.packed.scale + n);
    const VF32 factor =
        t.p.curve.factors ? hn::LoadU(DF32(), t.packed.second + n) : hn::Set(DF32(), 1.0F);
    int32_t* sums = tile.sums + v * kLanes;
    for (size_t row = 0; row < tile.rows; ++row, sums += kVectors * kLanes) {
      VI32 acc = hn::Add(hn::Load(d, sums), init);
      if (t.row_sums != nullptr) acc = WithoutRowTerms(t, acc, tile.m + row, n);
      hn::Store(hn::BitCast(d, function(acc, scale, factor)), d, sums);
    }
  }
}

template <size_t kChannels>
HWY_INLINE void StoreBytes(const int8_t* bytes, size_t channels, int8_t* to) {
  if (channels == kChannels) {
    std::memcpy(to, bytes, kChannels);
  } else {
    std::memcpy(to, bytes, channels);
  }
}

/// Up to 4 / kVectors rows share a vector of bytes; of a last group with fewer, sums beyond the
/// tile are read (the scratch has room) and not stored.
template <class Values, size_t kVectors>
void StoreRequantized(const TileOutput& t, const Tile& tile) {
  constexpr size_t kChannels = kVectors * kLanes;
  constexpr size_t kRows = 4 / kVectors;
  const Requantizer<DF32> requantize(t.p.output);
  const Values values(t, tile);
  // Copies, for the compiler must assume that int8 stores change whatever a reference reaches.
  const Tile local = tile;
  const size_t out_stride = t.p.out_stride;
  int8_t* to = static_cast<int8_t*>(t.o.out) + local.m * out_stride + t.group * t.p.n + local.n;
  const int32_t* sums = local.sums;
  for (size_t row = 0; row < local.rows; row += kRows) {
    VI32 q[4];
    HWY_UNROLL(4)
    for (size_t i = 0; i < 4; ++i) {
      q[i] = requantize.FromReal(values(sums, local.m + row, i < kRows * kVectors ? i : 0));
    }
    HWY_ALIGN int8_t bytes[4 * kLanes];
    hn::Store(FourToBytes(q[0], q[1], q[2], q[3]), hn::Repartition<int8_t, DI32>(), bytes);
    HWY_UNROLL(4)
    for (size_t r = 0; r < kRows; ++r) {
      if (row + r < local.rows) StoreBytes<kChannels>(bytes + r * kChannels, local.channels, to);
      to += out_stride;
    }
    sums += kRows * kChannels;
  }
}

/// The 4-byte outputs. Complete(acc, m, n) gives one vector of the output type.
template <class Complete, typename T, size_t kVectors>
HWY_INLINE void StoreWords(const TileOutput& t, const Tile& tile) {
  const DI32 d;
  const hn::ScalableTag<T> d_out;
  const Complete complete(t);
  T* out = static_cast<T*>(t.o.out) + t.group * t.p.n + tile.n;
  for (size_t row = 0; row < tile.rows; ++row) {
    const size_t m = tile.m + row;
    for (size_t c = 0; c < tile.channels; c += kLanes) {
      const VI32 acc = hn::Add(hn::Load(d, tile.sums + row * kVectors * kLanes + c),
                               hn::LoadU(d, t.packed.init + tile.n + c));
      const auto v = complete(WithoutRowTerms(t, acc, m, tile.n + c), m, tile.n + c);
      T* to = out + m * t.p.out_stride + c;
      if (tile.channels - c >= kLanes) {
        hn::StoreU(v, d_out, to);
      } else {
        StorePartial(v, d_out, to, tile.channels - c);
      }
    }
  }
}

struct CompleteRaw {
  explicit HWY_INLINE CompleteRaw(const TileOutput& /*t*/) {}
  HWY_INLINE VI32 operator()(VI32 acc, size_t /*m*/, size_t /*n*/) const { return acc; }
};

struct CompleteDynamic {
  explicit HWY_INLINE CompleteDynamic(const TileOutput& output)
      : t(output), clamp(output.p.clamp) {}
  HWY_INLINE VF32 operator()(VI32 acc, size_t m, size_t n) const {
    const DF32 d;
    const VF32 scale = hn::Mul(hn::Set(d, t.o.row_scale[m]), hn::LoadU(d, t.packed.scale + n));
    const VF32 product = hn::Mul(hn::ConvertTo(d, acc), scale);
    return clamp(hn::Add(product, hn::LoadU(d, t.packed.second + n)));
  }
  const TileOutput& t;
  FloatClamper<DF32> clamp;
};

/// The sums of the low bytes with those of the high ones (wide.h).
template <size_t kVectors>
void StoreWide(const TileOutput& t, const Tile& tile) {
  const DI32 d;
  const WideValue<DF32> value(t.p.clamp, t.p.to_int16);
  const size_t first = t.group * t.p.n + tile.n;
  for (size_t row = 0; row < tile.rows; ++row) {
    const size_t m = tile.m + row;
    const int32_t* high = t.o.high + m * t.p.groups * t.p.n + first;
    const int32_t* sums = tile.sums + row * kVectors * kLanes;
    const size_t at = m * t.p.out_stride + first;
    for (size_t c = 0; c < tile.channels; c += kLanes) {
      const size_t count = std::min(kLanes, tile.channels - c);
      const size_t n = tile.n + c;
      VI32 low = hn::Add(hn::Load(d, sums + c), hn::LoadU(d, t.packed.init + n));
      low = WithoutRowTerms(t, low, m, n);
      const VI32 of_high =
          count == kLanes ? hn::LoadU(d, high + c) : LoadPartial(d, high + c, count);
      const VF32 total = hn::Add(hn::Mul(hn::ConvertTo(DF32(), of_high), hn::Set(DF32(), 256.0F)),
                                 hn::ConvertTo(DF32(), low));
      value.Store(total, hn::LoadU(DF32(), t.packed.scale + n),
                  hn::LoadU(DF32(), t.packed.second + n), t.o.out, at + c, count);
    }
  }
}

template <size_t kVectors>
void StoreTile(const TileOutput& t, const Tile& tile) {
  switch (t.p.epilogue) {
    case Epilogue::requantize:
      if (t.p.curve.coefficients != nullptr) {
        CurveSums<kVectors>(t, tile);
        return StoreRequantized<CurveValues, kVectors>(t, tile);
      }
      if (t.row_sums == nullptr)
        return StoreRequantized<ScaledSums<false, kVectors>, kVectors>(t, tile);
      return StoreRequantized<ScaledSums<true, kVectors>, kVectors>(t, tile);
    case Epilogue::dynamic:
      return StoreWords<CompleteDynamic, float, kVectors>(t, tile);
    case Epilogue::raw:
      return StoreWords<CompleteRaw, int32_t, kVectors>(t, tile);
    case Epilogue::wide:
      return StoreWide<kVectors>(t, tile);
  }
}

using StoreFunction = void (*)(const TileOutput&, const Tile&);

constexpr size_t kMostStoreVectors = std::max(Dot::kTileVectors, kBandVectors);

struct StoreTable {
  StoreFunction store[kMostStoreVectors];
};

template <size_t... kIndex>
constexpr StoreTable MakeStoreTable(std::index_sequence<kIndex...>) {
  return {{&StoreTile<kIndex + 1>...}};
}

/// By vectors - 1.
constexpr StoreTable kStores = MakeStoreTable(std::make_index_sequence<kMostStoreVectors>());

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
