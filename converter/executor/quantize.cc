#include "converter/executor/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

struct IntegerRange {
  int32_t lowest, highest;
};

IntegerRange IntegerRangeOf(DataType type) {
  switch (type) {
    case DataType::uint8:
      return {0, 255};
    case DataType::int8:
      return {-128, 127};
    case DataType::uint16:
      return {0, 65535};
    case DataType::int16:
      return {-32768, 32767};
    default:
      RefuseType(type);
  }
}

/// Calls visit(element, channel) in order.
template <typename Visit>
void ForEachElement(const Tensor& tensor, const Quantization& quantization, const Visit& visit) {
  const bool per_channel = quantization.scale.elements() != 1;
  const int64_t channels = per_channel ? tensor.dims()[quantization.axis] : 1;
  const int64_t inner = per_channel ? Strides(tensor.dims())[quantization.axis]
                                    : static_cast<int64_t>(tensor.elements());
  int64_t element = 0;
  while (element < static_cast<int64_t>(tensor.elements())) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < inner; ++i) visit(element++, static_cast<size_t>(c));
    }
  }
}

Quantization Given(const Call& call) {
  const Tensor& x = call.Input(0);
  const int64_t axis = call.node.Int("axis", 1);
  // The default axis counts only where scales are given per channel.
  const bool per_channel = call.Input(1).elements() != 1;
  return {call.Input(1), call.Optional(2), per_channel ? Axis(axis, x.rank()) : 0};
}

Results QuantizeLinear(const Call& call) {
  const Tensor& x = call.Input(0);
  Quantization quantization = Given(call);
  // Without a zero point the node may name the type.
  const auto stated = static_cast<DataType>(call.node.Int("output_dtype", 0));
  const Tensor zero(stated == DataType::undefined ? DataType::uint8 : stated, {});
  if (quantization.zero_point == nullptr) quantization.zero_point = &zero;
  return {Quantize(x.Cast(DataType::float32), quantization)};
}

Results DequantizeLinear(const Call& call) { return {Dequantize(call.Input(0), Given(call))}; }

/// uint8 over the range of x, which is made to include 0. Outputs: q, scale, zero point.
Results DynamicQuantizeLinear(const Call& call) {
  const Tensor& x = call.Input(0);
  float lo = 0, hi = 0;
  for (const float value : x.as<float>()) {
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
  const float scale = (hi - lo) / 255.0f;
  Tensor scales = Tensor::Of({}, std::vector<float>{scale});
  Tensor zero_point(DataType::uint8, {});
  if (scale > 0) {
    zero_point.as<uint8_t>()[0] =
        static_cast<uint8_t>(Saturate(std::nearbyint(-lo / scale), DataType::uint8));
  } else {
    // All zero: any positive scale represents it.
    return {Tensor(DataType::uint8, x.dims()), std::move(scales), std::move(zero_point)};
  }
  Tensor q = Quantize(x, {scales, &zero_point});
  return {std::move(q), std::move(scales), std::move(zero_point)};
}

/// The grid of a quantization point (quantize/point.h): its ends in steps from 0.
struct Grid {
  float scale, low, high;
};

Grid GridOf(const Node& node, float scale) {
  const int64_t zero_point = node.Int("zero_point", 0);
  return {scale, static_cast<float>(node.Int("lo", -128) - zero_point),
          static_cast<float>(node.Int("hi", 127) - zero_point)};
}

Tensor RoundTo(const Grid& grid, Tensor y) {
  const auto [scale, low, high] = grid;
  // Between the two, adding and taking away this rounds to the nearest integer, halves to even.
  constexpr float kWhole = 0x1.8p23F;
  for (float& x : y.as<float>()) x = scale * (std::clamp(x / scale, low, high) + kWhole - kWhole);
  return y;
}

/// The converter's own operator for a quantization point.
Results FakeQuantize(const Call& call) {
  return {RoundTo(GridOf(call.node, call.node.Float("scale", 1)), call.Input(0))};
}

/// The same whose scale is learned: a second input of one element.
Results LearnedFakeQuantize(const Call& call) {
  return {RoundTo(GridOf(call.node, call.Input(1).as<float>()[0]), call.Input(0))};
}

/// The straight-through estimator (Bengio, Léonard, Courville, arXiv 1308.3432): rounding counts as
/// the identity, and nothing comes back from the grid's ends, where values are clamped.
Gradients FakeQuantizeGradient(const GradientCall& call) {
  const auto [scale, low, high] = GridOf(call.node, call.node.Float("scale", 1));
  Gradients gradients = call.None();
  gradients[0] = ThroughClamp({scale * low, scale * high}, call.Result(), call.Of());
  return gradients;
}

/// Esser et al., "Learned step size quantization" (arXiv 1902.08153), its equations 3 and 5: by the
/// scale, what rounding adds to x / scale, or the end of the grid where x lies beyond it.
Gradients LearnedFakeQuantizeGradient(const GradientCall& call) {
  const auto [scale, low, high] = GridOf(call.node, call.Input(1).as<float>()[0]);
  const auto x = call.Input(0).as<float>();
  const auto y = call.Result().as<float>();
  Gradients gradients = call.None();
  Tensor by_x = call.Of();
  const auto gradient = by_x.as<float>();
  double by_scale = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float steps = x[i] / scale;
    const bool inside = steps > low && steps < high;
    by_scale += static_cast<double>(
        gradient[i] * (inside ? (y[i] - x[i]) / scale : std::clamp(steps, low, high)));
    if (!inside) gradient[i] = 0;
  }
  if (call.Wants(0)) gradients[0] = std::move(by_x);
  if (call.Wants(1)) {
    gradients[1] =
        Tensor::Of(call.Input(1).dims(), std::vector<float>{static_cast<float>(by_scale)});
  }
  return gradients;
}

