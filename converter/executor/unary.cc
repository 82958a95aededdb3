// Functions of one value, element by element, with their attributes: ONNX's, and the activations
// that passes recognise (Silu, Gelu). NaN gives NaN: where a comparison or std::max decides, it is
// written so that x is taken when the comparison with it fails.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "converter/executor/operator.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

template <typename R, typename T, typename F>
Tensor MapAs(const Tensor& x, F f) {
  Tensor y(TypeOf<R>(), x.dims());
  const auto from = x.as<T>();
  std::transform(from.begin(), from.end(), y.as<R>().begin(), f);
  return y;
}

template <typename F>
Results MapFloating(const Call& call, F f) {
  const Tensor& x = call.Input(0);
  return {VisitFloating(x.type(), [&]<typename T>() {
    Tensor y(x.type(), x.dims());
    const auto from = x.as<T>();
    std::transform(from.begin(), from.end(), y.as<T>().begin(), f);
    return y;
  })};
}

template <typename F>
Results MapNumeric(const Call& call, F f) {
  const Tensor& x = call.Input(0);
  return {VisitNumeric(x.type(), [&]<typename T>() {
    Tensor y(x.type(), x.dims());
    const auto from = x.as<T>();
    std::transform(from.begin(), from.end(), y.as<T>().begin(),
                   [&](T value) { return static_cast<T>(f(value)); });
    return y;
  })};
}

/// Functions of floating values that are true or false.
template <typename F>
Results Test(const Call& call, F f) {
  const Tensor& x = call.Input(0);
  return {VisitFloating(x.type(), [&]<typename T>() { return MapAs<bool, T>(x, f); })};
}

template <typename T>
T Sigmoid(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

Results Abs(const Call& call) {
  return MapNumeric(call, []<typename T>(T x) {
    if constexpr (std::is_unsigned_v<T>)
      return x;
    else
      return x < 0 ? WrapSubtract(T{0}, x) : x;
  });
}

Results Sign(const Call& call) {
  return MapNumeric(call, []<typename T>(T x) {
    const auto sign = static_cast<T>((x > 0) - (x < 0));
    return x == x ? sign : x;
  });
}

Results Relu(const Call& call) {
  return MapNumeric(call, []<typename T>(T x) { return x < 0 ? T{0} : x; });
}

Results Not(const Call& call) {
  return {MapAs<bool, bool>(call.Input(0), [](bool x) { return !x; })};
}

Results IsInf(const Call& call) {
  const bool positive = call.node.Int("detect_positive", 1) != 0;
  const bool negative = call.node.Int("detect_negative", 1) != 0;
  return Test(call, [=](auto x) { return std::isinf(x) && (x > 0 ? positive : negative); });
}

Results LeakyRelu(const Call& call) {
  const float alpha = call.node.Float("alpha", 0.01f);
  return MapFloating(call, [=]<typename T>(T x) { return x < 0 ? static_cast<T>(alpha) * x : x; });
}

Results Elu(const Call& call) {
  const float alpha = call.node.Float("alpha", 1.0f);
  return MapFloating(
      call, [=]<typename T>(T x) { return x < 0 ? static_cast<T>(alpha) * std::expm1(x) : x; });
}

Results Celu(const Call& call) {
  const float alpha = call.node.Float("alpha", 1.0f);
  return MapFloating(call, [=]<typename T>(T x) {
    const T a = static_cast<T>(alpha);
    return std::max(x, T{0}) + std::min(a * std::expm1(x / a), T{0});
  });
}

Results Selu(const Call& call) {
  const float alpha = call.node.Float("alpha", 1.67326319217681884765625f);
  const float gamma = call.node.Float("gamma", 1.05070102214813232421875f);
  return MapFloating(call, [=]<typename T>(T x) {
    return static_cast<T>(gamma) * (x > 0 ? x : static_cast<T>(alpha) * std::expm1(x));
  });
}

Results ThresholdedRelu(const Call& call) {
  const float alpha = call.node.Float("alpha", 1.0f);
  return MapFloating(call, [=]<typename T>(T x) { return x <= static_cast<T>(alpha) ? T{0} : x; });
}

Results Shrink(const Call& call) {
  const float lambda = call.node.Float("lambd", 0.5f), bias = call.node.Float("bias", 0.0f);
  return MapNumeric(call, [=]<typename T>(T x) {
    const auto value = static_cast<double>(x);
    if (value < -lambda) return Converted<T>(value + bias);
    return value <= lambda ? T{0} : Converted<T>(value - bias);
  });
}

Results HardSigmoid(const Call& call) {
  const float alpha = call.node.Float("alpha", 0.2f), beta = call.node.Float("beta", 0.5f);
  return MapFloating(call, [=]<typename T>(T x) {
    return std::clamp(static_cast<T>(alpha) * x + static_cast<T>(beta), T{0}, T{1});
  });
}

Results HardSwish(const Call& call) {
  return MapFloating(call,
                     []<typename T>(T x) { return x * std::clamp(x / T{6} + T{0.5}, T{0}, T{1}); });
}

Results Gelu(const Call& call) {
  if (call.node.String("approximate", "none") == "tanh") {
    return MapFloating(call, []<typename T>(T x) {
      const T inner =
          std::sqrt(T{2} / std::numbers::pi_v<T>) * (x + static_cast<T>(0.044715) * x * x * x);
      return T{0.5} * x * (T{1} + std::tanh(inner));
    });
  }
  return MapFloating(call, []<typename T>(T x) {
    return T{0.5} * x * (T{1} + std::erf(x / std::numbers::sqrt2_v<T>));
  });
}

Results Softplus(const Call& call) {
  return MapFloating(
      call, []<typename T>(T x) { return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x))); });
}

