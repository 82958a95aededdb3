// Windows, weights, and moving values. See naive.h.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "golden/naive.h"

namespace lutra::test {
namespace {

/// IEEE half precision, normal numbers and zero only.
float FromHalf(uint16_t h) {
  if ((h & 0x7FFF) == 0) return 0.0F;
  const float mantissa = 1.0F + static_cast<float>(h & 0x3FF) / 1024.0F;
  const float value = std::ldexp(mantissa, ((h >> 10) & 31) - 15);
  return (h & 0x8000) != 0 ? -value : value;
}

/// Weights [n][k] of any kind: integers minus their zero points, or real values.
struct Weights {
  const ModelView& view;
  const schema::Weights& source;
  size_t n;

  template <typename T>
  T Param(size_t index) const {
    T value;
    std::memcpy(&value, view.Blob(source.params()) + index * sizeof(T), sizeof(T));
    return value;
  }
  bool codebook() const { return source.kind() == schema::WeightKind::codebook; }
  float Scale(size_t channel) const { return Param<float>(n + channel); }

  int64_t Integer(size_t channel, size_t index) const {
    const uint8_t* bytes = view.Blob(source.values());
    int64_t value = 0;
    for (size_t bit = 0; bit < source.bits(); ++bit) {
      const size_t position = index * source.bits() + bit;
      const int64_t weight = int64_t{1} << bit;
      // Two's complement: the highest bit counts negative. Indices have no sign.
      const bool set = (bytes[position / 8] >> (position % 8) & 1) != 0;
      const bool negative = !codebook() && bit + 1U == source.bits();
      if (set) value += negative ? -weight : weight;
    }
    if (codebook()) {
      const size_t sharing = source.codebook_channels();
      const size_t table = sharing == 0 ? 0 : channel / sharing;
      const uint8_t* entries = view.Blob(source.codebook()) + (table << source.bits());
      return static_cast<int8_t>(entries[value]);
    }
    if (source.group() != 0) {
      const size_t k = view.BlobBytes(source.values()) * 2 / n;
      const size_t groups = (k + source.group() - 1) / source.group();
      const size_t group = (index - channel * k) / source.group();
      return value * Param<uint8_t>(8 * n + channel * groups + group);
    }
    return value - (source.has_zero_points() ? Param<int8_t>(8 * n + channel) : 0);
  }
  double Real(size_t channel, size_t index) const {
    const uint8_t* bytes = view.Blob(source.values());
    if (source.kind() == schema::WeightKind::fp16) {
      uint16_t half;
      std::memcpy(&half, bytes + 2 * index, 2);
      return static_cast<double>(FromHalf(half));
    }
    if (source.kind() == schema::WeightKind::fp32) {
      float value;
      std::memcpy(&value, bytes + 4 * index, 4);
      return static_cast<double>(value);
    }
    return static_cast<double>(Integer(channel, index)) * static_cast<double>(Scale(channel));
  }
};

/// Behind a product: by its curve, or by the multiplier alone.
double Rounded(const Weights& weights, int64_t acc, size_t channel, const schema::Curve* curve,
               const NaiveTensor& out, const schema::IntRange* range) {
  const float multiplier = weights.Scale(channel);
  if (curve == nullptr) return Requantized(acc, multiplier, out, range);
  const float scaled = static_cast<float>(acc) * multiplier;
  const float t = scaled + curve->offset();
  const float center = std::nearbyint(std::clamp(t, 0.0F, 7.0F));
  const float u = t - center;
  const auto coefficient = [&](unsigned power) {
    return curve->coefficients()->Get(8 * power + static_cast<unsigned>(center));
  };
  float y = coefficient(4);
  for (unsigned power = 4; power-- > 0;) {
    const float product = y * u;
    y = product + coefficient(power);
  }
  if (curve->factors() != 65535) {
    float factor;
    std::memcpy(&factor, weights.view.Blob(curve->factors()) + 4 * channel, 4);
    y *= factor;
  }
  const auto z = static_cast<float>(out.zero_point);
  const float lo = range == nullptr ? -128.0F : static_cast<float>(range->lo());
  const float hi = range == nullptr ? 127.0F : static_cast<float>(range->hi());
  return static_cast<double>(std::nearbyint(std::clamp(y, lo - z, hi - z)) + z);
}

/// A product with int16 inputs, from the two sums over (x, integer weight) pairs.
class WideSum {
 public:
  void Add(double x, int64_t weight) {
    const auto q = std::min<int64_t>(static_cast<int64_t>(x), 32639);
    const auto high = static_cast<int64_t>(std::floor((static_cast<double>(q) + 128) / 256));
    high_ += high * weight;
    low_ += (q - 256 * high) * weight;
  }
  double Value(const Weights& weights, size_t channel, const schema::FloatRange* range,
               const NaiveTensor& out) const {
    const float upper = static_cast<float>(high_) * 256.0F;
    const float total = upper + static_cast<float>(low_);
    const float scaled = total * weights.Scale(channel);
    double value = static_cast<double>(scaled + weights.Param<float>(channel));
    if (range != nullptr) {
      value = std::clamp(value, static_cast<double>(range->lo()), static_cast<double>(range->hi()));
    }
    if (out.type != schema::TensorType::int16) return value;
    return std::nearbyint(std::clamp(value, -32639.0, 32639.0));
  }

