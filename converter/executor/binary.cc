// Functions of two or more values with broadcasting: arithmetic, comparison, logic, and Where.
#include "converter/executor/binary.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

/// The innermost loop; the strides that matter for speed are compile-time constants.
template <int kA, int kB, typename A, typename B, typename R, typename F>
void Row(int64_t n, const A* a, const B* b, R* r, F f) {
  for (int64_t i = 0; i < n; ++i) r[i] = static_cast<R>(f(a[i * kA], b[i * kB]));
}

/// r[...] = f(a[...], b[...]) over the broadcast shape. A run of trailing axes along which each
/// operand is either dense or repeated is one row.
template <typename A, typename B, typename R, typename F>
Tensor Broadcast(const Tensor& a, const Tensor& b, DataType type, F f) {
  const Shape dims = BroadcastShape(a.dims(), b.dims());
  CheckResult(dims);
  Tensor result(type, dims);
  if (result.elements() == 0) return result;
  const Shape sa = BroadcastStrides(a.dims(), dims), sb = BroadcastStrides(b.dims(), dims);
  size_t axis = dims.size();
  int64_t n = 1, step_a = 0, step_b = 0;
  while (axis > 0) {
    const size_t next = axis - 1;
    if (dims[next] != 1) {
      if (n == 1) {
        step_a = sa[next];
        step_b = sb[next];
      } else if (sa[next] != step_a * n || sb[next] != step_b * n) {
        break;
      }
      n *= dims[next];
    }
    axis = next;
  }
  const std::span outer(dims.data(), axis);
  const Shape offsets_a = Offsets(outer, sa), offsets_b = Offsets(outer, sb);
  const A* pa = a.as<A>().data();
  const B* pb = b.as<B>().data();
  R* r = result.as<R>().data();
  for (size_t i = 0; i < offsets_a.size(); ++i, r += n) {
    const A* x = pa + offsets_a[i];
    const B* y = pb + offsets_b[i];
    if (step_a == 1 && step_b == 1) {
      Row<1, 1>(n, x, y, r, f);
    } else if (step_a == 1) {
      Row<1, 0>(n, x, y, r, f);
    } else if (step_b == 1) {
      Row<0, 1>(n, x, y, r, f);
    } else {
      Row<0, 0>(n, x, y, r, f);
    }
  }
  return result;
}

template <typename F>
Tensor Arithmetic(const Tensor& a, const Tensor& b, F f) {
  return VisitNumeric(a.type(), [&]<typename T>() {
    return Broadcast<T, T, T>(a, b, a.type(), [&](T x, T y) { return static_cast<T>(f(x, y)); });
  });
}

template <typename F>
Results Arithmetic(const Call& call, F f) {
  return {Arithmetic(call.Input(0), call.Input(1), f)};
}

template <typename F>
Results Compare(const Call& call, F f) {
  const Tensor& a = call.Input(0);
  const Tensor& b = call.Input(1);
  if (a.type() == DataType::boolean) {
    return {Broadcast<bool, bool, bool>(a, b, DataType::boolean, f)};
  }
  return {VisitNumeric(
      a.type(), [&]<typename T>() { return Broadcast<T, T, bool>(a, b, DataType::boolean, f); })};
}

template <typename F>
Results Logic(const Call& call, F f) {
  return {Broadcast<bool, bool, bool>(call.Input(0), call.Input(1), DataType::boolean, f)};
}

/// Max, Min, Sum, Mean: any number of inputs.
template <typename F>
Tensor Fold(const Call& call, F f) {
  Tensor result = call.Input(0);
  for (size_t i = 1; i < call.inputs.size(); ++i) result = Arithmetic(result, call.Input(i), f);
  return result;
}

/// Max and Min, as ONNX takes them from numpy: NaN when either is. A comparison with it fails.
constexpr auto kLarger = []<typename T>(T x, T y) { return x > y || x != x ? x : y; };
constexpr auto kSmaller = []<typename T>(T x, T y) { return x < y || x != x ? x : y; };
constexpr auto kAdd = []<typename T>(T x, T y) { return WrapAdd(x, y); };

Results MeanOfInputs(const Call& call) {
  const Tensor count = Tensor::Of({}, std::vector<float>{static_cast<float>(call.inputs.size())});
  const Tensor sum = Fold(call, kAdd);
  return {Arithmetic(sum, count.Cast(sum.type()), std::divides())};
}

Results Div(const Call& call) {
  return Arithmetic(call, []<typename T>(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
      if (y == 0) throw Error("integer division by zero");
      // The most negative number divided by -1 wraps instead of trapping.
      if constexpr (std::is_signed_v<T>) {
        if (y == static_cast<T>(-1)) return static_cast<T>(T{0} - x);
      }
    }
    return static_cast<T>(x / y);
  });
}

/// fmod = 0: the result has the divisor's sign (Python); 1: the dividend's (C).
Results Mod(const Call& call) {
  const bool c_style = call.node.Int("fmod", 0) != 0;
  return Arithmetic(call, [=]<typename T>(T x, T y) {
    if constexpr (std::is_floating_point_v<T>) {
      const T remainder = std::fmod(x, y);
      return c_style || remainder == 0 || (remainder < 0) == (y < 0) ? remainder : remainder + y;
    } else {
      if (y == 0) throw Error("integer division by zero");
      if constexpr (std::is_signed_v<T>) {
        if (y == static_cast<T>(-1)) return T{0};
        const T remainder = static_cast<T>(x % y);
        if (c_style || remainder == 0 || (remainder < 0) == (y < 0)) return remainder;
        return WrapAdd(remainder, y);
      } else {
        return static_cast<T>(x % y);
      }
    }
  });
}

