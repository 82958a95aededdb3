#include "converter/graph/shape.h"

#include <algorithm>
#include <string>

#include "converter/error.h"

namespace lutra::converter {
namespace {

bool IsAxis(int64_t axis, size_t rank) {
  const auto signed_rank = static_cast<int64_t>(rank);
  return axis >= -signed_rank && axis < signed_rank;
}

size_t FromStart(int64_t axis, size_t rank) {
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis);
}

std::string NoAxis(int64_t axis, size_t rank) {
  return "axis " + std::to_string(axis) + " is outside a tensor of " + std::to_string(rank) +
         " axes";
}

}  // namespace

void CheckResult(std::span<const int64_t> dims) {
  constexpr uint64_t kMostElements = uint64_t{1} << 28;
  ElementCount(dims);  // bounds the product below
  uint64_t elements = 1;
  for (const int64_t dim : dims) elements *= dim == 0 ? 1 : static_cast<uint64_t>(dim);
  const bool long_axis = std::ranges::any_of(dims, [](int64_t dim) { return dim > kLargestAxis; });
  if (long_axis || elements > kMostElements) {
    throw Error("the result, " + DimsText(dims) + ", is too large");
  }
}

int64_t Count(std::span<const int64_t> dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

Shape Strides(std::span<const int64_t> dims) {
  Shape strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;)
    strides[i - 1] = strides[i] * std::max<int64_t>(dims[i], 1);
  return strides;
}

size_t Axis(int64_t axis, size_t rank) {
  if (!IsAxis(axis, rank)) throw Error(NoAxis(axis, rank));
  return FromStart(axis, rank);
}

size_t AxisOf(const Node& node, int64_t axis, size_t rank) {
  if (!IsAxis(axis, rank)) Fail(node, NoAxis(axis, rank));
  return FromStart(axis, rank);
}

std::vector<size_t> Axes(std::span<const int64_t> axes, size_t rank) {
  std::vector<size_t> result;
  for (const int64_t axis : axes) result.push_back(Axis(axis, rank));
  return result;
}

Shape BroadcastShape(std::span<const int64_t> a, std::span<const int64_t> b) {
  const size_t rank = std::max(a.size(), b.size());
  Shape dims(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.size() < rank ? 1 : a[i + a.size() - rank];
    const int64_t y = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (x != y && x != 1 && y != 1) {
      throw Error("shapes " + DimsText(a) + " and " + DimsText(b) + " do not broadcast");
    }
    dims[i] = x == 1 ? y : x;
  }
  return dims;
}

Shape BroadcastStrides(std::span<const int64_t> dims, std::span<const int64_t> as) {
  if (dims.size() > as.size()) {
    throw Error("shape " + DimsText(dims) + " does not broadcast to " + DimsText(as));
  }
  const Shape own = Strides(dims);
  Shape strides(as.size(), 0);
  const size_t lead = as.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == as[lead + i]) {
      strides[lead + i] = dims[i] == 1 ? 0 : own[i];
    } else if (dims[i] != 1) {
      throw Error("shape " + DimsText(dims) + " does not broadcast to " + DimsText(as));
    }
  }
  return strides;
}

}  // namespace lutra::converter
