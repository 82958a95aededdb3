// Every operator family, one per file of this folder. operators.cc maps the schema's options here.
#pragma once

#include "runtime/operator.h"

namespace lutra {

extern const OperatorType kConv;        // conv.cc
extern const OperatorType kLinear;      // linear.cc
extern const OperatorType kMatMul;      // matmul.cc
extern const OperatorType kBinary;      // binary.cc
extern const OperatorType kLookup;      // unary.cc
extern const OperatorType kUnary;       // unary.cc
extern const OperatorType kQuantize;    // quantize.cc
extern const OperatorType kDequantize;  // quantize.cc
extern const OperatorType kRequantize;  // quantize.cc
extern const OperatorType kPool;        // pool.cc
extern const OperatorType kReduce;      // reduce.cc
extern const OperatorType kResize;      // resize.cc
extern const OperatorType kSoftmax;     // softmax.cc
extern const OperatorType kTranspose;   // movement.cc
extern const OperatorType kSlice;       // movement.cc
extern const OperatorType kConcat;      // movement.cc
extern const OperatorType kReshape;     // movement.cc
extern const OperatorType kPad;         // pad.cc

/// For families whose operators keep nothing in the model.
inline Status PrepareNothing(PrepareScope&, Nothing*) { return Status(); }

}  // namespace lutra
