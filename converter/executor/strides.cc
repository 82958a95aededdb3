#include "converter/executor/strides.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "converter/error.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

/// Axes of a box of copies, those of length 1 dropped and neighbours merged where both sides allow.
struct Box {
  Shape dims, from, to;
};

Box Collapse(std::span<const int64_t> dims, std::span<const int64_t> from,
             std::span<const int64_t> to) {
  Box box;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (!box.dims.empty() && box.from.back() == from[i] * dims[i] &&
        box.to.back() == to[i] * dims[i]) {
      box.dims.back() *= dims[i];
      box.from.back() = from[i];
      box.to.back() = to[i];
    } else {
      box.dims.push_back(dims[i]);
      box.from.push_back(from[i]);
      box.to.push_back(to[i]);
    }
  }
  if (box.dims.empty()) box = {{1}, {1}, {1}};
  return box;
}

template <typename T>
void CopyAxis(const Box& box, size_t axis, const T* from, T* to) {
  const int64_t n = box.dims[axis], from_stride = box.from[axis], to_stride = box.to[axis];
  if (axis + 1 < box.dims.size()) {
    for (int64_t i = 0; i < n; ++i) {
      CopyAxis(box, axis + 1, from + i * from_stride, to + i * to_stride);
    }
  } else if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

void AddAxis(const Box& box, size_t axis, const float* from, double* to) {
  const int64_t n = box.dims[axis], from_stride = box.from[axis], to_stride = box.to[axis];
  if (axis + 1 < box.dims.size()) {
    for (int64_t i = 0; i < n; ++i)
      AddAxis(box, axis + 1, from + i * from_stride, to + i * to_stride);
  } else if (to_stride == 1) {
    for (int64_t i = 0; i < n; ++i) to[i] += from[i];
  } else {
    // Four sums, so that an addition need not wait for the last one.
    double sums[4] = {};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      for (int64_t k = 0; k < 4; ++k) sums[k] += from[i + k];
    }
    for (; i < n; ++i) sums[0] += from[i];
    *to += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
}

template <typename T>
struct Selection {
  const std::vector<Shape>& maps;
  const Shape& strides;
  const Shape& counts;  ///< elements of the result below one step of each axis
  T fill;

  T* Copy(size_t axis, const T* from, T* to) const {
    if (axis == maps.size()) {
      *to = *from;
      return to + 1;
    }
    for (const int64_t index : maps[axis]) {
      if (index < 0) {
        to = std::fill_n(to, counts[axis], fill);
      } else if (axis + 1 == maps.size()) {
        *to++ = from[index];
      } else {
        to = Copy(axis + 1, from + index * strides[axis], to);
      }
    }
    return to;
  }
};

/// Selection backwards.
struct Scattering {
  const std::vector<Shape>& maps;
  const Shape& strides;
  const Shape& counts;

  const float* Add(size_t axis, const float* from, float* to) const {
    if (axis == maps.size()) {
      *to += *from;
      return from + 1;
    }
    for (const int64_t index : maps[axis]) {
      if (index < 0) {
        from += counts[axis];
      } else if (axis + 1 == maps.size()) {
        to[index] += *from++;
      } else {
        from = Add(axis + 1, from, to + index * strides[axis]);
      }
    }
    return from;
  }
};

Shape RotateChannels(size_t rank, bool to_nchw) {
  if (rank < 3) throw Error("a spatial operator needs at least three axes");
  Shape perm(rank);
  const auto last = static_cast<int64_t>(rank) - 1;
  perm[0] = 0;
  for (int64_t i = 1; i <= last; ++i) {
    perm[i] = to_nchw ? (i == 1 ? last : i - 1) : (i == last ? 1 : i + 1);
  }
  return perm;
}

}  // namespace

Shape Offsets(std::span<const int64_t> dims, std::span<const int64_t> strides) {
  Shape offsets{0};
  offsets.reserve(static_cast<size_t>(Count(dims)));
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    // Each offset so far is followed by those along the next axis.
    const Shape outer = std::move(offsets);
    offsets = Shape();
    offsets.reserve(outer.size() * static_cast<size_t>(dims[axis]));
    for (const int64_t base : outer) {
      for (int64_t i = 0; i < dims[axis]; ++i) offsets.push_back(base + i * strides[axis]);
    }
  }
  return offsets;
}

