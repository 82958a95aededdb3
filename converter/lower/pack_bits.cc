#include "converter/lower/pack_bits.h"

#include <cstddef>

namespace lutra::converter::lowering {

using std::size_t;

std::vector<uint8_t> PackBits(const std::vector<int8_t>& values, int bits) {
  const auto width = static_cast<size_t>(bits);
  std::vector<uint8_t> bytes((values.size() * width + 7) / 8, 0);
  const uint32_t mask = (1U << width) - 1;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t position = i * width;
    const uint32_t shifted = (static_cast<uint8_t>(values[i]) & mask) << (position % 8);
    bytes[position / 8] = static_cast<uint8_t>(bytes[position / 8] | shifted);
    if (shifted > 0xFF) bytes[position / 8 + 1] = static_cast<uint8_t>(shifted >> 8);
  }
  return bytes;
}

}  // namespace lutra::converter::lowering
