// Softmax and LogSoftmax over any axis, on oneDNN: the tensor is seen as [outer, axis, inner].
#include <cmath>
#include <limits>

#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/graph/check_finite.h"

namespace lutra::converter::executor {
namespace {

/// NaN makes its whole line NaN; what oneDNN's exponential makes of it depends on the CPU.
void SpreadNan(const Tensor& x, const Shape& lines, Tensor& y) {
  const auto from = x.as<float>();
  const auto to = y.as<float>();
  const int64_t length = lines[1], inner = lines[2];
  for (int64_t line = 0; line < lines[0] * inner; ++line) {
    const int64_t start = line / inner * length * inner + line % inner;
    bool nan = false;
    for (int64_t i = 0; i < length; ++i) nan = nan || std::isnan(from[start + i * inner]);
    for (int64_t i = 0; nan && i < length; ++i) {
      to[start + i * inner] = std::numeric_limits<float>::quiet_NaN();
    }
  }
}

/// [outer, axis, inner]
onednn::Dims LinesOf(const Node& node, std::span<const int64_t> dims) {
  const size_t axis = Axis(node.Int("axis", -1), dims.size());
  return {Count(dims.first(axis)), dims[axis], Count(dims.subspan(axis + 1))};
}

Results RunSoftmax(const Call& call) {
  const Tensor& x = call.Input(0);
  Tensor y(DataType::float32, x.dims());
  if (x.elements() == 0) return {std::move(y)};
  const onednn::Dims lines = LinesOf(call.node, x.dims());
  const auto data = onednn::Strided(lines, Strides(lines));
  const auto algorithm = call.node.op == "LogSoftmax" ? dnnl::algorithm::softmax_log
                                                      : dnnl::algorithm::softmax_accurate;
  const auto& primitive = call.cache.Get<onednn::SoftmaxForward>(x.dims(), [&] {
    return onednn::SoftmaxForward(onednn::Describe<onednn::SoftmaxForward>(
        dnnl::primitive_attr(), dnnl::prop_kind::forward_inference, algorithm, data, data, 1));
  });
  primitive.execute(onednn::Stream(),
                    {{DNNL_ARG_SRC, onednn::View(x, data)}, {DNNL_ARG_DST, onednn::View(y, data)}});
  onednn::Stream().wait();
  if (FirstNan(x)) SpreadNan(x, lines, y);
  return {std::move(y)};
}

/// By line: y * (g - sum(g * y)); of the logarithm: g - exp(y) * sum(g).
template <bool kLog>
Gradients SoftmaxGradient(const GradientCall& call) {
  const Shape lines = LinesOf(call.node, call.input_dims[0]);
  const int64_t length = lines[1], inner = lines[2];
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, call.input_dims[0]);
  const auto y = call.Result().as<float>(), g = call.Of().as<float>();
  const auto to = gradients[0].as<float>();
  for (int64_t line = 0; line < lines[0] * inner; ++line) {
    const int64_t start = line / inner * length * inner + line % inner;
    const int64_t end = start + length * inner;
    double sum = 0;
    for (int64_t i = start; i < end; i += inner) sum += kLog ? g[i] : double{g[i]} * y[i];
    const auto total = static_cast<float>(sum);
    for (int64_t i = start; i < end; i += inner) {
      to[i] = kLog ? g[i] - std::exp(y[i]) * total : y[i] * (g[i] - total);
    }
  }
  return gradients;
}

constexpr Operator kSoftmaxOperators[] = {
    Trainable({"Softmax", RunSoftmax, Precision::single},
              {.run = SoftmaxGradient<false>, .reads_results = true}),
    Trainable({"LogSoftmax", RunSoftmax, Precision::single},
              {.run = SoftmaxGradient<true>, .reads_results = true}),
};

}  // namespace

OperatorRows SoftmaxOperators() { return kSoftmaxOperators; }

}  // namespace lutra::converter::executor
