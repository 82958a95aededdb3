// Softmax and LogSoftmax over any axis, on oneDNN: the tensor is seen as [outer, axis, inner].
#include <cmath>
#include <limits>

#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/operator.h"
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

Results RunSoftmax(const Call& call) {
  const Tensor& x = call.Input(0);
  Tensor y(DataType::float32, x.dims());
  if (x.elements() == 0) return {std::move(y)};
  const std::span dims(x.dims());
  const size_t axis = Axis(call.node.Int("axis", -1), x.rank());
  const onednn::Dims lines{Count(dims.first(axis)), dims[axis], Count(dims.subspan(axis + 1))};
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

constexpr Operator kSoftmaxOperators[] = {
    {"Softmax", RunSoftmax, Precision::single},
    {"LogSoftmax", RunSoftmax, Precision::single},
};

}  // namespace

OperatorRows SoftmaxOperators() { return kSoftmaxOperators; }

}  // namespace lutra::converter::executor
