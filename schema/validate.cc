// The order of the checks: each may rely on what those before it have shown. See validate/checks.h.
#include "schema/validate.h"

#include <memory>
#include <new>

#include "schema/validate/checks.h"

namespace lutra {

Status Validate(const ModelView& view) {
  validate::Facts facts{view, *view.model, {}};
  LUTRA_RETURN_IF_ERROR(validate::CheckModelFields(facts));
  const size_t count = view.model->tensors()->size();
  const std::unique_ptr<validate::TensorFacts[]> tensors(new (std::nothrow)
                                                             validate::TensorFacts[count]);
  if (tensors == nullptr) {
    return Status::Error(Code::out_of_memory, "no memory to check %zu tensors", count);
  }
  facts.tensors = {tensors.get(), count};
  LUTRA_RETURN_IF_ERROR(validate::CheckTensors(facts));
  LUTRA_RETURN_IF_ERROR(validate::CheckPorts(facts));
  LUTRA_RETURN_IF_ERROR(validate::CheckRecords(facts));
  LUTRA_RETURN_IF_ERROR(validate::CheckOperators(facts));
  return validate::CheckPlan(facts);
}

}  // namespace lutra
