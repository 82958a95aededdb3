// Operators that move whole boxes of elements: Transpose, Concat, Split, Slice, Expand, Tile,
// DepthToSpace, SpaceToDepth, Trilu, ReverseSequence.
#include <algorithm>
#include <numeric>

#include "converter/executor/operator.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

Results Transpose(const Call& call) {
  const Tensor& x = call.Input(0);
  Shape reversed(x.rank());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return {Transposed(x, call.node.Ints("perm", reversed))};
}

Results Expand(const Call& call) {
  const Tensor& x = call.Input(0);
  return {BroadcastTo(x, BroadcastShape(x.dims(), call.Input(1).ToInts()))};
}

Results Concat(const Call& call) {
  const Tensor& first = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", 0), first.rank());
  Shape dims = first.dims();
  dims[axis] = 0;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Tensor& x = call.Input(i);
    bool fits = x.type() == first.type() && x.rank() == first.rank();
    for (size_t d = 0; fits && d < dims.size(); ++d) {
      fits = d == axis || x.dims()[d] == dims[d];
    }
    if (!fits) {
      throw Error("input " + std::to_string(i) + " of shape " + DimsText(x.dims()) +
                  " does not fit the first, of " + DimsText(first.dims()));
    }
    dims[axis] += x.dims()[axis];
  }
  Tensor result(first.type(), dims);
  const size_t bytes = ElementBytes(first.type());
  const Shape strides = Strides(dims);
  std::byte* to = result.bytes().data();
  for (const Tensor* x : call.inputs) {
    CopyStrided(bytes, x->dims(), x->bytes().data(), Strides(x->dims()), to, strides);
    to += static_cast<size_t>(x->dims()[axis] * strides[axis]) * bytes;
  }
  return {std::move(result)};
}

/// Sizes from the second input, else equal chunks (the last one smaller) for every output.
Shape SplitSizes(const Call& call, int64_t length) {
  if (const Tensor* split = call.Optional(1)) {
    const Shape sizes = split->ToInts();
    const bool negative = std::ranges::any_of(sizes, [](int64_t size) { return size < 0; });
    if (negative) throw Error("a size is negative");
    int64_t rest = length;
    for (const int64_t size : sizes) rest = size > rest ? -1 : rest - size;
    if (rest != 0) throw Error("the sizes do not add up to the axis, " + std::to_string(length));
    return sizes;
  }
  const auto outputs = static_cast<int64_t>(call.node.outputs.size());
  const int64_t parts = call.node.Int("num_outputs", outputs);
  if (parts != outputs) throw Error("'num_outputs' is not the number of outputs");
  const int64_t chunk = (length + parts - 1) / parts;
  Shape sizes;
  for (int64_t i = 0; i < parts; ++i) {
    sizes.push_back(std::clamp<int64_t>(length - i * chunk, 0, chunk));
  }
  return sizes;
}

Results Split(const Call& call) {
  const Tensor& x = call.Input(0);
  const size_t axis = Axis(call.node.Int("axis", 0), x.rank());
  const Shape strides = Strides(x.dims());
  const size_t bytes = ElementBytes(x.type());
  const std::byte* from = x.bytes().data();
  Results results;
  for (const int64_t size : SplitSizes(call, x.dims()[axis])) {
    Shape dims = x.dims();
    dims[axis] = size;
    Tensor part(x.type(), dims);
    CopyStrided(bytes, dims, from, strides, part.bytes().data(), Strides(dims));
    from += static_cast<size_t>(size * strides[axis]) * bytes;
    results.push_back(std::move(part));
  }
  return results;
}

/// Inputs: starts, ends, axes (all), steps (1).
Results Slice(const Call& call) {
  const Tensor& x = call.Input(0);
  const Shape starts = call.Input(1).ToInts(), ends = call.Input(2).ToInts();
  Shape axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (const Tensor* given = call.Optional(3)) axes = given->ToInts();
  Shape steps(starts.size(), 1);
  if (const Tensor* given = call.Optional(4)) steps = given->ToInts();
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    throw Error("starts, ends, axes and steps differ in length");
  }
  Shape dims = x.dims(), strides = Strides(x.dims());
  int64_t offset = 0;
  const Shape own = strides;
  std::vector<bool> cut(x.rank(), false);
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = Axis(axes[i], x.rank());
    if (cut[axis]) throw Error("axis " + std::to_string(axis) + " is given twice");
    cut[axis] = true;
    const int64_t n = x.dims()[axis], step = steps[i];
    if (step == 0) throw Error("a step is 0");
    const auto bound = [&](int64_t index) {
      if (index < 0) index = index < -n ? -1 : index + n;
      return step > 0 ? std::clamp<int64_t>(index, 0, n)
                      : std::clamp<int64_t>(index, -1, std::max<int64_t>(n - 1, -1));
    };
    const int64_t start = std::max<int64_t>(bound(starts[i]), 0), end = bound(ends[i]);
    const int64_t span = step > 0 ? end - start : start - end;
    const int64_t width = step > 0 ? step : -std::max(step, -INT64_MAX);
    dims[axis] = n == 0 || span <= 0 ? 0 : (span - 1) / width + 1;
    if (dims[axis] > 0) offset += start * own[axis];
    strides[axis] = dims[axis] > 1 ? step * own[axis] : own[axis];
  }
  Tensor result(x.type(), dims);
  const size_t bytes = ElementBytes(x.type());
  CopyStrided(bytes, dims, x.bytes().data() + static_cast<size_t>(offset) * bytes, strides,
              result.bytes().data(), Strides(dims));
  return {std::move(result)};
}