std::string WhyNoGrid(const Node& node) {
  const float scale = node.Float("scale", 1);
  const bool sound =
      std::isnormal(scale) && scale > 0 && node.Int("lo", -128) <= node.Int("hi", 127);
  return sound ? "" : "it has no positive scale, or no integers";
}

std::string WhyNotBlocked(const Node& node) {
  return node.Int("block_size", 0) != 0 ? "blocked quantization is not implemented" : "";
}

constexpr Operator kQuantizeOperators[] = {
    {"QuantizeLinear", QuantizeLinear, Precision::any, WhyNotBlocked},
    {"DequantizeLinear", DequantizeLinear, Precision::any, WhyNotBlocked},
    {"DynamicQuantizeLinear", DynamicQuantizeLinear, Precision::single},
    Trainable({"FakeQuantize", FakeQuantize, Precision::single, WhyNoGrid},
              {.run = FakeQuantizeGradient, .reads_results = true}),
    Trainable({"LearnedFakeQuantize", LearnedFakeQuantize, Precision::single},
              {.run = LearnedFakeQuantizeGradient, .reads_inputs = true, .reads_results = true}),
    {"QuantizeLinear", QuantizeLinear, Precision::any, nullptr, false, "com.microsoft"},
    {"DequantizeLinear", DequantizeLinear, Precision::any, nullptr, false, "com.microsoft"},
};

}  // namespace

int32_t Saturate(double value, DataType type) {
  const IntegerRange range = IntegerRangeOf(type);
  if (std::isnan(value)) return 0;
  return static_cast<int32_t>(std::clamp<double>(value, range.lowest, range.highest));
}

int32_t Quantization::ZeroPointAt(int64_t channel) const {
  if (zero_point == nullptr) return 0;
  if (zero_point->elements() == 0) throw Error("a zero point is empty");
  const size_t at = zero_point->elements() == 1 ? 0 : static_cast<size_t>(channel);
  switch (zero_point->type()) {
    case DataType::uint8:
      return zero_point->as<uint8_t>()[at];
    case DataType::int8:
      return zero_point->as<int8_t>()[at];
    case DataType::uint16:
      return zero_point->as<uint16_t>()[at];
    case DataType::int16:
      return zero_point->as<int16_t>()[at];
    case DataType::int32:
      return zero_point->as<int32_t>()[at];
    default:
      RefuseType(zero_point->type());
  }
}

std::vector<int32_t> Quantization::ZeroPoints() const {
  std::vector<int32_t> zeros;
  for (size_t c = 0; c < scale.elements(); ++c) {
    zeros.push_back(ZeroPointAt(static_cast<int64_t>(c)));
  }
  return zeros;
}

DataType Quantization::Type() const {
  return zero_point == nullptr ? DataType::uint8 : zero_point->type();
}

void CheckQuantization(const Tensor& tensor, const Quantization& quantization) {
  const size_t scales = quantization.scale.elements();
  const bool per_tensor = scales == 1;
  const bool per_channel = quantization.axis < tensor.rank() &&
                           static_cast<int64_t>(scales) == tensor.dims()[quantization.axis];
  if (!per_tensor && !per_channel) throw Error("scales do not match the axis");
  const Tensor* zero_point = quantization.zero_point;
  if (zero_point != nullptr && zero_point->elements() != 1 && zero_point->elements() != scales) {
    throw Error("scales and zero points differ in number");
  }
}

Tensor Quantize(const Tensor& x, const Quantization& quantization) {
  CheckQuantization(x, quantization);
  const DataType type = quantization.Type();
  Tensor q(type, x.dims());
  const auto from = x.as<float>();
  const auto scales = quantization.scale.as<float>();
  const std::vector<int32_t> zeros = quantization.ZeroPoints();
  VisitNumeric(type, [&]<typename T>() {
    const auto to = q.as<T>();
    ForEachElement(x, quantization, [&](int64_t i, size_t channel) {
      if (std::isnan(from[i])) throw Error("a value is NaN, for which there is no integer");
      const double rounded = std::nearbyint(from[i] / scales[channel]);
      to[i] = static_cast<T>(Saturate(rounded + zeros[channel], type));
    });
  });
  return q;
}

Tensor Dequantize(const Tensor& q, const Quantization& quantization) {
  CheckQuantization(q, quantization);
  Tensor x(DataType::float32, q.dims());
  const auto to = x.as<float>();
  const auto scales = quantization.scale.as<float>();
  const std::vector<int32_t> zeros = quantization.ZeroPoints();
  VisitNumeric(q.type(), [&]<typename T>() {
    const auto from = q.as<T>();
    ForEachElement(q, quantization, [&](int64_t i, size_t channel) {
      const auto centered = static_cast<int64_t>(from[i]) - zeros[channel];
      to[i] = static_cast<float>(centered) * scales[channel];
    });
  });
  return x;
}

Tensor Centered(const Tensor& q, const Tensor* zero_point, size_t channels_axis) {
  const Tensor values = q.Cast(DataType::int32);
  if (zero_point == nullptr) return values;
  Tensor offsets = zero_point->Cast(DataType::int32);
  if (offsets.elements() != 1) {
    if (channels_axis >= q.rank() ||
        offsets.elements() != static_cast<size_t>(q.dims()[channels_axis])) {
      throw Error("zero points do not match the axis");
    }
    Shape dims(q.rank(), 1);
    dims[channels_axis] = q.dims()[channels_axis];
    offsets = offsets.Reshaped(dims);
  } else {
    offsets = offsets.Reshaped({});
  }
  return Compute("Sub", Node(), {&values, &offsets});
}

OperatorRows QuantizeOperators() { return kQuantizeOperators; }

}  // namespace lutra::converter::executor
