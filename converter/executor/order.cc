// Operators along one axis that depend on order: ArgMax, ArgMin, TopK, CumSum, Hardmax, NonZero.
#include <algorithm>
#include <numeric>

#include "converter/executor/operator.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

/// A tensor as lines along one axis: element i of a line lies at start + i * stride.
struct Lines {
  Lines(const Shape& dims, size_t axis) : length(dims[axis]), stride(Strides(dims)[axis]) {
    Shape outer = dims;
    outer[axis] = 1;
    starts = Offsets(outer, Strides(dims));
  }
  int64_t length, stride;
  Shape starts;
};

template <typename Better>
Results ArgBest(const Call& call, Better better) {
  const Tensor& x = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", 0), x.rank());
  const bool last = call.node.Int("select_last_index", 0) != 0;
  const Lines lines(x.dims(), axis);
  if (lines.length == 0) throw Error("the axis is empty");
  Shape dims = x.dims();
  if (call.node.Int("keepdims", 1) != 0) {
    dims[axis] = 1;
  } else {
    dims.erase(dims.begin() + static_cast<int64_t>(axis));
  }
  Tensor result(DataType::int64, dims);
  VisitNumeric(x.type(), [&]<typename T>() {
    const T* from = x.as<T>().data();
    for (size_t line = 0; line < lines.starts.size(); ++line) {
      const T* at = from + lines.starts[line];
      int64_t best = 0;
      for (int64_t i = 1; i < lines.length; ++i) {
        const T candidate = at[i * lines.stride], champion = at[best * lines.stride];
        if (better(candidate, champion) || (last && candidate == champion)) best = i;
      }
      result.as<int64_t>()[line] = best;
    }
  });
  return {std::move(result)};
}

Results ArgMax(const Call& call) { return ArgBest(call, std::greater()); }
Results ArgMin(const Call& call) { return ArgBest(call, std::less()); }

/// Always sorted; among equal values the smaller index comes first.
Results TopK(const Call& call) {
  const Tensor& x = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", -1), x.rank());
  const int64_t k = FirstInt(call.Input(1));
  const bool largest = call.node.Int("largest", 1) != 0;
  const Lines lines(x.dims(), axis);
  if (k < 0 || k > lines.length) throw Error("k is not between 0 and the length of the axis");
  Shape dims = x.dims();
  dims[axis] = k;
  Tensor values(x.type(), dims), indices(DataType::int64, dims);
  const Lines out(dims, axis);
  if (k == 0) return {std::move(values), std::move(indices)};
  VisitNumeric(x.type(), [&]<typename T>() {
    Shape order(static_cast<size_t>(lines.length));
    for (size_t line = 0; line < lines.starts.size(); ++line) {
      const T* at = x.as<T>().data() + lines.starts[line];
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t i, int64_t j) {
        const T a = at[i * lines.stride], b = at[j * lines.stride];
        return a == b ? i < j : (largest ? a > b : a < b);
      });
      for (int64_t i = 0; i < k; ++i) {
        const int64_t to = out.starts[line] + i * out.stride;
        values.as<T>()[to] = at[order[i] * lines.stride];
        indices.as<int64_t>()[to] = order[i];
      }
    }
  });
  return {std::move(values), std::move(indices)};
}

Results CumSum(const Call& call) {
  const Tensor& x = call.Input(0);
  const Lines lines(x.dims(), Axis(FirstInt(call.Input(1)), x.rank()));
  const bool exclusive = call.node.Int("exclusive", 0) != 0;
  const bool reverse = call.node.Int("reverse", 0) != 0;
  Tensor y(x.type(), x.dims());
  VisitNumeric(x.type(), [&]<typename T>() {
    for (const int64_t start : lines.starts) {
      T sum = 0;
      for (int64_t i = 0; i < lines.length; ++i) {
        const int64_t at = start + (reverse ? lines.length - 1 - i : i) * lines.stride;
        const T next = WrapAdd(sum, x.as<T>()[at]);
        y.as<T>()[at] = exclusive ? sum : next;
        sum = next;
      }
    }
  });
  return {std::move(y)};
}

/// 1 at the first maximum along the axis, 0 elsewhere.
Results Hardmax(const Call& call) {
  const Tensor& x = call.Input(0);
  const Lines lines(x.dims(), Axis(call.node.Int("axis", -1), x.rank()));
  Tensor y(x.type(), x.dims());
  VisitFloating(x.type(), [&]<typename T>() {
    for (const int64_t start : lines.starts) {
      int64_t best = start;
      for (int64_t i = 1; i < lines.length; ++i) {
        const int64_t at = start + i * lines.stride;
        if (x.as<T>()[at] > x.as<T>()[best]) best = at;
      }
      y.as<T>()[best] = 1;
    }
  });
  return {std::move(y)};
}

/// [rank, count]: the coordinates of every non-zero element, in row-major order.
Results NonZero(const Call& call) {
  const Tensor& x = call.Input(0);
  const Tensor truth = x.Cast(DataType::boolean);
  Shape found;
  for (size_t i = 0; i < truth.elements(); ++i) {
    if (truth.as<bool>()[i]) found.push_back(static_cast<int64_t>(i));
  }
  const auto count = static_cast<int64_t>(found.size());
  Tensor result(DataType::int64, {static_cast<int64_t>(x.rank()), count});
  const Shape strides = Strides(x.dims());
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    for (size_t i = 0; i < found.size(); ++i) {
      result.as<int64_t>()[axis * found.size() + i] = found[i] / strides[axis] % x.dims()[axis];
    }
  }
  return {std::move(result)};
}

constexpr Operator kOrderOperators[] = {
    {"ArgMax", ArgMax}, {"ArgMin", ArgMin},   {"TopK", TopK},
    {"CumSum", CumSum}, {"Hardmax", Hardmax}, {"NonZero", NonZero, Precision::any},
};

}  // namespace

OperatorRows OrderOperators() { return kOrderOperators; }

}  // namespace lutra::converter::executor
