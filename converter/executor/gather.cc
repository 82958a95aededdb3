// Operators that read or write at computed indices: the Gather and Scatter families, Compress.
#include <algorithm>
#include <cstring>

#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

int64_t CheckedIndex(int64_t index, int64_t length) {
  if (index < -length || index >= length) {
    throw Error("index " + std::to_string(index) + " is outside an axis of " +
                std::to_string(length));
  }
  return index < 0 ? index + length : index;
}

std::span<const int64_t> From(const Shape& dims, size_t first) {
  return std::span(dims).subspan(first);
}

Results Gather(const Call& call) {
  const Tensor& x = call.Input(0);
  const Tensor& at = call.Input(1);
  const size_t axis = Axis(call.node.Int("axis", 0), x.rank());
  const Shape indices = at.ToInts();
  Shape dims(x.dims().begin(), x.dims().begin() + static_cast<int64_t>(axis));
  dims.insert(dims.end(), at.dims().begin(), at.dims().end());
  const auto rest = From(x.dims(), axis + 1);
  dims.insert(dims.end(), rest.begin(), rest.end());
  CheckResult(dims);
  Tensor result(x.type(), dims);
  const int64_t n = x.dims()[axis];
  const size_t block = static_cast<size_t>(Count(rest)) * ElementBytes(x.type());
  const int64_t outer = Count(std::span(x.dims()).first(axis));
  std::byte* to = result.bytes().data();
  for (int64_t o = 0; o < outer; ++o) {
    for (const int64_t index : indices) {
      const auto row = static_cast<size_t>(o * n + CheckedIndex(index, n));
      if (block > 0) std::memcpy(to, x.bytes().data() + row * block, block);
      to += block;
    }
  }
  return {std::move(result)};
}

/// Offsets in `data` of the elements that an index tensor of the same rank names along `axis`.
Shape ElementOffsets(const Tensor& data, const Tensor& at, size_t axis) {
  if (at.rank() != data.rank()) throw Error("indices and data differ in rank");
  for (size_t i = 0; i < at.rank(); ++i) {
    if (i != axis && at.dims()[i] > data.dims()[i]) throw Error("more indices than data");
  }
  Shape strides = Strides(data.dims());
  const int64_t along = strides[axis];
  strides[axis] = 0;
  Shape offsets = Offsets(at.dims(), strides);
  const Shape indices = at.ToInts();
  for (size_t i = 0; i < indices.size(); ++i) {
    offsets[i] += along * CheckedIndex(indices[i], data.dims()[axis]);
  }
  return offsets;
}

/// Offsets of the blocks that rows of k indices name, below `batch` leading axes common to both.
Shape BlockOffsets(const Tensor& data, const Tensor& at, size_t batch) {
  if (at.rank() == 0) throw Error("the indices are a scalar");
  const auto k = static_cast<size_t>(at.dims().back());
  if (batch >= at.rank() || batch > data.rank() || k > data.rank() - batch) {
    throw Error("more indices than axes");
  }
  if (k == 0) throw Error("the indices are empty");
  if (!std::equal(at.dims().begin(), at.dims().begin() + static_cast<int64_t>(batch),
                  data.dims().begin())) {
    throw Error("the batch axes of indices and data differ");
  }
  const Shape indices = at.ToInts(), strides = Strides(data.dims());
  const size_t rows = k == 0 ? 0 : indices.size() / k;
  const auto batches = static_cast<size_t>(Count(std::span(at.dims()).first(batch)));
  const int64_t batch_stride = Count(From(data.dims(), batch));
  Shape offsets(rows);
  for (size_t row = 0; row < rows; ++row) {
    offsets[row] = static_cast<int64_t>(row / (rows / batches)) * batch_stride;
    for (size_t i = 0; i < k; ++i) {
      offsets[row] +=
          CheckedIndex(indices[row * k + i], data.dims()[batch + i]) * strides[batch + i];
    }
  }
  return offsets;
}

Results GatherElements(const Call& call) {
  const Tensor& x = call.Input(0);
  const Tensor& at = call.Input(1);
  const Shape offsets = ElementOffsets(x, at, Axis(call.node.Int("axis", 0), x.rank()));
  Tensor result(x.type(), at.dims());
  VisitWord(x.type(), [&]<typename T>() {
    std::transform(offsets.begin(), offsets.end(), Words<T>(result),
                   [&](int64_t offset) { return Words<T>(x)[offset]; });
  });
  return {std::move(result)};
}

Results GatherND(const Call& call) {
  const Tensor& x = call.Input(0);
  const Tensor& at = call.Input(1);
  // A negative number becomes one that is larger than any rank.
  const auto batch = static_cast<size_t>(call.node.Int("batch_dims", 0));
  const Shape offsets = BlockOffsets(x, at, batch);
  const auto rest = From(x.dims(), batch + static_cast<size_t>(at.dims().back()));
  Shape dims(at.dims().begin(), at.dims().end() - 1);
  dims.insert(dims.end(), rest.begin(), rest.end());
  CheckResult(dims);
  Tensor result(x.type(), dims);
  const size_t bytes = ElementBytes(x.type());
  const size_t block = static_cast<size_t>(Count(rest)) * bytes;
  std::byte* to = result.bytes().data();
  for (const int64_t offset : offsets) {
    if (block > 0) std::memcpy(to, x.bytes().data() + static_cast<size_t>(offset) * bytes, block);
    to += block;
  }
  return {std::move(result)};
}

