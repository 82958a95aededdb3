// Operators that move whole boxes of elements: Transpose, Concat, Split, Slice, Expand, Tile,
// DepthToSpace, SpaceToDepth, Trilu, ReverseSequence.
#include <algorithm>
#include <numeric>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

Shape PermOf(const Node& node, size_t rank) {
  Shape reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return node.Ints("perm", reversed);
}

Results Transpose(const Call& call) {
  const Tensor& x = call.Input(0);
  return {Transposed(x, PermOf(call.node, x.rank()))};
}

/// The permutation that undoes one that Transposed has accepted.
Shape Inverse(const Shape& perm) {
  Shape inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) {
    inverse[Axis(perm[i], perm.size())] = static_cast<int64_t>(i);
  }
  return inverse;
}

Gradients TransposeGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  gradients[0] = Transposed(call.Of(), Inverse(PermOf(call.node, call.input_dims[0].size())));
  return gradients;
}

Results Expand(const Call& call) {
  const Tensor& x = call.Input(0);
  return {BroadcastTo(x, BroadcastShape(x.dims(), call.Input(1).ToInts()))};
}

Gradients ExpandGradient(const GradientCall& call) {
  Gradients gradients = call.None();
  gradients[0] = SumTo(call.Of(), call.input_dims[0]);
  return gradients;
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

/// A part of every wanted input's length along the axis.
Gradients ConcatGradient(const GradientCall& call) {
  const Tensor& g = call.Of();
  const size_t axis = Axis(call.node.Int("axis", 0), g.rank());
  const Shape strides = Strides(g.dims());
  const std::byte* from = g.bytes().data();
  Gradients gradients = call.None();
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Shape& dims = call.input_dims[i];
    if (call.Wants(i)) {
      gradients[i] = Tensor(DataType::float32, dims);
      CopyStrided(sizeof(float), dims, from, strides, gradients[i].bytes().data(), Strides(dims));
    }
    from += static_cast<size_t>(dims[axis] * strides[axis]) * sizeof(float);
  }
  return gradients;
}

/// Sizes from the second input (null: none), else equal chunks (the last one smaller) for every
/// output.
Shape SplitSizes(const Node& node, const Tensor* split, int64_t length) {
  if (split != nullptr) {
    const Shape sizes = split->ToInts();
    const bool negative = std::ranges::any_of(sizes, [](int64_t size) { return size < 0; });
    if (negative) throw Error("a size is negative");
    int64_t rest = length;
    for (const int64_t size : sizes) rest = size > rest ? -1 : rest - size;
    if (rest != 0) throw Error("the sizes do not add up to the axis, " + std::to_string(length));
    return sizes;
  }
  const auto outputs = static_cast<int64_t>(node.outputs.size());
  const int64_t parts = node.Int("num_outputs", outputs);
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
  for (const int64_t size : SplitSizes(call.node, call.Optional(1), x.dims()[axis])) {
    Shape dims = x.dims();
    dims[axis] = size;
    Tensor part(x.type(), dims);
    CopyStrided(bytes, dims, from, strides, part.bytes().data(), Strides(dims));
    from += static_cast<size_t>(size * strides[axis]) * bytes;
    results.push_back(std::move(part));
  }
  return results;
}

/// The axis put together again; parts that nothing depends on have a gradient of zero.
Gradients SplitGradient(const GradientCall& call) {
  const Shape& whole = call.input_dims[0];
  const size_t axis = Axis(call.node.Int("axis", 0), whole.size());
  const Shape strides = Strides(whole);
  const Shape sizes = SplitSizes(call.node, call.Optional(1), whole[axis]);
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, whole);
  std::byte* to = gradients[0].bytes().data();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i < call.gradients.size() && call.gradients[i] != nullptr) {
      const Tensor& g = *call.gradients[i];
      CopyStrided(sizeof(float), g.dims(), g.bytes().data(), Strides(g.dims()), to, strides);
    }
    to += static_cast<size_t>(sizes[i] * strides[axis]) * sizeof(float);
  }
  return gradients;
}

/// The elements that Slice takes: `offset` and strides are those in the input.
struct Cut {
  Shape dims, strides;
  int64_t offset = 0;
};

/// Inputs: starts, ends, axes (all), steps (1); of a call forward or backward.
template <typename AnyCall>
Cut CutOf(const AnyCall& call, const Shape& x_dims) {
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
  const Shape own = Strides(x_dims);
  Cut cut{x_dims, own};
  std::vector<bool> taken(x_dims.size(), false);
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = Axis(axes[i], x_dims.size());
    if (taken[axis]) throw Error("axis " + std::to_string(axis) + " is given twice");
    taken[axis] = true;
    const int64_t n = x_dims[axis], step = steps[i];
    if (step == 0) throw Error("a step is 0");
    const auto bound = [&](int64_t index) {
      if (index < 0) index = index < -n ? -1 : index + n;
      return step > 0 ? std::clamp<int64_t>(index, 0, n)
                      : std::clamp<int64_t>(index, -1, std::max<int64_t>(n - 1, -1));
    };
    const int64_t start = std::max<int64_t>(bound(starts[i]), 0), end = bound(ends[i]);
    const int64_t span = step > 0 ? end - start : start - end;
    const int64_t width = step > 0 ? step : -std::max(step, -INT64_MAX);
    cut.dims[axis] = n == 0 || span <= 0 ? 0 : (span - 1) / width + 1;
    if (cut.dims[axis] > 0) cut.offset += start * own[axis];
    cut.strides[axis] = cut.dims[axis] > 1 ? step * own[axis] : own[axis];
  }
  return cut;
}

