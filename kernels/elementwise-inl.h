// Element-wise kernels. Reference: reference/elementwise.cc.
//
// A view's row is read as vectors `step` apart: a row that repeats one value (col_step 0) is
// replaced by a vector of that value with step 0, so broadcasting costs no test in the loop. Rows
// that follow one another without a gap are one long row.
#include <hwy/highway.h>

#include "kernels/reference/reference.h"

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// One row of a view: element i at data[i * step]. At least kLanes elements are readable if step
/// is 0.
template <typename T, size_t kLanes>
class RowReader {
 public:
  HWY_INLINE RowReader(View<const T> view, size_t row) : data_(view.data + row * view.stride) {
    if (view.col_step != 0) return;
    for (T& value : repeated_) value = *data_;
    data_ = repeated_;
    step_ = 0;
  }
  RowReader(const RowReader&) = delete;
  HWY_INLINE const T* At(size_t i) const { return data_ + i * step_; }

 private:
  HWY_ALIGN T repeated_[kLanes];
  const T* data_;
  size_t step_ = 1;
};

template <typename T>
HWY_INLINE bool IsDense(View<T> view, size_t cols) {
  return view.stride == cols && view.col_step == 1;
}

// ------------------------------ int8 to int8, in blocks

using ByteBlock = Block<hn::ScalableTag<int16_t>>;
using BlockFloat = hn::ScalableTag<float>;
using BlockInt = hn::ScalableTag<int32_t>;
constexpr size_t kBlockLanes = ByteBlock::kLanes;

/// The first `count` < kBlockLanes elements of a block.
HWY_INLINE ByteBlock::VI16 LoadPartialBlock(const int8_t* from, size_t count) {
  const ByteBlock::DI8 d8;
  return hn::PromoteTo(ByteBlock::DI16(), LoadPartial(d8, from, count));
}

HWY_INLINE void StorePartialBlock(ByteBlock::VI16 values, int8_t* to, size_t count) {
  const ByteBlock::DI8 d8;
  StorePartial(hn::DemoteTo(d8, values), d8, to, count);
}

/// out = map(a, b) on blocks of int16 lanes.
template <class Map>
HWY_INLINE void MapBlocks(View<const int8_t> a, View<const int8_t> b, View<int8_t> out, size_t rows,
                          size_t cols, const Map& map) {
  if (IsDense(a, cols) && IsDense(b, cols) && IsDense(out, cols)) {
    cols *= rows;
    rows = 1;
  }
  for (size_t row = 0; row < rows; ++row) {
    const RowReader<int8_t, kBlockLanes> x(a, row);
    const RowReader<int8_t, kBlockLanes> y(b, row);
    int8_t* to = out.data + row * out.stride;
    size_t i = 0;
    for (; i + kBlockLanes <= cols; i += kBlockLanes) {
      ByteBlock::Store(map(ByteBlock::Load(x.At(i)), ByteBlock::Load(y.At(i))), to + i);
    }
    if (i < cols) {
      StorePartialBlock(
          map(LoadPartialBlock(x.At(i), cols - i), LoadPartialBlock(y.At(i), cols - i)), to + i,
          cols - i);
    }
  }
}

/// The zero points go into one constant: acc = a * ma + b * mb - (za * ma + zb * mb), modulo 2^32.
struct AddMap {
  explicit HWY_INLINE AddMap(const IntBinary& p)
      : requantize(p.output),
        multiplier(hn::Set(BlockFloat(), p.multiplier)),
        multiplier_a(hn::Set(BlockInt(), p.multiplier_a)),
        multiplier_b(hn::Set(BlockInt(), p.multiplier_b)),
        offset(hn::Set(BlockInt(), Offset(p))) {}

