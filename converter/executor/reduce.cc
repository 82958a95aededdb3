// Reductions over any set of axes: sums in double (integers in 64 bits), one pass per output.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "converter/executor/operator.h"
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

Plan MakePlan(const Call& call, const Tensor& x) {
  std::vector<bool> reduce(x.rank(), false);
  const Tensor* given = call.Optional(1);
  if (given != nullptr && given->elements() > 0) {
    for (const size_t axis : Axes(given->ToInts(), x.rank())) reduce[axis] = true;
  } else if (call.node.Int("noop_with_empty_axes", 0) == 0) {
    reduce.assign(x.rank(), true);
  }
  const bool keep = call.node.Int("keepdims", 1) != 0;
  const Shape strides = Strides(x.dims());
  Plan plan;
  for (size_t i = 0; i < x.rank(); ++i) {
    if (reduce[i]) {
      plan.reduced.push_back(x.dims()[i]);
      plan.reduced_strides.push_back(strides[i]);
      if (keep) plan.result.push_back(1);
    } else {
      plan.kept.push_back(x.dims()[i]);
      plan.kept_strides.push_back(strides[i]);
      plan.result.push_back(x.dims()[i]);
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
  const Plan plan = MakePlan(call, x);
  return VisitNumeric(x.type(), [&]<typename T>() {
    Tensor y(x.type(), plan.result);
    const T* from = x.as<T>().data();
    const Shape starts = Offsets(plan.kept, plan.kept_strides);
    const Shape steps = Offsets(plan.reduced, plan.reduced_strides);
    const auto to = y.as<T>();
    for (size_t i = 0; i < to.size(); ++i) {
      const T* first = from + starts[i];
      auto sum = Reducer::template Start<T>();
      for (const int64_t step : steps) Reducer::Step(sum, first[step]);
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

constexpr Operator kReduceOperators[] = {
    {"ReduceSum", Reduce<Sum>},
    {"ReduceMean", Reduce<Mean>},
    {"ReduceSumSquare", Reduce<SumSquare>},
    {"ReduceL1", Reduce<L1>},
    {"ReduceL2", Reduce<L2>},
    {"ReduceLogSum", Reduce<LogSum>},
    {"ReduceLogSumExp", Reduce<LogSumExp>},
    {"ReduceProd", Reduce<Product>},
    {"ReduceMax", ReduceOrdered<Largest>},
    {"ReduceMin", ReduceOrdered<Smallest>},
};

}  // namespace

OperatorRows ReduceOperators() { return kReduceOperators; }

}  // namespace lutra::converter::executor
