#include "kernels/copy.h"

#include <cstring>

namespace lutra::kernels {
namespace {

/// `count` elements of type T; the common strides get loops of their own, which compilers
/// vectorise or turn into memcpy.
template <typename T>
void CopyLine(const char* in_bytes, char* out_bytes, size_t count, ptrdiff_t in_stride,
              ptrdiff_t out_stride) {
  const auto* in = reinterpret_cast<const T*>(in_bytes);
  auto* out = reinterpret_cast<T*>(out_bytes);
  const auto n = static_cast<ptrdiff_t>(count);
  if (out_stride == 1 && in_stride == 1) {
    std::memcpy(out, in, count * sizeof(T));
  } else if (out_stride == 1 && in_stride == 0) {
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = *in;
  } else if (out_stride == 1) {
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = in[i * in_stride];
  } else {
    for (ptrdiff_t i = 0; i < n; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

/// Indices [begin, end) of dimension `dim` and everything inside it.
template <typename T>
void CopyFrom(const CopyProblem& p, size_t dim, size_t begin, size_t end, const char* in,
              char* out) {
  const ptrdiff_t in_step = p.in_stride[dim] * static_cast<ptrdiff_t>(sizeof(T));
  const ptrdiff_t out_step = p.out_stride[dim] * static_cast<ptrdiff_t>(sizeof(T));
  in += static_cast<ptrdiff_t>(begin) * in_step;
  out += static_cast<ptrdiff_t>(begin) * out_step;
  if (dim + 1 == p.rank || dim + 1 == kMaxRank) {
    CopyLine<T>(in, out, end - begin, p.in_stride[dim], p.out_stride[dim]);
    return;
  }
  for (size_t i = begin; i < end; ++i, in += in_step, out += out_step) {
    CopyFrom<T>(p, dim + 1, 0, p.extent[dim + 1], in, out);
  }
}

template <typename T>
void FillRows(const void* value, void* out, size_t stride, size_t rows, size_t cols) {
  T element;
  std::memcpy(&element, value, sizeof(T));
  for (size_t row = 0; row < rows; ++row) {
    T* line = static_cast<T*>(out) + row * stride;
    for (size_t col = 0; col < cols; ++col) line[col] = element;
  }
}

/// Calls function with a value of an unsigned type of that size.
template <typename Function>
void WithElement(size_t element_bytes, const Function& function) {
  switch (element_bytes) {
    case 1:
      return function(uint8_t{});
    case 2:
      return function(uint16_t{});
    case 4:
      return function(uint32_t{});
    default:
      return function(uint64_t{});
  }
}

}  // namespace

void Simplify(CopyProblem& p) {
  size_t rank = 0;
  for (size_t d = 0; d < p.rank; ++d) {
    if (p.extent[d] == 1) continue;
    const auto extent = static_cast<ptrdiff_t>(p.extent[d]);
    if (rank > 0 && p.in_stride[rank - 1] == p.in_stride[d] * extent &&
        p.out_stride[rank - 1] == p.out_stride[d] * extent) {
      p.extent[rank - 1] *= p.extent[d];
      p.in_stride[rank - 1] = p.in_stride[d];
      p.out_stride[rank - 1] = p.out_stride[d];
      continue;
    }
    p.extent[rank] = p.extent[d];
    p.in_stride[rank] = p.in_stride[d];
    p.out_stride[rank] = p.out_stride[d];
    ++rank;
  }
  if (rank == 0) {  // a single element
    p.extent[0] = 1;
    p.in_stride[0] = p.out_stride[0] = 1;
    rank = 1;
  }
  p.rank = rank;
}

void Copy(const CopyProblem& p, const void* in, void* out, size_t begin, size_t end) {
  const auto* from = static_cast<const char*>(in);
  auto* to = static_cast<char*>(out);
  WithElement(p.element_bytes,
              [&](auto element) { CopyFrom<decltype(element)>(p, 0, begin, end, from, to); });
}

void Fill(const void* value, size_t element_bytes, void* out, size_t stride, size_t rows,
          size_t cols) {
  WithElement(element_bytes,
              [&](auto element) { FillRows<decltype(element)>(value, out, stride, rows, cols); });
}

}  // namespace lutra::kernels
