// Every operator family, one or more per file of this folder. operators.cc maps the schema's
// options here.
#pragma once

#include "runtime/operator.h"
#include "schema/operator_list.h"

namespace lutra {

#define LUTRA_FAMILY(name, ...) extern const OperatorType k##name;
LUTRA_OPERATORS(LUTRA_FAMILY)
#undef LUTRA_FAMILY

/// For families whose operators keep nothing in the model.
inline Status PrepareNothing(PrepareScope&, Nothing*) { return Status(); }

}  // namespace lutra
