// Conv and Linear with int16 inputs (compute wide): the high bytes of the input are multiplied
// into int32 sums, then the low ones, whose epilogue adds both up (kernels/wide.h). Bytes and sums
// lie in the work space that all threads share, so any form of weights and any kernel serves.
#pragma once

#include "runtime/operator.h"

namespace lutra {

struct WideProduct {
  kernels::GemmProblem high, low;
  size_t input_elements = 0;  ///< from the first to the last that is read
  size_t threads = 1;
};

/// `problem` is not planned yet and has no epilogue. Raises the scope's needs.
WideProduct PlanWideProduct(PlanScope& scope, const kernels::GemmProblem& problem, size_t threads);

void RunWideProduct(const WideProduct& product, const kernels::Row& row, const int16_t* input,
                    const void* packed, void* out, const Execution& execution);

}  // namespace lutra
