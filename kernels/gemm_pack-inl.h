// The right operand of the integer GEMM, packed once.
//
// Packed group: weights by tiles of kTileVectors vectors of channels (the last tile may have
// fewer), each tile [k / kUnit][vector][channel][kUnit], zero beyond n and k; codes by groups of
// that, [k / kUnit / 8][vector][group] (codes-inl.h); then five arrays of one value per channel,
// the tables, and the factors of runs of k by the same tiles, [run][channel].
//
// The sums of the register tile are those of the packed operands; what the zero points and the flip
// to unsigned add is known in advance but for the row sums: with a the left row, za its zero point,
// o its offset,
//   sum (a - za)(w - zw) = sum (a + o) w - o sum w - zw sum a - za (sum w - k zw)
// so init = bias - o sum w - za (sum w - k zw) serves a fixed za, and weight zero points or a za of
// each row add one multiplication each in the epilogue. All modulo 2^32.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kTileChannels = Dot::kTileVectors * kLanes;
/// Of a band of block-sparse weights (sparse.h).
constexpr size_t kBandVectors = kBandChannels / kLanes;

struct PackedInt {
  PackedInt(const void* packed, size_t n, size_t step_count, size_t bytes_of_channel,
            size_t table_bytes = 0, size_t run_count = 0)
      : padded_n(RoundUp(n, kLanes)), steps(step_count), channel_bytes(bytes_of_channel) {
    Pieces pieces(packed);
    weights = pieces.Take<int8_t>(padded_n * channel_bytes);
    pieces.Align();
    init = pieces.Take<int32_t>(padded_n);
    row_zero_factor = pieces.Take<int32_t>(padded_n);
    zero_point = pieces.Take<int32_t>(padded_n);
    scale = pieces.Take<float>(padded_n);
    second = pieces.Take<float>(padded_n);
    pieces.Align();
    tables = pieces.Take<int8_t>(table_bytes);
    pieces.Align();
    runs = run_count;
    factors = pieces.Take<uint8_t>(padded_n * runs);
    pieces.Align();
    bytes = pieces.bytes();
  }
  /// Weights of the tile that begins at channel n, a multiple of kTileChannels.
  const int8_t* Tile(size_t n) const { return weights + n * channel_bytes; }
  /// The factors of that tile.
  const uint8_t* TileFactors(size_t n) const { return factors + n * runs; }

  size_t padded_n, steps, channel_bytes;
  size_t bytes;  ///< of all
  int8_t* weights;
  int32_t* init;             ///< as above
  int32_t* row_zero_factor;  ///< sum w - k zw: what a row's own zero point is multiplied with
  int32_t* zero_point;       ///< zw
  float* scale;
  float* second;   ///< the float bias, or a curve's factor
  int8_t* tables;  ///< coded: as PackTable writes them; one by one: the whole stored operand
  size_t runs;
  uint8_t* factors;
};

/// The packed form for the primitive D.
template <class D>
PackedInt PackedFor(const void* packed, size_t n, size_t k, const WeightForm& form) {
  size_t steps = CeilDiv(k, D::kUnit);
  if (!form.coded()) return PackedInt(packed, n, steps, steps * D::kUnit);
  steps = RoundUp(steps, kGroupSteps);
  if (form.one_by_one()) return PackedInt(packed, n, steps, 0, StoredBytes(n, k, form));
  return PackedInt(packed, n, steps, steps * D::kUnit / 8 * form.bits,
                   TableCount(n, form) * TableVectors(form.bits) * kTableBytes, RunCount(k, form));
}

template <class D>
size_t PackedIntBytes(size_t n, size_t k, const WeightForm& form) {
  return PackedFor<D>(nullptr, n, k, form).bytes;
}

/// The packed table of channel n.
const int8_t* PackedTable(const PackedInt& packed, const WeightForm& form, size_t n) {
  const size_t table = form.table_channels == 0 ? 0 : n / form.table_channels;
  return packed.tables + table * TableVectors(form.bits) * kTableBytes;
}

/// What depends on a channel's weights through their `sum` alone.
template <class D>
void PackChannelTerms(const IntWeights& w, const PackedInt& packed, size_t n, uint32_t sum) {
  const bool real = n < w.n;
  const int32_t zero_point = real && w.zero_points != nullptr ? w.zero_points[n] : 0;
  const uint32_t factor = sum - static_cast<uint32_t>(w.k) * static_cast<uint32_t>(zero_point);
  const uint32_t bias = real && w.bias != nullptr ? static_cast<uint32_t>(w.bias[n]) : 0;
  packed.init[n] = static_cast<int32_t>(bias - static_cast<uint32_t>(D::kLeftOffset) * sum -
                                        static_cast<uint32_t>(w.left_zero_point) * factor);
  packed.row_zero_factor[n] = static_cast<int32_t>(factor);
  packed.zero_point[n] = zero_point;
  packed.scale[n] = real && w.scale != nullptr ? w.scale[n] : 1.0F;
  const float* second = w.factor != nullptr ? w.factor : w.float_bias;
  packed.second[n] = real && second != nullptr ? second[n] : 0.0F;
}

