// Malformed models by name: what is wrong with each is said by its name, and the exact error it
// must give stands beside it. make_corrupt writes them to tests/corrupt/models, where they stay as
// they are; corrupt_test opens the stored files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "schema/status.h"

namespace lutra::test {

struct CorruptCase {
  std::string name;
  Code code;
  std::string message;
  std::function<std::vector<uint8_t>()> make;
};

std::vector<CorruptCase> ContainerCases();  ///< container_cases.cc: header, blobs, ports, records
std::vector<CorruptCase> TensorCases();     ///< tensor_cases.cc: tensors and the arena plan
std::vector<CorruptCase> OperatorCases();   ///< operator_cases.cc: windows, weights, shapes
std::vector<CorruptCase> CodedCases();      ///< coded_cases.cc: entropy-coded blobs

}  // namespace lutra::test
