// libFuzzer target for the loader and one inference: the first byte chooses the row, the rest is
// the file, whose checksum is repaired, for otherwise hardly a mutation would get past it.
#include <cstdint>
#include <vector>

#include "fuzz/run_model.h"
#include "lutra/lutra.h"
#include "schema/writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  size_t rows = 0;
  while (lutra_row_name(rows) != nullptr) ++rows;
  const char* row = lutra_row_name(data[0] % rows);
  if (lutra_row_available(row) == 0) row = "reference";
  std::vector<uint8_t> file(data + 1, data + size);
  lutra::RepairChecksum(file);
  lutra::test::RunModel(file.data(), file.size(), row);
  return 0;
}
