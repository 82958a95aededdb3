// Codes of 1 to 7 bits, packed so that whole vectors of them become whole vectors of int8 weights.
//
// A group is eight units of k of one vector of channels: in int8 eight vectors, here as many
// vectors as a code has bits. They are planes of 4, 2 and 1 bits, of which each width occurs at
// most once (7 = 4 + 2 + 1, 5 = 4 + 1, 3 = 2 + 1); a plane of w bits is w vectors whose bytes hold
// the 8 / w codes of consecutive units, the first in the lowest bits.
//
// The widest plane looks the weight up: its codes are nibbles, or parts of nibbles with a table for
// each part that ignores the others, so that one byte shuffle of 16 entries is all there is to do
// up to 4 bits (but 3). The bits of the other planes select between slices of the table, as a tree
// of blends: 5 bits take 2 shuffles and a blend, 7 bits 8 and 7.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kGroupSteps = 8;
constexpr size_t kTableBytes = 16;

/// Bits of the plane that is looked up, of `bits` in all.
constexpr size_t BaseBits(size_t bits) { return bits >= 4 ? 4 : bits >= 2 ? 2 : 1; }
/// Vectors of 16 entries that a table becomes.
constexpr size_t TableVectors(size_t bits) {
  return (4 / BaseBits(bits)) << (bits - BaseBits(bits));
}

/// The vectors of one table, [part of the nibble][slice][16].
void PackTable(const int8_t* table, size_t bits, int8_t* to) {
  const size_t base = BaseBits(bits);
  for (size_t part = 0; part < 4 / base; ++part) {
    for (size_t slice = 0; slice < size_t{1} << (bits - base); ++slice) {
      for (size_t nibble = 0; nibble < kTableBytes; ++nibble) {
        const size_t low = (nibble >> (part * base)) & ((size_t{1} << base) - 1);
        *to++ = EntryOf(table, bits, slice << base | low);
      }
    }
  }
}

/// Bits [shift, shift + width) of codes [kGroupSteps][lanes]; returns the end of the plane.
uint8_t* PackPlane(const uint8_t* codes, size_t lanes, size_t shift, size_t width, uint8_t* to) {
  const size_t in_byte = 8 / width;
  for (size_t vector = 0; vector < width; ++vector) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      uint32_t byte = 0;
      for (size_t i = 0; i < in_byte; ++i) {
        const uint32_t code = codes[(vector * in_byte + i) * lanes + lane];
        byte |= (code >> shift & ((1U << width) - 1)) << (i * width);
      }
      *to++ = static_cast<uint8_t>(byte);
    }
  }
  return to;
}

void PackGroup(const uint8_t* codes, size_t lanes, size_t bits, uint8_t* to) {
  const size_t base = BaseBits(bits);
  to = PackPlane(codes, lanes, 0, base, to);
  if (bits - base >= 2) to = PackPlane(codes, lanes, base, 2, to);
  if ((bits - base) % 2 != 0) PackPlane(codes, lanes, bits - 1, 1, to);
}

/// Reads groups of the primitive D's vectors, with one table.
template <class D, size_t kBits>
class CodeReader {
  static constexpr size_t kLanes8 = kVectorElements<D>;
  static constexpr size_t kBase = BaseBits(kBits);
  static constexpr size_t kSelect = kBits - kBase;
  static constexpr size_t kSlices = size_t{1} << kSelect;

 public:
  using D8 = hn::CappedTag<uint8_t, kLanes8>;
  using V = hn::Vec<D8>;
  static constexpr size_t kGroupBytes = kBits * kLanes8;

  /// A table as PackTable wrote it.
  HWY_INLINE void Load(const int8_t* table) {
    LoadVectors(reinterpret_cast<const uint8_t*>(table),
                std::make_index_sequence<TableVectors(kBits)>());
  }

  /// Weights of unit kStep of a group.
  template <size_t kStep>
  HWY_INLINE V Weights(const uint8_t* group) const {
    constexpr size_t kBit = kStep * kBase % 8;
    const V bytes = hn::LoadU(D8(), group + kStep * kBase / 8 * kLanes8);
    const V nibbles = hn::And(kBit < 4 ? bytes : Right<4>(bytes), hn::Set(D8(), uint8_t{0x0F}));
    return Pick<kStep, kSelect, kBit % 4 / kBase * kSlices>(nibbles, group + kBase * kLanes8);
  }