  static int32_t Offset(const IntBinary& p) {
    return static_cast<int32_t>(
        static_cast<uint32_t>(p.zero_point_a) * static_cast<uint32_t>(p.multiplier_a) +
        static_cast<uint32_t>(p.zero_point_b) * static_cast<uint32_t>(p.multiplier_b));
  }
  HWY_INLINE ByteBlock::VI32 One(ByteBlock::VI32 a, ByteBlock::VI32 b) const {
    const auto sum = hn::Add(hn::Mul(a, multiplier_a), hn::Mul(b, multiplier_b));
    return requantize(hn::Sub(sum, offset), multiplier);
  }
  HWY_INLINE ByteBlock::VI16 operator()(ByteBlock::VI16 a, ByteBlock::VI16 b) const {
    const auto x = ByteBlock::Widen(a);
    const auto y = ByteBlock::Widen(b);
    return ByteBlock::Narrow(One(x.lo, y.lo), One(x.hi, y.hi));
  }

  Requantizer<BlockFloat> requantize;
  hn::Vec<BlockFloat> multiplier;
  ByteBlock::VI32 multiplier_a, multiplier_b, offset;
};

struct MulMap {
  explicit HWY_INLINE MulMap(const IntBinary& p)
      : requantize(p.output),
        multiplier(hn::Set(BlockFloat(), p.multiplier)),
        zero_a(hn::Set(ByteBlock::DI16(), static_cast<int16_t>(p.zero_point_a))),
        zero_b(hn::Set(ByteBlock::DI16(), static_cast<int16_t>(p.zero_point_b))) {}

  HWY_INLINE ByteBlock::VI16 operator()(ByteBlock::VI16 a, ByteBlock::VI16 b) const {
    const auto x = ByteBlock::Widen(hn::Sub(a, zero_a));
    const auto y = ByteBlock::Widen(hn::Sub(b, zero_b));
    return ByteBlock::Narrow(requantize(hn::Mul(x.lo, y.lo), multiplier),
                             requantize(hn::Mul(x.hi, y.hi), multiplier));
  }

  Requantizer<BlockFloat> requantize;
  hn::Vec<BlockFloat> multiplier;
  ByteBlock::VI16 zero_a, zero_b;
};

inline void IntBinaryRun(const IntBinary& p, View<const int8_t> a, View<const int8_t> b,
                         View<int8_t> out, size_t rows, size_t cols) {
  if (p.is_mul) {
    MapBlocks(a, b, out, rows, cols, MulMap(p));
  } else {
    MapBlocks(a, b, out, rows, cols, AddMap(p));
  }
}

struct RequantizeMap {
  HWY_INLINE ByteBlock::VI16 operator()(ByteBlock::VI16 a, ByteBlock::VI16 /*b*/) const {
    const auto x = ByteBlock::Widen(hn::Sub(a, zero));
    return ByteBlock::Narrow(requantize(x.lo, multiplier), requantize(x.hi, multiplier));
  }
  Requantizer<BlockFloat> requantize;
  hn::Vec<BlockFloat> multiplier;
  ByteBlock::VI16 zero;
};

inline void RequantizeRun(int32_t zero_point_in, float multiplier, OutputQuant output,
                          View<const int8_t> in, View<int8_t> out, size_t rows, size_t cols) {
  const RequantizeMap map = {Requantizer<BlockFloat>(output), hn::Set(BlockFloat(), multiplier),
                             hn::Set(ByteBlock::DI16(), static_cast<int16_t>(zero_point_in))};
  MapBlocks(in, in, out, rows, cols, map);
}

// ------------------------------ 256-entry tables

#if HWY_ARCH_X86
/// vpshufb gives 0 for an index with its top bit set, else the entry of its low four bits. Of
/// x >= 0, x - 16 r (saturating) has that bit for every r beyond x / 16, so if the tables hold the
/// differences (exclusive or) of neighbouring groups of 16 entries, the exclusive or of all lookups
/// is the entry itself. Negative x, flipped to x ^ -128, walk through the other half in the same
/// way, and neither half sees the other's indices. Twice as fast as scalar loads on Zen 3.
class TableMap {
 public:
  using D = hn::ScalableTag<int8_t>;
  using V = hn::Vec<D>;
  static constexpr size_t kLanes = hn::MaxLanes(D());