void CopyStrided(size_t bytes, std::span<const int64_t> dims, const std::byte* from,
                 std::span<const int64_t> from_strides, std::byte* to,
                 std::span<const int64_t> to_strides) {
  if (Count(dims) == 0) return;
  const Box box = Collapse(dims, from_strides, to_strides);
  const auto copy = [&]<typename T>() {
    CopyAxis(box, 0, reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to));
  };
  switch (bytes) {
    case 1:
      return copy.operator()<uint8_t>();
    case 2:
      return copy.operator()<uint16_t>();
    case 4:
      return copy.operator()<uint32_t>();
    default:
      return copy.operator()<uint64_t>();
  }
}

Tensor Transposed(const Tensor& tensor, std::span<const int64_t> perm) {
  if (perm.size() != tensor.rank()) {
    throw Error("a permutation of " + std::to_string(perm.size()) + " axes for a tensor of " +
                DimsText(tensor.dims()));
  }
  const Shape own = Strides(tensor.dims());
  Shape dims, strides;
  std::vector<bool> taken(perm.size(), false);
  for (const int64_t p : perm) {
    const size_t axis = Axis(p, tensor.rank());
    if (taken[axis]) throw Error("the permutation names axis " + std::to_string(axis) + " twice");
    taken[axis] = true;
    dims.push_back(tensor.dims()[axis]);
    strides.push_back(own[axis]);
  }
  Tensor result(tensor.type(), dims);
  CopyStrided(ElementBytes(tensor.type()), dims, tensor.bytes().data(), strides,
              result.bytes().data(), Strides(dims));
  return result;
}

Tensor BroadcastTo(const Tensor& tensor, const Shape& dims) {
  CheckResult(dims);
  Tensor result(tensor.type(), dims);
  CopyStrided(ElementBytes(tensor.type()), dims, tensor.bytes().data(),
              BroadcastStrides(tensor.dims(), dims), result.bytes().data(), Strides(dims));
  return result;
}

Tensor SumTo(Tensor tensor, const Shape& dims) {
  if (tensor.dims() == dims) return tensor;
  const Shape to = BroadcastStrides(dims, tensor.dims());
  Tensor result(DataType::float32, dims);
  if (tensor.elements() == 0) return result;
  std::vector<double> sums(result.elements());
  AddAxis(Collapse(tensor.dims(), Strides(tensor.dims()), to), 0, Words<float>(tensor),
          sums.data());
  std::ranges::transform(sums, result.as<float>().begin(),
                         [](double sum) { return static_cast<float>(sum); });
  return result;
}

Tensor SelectAxes(const Tensor& tensor, const std::vector<Shape>& maps, const Tensor* fill) {
  if (fill != nullptr && (fill->type() != tensor.type() || fill->elements() != 1)) {
    throw Error("the fill value is not one element of the input's type");
  }
  Shape dims;
  for (const Shape& map : maps) dims.push_back(static_cast<int64_t>(map.size()));
  Tensor result(tensor.type(), dims);
  if (result.elements() == 0) return result;
  const Shape strides = Strides(tensor.dims()), counts = Strides(dims);
  VisitWord(tensor.type(), [&]<typename T>() {
    const T value = fill == nullptr ? T{0} : *Words<T>(*fill);
    Selection<T>{maps, strides, counts, value}.Copy(0, Words<T>(tensor), Words<T>(result));
  });
  return result;
}

Tensor SumSelected(const Tensor& tensor, const std::vector<Shape>& maps, const Shape& dims) {
  Tensor result(DataType::float32, dims);
  if (tensor.elements() == 0) return result;
  const Shape strides = Strides(dims), counts = Strides(tensor.dims());
  Scattering{maps, strides, counts}.Add(0, tensor.as<float>().data(), result.as<float>().data());
  return result;
}

Tensor ToNchw(const Tensor& tensor) {
  return Transposed(tensor, RotateChannels(tensor.rank(), true));
}

Tensor FromNchw(const Tensor& tensor) {
  return Transposed(tensor, RotateChannels(tensor.rank(), false));
}

}  // namespace lutra::converter::executor