 private:
  using D16 = hn::Repartition<uint16_t, D8>;
  using DS8 = hn::RebindToSigned<D8>;
  using DTable = hn::CappedTag<uint8_t, std::max(kLanes8, kTableBytes)>;

  template <size_t... kIndex>
  HWY_INLINE void LoadVectors(const uint8_t* table, std::index_sequence<kIndex...>) {
    ((table_[kIndex] = hn::LoadDup128(DTable(), table + kIndex * kTableBytes)), ...);
  }

  template <int kShift>
  static HWY_INLINE V Right(V v) {
    return hn::BitCast(D8(), hn::ShiftRight<kShift>(hn::BitCast(D16(), v)));
  }

  /// The entry of the slice that the low kLevels bits of the other planes say, from kTable on.
  template <size_t kStep, size_t kLevels, size_t kTable>
  HWY_INLINE V Pick(V nibbles, const uint8_t* planes) const {
    if constexpr (kLevels == 0) {
      return hn::TableLookupBytes(table_[kTable], nibbles);
    } else {
      constexpr size_t kHalf = size_t{1} << (kLevels - 1);
      return hn::BitCast(
          D8(), hn::IfNegativeThenElse(
                    SelectBit<kStep, kLevels - 1>(planes),
                    hn::BitCast(DS8(), Pick<kStep, kLevels - 1, kTable + kHalf>(nibbles, planes)),
                    hn::BitCast(DS8(), Pick<kStep, kLevels - 1, kTable>(nibbles, planes))));
    }
  }

  /// Bit kIndex of the other planes of unit kStep, as the sign of its byte.
  template <size_t kStep, size_t kIndex>
  static HWY_INLINE hn::Vec<DS8> SelectBit(const uint8_t* planes) {
    constexpr bool kPair = kIndex < 2 && kSelect >= 2;  // in the plane of 2 bits
    constexpr size_t kVector = kPair ? kStep / 4 : kSelect / 2 * 2;
    constexpr int kShift = static_cast<int>(7 - (kPair ? kStep % 4 * 2 + kIndex : kStep));
    const V bytes = hn::LoadU(D8(), planes + kVector * kLanes8);
    return hn::BitCast(DS8(), hn::ShiftLeft<kShift>(hn::BitCast(D16(), bytes)));
  }

  hn::Vec<DTable> table_[TableVectors(kBits)];
};

template <class Reader, size_t... kStep>
HWY_INLINE void DecodeGroup(const Reader& reader, const uint8_t* group, size_t stride, uint8_t* to,
                            std::index_sequence<kStep...>) {
  const typename Reader::D8 d;
  (hn::StoreU(reader.template Weights<kStep>(group), d, to + kStep * stride), ...);
}

/// `groups` groups of a tile of channels, [group][vector], become int8 [unit][vector]; tables: the
/// packed table of each vector.
template <class D, size_t kBits>
void DecodeBlock(const uint8_t* codes, const int8_t* const* tables, size_t vectors, size_t groups,
                 int8_t* block) {
  using Reader = CodeReader<D, kBits>;
  const size_t stride = vectors * kVectorElements<D>;
  for (size_t vector = 0; vector < vectors; ++vector) {
    Reader reader;
    reader.Load(tables[vector]);
    const uint8_t* from = codes + vector * Reader::kGroupBytes;
    auto* to = reinterpret_cast<uint8_t*>(block) + vector * kVectorElements<D>;
    for (size_t group = 0; group < groups; ++group) {
      DecodeGroup(reader, from, stride, to, std::make_index_sequence<kGroupSteps>());
      from += vectors * Reader::kGroupBytes;
      to += kGroupSteps * stride;
    }
  }
}

using DecodeFunction = void (*)(const uint8_t*, const int8_t* const*, size_t, size_t, int8_t*);

struct DecodeTable {
  DecodeFunction decode[7];
};

template <class D, size_t... kIndex>
constexpr DecodeTable MakeDecodeTable(std::index_sequence<kIndex...>) {
  return {{&DecodeBlock<D, kIndex + 1>...}};
}

/// By bits - 1.
template <class D>
constexpr DecodeTable kDecoders = MakeDecodeTable<D>(std::make_index_sequence<7>());

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
