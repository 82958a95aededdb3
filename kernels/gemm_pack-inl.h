// The right operand of the integer GEMM, packed once.
//
// Packed group: weights by tiles of kTileVectors vectors of channels (the last tile may have
// fewer), each tile [k / kUnit][vector][channel][kUnit], zero beyond n and k; then five arrays of
// one value per channel.
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

constexpr size_t kTileRows = Dot::kTileRows;
constexpr size_t kTileChannels = Dot::kTileVectors * kLanes;
constexpr size_t kVectorElements = kLanes * Dot::kUnit;  ///< weights of one step

struct PackedInt {
  PackedInt(const void* packed, size_t n, size_t k)
      : PackedInt(packed, n, CeilDiv(k, Dot::kUnit), CeilDiv(k, Dot::kUnit) * Dot::kUnit) {}
  PackedInt(const void* packed, size_t n, size_t step_count, size_t channel_bytes)
      : padded_n(RoundUp(n, kLanes)), steps(step_count) {
    auto* bytes = static_cast<char*>(const_cast<void*>(packed));
    weights = reinterpret_cast<int8_t*>(bytes);
    init = reinterpret_cast<int32_t*>(bytes + RoundUp(padded_n * channel_bytes, 64));
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

/// What depends on a channel's weights through their `sum` alone.
void PackChannelTerms(const IntWeights& w, const PackedInt& packed, size_t n, uint32_t sum) {
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

void PackIntChannel(const IntWeights& w, const PackedInt& packed, size_t n) {
  const size_t tile_begin = n / kTileChannels * kTileChannels;
  const size_t tile_vectors = std::min(Dot::kTileVectors, (packed.padded_n - tile_begin) / kLanes);
  int8_t* to =
      packed.weights + tile_begin * packed.steps * Dot::kUnit + (n - tile_begin) * Dot::kUnit;
  uint32_t sum = 0;
  for (size_t step = 0; step < packed.steps; ++step, to += tile_vectors * kVectorElements) {
    for (size_t unit = 0; unit < Dot::kUnit; ++unit) {
      const size_t k = step * Dot::kUnit + unit;
      const int8_t value =
          n < w.n && k < w.k ? w.values[n * w.stride_n + k * w.stride_k] : int8_t{0};
      to[unit] = value;
      sum += static_cast<uint32_t>(value);
    }
  }
  PackChannelTerms(w, packed, n, sum);
}

void PackInt(const IntWeights& w, void* packed) {
  const PackedInt p(packed, w.n, w.k);
  for (size_t n = 0; n < p.padded_n; ++n) PackIntChannel(w, p, n);
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
