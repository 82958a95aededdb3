// libFuzzer target for the loader and inferences on every row, which must agree. The checksum is
// repaired, for otherwise hardly a mutation would get past it; what stood there chooses the inputs,
// threads and batch.
#include <cstdint>
#include <vector>

#include "fuzz/run_model.h"
#include "schema/container.h"
#include "schema/writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= lutra::kChecksumOffset) return 0;
  std::vector<uint8_t> file(data, data + size);
  lutra::RepairChecksum(file);
  lutra::test::RunModelEverywhere(file.data(), file.size(), data[lutra::kChecksumOffset]);
  return 0;
}