  explicit TableMap(const int8_t* table) {
    for (size_t group = 0; group < 16; ++group) {
      for (size_t i = 0; i < 16; ++i) {
        // Group 0 holds the outputs of 0 .. 15, group 8 those of -128 .. -113.
        const size_t at = (group * 16 + 128) % 256 + i;
        const int before = group % 8 == 0 ? 0 : table[at - 16];
        differences_[group * 16 + i] = static_cast<int8_t>(table[at] ^ before);
      }
    }
  }

  HWY_INLINE V operator()(V x) const {
    const D d;
    const V sixteen = hn::Set(d, 16);
    V positive = x;
    V negative = hn::Xor(x, hn::Set(d, -128));
    V y = hn::Zero(d);
    for (size_t group = 0; group < 8; ++group) {
      const V low = hn::LoadDup128(d, differences_ + group * 16);
      const V high = hn::LoadDup128(d, differences_ + (group + 8) * 16);
      y = hn::Xor(y, hn::TableLookupBytesOr0(low, positive));
      y = hn::Xor(y, hn::TableLookupBytesOr0(high, negative));
      positive = hn::SaturatedSub(positive, sixteen);
      negative = hn::SaturatedSub(negative, sixteen);
    }
    return y;
  }

 private:
  HWY_ALIGN int8_t differences_[256];
};
#else
/// Four lookups in 64 entries; an index outside leaves the result as it is.
class TableMap {
 public:
  using D = hn::ScalableTag<int8_t>;
  using V = hn::Vec<D>;
  static constexpr size_t kLanes = hn::MaxLanes(D());

  explicit TableMap(const int8_t* table) : table_(reinterpret_cast<const uint8_t*>(table)) {}

  HWY_INLINE V operator()(V x) const {
    const uint8x16_t sixty_four = vdupq_n_u8(64);
    uint8x16_t index = veorq_u8(vreinterpretq_u8_s8(x.raw), vdupq_n_u8(128));
    uint8x16_t y = vqtbl4q_u8(vld1q_u8_x4(table_), index);
    for (size_t part = 1; part < 4; ++part) {
      index = vsubq_u8(index, sixty_four);
      y = vqtbx4q_u8(y, vld1q_u8_x4(table_ + part * 64), index);
    }
    return V{vreinterpretq_s8_u8(y)};
  }

 private:
  const uint8_t* table_;
};
#endif

inline void Table(const int8_t* table, View<const int8_t> in, View<int8_t> out, size_t rows,
                  size_t cols) {
  if (IsDense(in, cols) && IsDense(out, cols)) {
    cols *= rows;
    rows = 1;
  }
  const TableMap map(table);
  const TableMap::D d;
  for (size_t row = 0; row < rows; ++row) {
    const RowReader<int8_t, TableMap::kLanes> x(in, row);
    int8_t* to = out.data + row * out.stride;
    size_t i = 0;
    for (; i + TableMap::kLanes <= cols; i += TableMap::kLanes) {
      hn::StoreU(map(hn::LoadU(d, x.At(i))), d, to + i);
    }
    if (i < cols) StorePartial(map(LoadPartial(d, x.At(i), cols - i)), d, to + i, cols - i);
  }
}

// ------------------------------ float to int8 and back

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;
using QuarterBytes = hn::Rebind<int8_t, FloatTag>;
constexpr size_t kF32Lanes = hn::MaxLanes(FloatTag());

struct QuantizeMap {
  HWY_INLINE QuantizeMap(float real_scale, int32_t zero_point)
      : requantize(OutputQuant{zero_point, -128, 127}), scale(hn::Set(FloatTag(), real_scale)) {}
  HWY_INLINE hn::Vec<QuarterBytes> operator()(FloatVector x) const {
    const FloatVector quotient = hn::Div(x, scale);
    const auto ordered = hn::Eq(quotient, quotient);
    return hn::DemoteTo(QuarterBytes(), requantize.FromReal(hn::IfThenElseZero(ordered, quotient)));
  }
  Requantizer<FloatTag> requantize;
  FloatVector scale;
};

