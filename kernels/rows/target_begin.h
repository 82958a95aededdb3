// Included first by every row's translation unit: makes the choice of the Highway target ours.
//
// A row names its HWY_TARGET after this header and before <hwy/highway.h>. No -m flag is used
// anywhere: code outside HWY_BEFORE_NAMESPACE stays within the processor's baseline, so no inline
// function shared with other translation units can be compiled for instructions that are missing.
#pragma once

// Not used, so no row has to ask the processor for them.
#define HWY_DISABLE_PCLMUL_AES 1
#define HWY_DISABLE_F16C 1

#include <hwy/detect_targets.h>

// What the row's translation unit compiles. The benchmark compiles the same units once more with a
// body of its own.
#ifndef LUTRA_ROW_BODY
#define LUTRA_ROW_BODY "kernels/rows/row-inl.h"
#endif

#undef HWY_TARGET

#if HWY_ARCH_ARM
// Highway's dispatched NEON wants AES, which a Raspberry Pi 4 lacks. As a "static" target it is
// compiled for the baseline, which on arm64 includes NEON.
#undef HWY_HAVE_RUNTIME_DISPATCH
#define HWY_HAVE_RUNTIME_DISPATCH 0
#endif
