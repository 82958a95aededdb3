// The operators of a model, a line for each member of the schema's union Options: what dispatches
// to a family (validate/operators.cc, runtime/operators.cc) is made from this list. OPERATOR(name,
// takes_constants): whether an input besides the weights may be a constant of the file.
#pragma once

#include "model_generated.h"

#define LUTRA_OPERATORS(OPERATOR) \
  OPERATOR(Conv, false)           \
  OPERATOR(Linear, false)         \
  OPERATOR(MatMul, true)          \
  OPERATOR(Binary, true)          \
  OPERATOR(Pool, false)           \
  OPERATOR(Reduce, false)         \
  OPERATOR(Resize, false)         \
  OPERATOR(Transpose, false)      \
  OPERATOR(Slice, false)          \
  OPERATOR(Pad, false)            \
  OPERATOR(Concat, true)          \
  OPERATOR(Reshape, false)        \
  OPERATOR(Softmax, false)        \
  OPERATOR(Lookup, false)         \
  OPERATOR(Unary, true)           \
  OPERATOR(Quantize, false)       \
  OPERATOR(Dequantize, false)     \
  OPERATOR(Requantize, false)

namespace lutra {

#define LUTRA_COUNT(name, takes_constants) +1
static_assert(LUTRA_OPERATORS(LUTRA_COUNT) == static_cast<int>(schema::Options::MAX),
              "an operator of model.fbs is not in this list");
#undef LUTRA_COUNT

}  // namespace lutra
