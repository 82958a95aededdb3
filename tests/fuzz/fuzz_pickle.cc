// libFuzzer target for the readers of PyTorch checkpoints. The first byte chooses what the rest is:
// the pickle of a zip file with one storage of 64 bytes, or a whole file in either container.
#include <cstdint>
#include <vector>

#include "converter/checkpoint/checkpoint.h"
#include "converter/checkpoint/pickle_writer.h"
#include "converter/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::vector<uint8_t> file(data + 1, data + size);
  if (data[0] % 2 == 0) {
    file = lutra::test::TorchZipOf({file.begin(), file.end()}, {{"0", std::string(64, 'x')}});
  }
  try {
    lutra::converter::checkpoint::ReadCheckpointBytes(file, "fuzz.pt");
  } catch (const lutra::converter::Error&) {
  }
  return 0;
}
