// Small networks as ONNX files for a fuzzer to start from: between them, most operators that the
// converter knows, and every construct of ONNX that it reads.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace lutra::test {

struct OnnxNetwork {
  std::string name;
  onnx::ModelProto model;
};

/// All of them can be converted.
std::vector<OnnxNetwork> OnnxNetworks();

}  // namespace lutra::test