template <class D>
void PackIntChannel(const IntWeights& w, const PackedInt& packed, size_t n) {
  const size_t tile_begin = n / kTileChannels * kTileChannels;
  const size_t tile_vectors = std::min(D::kTileVectors, (packed.padded_n - tile_begin) / kLanes);
  int8_t* to = packed.weights + tile_begin * packed.channel_bytes + (n - tile_begin) * D::kUnit;
  uint32_t sum = 0;
  for (size_t step = 0; step < packed.steps; ++step, to += tile_vectors * kVectorElements<D>) {
    for (size_t unit = 0; unit < D::kUnit; ++unit) {
      const size_t k = step * D::kUnit + unit;
      const int8_t value =
          n < w.n && k < w.k ? w.values[n * w.stride_n + k * w.stride_k] : int8_t{0};
      to[unit] = value;
      sum += static_cast<uint32_t>(value);
    }
  }
  PackChannelTerms<D>(w, packed, n, sum);
}

/// The codes of a vector of channels from n on.
template <class D>
void PackCodeVector(const IntWeights& w, const PackedInt& packed, size_t n) {
  constexpr size_t kGroupK = kGroupSteps * D::kUnit;
  const size_t bits = w.form.bits;
  const size_t tile_begin = n / kTileChannels * kTileChannels;
  const size_t tile_vectors = std::min(D::kTileVectors, (packed.padded_n - tile_begin) / kLanes);
  const size_t group_bytes = bits * kVectorElements<D>;
  auto* to = reinterpret_cast<uint8_t*>(packed.weights) + tile_begin * packed.channel_bytes +
             (n - tile_begin) / kLanes * group_bytes;
  uint32_t sums[kLanes] = {};
  for (size_t begin = 0; begin < w.k; begin += kGroupK, to += tile_vectors * group_bytes) {
    uint8_t codes[kGroupSteps * kVectorElements<D>] = {};
    for (size_t lane = 0; lane < kLanes && n + lane < w.n; ++lane) {
      const int8_t* table = TableOf(w, n + lane);
      const size_t first = w.first_code + (n + lane) * w.k + begin;
      for (size_t i = 0; i < std::min(kGroupK, w.k - begin); ++i) {
        const size_t code = CodeAt(w.codes, bits, first + i);
        codes[i / D::kUnit * kVectorElements<D> + lane * D::kUnit + i % D::kUnit] =
            static_cast<uint8_t>(code);
        sums[lane] +=
            static_cast<uint32_t>(EntryOf(table, bits, code) * FactorAt(w, n + lane, begin + i));
      }
    }
    PackGroup(codes, kVectorElements<D>, bits, to);
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    PackChannelTerms<D>(w, packed, n + lane, sums[lane]);
  }
}

/// Of one channel.
void PackFactors(const IntWeights& w, const PackedInt& packed, size_t n) {
  const size_t tile_begin = n / kTileChannels * kTileChannels;
  const size_t tile_channels = std::min(kTileChannels, packed.padded_n - tile_begin);
  uint8_t* to = packed.factors + tile_begin * packed.runs + (n - tile_begin);
  for (size_t run = 0; run < packed.runs; ++run, to += tile_channels) {
    *to = n < w.n ? w.factors[n * packed.runs + run] : uint8_t{0};
  }
}

template <class D>
void PackOneByOne(const IntWeights& w, const PackedInt& packed) {
  StoreWeights(w, packed.tables);
  for (size_t n = 0; n < packed.padded_n; ++n) {
    uint32_t sum = 0;
    for (size_t k = 0; n < w.n && k < w.k; ++k) sum += static_cast<uint32_t>(WeightAt(w, n, k));
    PackChannelTerms<D>(w, packed, n, sum);
  }
}

/// `steps` units of a tile of channels from n on, [unit][vector][channel][kUnit].
template <class D>
void DecodeOneByOne(const IntWeights& w, size_t n, size_t vectors, size_t step, size_t steps,
                    int8_t* block) {
  for (size_t k_begin = step * D::kUnit; k_begin < (step + steps) * D::kUnit; k_begin += D::kUnit) {
    for (size_t channel = n; channel < n + vectors * kLanes; ++channel) {
      for (size_t k = k_begin; k < k_begin + D::kUnit; ++k) {
        *block++ = channel < w.n && k < w.k ? WeightAt(w, channel, k) : int8_t{0};
      }
    }
  }
}

template <class D>
void PackInt(const IntWeights& w, void* memory) {
  const PackedInt packed = PackedFor<D>(memory, w.n, w.k, w.form);
  if (!w.form.coded()) {
    for (size_t n = 0; n < packed.padded_n; ++n) PackIntChannel<D>(w, packed, n);
    return;
  }
  if (w.form.one_by_one()) return PackOneByOne<D>(w, packed);
  for (size_t n = 0; n < packed.padded_n; n += kLanes) PackCodeVector<D>(w, packed, n);
  for (size_t n = 0; n < packed.padded_n && packed.runs != 0; ++n) PackFactors(w, packed, n);
  for (size_t table = 0; table < TableCount(w.n, w.form); ++table) {
    const int8_t* entries = w.tables == nullptr ? nullptr : w.tables + (table << w.form.bits);
    PackTable(entries, w.form.bits,
              packed.tables + table * TableVectors(w.form.bits) * kTableBytes);
  }
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
