// NumPy's .npy files, read strictly and written plainly: little-endian, C order, versions 1 to 3,
// booleans, integers and floats. Shared by the command-line tools and the converter; no
// exceptions. The format: numpy.lib.format (NEP 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lutra {

/// What a header says. `kind` is NumPy's letter: 'f' float, 'i' signed, 'u' unsigned, 'b' boolean.
struct NpyHeader {
  char kind = 'f';
  size_t item_bytes = 4;  ///< f: 2, 4, 8; i and u: 1, 2, 4, 8; b: 1
  std::vector<int64_t> shape;
  uint64_t data_offset = 0;  ///< in the file

  uint64_t elements() const;
  std::string TypeName() const;   ///< "float32"
  std::string ShapeText() const;  ///< "[1, 3, 32, 32]"
};

struct NpyArray {
  NpyHeader header;
  std::vector<uint8_t> bytes;
};

/// Calls visit with a value of the C++ type of the array's elements, which are integers or
/// booleans, as bytes of 0 and 1; gives what it returns.
template <typename Visit>
auto VisitIntegers(const NpyHeader& header, const Visit& visit) {
  if (header.kind == 'i') {
    return header.item_bytes == 1   ? visit(int8_t{})
           : header.item_bytes == 2 ? visit(int16_t{})
           : header.item_bytes == 4 ? visit(int32_t{})
                                    : visit(int64_t{});
  }
  return header.item_bytes == 1   ? visit(uint8_t{})
         : header.item_bytes == 2 ? visit(uint16_t{})
         : header.item_bytes == 4 ? visit(uint32_t{})
                                  : visit(uint64_t{});
}

/// Reads the header and checks that the file holds exactly the data it announces. Returns false
/// and fills *error with one line: file, what is wrong, cure.
bool ReadNpyHeader(const std::string& path, NpyHeader* header, std::string* error);

/// The whole array; memory is allocated only after the file's size has been checked.
bool ReadNpy(const std::string& path, NpyArray* array, std::string* error);

/// The file of header.shape elements of the header's type; data_offset is ignored.
std::vector<uint8_t> EncodeNpy(const NpyHeader& header, std::span<const uint8_t> bytes);

/// Writes it, whole or not at all.
bool WriteNpy(const std::string& path, const NpyHeader& header, std::span<const uint8_t> bytes,
              std::string* error);

}  // namespace lutra
