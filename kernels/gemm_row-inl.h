// One row times codes of up to 4 bits: the weights of linear layers at batch 1 are used once, so
// they are looked up in registers and never stored. More rows, and more bits, find their weights
// decoded in a block of scratch (gemm_int-inl.h). Measured on 4096 x 4096 weights, Zen 3: 4 bits
// take 0.75 and 2 bits 0.6 of the time of decoding a block first.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kMostRowBits = 4;

/// Tables are shared by multiples of 16 channels, so a tile of up to 16 has only one.
constexpr bool kTileHasOneTable = 16 % kTileChannels == 0;

template <class D, class Reader, size_t... kUnitStep>
HWY_INLINE void RowVectorStep(typename D::Acc& acc, const VI32* left, const Reader& reader,
                              const uint8_t* group, std::index_sequence<kUnitStep...>) {
  acc = D::Step(acc, left[kUnitStep % D::kSteps]...,
                D::Decoded(reader.template Weights<kUnitStep>(group))...);
}

template <size_t kBegin, size_t... kIndex>
constexpr std::index_sequence<kBegin + kIndex...> Shift(std::index_sequence<kIndex...>) {
  return {};
}

/// kSteps units of a group for all vectors of the tile.
template <class D, class Reader, size_t kBegin, size_t... kVector, size_t... kUnitStep>
HWY_INLINE void RowUnitStep(typename D::Acc* HWY_RESTRICT acc, const typename D::Left* left,
                            const Reader* readers, const uint8_t* codes,
                            std::index_sequence<kVector...>, std::index_sequence<kUnitStep...>) {
  const VI32 l[] = {BroadcastLeft(left + (kBegin + kUnitStep) * D::kUnit)...};
  (RowVectorStep<D>(acc[kVector], l, readers[kTileHasOneTable ? 0 : kVector],
                    codes + kVector * Reader::kGroupBytes,
                    Shift<kBegin>(std::make_index_sequence<D::kSteps>())),
   ...);
}

template <class D, class Reader, size_t... kVector, size_t... kStep>
HWY_INLINE void RowGroup(typename D::Acc* HWY_RESTRICT acc, const typename D::Left* left,
                         const Reader* readers, const uint8_t* codes,
                         std::index_sequence<kVector...> vectors, std::index_sequence<kStep...>) {
  (RowUnitStep<D, Reader, kStep * D::kSteps>(acc, left, readers, codes, vectors,
                                             std::make_index_sequence<D::kSteps>()),
   ...);
}

template <class Reader, size_t... kIndex>
HWY_INLINE void LoadReaders(Reader* readers, const int8_t* const* tables,
                            std::index_sequence<kIndex...>) {
  (readers[kIndex].Load(tables[kIndex]), ...);
}

/// sums[kVectors * kLanes] = left * codes over `groups` groups.
template <class D, size_t kBits, size_t kVectors>
void RowProduct(const typename D::Left* HWY_RESTRICT left, const uint8_t* HWY_RESTRICT codes,
                const int8_t* const* tables, size_t groups, int32_t* HWY_RESTRICT sums) {
  using Reader = CodeReader<D, kBits>;
  constexpr std::make_index_sequence<kVectors> vectors;
  constexpr size_t kReaders = kTileHasOneTable ? 1 : kVectors;
  Reader readers[kReaders];
  LoadReaders(readers, tables, std::make_index_sequence<kReaders>());
  typename D::Acc acc[kVectors];
  TileClear<D>(acc, vectors);
  do {
    for (size_t i = 0; i < kVectors * Reader::kGroupBytes; i += 64) {
      __builtin_prefetch(codes + kPrefetchBytes + i);
    }
    RowGroup<D>(acc, left, readers, codes, vectors,
                std::make_index_sequence<kGroupSteps / D::kSteps>());
    TileKeep<D>(acc, vectors);
    left += kGroupSteps * D::kUnit;
    codes += kVectors * Reader::kGroupBytes;
  } while (--groups != 0);
  TileStore<D, false>(acc, sums, vectors);
}

template <class D>
using RowFunction = void (*)(const typename D::Left*, const uint8_t*, const int8_t* const*, size_t,
                             int32_t*);

template <class D>
struct RowTable {
  RowFunction<D> product[kMostRowBits * D::kTileVectors];
};

template <class D, size_t... kIndex>
constexpr RowTable<D> MakeRowTable(std::index_sequence<kIndex...>) {
  return {{&RowProduct<D, kIndex / D::kTileVectors + 1, kIndex % D::kTileVectors + 1>...}};
}

/// By (bits - 1) * kTileVectors + vectors - 1.
template <class D>
constexpr RowTable<D> kRowProducts =
    MakeRowTable<D>(std::make_index_sequence<kMostRowBits * D::kTileVectors>());

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