Results Tile(const Call& call) {
  const Tensor& x = call.Input(0);
  const Shape repeats = call.Input(1).ToInts();
  if (repeats.size() != x.rank()) throw Error("one repeat per axis is needed");
  Shape dims = x.dims();
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    if (repeats[axis] < 0 || repeats[axis] > kLargestAxis) throw Error("a repeat is out of range");
    dims[axis] *= repeats[axis];
  }
  CheckResult(dims);
  std::vector<Shape> maps(x.rank());
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    for (int64_t i = 0; i < repeats[axis] * x.dims()[axis]; ++i) {
      maps[axis].push_back(i % x.dims()[axis]);
    }
  }
  return {SelectAxes(x, maps)};
}

int64_t BlockSize(const Call& call) {
  const int64_t block = call.node.Int("blocksize", 0);
  if (block < 1 || block > 1024) throw Error("'blocksize' is not between 1 and 1024");
  if (call.Input(0).rank() != 4) throw Error("the input has not four axes");
  return block;
}

Results DepthToSpace(const Call& call) {
  const Tensor& x = call.Input(0);
  const int64_t b = BlockSize(call), n = x.dims()[0], h = x.dims()[2], w = x.dims()[3];
  const int64_t c = x.dims()[1] / (b * b);
  const bool crd = call.node.String("mode", "DCR") == "CRD";
  const Tensor blocks = x.Reshaped(crd ? Shape{n, c, b, b, h, w} : Shape{n, b, b, c, h, w});
  const Tensor moved = Transposed(blocks, crd ? Shape{0, 1, 4, 2, 5, 3} : Shape{0, 3, 4, 1, 5, 2});
  return {moved.Reshaped({n, c, h * b, w * b})};
}

Results SpaceToDepth(const Call& call) {
  const Tensor& x = call.Input(0);
  const int64_t b = BlockSize(call), n = x.dims()[0], c = x.dims()[1];
  const int64_t h = x.dims()[2] / b, w = x.dims()[3] / b;
  const Tensor moved = Transposed(x.Reshaped({n, c, h, b, w, b}), Shape{0, 3, 5, 1, 2, 4});
  return {moved.Reshaped({n, c * b * b, h, w})};
}

Results Trilu(const Call& call) {
  Tensor x = call.Input(0);
  if (x.rank() < 2) throw Error("the input is not a matrix");
  const int64_t rows = x.dims()[x.rank() - 2], columns = x.dims()[x.rank() - 1];
  const Tensor* offset = call.Optional(1);
  const int64_t k = offset == nullptr ? 0 : FirstInt(*offset);
  const bool upper = call.node.Int("upper", 1) != 0;
  VisitWord(x.type(), [&]<typename T>() {
    T* at = Words<T>(x);
    for (size_t i = 0; i < x.elements(); ++i) {
      const auto index = static_cast<int64_t>(i);
      const int64_t row = index / columns % rows, column = index % columns;
      if (upper ? column - row < k : column - row > k) at[i] = 0;
    }
  });
  return {std::move(x)};
}

/// The first lengths[b] steps of every sequence in reverse order.
Results ReverseSequence(const Call& call) {
  const Tensor& x = call.Input(0);
  const Shape lengths = call.Input(1).ToInts();
  const size_t time = Axis(call.node.Int("time_axis", 0), x.rank());
  const size_t batch = Axis(call.node.Int("batch_axis", 1), x.rank());
  if (static_cast<int64_t>(lengths.size()) != x.dims()[batch])
    throw Error("one length per sequence is needed");
  const Shape strides = Strides(x.dims());
  Tensor result(x.type(), x.dims());
  VisitWord(x.type(), [&]<typename T>() {
    for (size_t i = 0; i < x.elements(); ++i) {
      const auto index = static_cast<int64_t>(i);
      const int64_t t = index / strides[time] % x.dims()[time];
      const int64_t length = lengths[index / strides[batch] % x.dims()[batch]];
      if (length > x.dims()[time]) throw Error("a length is larger than the time axis");
      const int64_t source = t < length ? length - 1 - t : t;
      Words<T>(result)[i] = Words<T>(x)[index + (source - t) * strides[time]];
    }
  });
  return {std::move(result)};
}

constexpr Operator kCopyOperators[] = {
    {"Transpose", Transpose, Precision::any},
    {"Expand", Expand, Precision::any},
    {"Concat", Concat, Precision::any},
    {"Split", Split, Precision::any},
    {"Slice", Slice, Precision::any},
    {"Tile", Tile, Precision::any},
    {"DepthToSpace", DepthToSpace, Precision::any, nullptr, true},
    {"SpaceToDepth", SpaceToDepth, Precision::any, nullptr, true},
    {"Trilu", Trilu, Precision::any},
    {"ReverseSequence", ReverseSequence, Precision::any},
};

}  // namespace

OperatorRows CopyOperators() { return kCopyOperators; }

}  // namespace lutra::converter::executor
