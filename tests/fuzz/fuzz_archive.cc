// libFuzzer target for archives: the checksum is repaired, then the whole file is decoded.
#include <cstdint>
#include <vector>

#include "converter/archive/archive.h"
#include "converter/error.h"
#include "schema/writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> file(data, data + size);
  lutra::RepairChecksum(file);
  try {
    lutra::converter::archive::Decompress(file);
  } catch (const lutra::converter::Error&) {
  }
  return 0;
}
