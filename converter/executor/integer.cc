// Integer products, exactly as ONNX defines them: ConvInteger and MatMulInteger (int32 results),
// and QLinearConv and QLinearMatMul, which requantize them by float(acc) * (s_x * s_w / s_y).
#include <algorithm>
#include <cmath>

#include "converter/executor/operator.h"
#include "converter/executor/quantize.h"
#include "converter/executor/spatial.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

/// The geometry of up to three spatial axes as exactly three, missing ones of length 1 in front.
struct Box3 {
  int64_t d = 1, h = 1, w = 1;
  Box3(std::span<const int64_t> dims, int64_t missing) : d(missing), h(missing), w(missing) {
    int64_t* const slots[] = {&d, &h, &w};
    for (size_t i = 0; i < dims.size(); ++i) *slots[3 - dims.size() + i] = dims[i];
  }
};

struct IntegerConv {
  Box3 input, output, kernel, stride, dilation, begin;

  /// y[output] += x[input] * w[kernel] for one input and one output channel.
  void Accumulate(const int32_t* x, const int32_t* weights, int32_t* y) const {
    for (int64_t kd = 0; kd < kernel.d; ++kd) {
      for (int64_t kh = 0; kh < kernel.h; ++kh) {
        for (int64_t kw = 0; kw < kernel.w; ++kw) {
          const int32_t weight = weights[(kd * kernel.h + kh) * kernel.w + kw];
          if (weight != 0) AddTap(x, weight, kd, kh, kw, y);
        }
      }
    }
  }

 private:
  void AddTap(const int32_t* x, int32_t weight, int64_t kd, int64_t kh, int64_t kw,
              int32_t* y) const {
    // Output columns whose tap lies inside the input.
    const int64_t shift = kw * dilation.w - begin.w;
    const int64_t first = shift >= 0 ? 0 : (-shift + stride.w - 1) / stride.w;
    const int64_t room = input.w - 1 - shift;
    const int64_t last = room < 0 ? -1 : std::min(output.w - 1, room / stride.w);
    for (int64_t od = 0; od < output.d; ++od) {
      const int64_t id = od * stride.d + kd * dilation.d - begin.d;
      if (id < 0 || id >= input.d) continue;
      for (int64_t oh = 0; oh < output.h; ++oh) {
        const int64_t ih = oh * stride.h + kh * dilation.h - begin.h;
        if (ih < 0 || ih >= input.h) continue;
        const int32_t* from = x + (id * input.h + ih) * input.w + shift;
        int32_t* to = y + (od * output.h + oh) * output.w;
        for (int64_t ow = first; ow <= last; ++ow) {
          to[ow] = WrapAdd(to[ow], WrapMultiply(weight, from[ow * stride.w]));
        }
      }
    }
  }
};

/// x [N, C, spatial...] and w [O, C/group, kernel...] in int32, zero points subtracted.
Tensor ConvolveIntegers(const Node& node, const Tensor& x, const Tensor& w) {
  const Activation in = ActivationOf(x, Layout::nchw);
  const int64_t groups = node.Int("group", 1);
  const Shape& weights = w.dims();
  if (in.Spatial().size() > 3 || weights.size() != x.rank() || groups < 1 ||
      weights[0] % groups != 0 || weights[1] * groups != in.Channels()) {
    throw Error("weights of " + DimsText(weights) + " do not fit an input of " +
                DimsText(x.dims()));
  }
  const Shape kernel(weights.begin() + 2, weights.end());
  const Window window = WindowOf(node, kernel, in.Spatial());
  const Shape spatial = WindowResult(window, in.Spatial(), false);
  const IntegerConv conv{{in.Spatial(), 1},   {spatial, 1},          {kernel, 1},
                         {window.strides, 1}, {window.dilations, 1}, {window.begin, 0}};
  Tensor y(DataType::int32, MakeActivation(in.Batch(), weights[0], spatial, Layout::nchw).dims);
  const int64_t x_plane = Count(in.Spatial()), y_plane = Count(spatial), w_plane = Count(kernel);
  const int64_t outputs = weights[0], per_group = weights[1];
  CheckWork(static_cast<double>(y.elements()) * static_cast<double>(per_group * w_plane));
  for (int64_t n = 0; n < in.Batch(); ++n) {
    for (int64_t o = 0; o < outputs; ++o) {
      int32_t* to = y.as<int32_t>().data() + (n * outputs + o) * y_plane;
      for (int64_t c = 0; c < per_group; ++c) {
        const int64_t channel = o / (outputs / groups) * per_group + c;
        conv.Accumulate(x.as<int32_t>().data() + (n * in.Channels() + channel) * x_plane,
                        w.as<int32_t>().data() + (o * per_group + c) * w_plane, to);
      }
    }
  }
  return y;
}

