// The register tile of the integer GEMM: kRows x kVectors accumulators, over a primitive D of
// dot-inl.h. Accumulators are indexed by constants only (fold expressions over index
// sequences), for g++ 12 keeps arrays that a loop indexes in memory.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// How far ahead of the weights in use. Measured on one row times 16 MB of weights, Zen 3: 2 to 16
/// KB do about as well, 1 KB takes 1.4 times as long.
constexpr size_t kPrefetchBytes = 4096;

/// One vector of one row: weights of unit i are kVectors further than those of unit i - 1.
template <class D, size_t kVectors, size_t... kUnitStep>
HWY_INLINE void TileVectorStep(typename D::Acc& acc, const VI32* left,
                               const typename D::Weights* weights,
                               std::index_sequence<kUnitStep...>) {
  acc = D::Step(acc, left[kUnitStep]..., weights[kUnitStep * kVectors]...);
}

template <class D, size_t... kVector, size_t... kUnitStep>
HWY_INLINE void TileRowStep(typename D::Acc* HWY_RESTRICT acc, const typename D::Left* left,
                            const typename D::Weights* weights, std::index_sequence<kVector...>,
                            std::index_sequence<kUnitStep...> units) {
  const VI32 l[] = {BroadcastLeft(left + kUnitStep * D::kUnit)...};
  (TileVectorStep<D, sizeof...(kVector)>(acc[kVector], l, weights + kVector, units), ...);
}

template <class D, size_t... kRow, size_t... kLoad, size_t... kVector>
HWY_INLINE void TileStep(typename D::Acc* HWY_RESTRICT acc, const typename D::Left* left,
                         size_t left_stride, const typename D::Stored* weights,
                         std::index_sequence<kRow...>, std::index_sequence<kLoad...>,
                         std::index_sequence<kVector...> vectors) {
  if constexpr (sizeof...(kRow) <= 2) {
    // Bound by reading the weights, each once.
    __builtin_prefetch(weights + kPrefetchBytes / sizeof(typename D::Stored));
  }
  const typename D::Weights w[] = {D::Load(weights + kLoad * kVectorElements<D>)...};
  (TileRowStep<D>(acc + kRow * sizeof...(kVector), left + kRow * left_stride, w, vectors,
                  std::make_index_sequence<D::kSteps>()),
   ...);
}

template <class D, size_t... kIndex>
HWY_INLINE void TileKeep(typename D::Acc* acc, std::index_sequence<kIndex...>) {
  (D::Keep(acc[kIndex]), ...);
}

template <class D, size_t... kIndex>
HWY_INLINE void TileClear(typename D::Acc* acc, std::index_sequence<kIndex...>) {
  ((acc[kIndex] = D::Zero()), ...);
}

template <class D, bool kAdd>
HWY_INLINE void StoreSum(typename D::Acc acc, int32_t* sums) {
  VI32 sum = D::Sum(acc);
  if (kAdd) sum = hn::Add(sum, hn::Load(DI32(), sums));
  hn::Store(sum, DI32(), sums);
}

template <class D, bool kAdd, size_t... kIndex>
HWY_INLINE void TileStore(const typename D::Acc* acc, int32_t* sums,
                          std::index_sequence<kIndex...>) {
  (StoreSum<D, kAdd>(acc[kIndex], sums + kIndex * kLanes), ...);
}

/// sums[kRows][kVectors * kLanes] = or += over `steps` of left * weights, a multiple of D::kSteps
/// and not 0.
template <class D, size_t kRows, size_t kVectors>
void TileProduct(const typename D::Left* HWY_RESTRICT left, size_t left_stride,
                 const typename D::Stored* HWY_RESTRICT weights, size_t steps, bool add,
                 int32_t* HWY_RESTRICT sums) {
  constexpr std::make_index_sequence<kRows * kVectors> all;
  typename D::Acc acc[kRows * kVectors];
  TileClear<D>(acc, all);
  do {
    TileStep<D>(acc, left, left_stride, weights, std::make_index_sequence<kRows>(),
                std::make_index_sequence<D::kSteps * kVectors>(),
                std::make_index_sequence<kVectors>());
    TileKeep<D>(acc, all);
    left += D::kSteps * D::kUnit;
    weights += D::kSteps * kVectors * kVectorElements<D>;
    steps -= D::kSteps;
  } while (steps != 0);
  if (add) {
    TileStore<D, true>(acc, sums, all);
  } else {
    TileStore<D, false>(acc, sums, all);
  }
}

template <class D>
using TileFunction = void (*)(const typename D::Left*, size_t, const typename D::Stored*, size_t,
                              bool, int32_t*);

template <class D>
struct TileTable {
  TileFunction<D> tile[D::kTileRows * D::kTileVectors];
};

template <class D, size_t... kIndex>
constexpr TileTable<D> MakeTileTable(std::index_sequence<kIndex...>) {
  return {{&TileProduct<D, kIndex / D::kTileVectors + 1, kIndex % D::kTileVectors + 1>...}};
}

/// By (rows - 1) * kTileVectors + vectors - 1.
template <class D>
constexpr TileTable<D> kTiles =
    MakeTileTable<D>(std::make_index_sequence<D::kTileRows * D::kTileVectors>());

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
