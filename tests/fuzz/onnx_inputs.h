// What the fuzz target for ONNX files shares with the test of its mutations.
#pragma once

#include <onnx/onnx_pb.h>

#include "support/random_numbers.h"

namespace lutra::test {

/// A few random changes to the network, with pieces of `donor`. Mostly repaired then, so that they
/// get further than to the first check: tensors hold as many bytes as their dimensions say.
void MutateOnnx(onnx::ModelProto& model, const onnx::ModelProto& donor, RandomNumbers& random);

}  // namespace lutra::test
