// Functions of one value, element by element, with their attributes: ONNX's, and the activations
// that passes recognise (Silu, Gelu). NaN gives NaN: where a comparison or std::max decides, it is
// written so that x is taken when the comparison with it fails.
//
// Those that networks are trained with have their derivative beside them: as a function of the
// result where that is enough (the input need not be kept), else of the input. At a kink it is that
// of the flat or lower side, as PyTorch has it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "converter/executor/gradient.h"
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

constexpr float kSeluAlpha = 1.67326319217681884765625f;
constexpr float kSeluGamma = 1.05070102214813232421875f;

Results Selu(const Call& call) {
  const float alpha = call.node.Float("alpha", kSeluAlpha);
  const float gamma = call.node.Float("gamma", kSeluGamma);
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

Results Swish(const Call& call) {
  const float alpha = call.node.Float("alpha", 1.0f);
  return MapFloating(call, [=]<typename T>(T x) { return x * Sigmoid(static_cast<T>(alpha) * x); });
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

// ---- Derivatives.

/// g[i] = step(at[i], g[i]) in place, where `at` may be g; with indices, as compilers do not
/// vectorize algorithms over two ranges.
template <typename F>
Gradients MapGradient(const GradientCall& call, const Tensor& at, F step) {
  Gradients gradients = call.None();
  const auto z = at.as<float>();
  gradients[0] = call.Take();
  const auto g = gradients[0].as<float>();
  for (size_t i = 0; i < g.size(); ++i) g[i] = step(z[i], g[i]);
  return gradients;
}

template <typename F>
Gradients Chain(const GradientCall& call, const Tensor& at, F derivative) {
  return MapGradient(call, at, [=](float z, float g) {
    const float slope = derivative(z);
    return g * slope;
  });
}

/// Where the derivative is 1 or 0. No gradient passes a flat side, not even an infinite one.
template <typename F>
Gradients ChainWhere(const GradientCall& call, const Tensor& at, F passes) {
  return MapGradient(call, at, [=](float z, float g) { return passes(z) ? g : 0.0f; });
}

/// Results of functions with a negative 'alpha' do not tell on which side the input was.
float AlphaOfMonotonic(const Node& node, float otherwise) {
  const float alpha = node.Float("alpha", otherwise);
  if (alpha < 0) throw Error("there is no gradient for a negative 'alpha'");
  return alpha;
}

Gradients AbsGradient(const GradientCall& call) {
  return Chain(call, call.Input(0), [](float x) { return static_cast<float>((x > 0) - (x < 0)); });
}

Gradients ReluGradient(const GradientCall& call) {
  return ChainWhere(call, call.Result(), [](float y) { return y > 0; });
}

Gradients LeakyReluGradient(const GradientCall& call) {
  const float alpha = AlphaOfMonotonic(call.node, 0.01f);
  return Chain(call, call.Result(), [=](float y) { return y > 0 ? 1.0f : alpha; });
}

Gradients EluGradient(const GradientCall& call) {
  const float alpha = AlphaOfMonotonic(call.node, 1.0f);
  return Chain(call, call.Result(), [=](float y) { return y > 0 ? 1.0f : y + alpha; });
}

Gradients CeluGradient(const GradientCall& call) {
  const float alpha = AlphaOfMonotonic(call.node, 1.0f);
  return Chain(call, call.Result(), [=](float y) { return y > 0 ? 1.0f : y / alpha + 1; });
}

Gradients SeluGradient(const GradientCall& call) {
  const float alpha = AlphaOfMonotonic(call.node, kSeluAlpha);
  const float gamma = call.node.Float("gamma", kSeluGamma);
  if (gamma < 0) throw Error("there is no gradient for a negative 'gamma'");
  return Chain(call, call.Result(), [=](float y) { return y > 0 ? gamma : y + gamma * alpha; });
}

Gradients ThresholdedReluGradient(const GradientCall& call) {
  return ChainWhere(call, call.Result(), [](float y) { return y != 0; });
}

Gradients HardSigmoidGradient(const GradientCall& call) {
  const float alpha = call.node.Float("alpha", 0.2f);
  return Chain(call, call.Result(), [=](float y) { return y > 0 && y < 1 ? alpha : 0.0f; });
}

Gradients HardSwishGradient(const GradientCall& call) {
  return Chain(call, call.Input(0), [](float x) {
    const float inside = x / 3 + 0.5f, outside = x > 0 ? 1.0f : 0.0f;
    return x > -3 && x < 3 ? inside : outside;
  });
}

/// Phi(x) + x * phi(x) of the normal distribution, or the derivative of its approximation.
Gradients GeluGradient(const GradientCall& call) {
  constexpr float kRoot = 0.797884560802865f;  // sqrt(2 / pi)
  if (call.node.String("approximate", "none") == "tanh") {
    return Chain(call, call.Input(0), [](float x) {
      const float t = std::tanh(kRoot * (x + 0.044715f * x * x * x));
      return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * kRoot * (1 + 3 * 0.044715f * x * x);
    });
  }
  return Chain(call, call.Input(0), [](float x) {
    const float below = 0.5f * (1 + std::erf(x / std::numbers::sqrt2_v<float>));
    return below + x * 0.5f * kRoot * std::exp(-0.5f * x * x);
  });
}

/// Of x * sigmoid(alpha * x).
float SwishSlope(float x, float alpha) {
  const float s = Sigmoid(alpha * x);
  return s * (1 + alpha * x * (1 - s));
}

Gradients SwishGradient(const GradientCall& call) {
  const float alpha = call.node.Float("alpha", 1.0f);
  return Chain(call, call.Input(0), [=](float x) { return SwishSlope(x, alpha); });
}

/// x * t with t = tanh(softplus(x)), and softplus' = sigmoid
Gradients MishGradient(const GradientCall& call) {
  return Chain(call, call.Input(0), [](float x) {
    const float t = std::tanh(std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x))));
    return t + x * (1 - t * t) * Sigmoid(x);
  });
}

