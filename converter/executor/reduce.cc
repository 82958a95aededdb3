// Reductions over any set of axes: sums in double (integers in 64 bits), one pass per output.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

/// The axes of the input split into kept and reduced ones.
struct Plan {
  Shape result;              ///< with keepdims applied
  Shape kept, kept_strides;  ///< of the input
  Shape reduced, reduced_strides;
};

/// `given`: the axes, null when left out.
Plan MakePlan(const Node& node, const Tensor* given, const Shape& dims) {
  std::vector<bool> reduce(dims.size(), false);
  if (given != nullptr && given->elements() > 0) {
    for (const size_t axis : Axes(given->ToInts(), dims.size())) reduce[axis] = true;
  } else if (node.Int("noop_with_empty_axes", 0) == 0) {
    reduce.assign(dims.size(), true);
  }
  const bool keep = node.Int("keepdims", 1) != 0;
  const Shape strides = Strides(dims);
  Plan plan;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (reduce[i]) {
      plan.reduced.push_back(dims[i]);
      plan.reduced_strides.push_back(strides[i]);
      if (keep) plan.result.push_back(1);
    } else {
      plan.kept.push_back(dims[i]);
      plan.kept_strides.push_back(strides[i]);
      plan.result.push_back(dims[i]);
    }
  }
  return plan;
}

/// Sums of products and squares do not fit the element type; 64 bits hold what ONNX's tests need.
template <typename T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;

/// Reducer: Start<T>(), Step(accumulator, element), Finish(accumulator, count).
template <typename Reducer>
Tensor ReduceTensor(const Call& call, const Tensor& x) {
  const Plan plan = MakePlan(call.node, call.Optional(1), x.dims());
  return VisitNumeric(x.type(), [&]<typename T>() {
    Tensor y(x.type(), plan.result);
    const T* from = x.as<T>().data();
    const Shape starts = Offsets(plan.kept, plan.kept_strides);
    const Shape steps = Offsets(plan.reduced, plan.reduced_strides);
    const auto to = y.as<T>();
    for (size_t i = 0; i < to.size(); ++i) {
      auto sum = Reducer::template Start<T>();
      for (const int64_t step : steps) Reducer::Step(sum, from[starts[i] + step]);
      to[i] = Converted<T>(Reducer::Finish(sum, static_cast<double>(steps.size())));
    }
    return y;
  });
}

template <typename Reducer>
Results Reduce(const Call& call) {
  return {ReduceTensor<Reducer>(call, call.Input(0))};
}

/// Of bool too (opset 20), where false is less than true.
template <typename Reducer>
Results ReduceOrdered(const Call& call) {
  const Tensor& x = call.Input(0);
  if (x.type() != DataType::boolean) return Reduce<Reducer>(call);
  return {ReduceTensor<Reducer>(call, x.Cast(DataType::uint8)).Cast(DataType::boolean)};
}

struct Zero {
  template <typename T>
  static Wide<T> Start() {
    return 0;
  }
  template <typename W>
  static W Finish(W sum, double) {
    return sum;
  }
};

struct Sum : Zero {
  template <typename W, typename T>
  static void Step(W& sum, T x) {
    sum = WrapAdd(sum, static_cast<W>(x));
  }
};

struct Mean : Sum {
  template <typename W>
  static double Finish(W sum, double count) {
    return static_cast<double>(sum) / count;
  }
};

struct SumSquare : Zero {
  template <typename W, typename T>
  static void Step(W& sum, T x) {
    sum = WrapAdd(sum, WrapMultiply(static_cast<W>(x), static_cast<W>(x)));
  }
};

struct L1 : Zero {
  template <typename W, typename T>
  static void Step(W& sum, T x) {
    const W w = static_cast<W>(x);
    sum = WrapAdd(sum, w < 0 ? WrapSubtract(W{0}, w) : w);
  }
};

struct L2 : SumSquare {
  template <typename W>
  static double Finish(W sum, double) {
    return std::sqrt(static_cast<double>(sum));
  }
};

struct LogSum : Sum {
  template <typename W>
  static double Finish(W sum, double) {
    return std::log(static_cast<double>(sum));
  }
};

struct Product : Zero {
  template <typename T>
  static Wide<T> Start() {
    return 1;
  }
  template <typename W, typename T>
  static void Step(W& product, T x) {
    product = WrapMultiply(product, static_cast<W>(x));
  }
};

struct Largest : Zero {
  template <typename T>
  static T Start() {
    return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::lowest();
  }
  template <typename T>
  static void Step(T& best, T x) {
    if (x > best || x != x) best = x;  // once NaN, no comparison replaces it
  }
};

struct Smallest : Zero {
  template <typename T>
  static T Start() {
    return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::max();
  }
  template <typename T>
  static void Step(T& best, T x) {
    if (x < best || x != x) best = x;
  }
};

