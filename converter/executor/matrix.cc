#include "converter/executor/matrix.h"

#include <dnnl.hpp>

#include "converter/error.h"
#include "converter/executor/one_thread.h"

namespace lutra::converter::executor {

namespace {

void Product(float factor, const ConstMatrix& left, const ConstMatrix& right, float kept,
             const Matrix& result) {
  const auto form = [](const ConstMatrix& matrix) { return matrix.turned ? 'T' : 'N'; };
  const auto status =
      dnnl::sgemm(form(left), form(right), result.rows, result.columns, left.columns, factor,
                  left.data, left.step, right.data, right.step, kept, result.data, result.step);
  if (status != dnnl::status::success) throw Error("the product cannot be computed");
}

}  // namespace

void Multiply(const ConstMatrix& left, const ConstMatrix& right, const Matrix& result) {
  Product(1, left, right, 0, result);
}

void AddProduct(float factor, const ConstMatrix& left, const ConstMatrix& right,
                const Matrix& result) {
  if (left.columns == 0) return;
  const OneThread alone;
  Product(factor, left, right, 1, result);
}

}  // namespace lutra::converter::executor
