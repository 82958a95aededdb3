// Operators that make or look at shapes and constants: Shape, Range, ConstantOfShape, Cast, the
// reshaping family (same elements, new dims), and small generators.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

Tensor Int64s(const Shape& values) {
  return Tensor::Of({static_cast<int64_t>(values.size())}, values);
}

Results ShapeOf(const Call& call) {
  const Shape& dims = call.Input(0).dims();
  const auto rank = static_cast<int64_t>(dims.size());
  const auto bound = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t start = bound(call.node.Int("start", 0));
  const int64_t end = std::max(start, bound(call.node.Int("end", rank)));
  return {Int64s(Shape(dims.begin() + start, dims.begin() + end))};
}

Results SizeOf(const Call& call) {
  return {Tensor::Of({}, Shape{static_cast<int64_t>(call.Input(0).elements())})};
}

/// A 0 in the shape copies the input's dim (unless allowzero); one -1 is what remains.
Results Reshape(const Call& call) {
  const Tensor& x = call.Input(0);
  Shape dims = call.Input(1).ToInts();
  const bool allow_zero = call.node.Int("allowzero", 0) != 0;
  int64_t* inferred = nullptr;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !allow_zero) {
      if (i >= x.rank()) throw Error("a 0 in the shape stands where the input has no axis");
      dims[i] = x.dims()[i];
    }
    if (dims[i] == -1) {
      if (inferred != nullptr) throw Error("more than one -1 in the shape");
      inferred = &dims[i];
    }
  }
  if (inferred != nullptr) {
    *inferred = 1;
    const size_t known = ElementCount(dims);
    *inferred = known == 0 ? 0 : static_cast<int64_t>(x.elements() / known);
  }
  return {x.Reshaped(dims)};
}

Results Flatten(const Call& call) {
  const Tensor& x = call.Input(0);
  const int64_t given = call.node.Int("axis", 1);
  const auto rank = static_cast<int64_t>(x.rank());
  if (given < -rank || given > rank) throw Error("axis is outside the input's axes");
  const size_t axis = static_cast<size_t>(given < 0 ? given + rank : given);
  const std::span dims(x.dims());
  return {x.Reshaped({Count(dims.first(axis)), Count(dims.subspan(axis))})};
}

Results Squeeze(const Call& call) {
  const Tensor& x = call.Input(0);
  std::vector<bool> drop(x.rank(), false);
  if (const Tensor* axes = call.Optional(1)) {
    for (const size_t axis : Axes(axes->ToInts(), x.rank())) {
      if (x.dims()[axis] != 1) throw Error("cannot squeeze an axis that is not 1");
      drop[axis] = true;
    }
  } else {
    for (size_t i = 0; i < x.rank(); ++i) drop[i] = x.dims()[i] == 1;
  }
  Shape dims;
  for (size_t i = 0; i < x.rank(); ++i) {
    if (!drop[i]) dims.push_back(x.dims()[i]);
  }
  return {x.Reshaped(dims)};
}

Results Unsqueeze(const Call& call) {
  const Tensor& x = call.Input(0);
  const Shape axes = call.Input(1).ToInts();
  const size_t rank = x.rank() + axes.size();
  Shape dims(rank, 0);
  for (const size_t axis : Axes(axes, rank)) {
    if (dims[axis] == 1) throw Error("an axis is given twice");
    dims[axis] = 1;
  }
  auto next = x.dims().begin();
  for (int64_t& dim : dims) {
    if (dim == 0) dim = *next++;
  }
  return {x.Reshaped(dims)};
}

Results Identity(const Call& call) { return {call.Input(0)}; }

/// Inference: the input itself, and a mask of ones.
Results Dropout(const Call& call) {
  Results results{call.Input(0)};
  if (call.node.outputs.size() > 1) {
    Tensor mask(DataType::boolean, call.Input(0).dims());
    std::fill_n(mask.as<bool>().data(), mask.elements(), true);
    results.push_back(std::move(mask));
  }
  const Tensor* training = call.Optional(2);
  const Tensor* ratio = call.Optional(1);
  const bool drops = ratio == nullptr || First<float>(ratio->Cast(DataType::float32)) != 0;
  if (training != nullptr && First<bool>(*training) && drops) {
    throw Error("dropout in training mode is random");
  }
  return results;
}

std::string WhyNotCast(const Node& node) {
  return static_cast<DataType>(node.Int("to", 0)) == DataType::string
             ? "casting to strings is not implemented"
             : "";
}

Results Cast(const Call& call) {
  return {call.Input(0).Cast(static_cast<DataType>(call.node.Int("to", 0)))};
}

Results CastLike(const Call& call) { return {call.Input(0).Cast(call.Input(1).type())}; }