/// Base and exponent may differ in type; the result has the base's.
Results Pow(const Call& call) {
  const Tensor& base = call.Input(0);
  if (base.type() == DataType::float32 && call.Input(1).type() == DataType::float32) {
    return Arithmetic(call, [](auto x, auto y) { return std::pow(x, y); });
  }
  const Tensor result = Broadcast<double, double, double>(
      base.Cast(DataType::float64), call.Input(1).Cast(DataType::float64), DataType::float64,
      [](double x, double y) { return std::pow(x, y); });
  return {result.Cast(base.type())};
}

Results PRelu(const Call& call) {
  return Arithmetic(call, []<typename T>(T x, T slope) { return x < 0 ? x * slope : x; });
}

Results BitShift(const Call& call) {
  const bool left = call.node.String("direction", "") == "LEFT";
  return Arithmetic(call, [=]<typename T>(T x, T y) {
    if constexpr (std::is_unsigned_v<T>) {
      if (y >= sizeof(T) * 8) return T{0};
      return static_cast<T>(left ? x << y : x >> y);
    } else {
      throw Error("shifts are defined on unsigned integers");
      return x;
    }
  });
}

template <typename F>
Results Bitwise(const Call& call, F f) {
  return Arithmetic(call, [=]<typename T>(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(f(x, y));
    } else {
      throw Error("bitwise operations are defined on integers");
      return x;
    }
  });
}

Results Where(const Call& call) {
  const Tensor& condition = call.Input(0);
  const Tensor& a = call.Input(1);
  const Tensor& b = call.Input(2);
  if (a.type() != b.type()) throw Error("the two values differ in type");
  const Shape dims = BroadcastShape(BroadcastShape(a.dims(), b.dims()), condition.dims());
  const Tensor chosen = BroadcastTo(condition, dims);
  Tensor result = BroadcastTo(b, dims);
  const Tensor other = BroadcastTo(a, dims);
  VisitWord(a.type(), [&]<typename T>() {
    const auto where = chosen.as<bool>();
    const T* from = Words<T>(other);
    T* to = Words<T>(result);
    for (size_t i = 0; i < where.size(); ++i) {
      if (where[i]) to[i] = from[i];
    }
  });
  return {std::move(result)};
}

constexpr Operator kBinaryOperators[] = {
    Trainable({"Add", [](const Call& call) { return Arithmetic(call, kAdd); }},
              {.run = SumGradient}),
    Trainable({"Sub",
               [](const Call& call) {
                 return Arithmetic(call, []<typename T>(T x, T y) { return WrapSubtract(x, y); });
               }},
              {.run = SubGradient}),
    Trainable({"Mul",
               [](const Call& call) {
                 return Arithmetic(call, []<typename T>(T x, T y) { return WrapMultiply(x, y); });
               }},
              {.run = MulGradient, .reads_inputs = true}),
    Trainable({"Div", Div}, {.run = DivGradient, .reads_inputs = true}),
    {"Mod", Mod},
    Trainable({"Pow", Pow}, {.run = PowGradient, .reads_inputs = true}),
    Trainable({"PRelu", PRelu}, {.run = PReluGradient, .reads_inputs = true}),
    {"BitShift", BitShift},
    {"BitwiseAnd", [](const Call& call) { return Bitwise(call, std::bit_and()); }},
    {"BitwiseOr", [](const Call& call) { return Bitwise(call, std::bit_or()); }},
    {"BitwiseXor", [](const Call& call) { return Bitwise(call, std::bit_xor()); }},
    Trainable({"Max", [](const Call& call) { return Results{Fold(call, kLarger)}; }},
              {.run = ExtremeGradient, .reads_inputs = true, .reads_results = true}),
    Trainable({"Min", [](const Call& call) { return Results{Fold(call, kSmaller)}; }},
              {.run = ExtremeGradient, .reads_inputs = true, .reads_results = true}),
    Trainable({"Sum", [](const Call& call) { return Results{Fold(call, kAdd)}; }},
              {.run = SumGradient}),
    Trainable({"Mean", MeanOfInputs}, {.run = MeanOfInputsGradient}),
    {"Equal", [](const Call& call) { return Compare(call, std::equal_to()); }},
    {"Greater", [](const Call& call) { return Compare(call, std::greater()); }},
    {"GreaterOrEqual", [](const Call& call) { return Compare(call, std::greater_equal()); }},
    {"Less", [](const Call& call) { return Compare(call, std::less()); }},
    {"LessOrEqual", [](const Call& call) { return Compare(call, std::less_equal()); }},
    {"And", [](const Call& call) { return Logic(call, std::logical_and()); }},
    {"Or", [](const Call& call) { return Logic(call, std::logical_or()); }},
    {"Xor", [](const Call& call) { return Logic(call, std::not_equal_to()); }},
    {"Where", Where, Precision::any},
};

}  // namespace

OperatorRows BinaryOperators() { return kBinaryOperators; }

}  // namespace lutra::converter::executor
