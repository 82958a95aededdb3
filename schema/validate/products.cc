// Linear: [.., K] x weights [N][K] -> [.., N]. MatMul: [.., M, K] x [.., K, N] -> [.., M, N] with
// numpy's broadcasting of the leading dimensions.
#include <algorithm>
#include <cstdlib>

#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

/// Largest |q - zero_point|.
int64_t LargestOffset(const TensorFacts& tensor) {
  return std::max(127 - tensor.zero_point, tensor.zero_point + 128);
}

/// Dimension `from_end` counted from the innermost (0), 1 past the rank.
int64_t FromEnd(const Dims& dims, size_t from_end) {
  return from_end < dims.rank ? dims.d[dims.rank - 1 - from_end] : 1;
}

Status ProductShape(const OperatorUse& use, bool transpose_b, Dims* out) {
  const Dims& a = use.In(0).shape;
  const Dims& b = use.In(1).shape;
  const int64_t k = transpose_b ? FromEnd(b, 0) : FromEnd(b, 1);
  if (a.rank < 2 || b.rank < 2 || a.last() != k) {
    return use.Fail("cannot multiply %s by %s", DimsText(a).text, DimsText(b).text);
  }
  out->rank = std::max(a.rank, b.rank);
  out->d[out->rank - 1] = transpose_b ? FromEnd(b, 1) : FromEnd(b, 0);
  out->d[out->rank - 2] = FromEnd(a, 1);
  for (size_t i = 2; i < out->rank; ++i) {
    const int64_t da = FromEnd(a, i);
    const int64_t db = FromEnd(b, i);
    if (da != db && da != 1 && db != 1) {
      return use.Fail("cannot broadcast %s and %s", DimsText(a).text, DimsText(b).text);
    }
    out->d[out->rank - 1 - i] = std::max(da, db);
  }
  return Status();
}

/// Dimension 0 of the product runs over samples: a computed operand must have it at the same place,
/// a constant must repeat along it. In the second operand it must not be part of the matrix.
bool ProductSamplesApart(const OperatorUse& use) {
  const Dims& out = use.Out().shape;
  for (size_t i = 0; i < 2; ++i) {
    const TensorFacts& operand = use.In(i);
    const Dims& dims = operand.shape;
    const bool leads = dims.rank == out.rank;
    const bool is_matrix = dims.rank == 2;
    if (operand.is_constant()) {
      if (leads && (is_matrix ? i == 0 : dims.d[0] != 1)) return false;
    } else if (!leads || dims.d[0] != out.d[0] || (is_matrix && i == 1)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Status Check(OperatorUse& use, const schema::Linear& linear) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  LUTRA_RETURN_IF_ERROR(
      CheckCompute(use, linear.compute(), linear.int_range(), linear.float_range()));
  const Dims& in = use.In(0).shape;
  Dims want = in;
  want.d[want.rank - 1] = use.Out().shape.rank == 0 ? 0 : use.Out().shape.last();
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(want));
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(in.rank >= 2));
  return CheckWeights(use, linear.weights(), linear.compute(), static_cast<uint64_t>(want.last()),
                      static_cast<uint64_t>(in.last()), use.In(0).zero_point, linear.curve());
}

Status Check(OperatorUse& use, const schema::MatMul& matmul) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(2));
  const bool integer = matmul.compute() == schema::Compute::integer;
  if (!integer && matmul.compute() != schema::Compute::float_) {
    return use.Fail("compute is neither integer nor float");
  }
  LUTRA_RETURN_IF_ERROR(
      use.WantType(use.Out(), integer ? schema::TensorType::int8 : schema::TensorType::float32));
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  Dims want;
  LUTRA_RETURN_IF_ERROR(ProductShape(use, matmul.transpose_b(), &want));
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(want));
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(ProductSamplesApart(use)));
  if (!integer) return Status();
  LUTRA_RETURN_IF_ERROR(use.WantMultiplier(matmul.multiplier(), "multiplier"));
  const int64_t largest =
      use.In(0).shape.last() * LargestOffset(use.In(0)) * LargestOffset(use.In(1));
  if (largest > INT32_MAX) {
    return use.Fail("sums up to %lld do not fit int32", static_cast<long long>(largest));
  }
  return Status();
}

}  // namespace lutra::validate
