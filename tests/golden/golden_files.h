// The stored golden models, for the tests that open them.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace lutra::test {

struct GoldenFile {
  const char* name;
  uint32_t crc;  ///< CRC-32C of all its bytes: the files never change
};

constexpr GoldenFile kGoldenFiles[] = {
    {"integer", 0x173DFE2B}, {"mixed", 0x7A06AB90}, {"codebook", 0xA3901EC9}};

inline std::vector<uint8_t> ReadGolden(const GoldenFile& golden) {
  std::ifstream in(std::string(LUTRA_SOURCE_DIR "/tests/golden/") + golden.name + ".lutra",
                   std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace lutra::test
