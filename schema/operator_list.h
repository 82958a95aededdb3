// The operators of a model, a line for each member of the schema's union Options: what dispatches
// to a family (validate/operators.cc, runtime/operators.cc) is made from this list.
// OPERATOR(name, takes_constants, types, outputs):
//   takes_constants  whether an input besides the weights may be a constant of the file
//   types            of its inputs and outputs: `real`, float32 and int8, or `any`
//   outputs          how many
#pragma once

#include "model_generated.h"

#define LUTRA_OPERATORS(OPERATOR)      \
  OPERATOR(Conv, false, any, 1)        \
  OPERATOR(Linear, false, any, 1)      \
  OPERATOR(MatMul, true, real, 1)      \
  OPERATOR(Binary, true, real, 1)      \
  OPERATOR(Pool, false, real, 1)       \
  OPERATOR(Reduce, false, real, 1)     \
  OPERATOR(Resize, false, real, 1)     \
  OPERATOR(Transpose, false, any, 1)   \
  OPERATOR(Slice, false, any, 1)       \
  OPERATOR(Pad, false, any, 1)         \
  OPERATOR(Concat, true, any, 1)       \
  OPERATOR(Reshape, false, any, 1)     \
  OPERATOR(Softmax, false, real, 1)    \
  OPERATOR(Lookup, false, real, 1)     \
  OPERATOR(Unary, true, real, 1)       \
  OPERATOR(Quantize, false, any, 1)    \
  OPERATOR(Dequantize, false, real, 1) \
  OPERATOR(Requantize, false, real, 1) \
  OPERATOR(Cast, false, any, 1)        \
  OPERATOR(TopK, false, any, 2)

namespace lutra {

#define LUTRA_COUNT(name, ...) +1
static_assert(LUTRA_OPERATORS(LUTRA_COUNT) == static_cast<int>(schema::Options::MAX),
              "an operator of model.fbs is not in this list");
#undef LUTRA_COUNT

}  // namespace lutra
