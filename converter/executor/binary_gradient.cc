#include <algorithm>
#include <cmath>
#include <utility>

#include "converter/executor/binary.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

Tensor Negative(Tensor tensor) {
  for (float& x : tensor.as<float>()) x = -x;
  return tensor;
}

Tensor Times(const GradientCall& call, const Tensor& a, const Tensor& b) {
  return Compute("Mul", call.node, {&a, &b});
}

/// f(gradient, input 0, input 1) of every element of the result, summed to input `i`.
template <typename F>
Tensor ByElement(const GradientCall& call, size_t i, F f) {
  Tensor result = call.Of();
  const Tensor a = BroadcastTo(call.Input(0), result.dims());
  const Tensor b = BroadcastTo(call.Input(1).Cast(DataType::float32), result.dims());
  const auto x = a.as<float>(), y = b.as<float>();
  const auto to = result.as<float>();
  for (size_t k = 0; k < to.size(); ++k) to[k] = f(to[k], x[k], y[k]);
  return SumTo(std::move(result), call.input_dims[i]);
}

}  // namespace

Gradients SumGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  size_t rest = static_cast<size_t>(std::ranges::count(call.wanted, true));
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!call.Wants(i)) continue;
    gradients[i] = SumTo(--rest == 0 ? call.Take() : call.Of(), call.input_dims[i]);
  }
  return gradients;
}

Gradients SubGradient(const GradientCall& call) {
  Gradients gradients = SumGradient(call);
  if (call.Wants(1)) gradients[1] = Negative(std::move(gradients[1]));
  return gradients;
}

Gradients MeanOfInputsGradient(const GradientCall& call) {
  Gradients gradients = SumGradient(call);
  const auto count = static_cast<float>(gradients.size());
  for (Tensor& gradient : gradients) {
    if (gradient.type() == DataType::undefined) continue;
    for (float& g : gradient.as<float>()) g /= count;
  }
  return gradients;
}

Gradients MulGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  for (size_t i = 0; i < 2; ++i) {
    if (!call.Wants(i)) continue;
    gradients[i] = SumTo(Times(call, call.Of(), call.Input(1 - i)), call.input_dims[i]);
  }
  return gradients;
}

Gradients DivGradient(const GradientCall& call) {
  Tensor by_a = Compute("Div", call.node, {&call.Of(), &call.Input(1)});
  Gradients gradients = call.None();
  if (call.Wants(1)) {
    const Tensor by_square = Compute("Div", call.node, {&by_a, &call.Input(1)});
    gradients[1] = Negative(SumTo(Times(call, by_square, call.Input(0)), call.input_dims[1]));
  }
  if (call.Wants(0)) gradients[0] = SumTo(std::move(by_a), call.input_dims[0]);
  return gradients;
}

Gradients PowGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  if (call.Wants(0)) {
    gradients[0] = ByElement(call, 0, [](float g, float x, float exponent) {
      return exponent == 0 ? 0 : g * exponent * std::pow(x, exponent - 1);
    });
  }
  return gradients;
}

Gradients PReluGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  if (call.Wants(0)) {
    gradients[0] =
        ByElement(call, 0, [](float g, float x, float slope) { return x > 0 ? g : g * slope; });
  }
  if (call.Wants(1)) {
    gradients[1] = ByElement(call, 1, [](float g, float x, float) { return x > 0 ? 0 : g * x; });
  }
  return gradients;
}

/// Inputs that are equally large share the gradient equally, as in PyTorch.
Gradients ExtremeGradient(const GradientCall& call) {
  const Tensor& y = call.Result();
  const auto best = y.as<float>();
  const size_t count = call.input_dims.size();
  std::vector<Tensor> inputs;
  std::vector<float> winners(best.size());
  for (size_t i = 0; i < count; ++i) {
    inputs.push_back(BroadcastTo(call.Input(i), y.dims()));
    const auto x = std::as_const(inputs.back()).as<float>();
    for (size_t k = 0; k < best.size(); ++k) winners[k] += x[k] == best[k] ? 1.0f : 0.0f;
  }
  Gradients gradients = call.None();
  for (size_t i = 0; i < count; ++i) {
    if (!call.Wants(i)) continue;
    Tensor share = call.Of();
    const auto to = share.as<float>();
    const auto x = std::as_const(inputs[i]).as<float>();
    for (size_t k = 0; k < to.size(); ++k) to[k] = x[k] == best[k] ? to[k] / winners[k] : 0;
    gradients[i] = SumTo(std::move(share), call.input_dims[i]);
  }
  return gradients;
}

}  // namespace lutra::converter::executor