HWY_INLINE void QuantizeRow(const QuantizeMap& map, View<const float> in, size_t row, int8_t* to,
                            size_t cols) {
  const QuarterBytes d8;
  const RowReader<float, kF32Lanes> x(in, row);
  size_t i = 0;
  for (; i + kF32Lanes <= cols; i += kF32Lanes) {
    hn::StoreU(map(hn::LoadU(FloatTag(), x.At(i))), d8, to + i);
  }
  if (i < cols) {
    StorePartial(map(LoadPartial(FloatTag(), x.At(i), cols - i)), d8, to + i, cols - i);
  }
}

inline void Quantize(float scale, int32_t zero_point, View<const float> in, View<int8_t> out,
                     size_t rows, size_t cols) {
  const QuantizeMap map(scale, zero_point);
  for (size_t row = 0; row < rows; ++row) {
    QuantizeRow(map, in, row, out.data + row * out.stride, cols);
  }
}

inline void Dequantize(float scale, int32_t zero_point, View<const int8_t> in, View<float> out,
                       size_t rows, size_t cols) {
  const FloatTag df;
  const QuarterBytes d8;
  const hn::RebindToSigned<FloatTag> di;
  const auto zero = hn::Set(di, zero_point);
  const auto factor = hn::Set(df, scale);
  const auto map = [&](hn::Vec<QuarterBytes> q) HWY_ATTR {
    return hn::Mul(factor, hn::ConvertTo(df, hn::Sub(hn::PromoteTo(di, q), zero)));
  };
  for (size_t row = 0; row < rows; ++row) {
    const RowReader<int8_t, kF32Lanes> x(in, row);
    float* to = out.data + row * out.stride;
    size_t i = 0;
    for (; i + kF32Lanes <= cols; i += kF32Lanes) {
      hn::StoreU(map(hn::LoadU(d8, x.At(i))), df, to + i);
    }
    if (i < cols) StorePartial(map(LoadPartial(d8, x.At(i), cols - i)), df, to + i, cols - i);
  }
}

/// Range of a row and 0; NaN counts as 0.
HWY_INLINE RowQuant QuantOfRow(View<const float> in, size_t row, size_t cols) {
  const FloatTag df;
  const RowReader<float, kF32Lanes> x(in, row);
  FloatVector lo = hn::Zero(df);
  FloatVector hi = hn::Zero(df);
  const auto extend = [&](FloatVector v) HWY_ATTR {
    lo = hn::IfThenElse(hn::Lt(v, lo), v, lo);
    hi = hn::IfThenElse(hn::Lt(hi, v), v, hi);
  };
  size_t i = 0;
  for (; i + kF32Lanes <= cols; i += kF32Lanes) extend(hn::LoadU(df, x.At(i)));
  if (i < cols) extend(LoadPartial(df, x.At(i), cols - i));
  return QuantOfRange(hn::GetLane(hn::MinOfLanes(df, lo)), hn::GetLane(hn::MaxOfLanes(df, hi)));
}

inline void QuantizeRows(View<const float> in, int8_t* out, float* scale, int32_t* zero_point,
                         size_t rows, size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    const RowQuant quant = QuantOfRow(in, row, cols);
    scale[row] = quant.scale;
    zero_point[row] = quant.zero_point;
    QuantizeRow(QuantizeMap(quant.scale, quant.zero_point), in, row, out + row * cols, cols);
  }
}

// ------------------------------ float to float

/// out = map(a, b, column) on vectors.
template <class Map>
HWY_INLINE void MapFloats(View<const float> a, View<const float> b, View<float> out, size_t rows,
                          size_t cols, const Map& map) {
  const FloatTag df;
  for (size_t row = 0; row < rows; ++row) {
    const RowReader<float, kF32Lanes> x(a, row);
    const RowReader<float, kF32Lanes> y(b, row);
    float* to = out.data + row * out.stride;
    size_t i = 0;
    for (; i + kF32Lanes <= cols; i += kF32Lanes) {
      hn::StoreU(map(hn::LoadU(df, x.At(i)), hn::LoadU(df, y.At(i))), df, to + i);
    }
    if (i < cols) {
      const size_t count = cols - i;
      StorePartial(map(LoadPartial(df, x.At(i), count), LoadPartial(df, y.At(i), count)), df,
                   to + i, count);
    }
  }
}

