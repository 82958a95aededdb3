// TopK over the innermost dimension, float or int8: values and their indices.
#include "schema/validate/checks.h"

namespace lutra::validate {

Status Check(OperatorUse& use, const schema::TopK&) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  LUTRA_RETURN_IF_ERROR(use.WantReal(use.In(0), "an input"));
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  LUTRA_RETURN_IF_ERROR(use.WantOneQuantization());
  if (use.Out(1).type != schema::TensorType::int64) {
    return use.Fail("the indices are %s instead of int64", TypeName(use.Out(1).type));
  }
  Dims want = use.In(0).shape;
  const int64_t k = use.Out().shape.last();
  if (k > want.last()) {
    return use.Fail("%lld of %lld values", static_cast<long long>(k),
                    static_cast<long long>(want.last()));
  }
  want.d[want.rank - 1] = k;
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(want));
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(want, 1));
  return use.WantSamplesApart(want.rank >= 2);
}

}  // namespace lutra::validate