 private:
  int64_t high_ = 0, low_ = 0;
};

double Clamped(double value, const schema::FloatRange* range) {
  if (range == nullptr) return value;
  return std::clamp(value, static_cast<double>(range->lo()), static_cast<double>(range->hi()));
}

/// Quantized row of a dynamic Linear.
struct DynamicRow {
  float scale;
  float zero_point;
  std::vector<int64_t> q;
};

DynamicRow QuantizeRow(const double* row, size_t k) {
  float lo = 0.0F;
  float hi = 0.0F;
  for (size_t i = 0; i < k; ++i) {
    lo = std::min(lo, static_cast<float>(row[i]));
    hi = std::max(hi, static_cast<float>(row[i]));
  }
  DynamicRow result;
  result.scale = lo == hi ? 1.0F : (hi - lo) / 255.0F;
  result.zero_point =
      lo == hi ? 0.0F : std::clamp(std::nearbyint(-128.0F - lo / result.scale), -128.0F, 127.0F);
  for (size_t i = 0; i < k; ++i) {
    const float scaled = static_cast<float>(row[i]) / result.scale;
    result.q.push_back(static_cast<int64_t>(std::nearbyint(
        std::clamp(scaled, -128.0F - result.zero_point, 127.0F - result.zero_point))));
  }
  return result;
}

/// Calls visit(position, weight) for the one or two input positions of output position o.
template <typename Visit>
void Positions(const schema::ResizeAxis& axis, bool linear, int64_t o, const Visit& visit) {
  const auto at = static_cast<flatbuffers::uoffset_t>(o);
  const int64_t source = axis.source()->Get(at);
  if (!linear) return visit(source, int64_t{1});
  const int64_t weight = axis.weight()->Get(at);
  visit(source, 2048 - weight);
  if (weight != 0) visit(source + 1, weight);
}

}  // namespace

void NaiveConv(const ModelView& view, const schema::Conv& conv, const NaiveInputs& in,
               NaiveTensor* out) {
  const NaiveTensor& x = *in[0];
  const int64_t channels = x.shape[3];
  const int64_t n = out->shape[3];
  const int64_t per_group = channels / conv.groups();
  const Weights weights{view, *conv.weights(), static_cast<size_t>(n)};
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto p = PositionOf(out->shape, static_cast<int64_t>(i));
    const auto channel = static_cast<size_t>(p[3]);
    const int64_t first = p[3] / (n / conv.groups()) * per_group;
    const bool wide = conv.compute() == schema::Compute::wide;
    int64_t acc = out->is_int8() ? weights.Param<int32_t>(channel) : 0;
    WideSum wide_sum;
    double real = 0;
    size_t index = channel * static_cast<size_t>(conv.kernel_h() * conv.kernel_w() * per_group);
    for (int64_t kh = 0; kh < conv.kernel_h(); ++kh) {
      for (int64_t kw = 0; kw < conv.kernel_w(); ++kw) {
        for (int64_t c = 0; c < per_group; ++c, ++index) {
          const int64_t h = p[1] * conv.stride_h() - conv.pad_top() + kh * conv.dilation_h();
          const int64_t w = p[2] * conv.stride_w() - conv.pad_left() + kw * conv.dilation_w();
          if (h < 0 || w < 0 || h >= x.shape[1] || w >= x.shape[2]) continue;
          const double value =
              x.values[static_cast<size_t>(FlatIndex(x.shape, {p[0], h, w, first + c}))];
          if (wide) {
            wide_sum.Add(value, weights.Integer(channel, index));
          } else if (out->is_int8()) {
            acc += (static_cast<int64_t>(value) - x.zero_point) * weights.Integer(channel, index);
          } else {
            real += value * weights.Real(channel, index);
          }
        }
      }
    }
    out->values[i] = wide ? wide_sum.Value(weights, channel, conv.float_range(), *out)
                     : out->is_int8()
                         ? Rounded(weights, acc, channel, conv.curve(), *out, conv.int_range())
                         : Clamped(real + static_cast<double>(weights.Param<float>(channel)),
                                   conv.float_range());
  }
}

