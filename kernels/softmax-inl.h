// Softmax and log-softmax over the columns of each row. Reference: reference/softmax.cc.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

// ------------------------------ int8

/// One row's outputs as a function of d = maximum - q, kF32Lanes of them at a time.
class SoftmaxMap {
 public:
  SoftmaxMap(const uint32_t* exp_table, float scale_in, float multiplier, bool log,
             const OutputQuant& output, uint64_t sum)
      : exp_table_(exp_table), log_(log), requantize_(output) {
    const FloatTag df;
    const auto total = static_cast<float>(sum);
    scale_in_ = hn::Set(df, scale_in);
    multiplier_ = hn::Set(df, multiplier);
    total_ = hn::Set(df, total);
    log_total_ = hn::Set(df, reference::Functions::Log(total * (1.0F / 16777216.0F)));
  }

  HWY_INLINE hn::Vec<QuarterBytes> operator()(hn::Vec<BlockInt> d) const {
    const FloatTag df;
    FloatVector real;
    if (log_) {
      real = hn::Sub(FloatLanes::Neg(hn::Mul(hn::ConvertTo(df, d), scale_in_)), log_total_);
    } else {
      // Entries are at most 2^24: exact as floats, and positive as int32.
      const auto* table = reinterpret_cast<const int32_t*>(exp_table_);
      const auto e = hn::GatherIndex(BlockInt(), table, d);
      real = hn::Div(hn::ConvertTo(df, e), total_);
    }
    return hn::DemoteTo(QuarterBytes(), requantize_.FromReal(hn::Mul(real, multiplier_)));
  }

 private:
  const uint32_t* exp_table_;
  bool log_;
  Requantizer<FloatTag> requantize_;
  FloatVector scale_in_, multiplier_, total_, log_total_;
};

inline void SoftmaxIntDirect(const SoftmaxMap& map, int32_t max, const int8_t* x, int8_t* y,
                             size_t cols) {
  const BlockInt d32;
  const QuarterBytes d8;
  for (size_t i = 0; i < cols; i += kF32Lanes) {
    const size_t count = std::min(cols - i, kF32Lanes);
    // Lanes beyond the row may hold any q: the distance stays within the table.
    const auto q = hn::PromoteTo(d32, LoadBlock(d8, x + i, count));
    const auto d = hn::Max(hn::Sub(hn::Set(d32, max), q), hn::Zero(d32));
    StoreBlock(map(d), d8, y + i, count);
  }
}

inline void SoftmaxIntByTable(const SoftmaxMap& map, int32_t max, const int8_t* x, int8_t* y,
                              size_t cols) {
  const BlockInt d32;
  HWY_ALIGN int8_t by_distance[256];
  for (size_t d = 0; d < 256; d += kF32Lanes) {
    hn::StoreU(map(hn::Iota(d32, static_cast<int32_t>(d))), QuarterBytes(), by_distance + d);
  }
  for (size_t i = 0; i < cols; ++i) y[i] = by_distance[max - x[i]];
}

inline void SoftmaxInt(const uint32_t* exp_table, float scale_in, float multiplier, bool log,
                       OutputQuant output, View<const int8_t> in, View<int8_t> out, size_t rows,
                       size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    const int8_t* x = in.data + row * in.stride;
    int8_t* y = out.data + row * out.stride;
    const int32_t max = MaxByte(x, cols);
    uint64_t sum = 0;
    for (size_t i = 0; i < cols; ++i) sum += exp_table[max - x[i]];
    const SoftmaxMap map(exp_table, scale_in, multiplier, log, output, sum);
    // Beyond 256 columns it is cheaper to compute all 256 possible outputs once.
    if (cols <= 256) {
      SoftmaxIntDirect(map, max, x, y, cols);
    } else {
      SoftmaxIntByTable(map, max, x, y, cols);
    }
  }
}

// ------------------------------ float

inline void SoftmaxFloatRow(bool log, const float* x, float* y, size_t cols) {
  using Sum = Reduction<ReduceKind::sum, FloatLanes>;
  using ScalarSum = Reduction<ReduceKind::sum, reference::FloatLane>;
  const FloatTag df;
  const float lowest = -__builtin_inff();
  FloatVector best = hn::Set(df, lowest);
  for (size_t i = 0; i < cols; i += kF32Lanes) {
    const size_t count = std::min(cols - i, kF32Lanes);
    const FloatVector v = KeepFirst(LoadBlock(df, x + i, count), count, lowest);
    best = hn::IfThenElse(hn::Lt(best, v), v, best);
  }
  const FloatVector max = hn::MaxOfLanes(df, best);
  // Kept in y for the division; x and y may be the same row.
  const auto exponential = [&](size_t i, size_t count) HWY_ATTR {
    const FloatVector e = Functions::Exp(hn::Sub(LoadBlock(df, x + i, count), max));
    if (!log) StoreBlock(e, df, y + i, count);
    return KeepFirst(e, count, 0.0F);
  };
  const float sum = ReduceContiguous<Sum, ScalarSum>(cols, exponential);
  const FloatVector total = hn::Set(df, log ? reference::Functions::Log(sum) : sum);
  for (size_t i = 0; i < cols; i += kF32Lanes) {
    const size_t count = std::min(cols - i, kF32Lanes);
    const FloatVector result = log ? hn::Sub(hn::Sub(LoadBlock(df, x + i, count), max), total)
                                   : hn::Div(LoadBlock(df, y + i, count), total);
    StoreBlock(result, df, y + i, count);
  }
}

inline void SoftmaxFloat(bool log, View<const float> in, View<float> out, size_t rows,
                         size_t cols) {
  for (size_t row = 0; row < rows; ++row) {
    SoftmaxFloatRow(log, in.data + row * in.stride, out.data + row * out.stride, cols);
  }
}

constexpr SoftmaxKernels MakeSoftmax() { return {&SoftmaxInt, &SoftmaxFloat}; }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
