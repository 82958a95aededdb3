#include "converter/executor/matrix.h"

#include <dnnl.hpp>

#include "converter/error.h"

namespace lutra::converter::executor {

void Multiply(const ConstMatrix& left, const ConstMatrix& right, const Matrix& result) {
  const auto form = [](const ConstMatrix& matrix) { return matrix.turned ? 'T' : 'N'; };
  const auto status =
      dnnl::sgemm(form(left), form(right), result.rows, result.columns, left.columns, 1, left.data,
                  left.step, right.data, right.step, 0, result.data, result.step);
  if (status != dnnl::status::success) throw Error("the product cannot be computed");
}

}  // namespace lutra::converter::executor