Results Slice(const Call& call) {
  const Tensor& x = call.Input(0);
  const Cut cut = CutOf(call, x.dims());
  Tensor result(x.type(), cut.dims);
  const size_t bytes = ElementBytes(x.type());
  CopyStrided(bytes, cut.dims, x.bytes().data() + static_cast<size_t>(cut.offset) * bytes,
              cut.strides, result.bytes().data(), Strides(cut.dims));
  return {std::move(result)};
}

Gradients SliceGradient(const GradientCall& call) {
  const Cut cut = CutOf(call, call.input_dims[0]);
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, call.input_dims[0]);
  CopyStrided(sizeof(float), cut.dims, call.Of().bytes().data(), Strides(cut.dims),
              gradients[0].bytes().data() + static_cast<size_t>(cut.offset) * sizeof(float),
              cut.strides);
  return gradients;
}

std::vector<Shape> TileMaps(const Shape& x_dims, const Shape& repeats) {
  const size_t rank = x_dims.size();
  if (repeats.size() != rank) throw Error("one repeat per axis is needed");
  Shape dims = x_dims;
  for (size_t axis = 0; axis < rank; ++axis) {
    if (repeats[axis] < 0 || repeats[axis] > kLargestAxis) throw Error("a repeat is out of range");
    dims[axis] *= repeats[axis];
  }
  CheckResult(dims);
  std::vector<Shape> maps(rank);
  for (size_t axis = 0; axis < rank; ++axis) {
    for (int64_t i = 0; i < dims[axis]; ++i) maps[axis].push_back(i % x_dims[axis]);
  }
  return maps;
}

Results Tile(const Call& call) {
  const Tensor& x = call.Input(0);
  return {SelectAxes(x, TileMaps(x.dims(), call.Input(1).ToInts()))};
}

Gradients TileGradient(const GradientCall& call) {
  const Shape& dims = call.input_dims[0];
  Gradients gradients = call.None();
  gradients[0] = SumSelected(call.Of(), TileMaps(dims, call.Input(1).ToInts()), dims);
  return gradients;
}

/// Blocks of pixels and channels that become each other: the input seen as `split`, its axes
/// permuted, and then seen as `result`.
struct BlockMove {
  Shape split, perm, result;
};

int64_t BlockSize(const Node& node, const Shape& dims) {
  const int64_t block = node.Int("blocksize", 0);
  if (block < 1 || block > 1024) throw Error("'blocksize' is not between 1 and 1024");
  if (dims.size() != 4) throw Error("the input has not four axes");
  return block;
}

BlockMove DepthToSpaceMove(const Node& node, const Shape& x) {
  const int64_t b = BlockSize(node, x), n = x[0], c = x[1] / (b * b), h = x[2], w = x[3];
  const Shape result{n, c, h * b, w * b};
  if (node.String("mode", "DCR") == "CRD") {
    return {{n, c, b, b, h, w}, {0, 1, 4, 2, 5, 3}, result};
  }
  return {{n, b, b, c, h, w}, {0, 3, 4, 1, 5, 2}, result};
}

BlockMove SpaceToDepthMove(const Node& node, const Shape& x) {
  const int64_t b = BlockSize(node, x), n = x[0], c = x[1], h = x[2] / b, w = x[3] / b;
  return {{n, c, h, b, w, b}, {0, 3, 5, 1, 2, 4}, {n, c * b * b, h, w}};
}

template <BlockMove (*kMove)(const Node&, const Shape&)>
Results MoveBlocks(const Call& call) {
  const BlockMove move = kMove(call.node, call.Input(0).dims());
  return {Transposed(call.Input(0).Reshaped(move.split), move.perm).Reshaped(move.result)};
}

template <BlockMove (*kMove)(const Node&, const Shape&)>
Gradients MoveBlocksGradient(const GradientCall& call) {
  const BlockMove move = kMove(call.node, call.input_dims[0]);
  Shape moved;
  for (const int64_t axis : move.perm) moved.push_back(move.split[axis]);
  Gradients gradients = call.None();
  gradients[0] =
      Transposed(call.Of().Reshaped(moved), Inverse(move.perm)).Reshaped(call.input_dims[0]);
  return gradients;
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
    Trainable({"Transpose", Transpose, Precision::any}, {.run = TransposeGradient}),
    Trainable({"Expand", Expand, Precision::any}, {.run = ExpandGradient}),
    Trainable({"Concat", Concat, Precision::any}, {.run = ConcatGradient}),
    Trainable({"Split", Split, Precision::any}, {.run = SplitGradient}),
    Trainable({"Slice", Slice, Precision::any}, {.run = SliceGradient}),
    Trainable({"Tile", Tile, Precision::any}, {.run = TileGradient}),
    Trainable({"DepthToSpace", MoveBlocks<DepthToSpaceMove>, Precision::any, nullptr, true},
              {.run = MoveBlocksGradient<DepthToSpaceMove>}),
    Trainable({"SpaceToDepth", MoveBlocks<SpaceToDepthMove>, Precision::any, nullptr, true},
              {.run = MoveBlocksGradient<SpaceToDepthMove>}),
    {"Trilu", Trilu, Precision::any},
    {"ReverseSequence", ReverseSequence, Precision::any},
};

}  // namespace

OperatorRows CopyOperators() { return kCopyOperators; }

}  // namespace lutra::converter::executor
