// Caller's option structs, checked and completed, and the choice of the instruction-set row.
#pragma once

#include "kernels/row.h"
#include "lutra/lutra.h"
#include "runtime/team.h"
#include "schema/status.h"

namespace lutra {

/// Defaults for NULL and for the fields an older program does not know.
Status ReadOptions(const lutra_options* options, lutra_options* out);

/// The row of options->row, else of the environment variable LUTRA_CPU, else the best available.
Status ChooseRow(const lutra_options& options, const kernels::Row** out);

Team::Options ToTeamOptions(const lutra_options& options);

/// One block of `bytes` bytes from the caller's memory or allocator. `what` names it in errors.
/// On success *allocator is how to give it back (release == NULL: nothing to do).
Status AllocateBlock(const lutra_options& options, size_t bytes, const char* what, void** block,
                     lutra_allocator* allocator);

}  // namespace lutra