/// log(sum(exp(x))) as m + log(sum(exp(x - m))), in one pass: the sum is scaled when m grows.
struct LogSumExp {
  struct State {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  };
  template <typename T>
  static State Start() {
    return {};
  }
  template <typename T>
  static void Step(State& state, T element) {
    const auto x = static_cast<double>(element);
    if (x > state.largest) {
      state.sum = state.sum * std::exp(state.largest - x) + 1;
      state.largest = x;
    } else if (x != -std::numeric_limits<double>::infinity()) {
      state.sum += std::exp(x - state.largest);
    }
  }
  static double Finish(const State& state, double) { return state.largest + std::log(state.sum); }
};

// ---- Backwards.

/// The shape of the result with every reduced axis kept as 1.
Shape KeptShape(const GradientCall& call) {
  Node keep = call.node;
  keep.attributes["keepdims"] = int64_t{1};
  return MakePlan(keep, call.Optional(1), call.input_dims[0]).result;
}

Gradients ReduceSumGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  gradients[0] = BroadcastTo(call.Of().Reshaped(KeptShape(call)), call.input_dims[0]);
  return gradients;
}

Gradients ReduceMeanGradient(const GradientCall& call) {
  Tensor shares = call.Of().Reshaped(KeptShape(call));
  const auto count = static_cast<float>(Count(call.input_dims[0])) /
                     static_cast<float>(std::max<size_t>(shares.elements(), 1));
  for (float& share : shares.as<float>()) share /= count;
  Gradients gradients = call.None();
  gradients[0] = BroadcastTo(shares, call.input_dims[0]);
  return gradients;
}

/// Elements that are equally large share the gradient equally, as in PyTorch.
Gradients ReduceExtremeGradient(const GradientCall& call) {
  const Tensor& x = call.Input(0);
  const Shape kept = KeptShape(call);
  Tensor wins = BroadcastTo(call.Result().Reshaped(kept), x.dims());
  const auto won = wins.as<float>();
  const auto from = x.as<float>();
  for (size_t i = 0; i < won.size(); ++i) won[i] = from[i] == won[i] ? 1.0f : 0.0f;
  const Tensor g = call.Of().Reshaped(kept), winners = SumTo(wins, kept);
  const Tensor share = Compute("Div", call.node, {&g, &winners});
  Gradients gradients = call.None();
  gradients[0] = Compute("Mul", call.node, {&wins, &share});
  return gradients;
}

/// Of reductions whose derivative at x follows from x and the result y that it went into.
template <float (*kDerivative)(float x, float y)>
Gradients ReduceGradient(const GradientCall& call) {
  const Tensor& x = call.Input(0);
  const Shape kept = KeptShape(call);
  Gradients gradients = call.None();
  gradients[0] = BroadcastTo(call.Of().Reshaped(kept), x.dims());
  const Tensor y = BroadcastTo(call.Result().Reshaped(kept), x.dims());
  const auto from = x.as<float>(), result = y.as<float>();
  const auto to = gradients[0].as<float>();
  for (size_t i = 0; i < to.size(); ++i) to[i] *= kDerivative(from[i], result[i]);
  return gradients;
}

float SquareSlope(float x, float) { return 2 * x; }
float L1Slope(float x, float) { return static_cast<float>((x > 0) - (x < 0)); }
/// 0 at the origin, where the norm has no derivative.
float L2Slope(float x, float y) { return y == 0 ? 0 : x / y; }
float LogSumExpSlope(float x, float y) { return std::exp(x - y); }

constexpr Gradient FromBoth(Gradients (*run)(const GradientCall&)) {
  return {.run = run, .reads_inputs = true, .reads_results = true};
}

constexpr Operator kReduceOperators[] = {
    Trainable({"ReduceSum", Reduce<Sum>}, {.run = ReduceSumGradient}),
    Trainable({"ReduceMean", Reduce<Mean>}, {.run = ReduceMeanGradient}),
    Trainable({"ReduceSumSquare", Reduce<SumSquare>}, FromBoth(ReduceGradient<SquareSlope>)),
    Trainable({"ReduceL1", Reduce<L1>}, FromBoth(ReduceGradient<L1Slope>)),
    Trainable({"ReduceL2", Reduce<L2>}, FromBoth(ReduceGradient<L2Slope>)),
    {"ReduceLogSum", Reduce<LogSum>},
    Trainable({"ReduceLogSumExp", Reduce<LogSumExp>}, FromBoth(ReduceGradient<LogSumExpSlope>)),
    {"ReduceProd", Reduce<Product>},
    Trainable({"ReduceMax", ReduceOrdered<Largest>}, FromBoth(ReduceExtremeGradient)),
    Trainable({"ReduceMin", ReduceOrdered<Smallest>}, FromBoth(ReduceExtremeGradient)),
};

}  // namespace

OperatorRows ReduceOperators() { return kReduceOperators; }

}  // namespace lutra::converter::executor
