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
  uint32_t crc;               ///< CRC-32C of all its bytes: the files never change
  const char* raw = nullptr;  ///< entropy coded: the file of the same network with raw weights
};

constexpr GoldenFile kGoldenFiles[] = {{"integer", 0x173DFE2B},
                                       {"mixed", 0x7A06AB90},
                                       {"codebook", 0xA3901EC9},
                                       {"grouped", 0xCCCA8F73},
                                       {"curve", 0xD6546393},
                                       {"wide", 0x514AFFF9},
                                       {"typed", 0x2A194F1C},
                                       {"top_k", 0xCAC5B9F8},
                                       {"coded_none", 0xB42B48C6},
                                       {"coded_huffman", 0xA36C3BCB, "coded_none"},
                                       {"coded_best", 0x47A188DF, "coded_none"},
                                       {"coded_best_2", 0xA637FB22, "coded_none"},
                                       {"coded_best_3", 0x692EFE43, "coded_none"}};

inline std::vector<uint8_t> ReadGolden(const GoldenFile& golden) {
  std::ifstream in(std::string(LUTRA_SOURCE_DIR "/tests/golden/") + golden.name + ".lutra",
                   std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace lutra::test