Results ConstantOfShape(const Call& call) {
  const Shape dims = call.Input(0).ToInts();
  const auto found = call.node.attributes.find("value");
  if (found == call.node.attributes.end()) return {Tensor(DataType::float32, dims)};
  const Tensor* value = std::get_if<Tensor>(&found->second);
  if (value == nullptr || value->elements() != 1) throw Error("'value' is not one element");
  return {BroadcastTo(value->Reshaped({}), dims)};
}

Results Range(const Call& call) {
  const Tensor& start = call.Input(0);
  return {VisitNumeric(start.type(), [&]<typename T>() {
    const T first = First<T>(start), limit = First<T>(call.Input(1));
    const T delta = First<T>(call.Input(2));
    if (delta == 0) throw Error("'delta' is 0");
    const double steps = std::ceil((static_cast<double>(limit) - static_cast<double>(first)) /
                                   static_cast<double>(delta));
    if (!(steps < 0x1p31)) throw Error("the range is too long");
    const auto count = static_cast<int64_t>(std::max(steps, 0.0));
    CheckResult(Shape{count});
    Tensor result(start.type(), {count});
    const auto to = result.as<T>();
    for (size_t i = 0; i < to.size(); ++i) {
      to[i] = WrapAdd(first, WrapMultiply(static_cast<T>(i), delta));
    }
    return result;
  })};
}

Results EyeLike(const Call& call) {
  const Tensor& x = call.Input(0);
  if (x.rank() != 2) throw Error("the input is not a matrix");
  const DataType type =
      static_cast<DataType>(call.node.Int("dtype", static_cast<int64_t>(x.type())));
  Tensor result(DataType::float32, x.dims());
  const int64_t k = call.node.Int("k", 0);
  const int64_t rows = x.dims()[0], columns = x.dims()[1];
  for (int64_t i = 0; i < rows && k > -rows && k < columns; ++i) {
    if (i + k >= 0 && i + k < columns) result.as<float>()[i * columns + i + k] = 1;
  }
  return {result.Cast(type)};
}

Results OneHot(const Call& call) {
  const Tensor& values = call.Input(2);  // [off, on]
  if (values.elements() != 2) throw Error("'values' are not two");
  const Shape indices = call.Input(0).ToInts();
  const int64_t depth = FirstInt(call.Input(1));
  Shape dims = call.Input(0).dims();
  const size_t axis = Axis(call.node.Int("axis", -1), dims.size() + 1);
  const int64_t inner = Count(std::span(dims).subspan(axis));
  dims.insert(dims.begin() + static_cast<int64_t>(axis), depth);
  CheckResult(dims);
  Tensor result(values.type(), dims);
  VisitWord(values.type(), [&]<typename T>() {
    const T* value = Words<T>(values);
    T* to = Words<T>(result);
    std::fill_n(to, result.elements(), value[0]);
    for (size_t i = 0; i < indices.size(); ++i) {
      const int64_t index = indices[i] < 0 ? indices[i] + depth : indices[i];
      if (index < 0 || index >= depth) continue;  // ONNX: all values are `off`
      const auto at = static_cast<int64_t>(i);
      to[(at / inner * depth + index) * inner + at % inner] = value[1];
    }
  });
  return {std::move(result)};
}

/// Of operators that keep all elements in their order.
Gradients ReshapedGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  gradients[0] = call.Of().Reshaped(call.input_dims[0]);
  return gradients;
}

/// Between floating types; what rounding does to the value is passed over.
Gradients CastGradient(const GradientCall& call) {
  if (!IsFloating(call.Of().type())) throw Error("integers have no gradient");
  Gradients gradients = call.None();
  gradients[0] = call.Of().Cast(DataType::float32);
  return gradients;
}

constexpr Operator kShapeOperators[] = {
    {"Shape", ShapeOf, Precision::any},
    {"Size", SizeOf, Precision::any},
    Trainable({"Reshape", Reshape, Precision::any}, {.run = ReshapedGradient}),
    Trainable({"Flatten", Flatten, Precision::any}, {.run = ReshapedGradient}),
    Trainable({"Squeeze", Squeeze, Precision::any}, {.run = ReshapedGradient}),
    Trainable({"Unsqueeze", Unsqueeze, Precision::any}, {.run = ReshapedGradient}),
    Trainable({"Identity", Identity, Precision::any}, {.run = ReshapedGradient}),
    Trainable({"Dropout", Dropout, Precision::any}, {.run = ReshapedGradient}),
    Trainable({"Cast", Cast, Precision::any, WhyNotCast}, {.run = CastGradient}),
    {"CastLike", CastLike, Precision::any},
    {"ConstantOfShape", ConstantOfShape, Precision::any},
    {"Range", Range},
    {"EyeLike", EyeLike, Precision::any},
    {"OneHot", OneHot, Precision::any},
};

}  // namespace

OperatorRows ShapeOperators() { return kShapeOperators; }

}  // namespace lutra::converter::executor