/// data[offsets[i] + j] = reduction(itself, updates[i * block + j])
void Scatter(const std::string& reduction, const Shape& offsets, size_t block,
             const Tensor& updates, Tensor& data) {
  if (updates.type() != data.type()) throw Error("updates and data differ in type");
  if (updates.elements() != offsets.size() * block) throw Error("updates do not match the indices");
  const auto apply = [&]<typename T>(const T* from, T* to, const auto& combine) {
    for (size_t i = 0; i < updates.elements(); ++i) {
      T& element = to[offsets[i / block] + static_cast<int64_t>(i % block)];
      element = combine(element, from[i]);
    }
  };
  if (reduction == "none") {
    VisitWord(data.type(), [&]<typename T>() {
      apply(Words<T>(updates), Words<T>(data), [](T, T y) { return y; });
    });
    return;
  }
  VisitNumeric(data.type(), [&]<typename T>() {
    const T* from = updates.as<T>().data();
    T* to = data.as<T>().data();
    if (reduction == "add") {
      apply(from, to, [](T x, T y) { return static_cast<T>(x + y); });
    } else if (reduction == "mul") {
      apply(from, to, [](T x, T y) { return static_cast<T>(x * y); });
    } else if (reduction == "max") {
      apply(from, to, [](T x, T y) { return std::max(x, y); });
    } else {
      apply(from, to, [](T x, T y) { return std::min(x, y); });
    }
  });
}

std::string WhyNotScatter(const Node& node) {
  const std::string reduction = node.String("reduction", "none");
  for (const std::string_view known : {"none", "add", "mul", "max", "min"}) {
    if (reduction == known) return "";
  }
  return "reduction '" + reduction + "' is unknown";
}

Results ScatterElements(const Call& call) {
  Tensor data = call.Input(0);
  const Tensor& at = call.Input(1);
  const Shape offsets = ElementOffsets(data, at, Axis(call.node.Int("axis", 0), data.rank()));
  Scatter(call.node.String("reduction", "none"), offsets, 1, call.Input(2), data);
  return {std::move(data)};
}

Results ScatterND(const Call& call) {
  Tensor data = call.Input(0);
  const Tensor& at = call.Input(1);
  const Shape offsets = BlockOffsets(data, at, 0);
  const auto rest = From(data.dims(), static_cast<size_t>(at.dims().back()));
  Scatter(call.node.String("reduction", "none"), offsets, static_cast<size_t>(Count(rest)),
          call.Input(2), data);
  return {std::move(data)};
}

Results Compress(const Call& call) {
  Tensor x = call.Input(0);
  if (!call.node.Has("axis")) x = x.Reshaped({static_cast<int64_t>(x.elements())});
  const size_t axis = Axis(call.node.Int("axis", 0), x.rank());
  const auto keep = call.Input(1).as<bool>();
  CheckResult(x.dims());
  std::vector<Shape> maps(x.rank());
  for (size_t i = 0; i < x.rank(); ++i) {
    for (int64_t j = 0; j < x.dims()[i]; ++j) {
      const bool kept = i != axis || (static_cast<size_t>(j) < keep.size() && keep[j]);
      if (kept) maps[i].push_back(j);
    }
  }
  return {SelectAxes(x, maps)};
}

/// Every row is added to where it came from.
Gradients GatherGradient(const GradientCall& call) {
  const Shape& dims = call.input_dims[0];
  const size_t axis = Axis(call.node.Int("axis", 0), dims.size());
  const Shape indices = call.Input(1).ToInts();
  const int64_t block = Count(From(dims, axis + 1)), outer = Count(std::span(dims).first(axis));
  Gradients gradients = call.None();
  gradients[0] = Tensor(DataType::float32, dims);
  const float* g = call.Of().as<float>().data();
  float* const to = gradients[0].as<float>().data();
  for (int64_t o = 0; o < outer; ++o) {
    for (const int64_t index : indices) {
      float* const row = to + (o * dims[axis] + CheckedIndex(index, dims[axis])) * block;
      for (int64_t i = 0; i < block; ++i) row[i] += g[i];
      g += block;
    }
  }
  return gradients;
}

constexpr Operator kGatherOperators[] = {
    Trainable({"Gather", Gather, Precision::any}, {.run = GatherGradient}),
    {"GatherElements", GatherElements, Precision::any},
    {"GatherND", GatherND, Precision::any},
    {"ScatterElements", ScatterElements, Precision::wide, WhyNotScatter},
    {"ScatterND", ScatterND, Precision::wide, WhyNotScatter},
    {"Compress", Compress, Precision::any},
};

}  // namespace

OperatorRows GatherOperators() { return kGatherOperators; }

}  // namespace lutra::converter::executor
