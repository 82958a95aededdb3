// libFuzzer target for the loader and one inference. The checksum is repaired, for otherwise hardly
// a mutation would get past it; the byte that stood there chooses the row.
#include <cstdint>
#include <vector>

#include "fuzz/run_model.h"
#include "lutra/lutra.h"
#include "schema/container.h"
#include "schema/writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= lutra::kChecksumOffset) return 0;
  size_t rows = 0;
  while (lutra_row_name(rows) != nullptr) ++rows;
  const char* row = lutra_row_name(data[lutra::kChecksumOffset] % rows);
  if (lutra_row_available(row) == 0) row = "reference";
  std::vector<uint8_t> file(data, data + size);
  lutra::RepairChecksum(file);
  lutra::test::RunModel(file.data(), file.size(), row);
  return 0;
}