/// kKind is a template argument so that the loop has no switch: these run at the speed of memory.
template <FloatBinaryKind kKind>
struct FloatBinaryMap {
  HWY_INLINE FloatVector operator()(FloatVector a, FloatVector b) const {
    return clamp(Combine(a, b));
  }
  static HWY_INLINE FloatVector Combine(FloatVector a, FloatVector b) {
    if constexpr (kKind == FloatBinaryKind::add) return hn::Add(a, b);
    if constexpr (kKind == FloatBinaryKind::sub) return hn::Sub(a, b);
    if constexpr (kKind == FloatBinaryKind::mul) return hn::Mul(a, b);
    if constexpr (kKind == FloatBinaryKind::div) return hn::Div(a, b);
    if constexpr (kKind == FloatBinaryKind::min) return Functions::Minimum(a, b);
    if constexpr (kKind == FloatBinaryKind::max) return Functions::Maximum(a, b);
    if constexpr (kKind == FloatBinaryKind::pow) {
      FloatLanes::ForEach(
          a, a, b, [](float base, float& power, float& exponent) { power = Pow(base, exponent); });
      return a;
    }
  }
  FloatClamper<FloatTag> clamp;
};

template <FloatBinaryKind kKind>
void FloatBinaryOf(FloatClamp clamp, View<const float> a, View<const float> b, View<float> out,
                   size_t rows, size_t cols) {
  MapFloats(a, b, out, rows, cols, FloatBinaryMap<kKind>{FloatClamper<FloatTag>(clamp)});
}

inline void FloatBinary(FloatBinaryKind kind, FloatClamp clamp, View<const float> a,
                        View<const float> b, View<float> out, size_t rows, size_t cols) {
  using Kind = FloatBinaryKind;
  if (IsDense(a, cols) && IsDense(b, cols) && IsDense(out, cols)) {
    cols *= rows;
    rows = 1;
  }
  switch (kind) {
    case Kind::add:
      return FloatBinaryOf<Kind::add>(clamp, a, b, out, rows, cols);
    case Kind::sub:
      return FloatBinaryOf<Kind::sub>(clamp, a, b, out, rows, cols);
    case Kind::mul:
      return FloatBinaryOf<Kind::mul>(clamp, a, b, out, rows, cols);
    case Kind::div:
      return FloatBinaryOf<Kind::div>(clamp, a, b, out, rows, cols);
    case Kind::min:
      return FloatBinaryOf<Kind::min>(clamp, a, b, out, rows, cols);
    case Kind::max:
      return FloatBinaryOf<Kind::max>(clamp, a, b, out, rows, cols);
    case Kind::pow:
      return FloatBinaryOf<Kind::pow>(clamp, a, b, out, rows, cols);
  }
}

inline void FloatUnary(FloatUnaryKind kind, float alpha, float beta, const float* slope,
                       View<const float> in, View<float> out, size_t rows, size_t cols) {
  // Only prelu looks at the second operand.
  const View<const float> slopes = slope != nullptr ? View<const float>{slope, 0, 1} : in;
  if (slope == nullptr && IsDense(in, cols) && IsDense(out, cols)) {
    cols *= rows;
    rows = 1;
  }
  MapFloats(in, slopes, out, rows, cols, [=](FloatVector x, FloatVector s) HWY_ATTR {
    return Functions::Unary(kind, alpha, beta, s, x);
  });
}

constexpr ElementwiseKernels MakeElementwise() {
  return {&IntBinaryRun, &Table,        &RequantizeRun, &Quantize,
          &Dequantize,   &QuantizeRows, &FloatBinary,   &FloatUnary};
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
