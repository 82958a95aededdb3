// Products of plain float32 matrices that lie in memory of others: for what cuts a large product
// into slices by itself, each for one thread. The rows of the table (MatMul, Gemm) are matmul.cc.
#pragma once

#include <cstdint>

namespace lutra::converter::executor {

/// A view of [rows, columns], as it lies (rows `step` elements apart) or turned (columns are).
template <typename T>
struct MatrixOf {
  T* data = nullptr;
  int64_t rows = 0, columns = 0, step = 0;
  bool turned = false;

  MatrixOf Turned() const { return {data, columns, rows, step, !turned}; }
  MatrixOf Rows(int64_t first, int64_t count) const {
    return {data + first * (turned ? 1 : step), count, columns, step, turned};
  }
  MatrixOf Columns(int64_t first, int64_t count) const {
    return Turned().Rows(first, count).Turned();
  }
};

using ConstMatrix = MatrixOf<const float>;
using Matrix = MatrixOf<float>;

/// result = left * right, on the calling thread's OpenMP threads; `result` is not turned. Throws
/// Error when oneDNN cannot.
void Multiply(const ConstMatrix& left, const ConstMatrix& right, const Matrix& result);

/// result += factor * left * right, on the calling thread alone, so that its bits depend on nothing
/// else. Otherwise as above; nothing for a product of no columns and rows.
void AddProduct(float factor, const ConstMatrix& left, const ConstMatrix& right,
                const Matrix& result);

}  // namespace lutra::converter::executor
