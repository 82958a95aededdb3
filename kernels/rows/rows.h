// The rows that may be compiled in, each defined by its own translation unit in this folder.
#pragma once

#include "kernels/row.h"

namespace lutra::kernels {

const Row& ReferenceRow();

#if defined(__x86_64__)
const Row& Avx512VnniRow();
const Row& AvxVnniRow();
const Row& Avx512Row();
const Row& Avx2Row();
#elif defined(__aarch64__)
const Row& NeonDotprodRow();
const Row& NeonRow();
#endif

}  // namespace lutra::kernels