/// min and max are inputs, either of which may be left out.
Results Clip(const Call& call) {
  const Tensor& x = call.Input(0);
  return {VisitNumeric(x.type(), [&]<typename T>() {
    const auto bound = [&](size_t input, T otherwise) {
      const Tensor* tensor = call.Optional(input);
      return tensor == nullptr ? otherwise : First<T>(*tensor);
    };
    const T lo = bound(1, std::numeric_limits<T>::lowest());
    const T hi = bound(2, std::numeric_limits<T>::max());
    Tensor y(x.type(), x.dims());
    const auto from = x.as<T>();
    std::transform(from.begin(), from.end(), y.as<T>().begin(),
                   [=](T value) { return std::min(std::max(value, lo), hi); });
    return y;
  })};
}

#define LUTRA_FLOATING(name, expression)                                                        \
  {                                                                                             \
    name, [](const Call& call) { return MapFloating(call, [](auto x) { return expression; }); } \
  }

constexpr Operator kUnaryOperators[] = {
    {"Abs", Abs},
    {"Sign", Sign},
    {"Relu", Relu},
    {"Not", Not},
    {"IsInf", IsInf},
    {"IsNaN", [](const Call& call) { return Test(call, [](auto x) { return std::isnan(x); }); }},
    {"Neg",
     [](const Call& call) {
       return MapNumeric(call, []<typename T>(T x) {
         if constexpr (std::is_integral_v<T>) {
           return WrapSubtract(T{0}, x);
         } else {
           return -x;
         }
       });
     }},
    {"LeakyRelu", LeakyRelu},
    {"Elu", Elu},
    {"Celu", Celu},
    {"Selu", Selu},
    {"ThresholdedRelu", ThresholdedRelu},
    {"Shrink", Shrink},
    {"HardSigmoid", HardSigmoid},
    {"HardSwish", HardSwish},
    {"Gelu", Gelu},
    {"Softplus", Softplus},
    {"Clip", Clip},
    LUTRA_FLOATING("Silu", x* Sigmoid(x)),
    LUTRA_FLOATING("Sigmoid", Sigmoid(x)),
    LUTRA_FLOATING("Softsign", x / (1 + std::abs(x))),
    LUTRA_FLOATING("Mish", x* std::tanh(std::log1p(std::exp(x)))),
    LUTRA_FLOATING("Reciprocal", 1 / x),
    LUTRA_FLOATING("Exp", std::exp(x)),
    LUTRA_FLOATING("Log", std::log(x)),
    LUTRA_FLOATING("Sqrt", std::sqrt(x)),
    LUTRA_FLOATING("Erf", std::erf(x)),
    LUTRA_FLOATING("Tanh", std::tanh(x)),
    LUTRA_FLOATING("Sin", std::sin(x)),
    LUTRA_FLOATING("Cos", std::cos(x)),
    LUTRA_FLOATING("Tan", std::tan(x)),
    LUTRA_FLOATING("Sinh", std::sinh(x)),
    LUTRA_FLOATING("Cosh", std::cosh(x)),
    LUTRA_FLOATING("Asin", std::asin(x)),
    LUTRA_FLOATING("Acos", std::acos(x)),
    LUTRA_FLOATING("Atan", std::atan(x)),
    LUTRA_FLOATING("Asinh", std::asinh(x)),
    LUTRA_FLOATING("Acosh", std::acosh(x)),
    LUTRA_FLOATING("Atanh", std::atanh(x)),
    LUTRA_FLOATING("Floor", std::floor(x)),
    LUTRA_FLOATING("Ceil", std::ceil(x)),
    LUTRA_FLOATING("Round", std::nearbyint(x)),  // half to even
};

#undef LUTRA_FLOATING

}  // namespace

OperatorRows UnaryOperators() { return kUnaryOperators; }

}  // namespace lutra::converter::executor
