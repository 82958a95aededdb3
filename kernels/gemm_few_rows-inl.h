// Few rows times codes of up to 4 bits. Linear layers at batch 1 use each weight once, convolutions
// of the smallest images up to four times, so weights are looked up in registers and never stored.
// More rows, and more bits, find their weights decoded in a block of scratch (gemm_int-inl.h).
// Measured on one row of 4096 x 4096 weights, Zen 3: 4 bits take 0.75 and 2 bits 0.6 of the time of
// decoding a block first.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kFewRows = 4;
constexpr size_t kMostFewRowsBits = 4;

/// Tables are shared by multiples of 16 channels, so a tile of up to 16 has only one.
constexpr bool kTileHasOneTable = 16 % kTileChannels == 0;

template <class Reader, size_t... kIndex>
HWY_INLINE void LoadReaders(Reader* readers, const int8_t* const* tables,
                            std::index_sequence<kIndex...>) {
  (readers[kIndex].Load(tables[kIndex]), ...);
}

/// D::kSteps units of a group, from kBegin on: as TileStep, but for where the weights come from.
template <class D, class Reader, size_t kBegin, size_t... kRow, size_t... kLoad, size_t... kVector>
HWY_INLINE void FewRowsStep(typename D::Acc* HWY_RESTRICT acc, const typename D::Left* left,
                            size_t left_stride, const Reader* readers, const uint8_t* codes,
                            std::index_sequence<kRow...>, std::index_sequence<kLoad...>,
                            std::index_sequence<kVector...> vectors) {
  constexpr size_t kVectors = sizeof...(kVector);
  const typename D::Weights w[] = {D::Decoded(
      readers[kTileHasOneTable ? 0 : kLoad % kVectors].template Weights<kBegin + kLoad / kVectors>(
          codes + kLoad % kVectors * Reader::kGroupBytes))...};
  (TileRowStep<D>(acc + kRow * kVectors, left + kRow * left_stride + kBegin * D::kUnit, w, vectors,
                  std::make_index_sequence<D::kSteps>()),
   ...);
}

template <class D, size_t kRows, size_t kVectors, class Reader, size_t... kStep>
HWY_INLINE void FewRowsGroup(typename D::Acc* HWY_RESTRICT acc, const typename D::Left* left,
                             size_t left_stride, const Reader* readers, const uint8_t* codes,
                             std::index_sequence<kStep...>) {
  (FewRowsStep<D, Reader, kStep * D::kSteps>(
       acc, left, left_stride, readers, codes, std::make_index_sequence<kRows>(),
       std::make_index_sequence<D::kSteps * kVectors>(), std::make_index_sequence<kVectors>()),
   ...);
}

/// sums[kRows][kVectors * kLanes] = left * codes over `groups` > 0 groups.
template <class D, size_t kBits, size_t kRows, size_t kVectors>
void FewRowsProduct(const typename D::Left* HWY_RESTRICT left, size_t left_stride,
                    const uint8_t* HWY_RESTRICT codes, const int8_t* const* tables, size_t groups,
                    int32_t* HWY_RESTRICT sums) {
  using Reader = CodeReader<D, kBits>;
  constexpr std::make_index_sequence<kRows * kVectors> all;
  constexpr size_t kReaders = kTileHasOneTable ? 1 : kVectors;
  Reader readers[kReaders];
  LoadReaders(readers, tables, std::make_index_sequence<kReaders>());
  typename D::Acc acc[kRows * kVectors];
  TileClear<D>(acc, all);
  do {
    for (size_t i = 0; i < kVectors * Reader::kGroupBytes; i += 64) {
      __builtin_prefetch(codes + kPrefetchBytes + i);
    }
    FewRowsGroup<D, kRows, kVectors>(acc, left, left_stride, readers, codes,
                                     std::make_index_sequence<kGroupSteps / D::kSteps>());
    TileKeep<D>(acc, all);
    left += kGroupSteps * D::kUnit;
    codes += kVectors * Reader::kGroupBytes;
  } while (--groups != 0);
  TileStore<D, false>(acc, sums, all);
}

template <class D>
using FewRowsFunction = void (*)(const typename D::Left*, size_t, const uint8_t*,
                                 const int8_t* const*, size_t, int32_t*);

template <class D>
struct FewRowsTable {
  FewRowsFunction<D> product[kMostFewRowsBits][kFewRows * D::kTileVectors];
};

template <class D, size_t kBits, size_t... kIndex>
constexpr void FillFewRows(FewRowsTable<D>& table, std::index_sequence<kIndex...>) {
  ((table.product[kBits - 1][kIndex] =
        &FewRowsProduct<D, kBits, kIndex / D::kTileVectors + 1, kIndex % D::kTileVectors + 1>),
   ...);
}

template <class D, size_t... kBit>
constexpr FewRowsTable<D> MakeFewRowsTable(std::index_sequence<kBit...>) {
  FewRowsTable<D> table = {};
  (FillFewRows<D, kBit + 1>(table, std::make_index_sequence<kFewRows * D::kTileVectors>()), ...);
  return table;
}

/// By bits - 1, and (rows - 1) * kTileVectors + vectors - 1.
template <class D>
constexpr FewRowsTable<D> kFewRowsProducts =
    MakeFewRowsTable<D>(std::make_index_sequence<kMostFewRowsBits>());

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