void NaiveLinear(const ModelView& view, const schema::Linear& linear, const NaiveInputs& in,
                 NaiveTensor* out) {
  const NaiveTensor& x = *in[0];
  const auto k = static_cast<size_t>(x.shape.back());
  const auto n = static_cast<size_t>(out->shape.back());
  const Weights weights{view, *linear.weights(), n};
  for (size_t i = 0; i < out->values.size(); ++i) {
    const size_t channel = i % n;
    const double* row = x.values.data() + i / n * k;
    if (linear.compute() == schema::Compute::integer) {
      int64_t acc = weights.Param<int32_t>(channel);
      for (size_t j = 0; j < k; ++j) {
        acc += (static_cast<int64_t>(row[j]) - x.zero_point) *
               weights.Integer(channel, channel * k + j);
      }
      out->values[i] = Rounded(weights, acc, channel, linear.curve(), *out, linear.int_range());
      continue;
    }
    if (linear.compute() == schema::Compute::wide) {
      WideSum sum;
      for (size_t j = 0; j < k; ++j) sum.Add(row[j], weights.Integer(channel, channel * k + j));
      out->values[i] = sum.Value(weights, channel, linear.float_range(), *out);
      continue;
    }
    double y = 0;
    if (linear.compute() == schema::Compute::dynamic) {
      const DynamicRow quantized = QuantizeRow(row, k);
      int64_t acc = 0;
      for (size_t j = 0; j < k; ++j) {
        acc += quantized.q[j] * weights.Integer(channel, channel * k + j);
      }
      const float scale = quantized.scale * weights.Scale(channel);
      const float product = static_cast<float>(acc) * scale;
      y = static_cast<double>(product + weights.Param<float>(channel));
    } else {
      for (size_t j = 0; j < k; ++j) y += row[j] * weights.Real(channel, channel * k + j);
      y += static_cast<double>(weights.Param<float>(channel));
    }
    out->values[i] = Clamped(y, linear.float_range());
  }
}

void NaiveMatMul(const schema::MatMul& matmul, const NaiveInputs& in, NaiveTensor* out) {
  if (!out->is_int8() || out->shape.size() != 3 || matmul.transpose_b()) {
    throw std::logic_error("not used by the golden models");
  }
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto p = PositionOf(out->shape, static_cast<int64_t>(i));
    int64_t acc = 0;
    for (int64_t k = 0; k < in[0]->shape[2]; ++k) {
      const auto a = FlatIndex(in[0]->shape, {p[0], p[1], k});
      const auto b = FlatIndex(in[1]->shape, {p[0], k, p[2]});
      acc += (static_cast<int64_t>(in[0]->values[static_cast<size_t>(a)]) - in[0]->zero_point) *
             (static_cast<int64_t>(in[1]->values[static_cast<size_t>(b)]) - in[1]->zero_point);
    }
    out->values[i] = Requantized(acc, matmul.multiplier(), *out, nullptr);
  }
}

void NaivePool(const schema::Pool& pool, const NaiveInputs& in, NaiveTensor* out) {
  const NaiveTensor& x = *in[0];
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto p = PositionOf(out->shape, static_cast<int64_t>(i));
    double largest = -1e30;
    double sum = 0;
    uint32_t count = 0;
    for (int64_t kh = 0; kh < pool.kernel_h(); ++kh) {
      for (int64_t kw = 0; kw < pool.kernel_w(); ++kw) {
        const int64_t h = p[1] * pool.stride_h() - pool.pad_top() + kh * pool.dilation_h();
        const int64_t w = p[2] * pool.stride_w() - pool.pad_left() + kw * pool.dilation_w();
        if (h < 0 || w < 0 || h >= x.shape[1] || w >= x.shape[2]) continue;
        const double value = x.values[static_cast<size_t>(FlatIndex(x.shape, {p[0], h, w, p[3]}))];
        largest = std::max(largest, value);
        sum += value - (x.is_int8() ? static_cast<double>(x.zero_point) : 0.0);
        ++count;
      }
    }
    if (pool.kind() == schema::PoolKind::max) {
      out->values[i] = largest;
    } else if (!x.is_int8()) {
      out->values[i] = sum / count;
    } else {
      const auto at = std::find(pool.counts()->begin(), pool.counts()->end(), count);
      const auto index = static_cast<flatbuffers::uoffset_t>(at - pool.counts()->begin());
      out->values[i] = Requantized(static_cast<int64_t>(sum), pool.multipliers()->Get(index), *out,
                                   pool.int_range());
    }
  }
}

