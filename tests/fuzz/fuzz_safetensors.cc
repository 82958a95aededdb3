// libFuzzer target for the safetensors reader: what it accepts must survive being written and read.
#include <cstdint>
#include <cstdlib>

#include "converter/checkpoint/safetensors.h"
#include "converter/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lutra::converter;
  checkpoint::Checkpoint checkpoint;
  try {
    checkpoint = checkpoint::ReadSafetensors({data, size});
  } catch (const Error&) {
    return 0;
  }
  const std::vector<uint8_t> file = checkpoint::WriteSafetensors(checkpoint.tensors);
  if (checkpoint.tensors.empty()) return 0;
  const checkpoint::Checkpoint again = checkpoint::ReadSafetensors(file);
  for (size_t i = 0; i < again.tensors.size(); ++i) {
    if (again.tensors[i].name != checkpoint.tensors[i].name ||
        again.tensors[i].tensor != checkpoint.tensors[i].tensor) {
      std::abort();
    }
  }
  return 0;
}
