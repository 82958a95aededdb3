// Writes pickles and PyTorch files byte by byte, independently of the reader and of Python: opcodes
// as Python's pickletools lists them, the zip format as its specification (APPNOTE.TXT) has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::test {

/// A pickle of protocol 2; every call appends one instruction or a value made of some.
class Pickle {
 public:
  Pickle() { Raw("\x80\x02"); }
  explicit Pickle(std::string_view prologue) { Raw(prologue); }

  Pickle& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  Pickle& Text(std::string_view text) { return Raw("X").Word(text.size()).Raw(text); }
  Pickle& Int(int64_t value) {  // LONG1 of eight bytes
    Raw("\x8a\x08");
    for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Pickle& Global(std::string_view module, std::string_view name) {
    return Raw("c").Raw(module).Raw("\n").Raw(name).Raw("\n");
  }
  Pickle& Ints(const std::vector<int64_t>& values) {
    Raw("(");
    for (const int64_t value : values) Int(value);
    return Raw("t");
  }
  Pickle& Storage(std::string_view type, std::string_view key, int64_t elements,
                  bool legacy = false) {
    Raw("(").Text("storage").Global("torch", type).Text(key).Text("cpu").Int(elements);
    if (legacy) Raw("N");
    return Raw("tQ");
  }
  /// _rebuild_tensor_v2(storage, offset, sizes, strides, False, OrderedDict())
  Pickle& Tensor(std::string_view type, std::string_view key, int64_t elements, int64_t offset,
                 const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
                 bool legacy = false) {
    Global("torch._utils", "_rebuild_tensor_v2").Raw("(");
    Storage(type, key, elements, legacy).Int(offset).Ints(sizes).Ints(strides);
    return Raw("\x89").Global("collections", "OrderedDict").Raw(")RtR");
  }
  std::string Stop() const { return bytes_ + "."; }

 private:
  Pickle& Word(uint64_t value) {
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string bytes_;
};

struct ZipEntry {
  std::string name, bytes;
  uint16_t method = 0;  ///< what the headers claim: 0 stored, 8 deflated
};

std::vector<uint8_t> ZipOf(const std::vector<ZipEntry>& entries);

/// NAME/data.pkl, NAME/data/KEY of each storage, NAME/version.
std::vector<uint8_t> TorchZipOf(const std::string& pickle,
                                const std::vector<std::pair<std::string, std::string>>& storages);

/// The five pickles before torch 1.6, and the storages (key, elements, bytes).
struct LegacyStorage {
  std::string key;
  int64_t elements;
  std::string bytes;
};
std::vector<uint8_t> TorchLegacyOf(const std::string& pickle,
                                   const std::vector<LegacyStorage>& storages);

/// The bytes of values, little endian.
template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline std::vector<uint8_t> ToBytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace lutra::test