void NaiveReduce(const schema::Reduce& reduce, const NaiveInputs& in, NaiveTensor* out) {
  if (reduce.kind() != schema::ReduceKind::mean || !out->is_int8() || in[0]->shape.size() != 4 ||
      reduce.axes()->size() != 2 || reduce.axes()->Get(0) != 1) {
    throw std::logic_error("not used by the golden models");
  }
  const NaiveTensor& x = *in[0];
  for (size_t c = 0; c < out->values.size(); ++c) {
    int64_t acc = 0;
    for (size_t i = c; i < x.values.size(); i += static_cast<size_t>(x.shape[3])) {
      acc += static_cast<int64_t>(x.values[i]) - x.zero_point;
    }
    out->values[c] = Requantized(acc, reduce.multiplier(), *out, reduce.int_range());
  }
}

void NaiveResize(const schema::Resize& resize, const NaiveInputs& in, NaiveTensor* out) {
  const NaiveTensor& x = *in[0];
  const bool linear = resize.kind() == schema::ResizeKind::linear;
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto p = PositionOf(out->shape, static_cast<int64_t>(i));
    int64_t acc = 0;
    Positions(*resize.height(), linear, p[1], [&](int64_t h, int64_t weight_h) {
      Positions(*resize.width(), linear, p[2], [&](int64_t w, int64_t weight_w) {
        const auto at = static_cast<size_t>(FlatIndex(x.shape, {p[0], h, w, p[3]}));
        acc += weight_h * weight_w * (static_cast<int64_t>(x.values[at]) - x.zero_point);
      });
    });
    out->values[i] = linear ? Requantized(acc, resize.multiplier(), *out, nullptr)
                            : static_cast<double>(acc + x.zero_point);
  }
}

namespace {

/// Whether a constant stands at this position of the output.
bool IsPadding(const schema::Pad& pad, const NaiveTensor& x, const std::vector<int64_t>& p) {
  if (pad.kind() != schema::PadKind::constant) return false;
  for (flatbuffers::uoffset_t d = 0; d < p.size(); ++d) {
    const int64_t at = p[d] - pad.before()->Get(d);
    if (at < 0 || at >= x.shape[d]) return true;
  }
  return false;
}

double PadValue(const schema::Pad& pad, schema::TensorType type) {
  if (type == schema::TensorType::int8) return pad.int_value();
  if (type == schema::TensorType::float32 || type == schema::TensorType::float16) {
    return static_cast<double>(pad.float_value());
  }
  return static_cast<double>(pad.wide_value());
}

}  // namespace

void NaiveMove(const schema::Operator& op, const NaiveInputs& in, NaiveTensor* out) {
  const NaiveTensor& x = *in[0];
  int64_t done = 0;  // concat: of the axis
  size_t part = 0;
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto p = PositionOf(out->shape, static_cast<int64_t>(i));
    auto from = p;
    const NaiveTensor* source = &x;
    for (flatbuffers::uoffset_t d = 0; d < p.size(); ++d) {
      switch (op.options_type()) {
        case schema::Options::Reshape:
          from = PositionOf(x.shape, static_cast<int64_t>(i));
          break;
        case schema::Options::Transpose:
          from[op.options_as_Transpose()->permutation()->Get(d)] = p[d];
          break;
        case schema::Options::Slice: {
          const schema::Slice& slice = *op.options_as_Slice();
          from[d] = slice.begin()->Get(d) + p[d] * slice.step()->Get(d);
          break;
        }
        case schema::Options::Pad: {
          // Reflection about the first and the last element, or a constant (below).
          const int64_t at = p[d] - op.options_as_Pad()->before()->Get(d);
          const int64_t last = x.shape[d] - 1;
          from[d] = at < 0 ? -at : at > last ? 2 * last - at : at;
          break;
        }
        case schema::Options::Concat: {
          if (d != op.options_as_Concat()->axis()) break;
          for (part = 0, done = 0; p[d] >= done + in[part]->shape[d]; ++part) {
            done += in[part]->shape[d];
          }
          source = in[part];
          from[d] = p[d] - done;
          break;
        }
        default:
          throw std::logic_error("not used by the golden models");
      }
    }
    if (op.options_type() == schema::Options::Pad && IsPadding(*op.options_as_Pad(), x, p)) {
      out->values[i] = PadValue(*op.options_as_Pad(), x.type);
      continue;
    }
    out->values[i] = source->values[static_cast<size_t>(FlatIndex(source->shape, from))];
  }
}

}  // namespace lutra::test