/// The bounds are constants.
Gradients ClipGradient(const GradientCall& call) {
  const auto bound = [&](size_t input, float otherwise) {
    const Tensor* tensor = call.Optional(input);
    return tensor == nullptr ? otherwise : First<float>(*tensor);
  };
  const float lo = bound(1, std::numeric_limits<float>::lowest());
  const float hi = bound(2, std::numeric_limits<float>::max());
  Gradients gradients = call.None();
  gradients[0] = ThroughClamp({lo, hi}, call.Result(), call.Of());
  return gradients;
}

#define LUTRA_FORWARD(name, expression)                                                         \
  {                                                                                             \
    name, [](const Call& call) { return MapFloating(call, [](auto x) { return expression; }); } \
  }
/// With the derivative by x, from the result y or from x.
#define LUTRA_FROM_Y(name, expression, derivative)                                        \
  Trainable(LUTRA_FORWARD(name, expression),                                              \
            {.run =                                                                       \
                 [](const GradientCall& call) {                                           \
                   return Chain(call, call.Result(), [](float y) { return derivative; }); \
                 },                                                                       \
             .reads_results = true})
#define LUTRA_FROM_X(name, expression, derivative)                                        \
  Trainable(LUTRA_FORWARD(name, expression),                                              \
            {.run =                                                                       \
                 [](const GradientCall& call) {                                           \
                   return Chain(call, call.Input(0), [](float x) { return derivative; }); \
                 },                                                                       \
             .reads_inputs = true})

constexpr Gradient FromInput(Gradients (*run)(const GradientCall&)) {
  return {.run = run, .reads_inputs = true};
}
constexpr Gradient FromResult(Gradients (*run)(const GradientCall&)) {
  return {.run = run, .reads_results = true};
}

