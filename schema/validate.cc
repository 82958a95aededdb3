#include "schema/validate.h"

namespace lutra {

Status Validate(const ModelView& view) {
  if (view.model == nullptr) return Status::Error(Code::malformed, "no model");
  return Status();
}

}  // namespace lutra