/// saturate(round_half_even(acc * multiplier[channel]) + zero_point), channels along `axis`.
Tensor Requantize(const Tensor& acc, size_t axis, const std::vector<float>& multipliers,
                  const Tensor& zero_point) {
  if (multipliers.size() != 1 && multipliers.size() != static_cast<size_t>(acc.dims().at(axis))) {
    throw Error("scales do not match the channels");
  }
  const Tensor no_scale;
  const Quantization target{no_scale, &zero_point};
  Tensor y(target.Type(), acc.dims());
  const int32_t zero = target.ZeroPointAt(0);
  const int64_t stride = acc.rank() == 0 ? 1 : Strides(acc.dims())[axis];
  const auto from = acc.as<int32_t>();
  VisitNumeric(y.type(), [&]<typename T>() {
    for (size_t i = 0; i < from.size(); ++i) {
      const size_t channel =
          static_cast<size_t>(static_cast<int64_t>(i) / stride) % multipliers.size();
      const float real = static_cast<float>(from[i]) * multipliers[channel];
      y.as<T>()[i] =
          static_cast<T>(Saturate(std::nearbyint(static_cast<double>(real)) + zero, y.type()));
    }
  });
  return y;
}

/// s_a * s_b / s_y per channel of b.
std::vector<float> Multipliers(const Tensor& a, const Tensor& b, const Tensor& y) {
  std::vector<float> result;
  if (b.elements() == 0) throw Error("a scale is empty");
  for (const float scale : b.as<float>()) {
    result.push_back(First<float>(a) * scale / First<float>(y));
  }
  return result;
}

Results ConvInteger(const Call& call) {
  const Tensor x = Centered(call.Input(0), call.Optional(2), 1);
  const Tensor w = Centered(call.Input(1), call.Optional(3), 0);
  return {ConvolveIntegers(call.node, x, w)};
}

/// Inputs: x, its scale and zero point, w, its, y's scale and zero point, bias (int32).
Results QLinearConv(const Call& call) {
  const Tensor x = Centered(call.Input(0), call.Optional(2), 1);
  const Tensor w = Centered(call.Input(3), call.Optional(5), 0);
  Tensor acc = ConvolveIntegers(call.node, x, w);
  if (const Tensor* bias = call.Optional(8)) {
    Shape dims(acc.rank(), 1);
    dims[1] = acc.dims()[1];
    const Tensor row = bias->Reshaped(dims);
    acc = Compute("Add", call.node, {&acc, &row});
  }
  return {
      Requantize(acc, 1, Multipliers(call.Input(1), call.Input(4), call.Input(6)), call.Input(7))};
}

/// A zero point of the left factor may be one per row, of the right one per column.
Tensor MultiplyIntegers(const Node& node, const Tensor& a, const Tensor* a_zero, const Tensor& b,
                        const Tensor* b_zero) {
  const Tensor left = Centered(a, a_zero, a.rank() < 2 ? 0 : a.rank() - 2);
  const Tensor right = Centered(b, b_zero, b.rank() < 2 ? 0 : b.rank() - 1);
  return Compute("MatMul", node, {&left, &right});
}

Results MatMulInteger(const Call& call) {
  return {MultiplyIntegers(call.node, call.Input(0), call.Optional(2), call.Input(1),
                           call.Optional(3))};
}

/// Inputs: a, its scale and zero point, b, its, y's scale and zero point.
Results QLinearMatMul(const Call& call) {
  const Tensor acc =
      MultiplyIntegers(call.node, call.Input(0), call.Optional(2), call.Input(3), call.Optional(5));
  if (call.Input(1).elements() != 1) throw Error("a scale per row is not implemented");
  return {Requantize(acc, acc.rank() == 0 ? 0 : acc.rank() - 1,
                     Multipliers(call.Input(1), call.Input(4), call.Input(6)), call.Input(7))};
}

/// Inputs: a, its scale and zero point, b, its, c (int32, at scale s_a * s_b), y's scale and zero
/// point; without the latter the result is float32.
Results QGemm(const Call& call) {
  Tensor a = Centered(call.Input(0), call.Optional(2), 1);
  Tensor b = Centered(call.Input(3), call.Optional(5), call.node.Int("transB", 0) != 0 ? 0 : 1);
  const Shape swap{1, 0};
  if (call.node.Int("transA", 0) != 0) a = Transposed(a, swap);
  if (call.node.Int("transB", 0) != 0) b = Transposed(b, swap);
  Tensor acc = Compute("MatMul", call.node, {&a, &b});
  if (const Tensor* c = call.Optional(6)) acc = Compute("Add", call.node, {&acc, c});
  const float alpha = call.node.Float("alpha", 1);
  const Tensor one = Tensor::Of({}, std::vector<float>{1});
  const Tensor* scale = call.Optional(7);
  std::vector<float> multipliers =
      Multipliers(call.Input(1), call.Input(4), scale == nullptr ? one : *scale);
  for (float& m : multipliers) m *= alpha;
  if (scale != nullptr) return {Requantize(acc, 1, multipliers, call.Input(8))};
  const Tensor row = Tensor::Of({static_cast<int64_t>(multipliers.size())}, multipliers);
  const Tensor real = acc.Cast(DataType::float32);
  return {Compute("Mul", call.node, {&real, &row})};
}

constexpr Operator kIntegerOperators[] = {
    {"ConvInteger", ConvInteger, Precision::any, nullptr, true},
    {"QLinearConv", QLinearConv, Precision::any, nullptr, true},
    {"MatMulInteger", MatMulInteger, Precision::any},
    {"QLinearMatMul", QLinearMatMul, Precision::wide},  // scales may be float16
    {"QGemm", QGemm, Precision::any, nullptr, false, "com.microsoft"},
};

}  // namespace

OperatorRows IntegerOperators() { return kIntegerOperators; }

}  // namespace lutra::converter::executor