constexpr Operator kUnaryOperators[] = {
    Trainable({"Abs", Abs}, FromInput(AbsGradient)),
    {"Sign", Sign},
    Trainable({"Relu", Relu}, FromResult(ReluGradient)),
    {"Not", Not},
    {"IsInf", IsInf},
    {"IsNaN", [](const Call& call) { return Test(call, [](auto x) { return std::isnan(x); }); }},
    Trainable({"Neg",
               [](const Call& call) {
                 return MapNumeric(call, []<typename T>(T x) {
                   if constexpr (std::is_integral_v<T>) {
                     return WrapSubtract(T{0}, x);
                   } else {
                     return -x;
                   }
                 });
               }},
              {.run =
                   [](const GradientCall& call) {
                     return Chain(call, call.Of(), [](float) { return -1.0f; });
                   }}),
    Trainable({"LeakyRelu", LeakyRelu}, FromResult(LeakyReluGradient)),
    Trainable({"Elu", Elu}, FromResult(EluGradient)),
    Trainable({"Celu", Celu}, FromResult(CeluGradient)),
    Trainable({"Selu", Selu}, FromResult(SeluGradient)),
    Trainable({"ThresholdedRelu", ThresholdedRelu}, FromResult(ThresholdedReluGradient)),
    {"Shrink", Shrink},
    Trainable({"HardSigmoid", HardSigmoid}, FromResult(HardSigmoidGradient)),
    Trainable({"HardSwish", HardSwish}, FromInput(HardSwishGradient)),
    Trainable({"Gelu", Gelu}, FromInput(GeluGradient)),
    // softplus' = sigmoid(x) = 1 - exp(-softplus(x))
    Trainable({"Softplus", Softplus}, FromResult([](const GradientCall& call) {
                return Chain(call, call.Result(), [](float y) { return -std::expm1(-y); });
              })),
    Trainable({"Clip", Clip}, FromResult(ClipGradient)),
    Trainable({"Swish", Swish}, FromInput(SwishGradient)),
    LUTRA_FROM_X("Silu", x* Sigmoid(x), SwishSlope(x, 1)),
    LUTRA_FROM_Y("Sigmoid", Sigmoid(x), y*(1 - y)),
    LUTRA_FROM_Y("Softsign", x / (1 + std::abs(x)), (1 - std::abs(y)) * (1 - std::abs(y))),
    Trainable(LUTRA_FORWARD("Mish", x* std::tanh(std::log1p(std::exp(x)))),
              FromInput(MishGradient)),
    LUTRA_FROM_Y("Reciprocal", 1 / x, -y* y),
    LUTRA_FROM_Y("Exp", std::exp(x), y),
    LUTRA_FROM_X("Log", std::log(x), 1 / x),
    LUTRA_FROM_Y("Sqrt", std::sqrt(x), 0.5f / y),
    LUTRA_FROM_X("Erf", std::erf(x), 2 * std::numbers::inv_sqrtpi_v<float> * std::exp(-x * x)),
    LUTRA_FROM_Y("Tanh", std::tanh(x), 1 - y * y),
    LUTRA_FROM_X("Sin", std::sin(x), std::cos(x)),
    LUTRA_FROM_X("Cos", std::cos(x), -std::sin(x)),
    LUTRA_FORWARD("Tan", std::tan(x)),
    LUTRA_FORWARD("Sinh", std::sinh(x)),
    LUTRA_FORWARD("Cosh", std::cosh(x)),
    LUTRA_FORWARD("Asin", std::asin(x)),
    LUTRA_FORWARD("Acos", std::acos(x)),
    LUTRA_FORWARD("Atan", std::atan(x)),
    LUTRA_FORWARD("Asinh", std::asinh(x)),
    LUTRA_FORWARD("Acosh", std::acosh(x)),
    LUTRA_FORWARD("Atanh", std::atanh(x)),
    LUTRA_FORWARD("Floor", std::floor(x)),
    LUTRA_FORWARD("Ceil", std::ceil(x)),
    LUTRA_FORWARD("Round", std::nearbyint(x)),  // half to even
};

#undef LUTRA_FORWARD
#undef LUTRA_FROM_Y
#undef LUTRA_FROM_X

}  // namespace

OperatorRows UnaryOperators() { return kUnaryOperators; }

}  // namespace lutra::converter::executor
