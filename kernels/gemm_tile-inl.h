// The register tile of the integer GEMM: kRows x kVectors accumulators, over the primitives D of
// dot-inl.h. Accumulators are indexed by constants only (fold expressions over index
// sequences), for g++ 12 keeps arrays that a loop indexes in memory.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// How far ahead of the weights in use. Measured on one row times 16 MB of weights, Zen 3: 2 to 16
/// KB do about as well, 1 KB takes 1.4 times as long.
constexpr size_t kPrefetchBytes = 4096;

template <size_t... kVector>
HWY_INLINE void TileRowStep(Dot::Acc* HWY_RESTRICT acc, VI32 left, const Dot::Weights* weights,
                            std::index_sequence<kVector...>) {
  ((acc[kVector] = Dot::Step(acc[kVector], left, weights[kVector])), ...);
}

template <class D, size_t... kRow, size_t... kVector>
HWY_INLINE void TileStep(Dot::Acc* HWY_RESTRICT acc, const Dot::Left* left, size_t left_stride,
                         const typename D::Stored* weights, std::index_sequence<kRow...>,
                         std::index_sequence<kVector...> vectors) {
  if constexpr (sizeof...(kRow) <= 2) {
    // Bound by reading the weights, each once.
    __builtin_prefetch(weights + kPrefetchBytes / sizeof(typename D::Stored));
  }
  const Dot::Weights w[] = {D::Load(weights + kVector * kVectorElements)...};
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

template <bool kAdd, size_t... kIndex>
HWY_INLINE void TileStore(const Dot::Acc* acc, int32_t* sums, std::index_sequence<kIndex...>) {
  (StoreSum<kAdd>(acc[kIndex], sums + kIndex * kLanes), ...);
}

/// sums[kRows][kVectors * kLanes] = or += over `steps` > 0 of left * weights.
template <class D, size_t kRows, size_t kVectors>
void TileProduct(const Dot::Left* HWY_RESTRICT left, size_t left_stride,
                 const typename D::Stored* HWY_RESTRICT weights, size_t steps, bool add,
                 int32_t* HWY_RESTRICT sums) {
  constexpr std::make_index_sequence<kRows * kVectors> all;
  Dot::Acc acc[kRows * kVectors];
  TileClear(acc, all);
  do {
    TileStep<D>(acc, left, left_stride, weights, std::make_index_sequence<kRows>(),
                std::make_index_sequence<kVectors>());
    TileKeep(acc, all);
    left += Dot::kUnit;
    weights += kVectors * kVectorElements;
  } while (--steps != 0);
  if (add) {
    TileStore<true>(acc, sums, all);
  } else {
    TileStore<false>(acc, sums, all);
  }
}

template <class D>
using TileFunction = void (*)(const Dot::Left*, size_t, const typename D::Stored*, size_t, bool,
                              int32_t*);

template <class D>
struct TileTable {
  TileFunction<D> tile[kTileRows * Dot::kTileVectors];
};

template <class D, size_t... kIndex>
constexpr TileTable<D> MakeTileTable(std::index_sequence<kIndex...>) {
  return {{&TileProduct<D, kIndex / Dot::kTileVectors + 1, kIndex % Dot::kTileVectors + 1>...}};
}

/// By (rows - 1) * kTileVectors + vectors - 1.
template <class D>
constexpr TileTable<D> kTiles =
    MakeTileTable<D>(std::make_index_sequence<kTileRows * Dot::kTileVectors>());

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
