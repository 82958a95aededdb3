#include "converter/checkpoint/pickle_writer.h"

#include <zlib.h>

namespace lutra::test {
namespace {

void Put(std::string& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i, value >>= 8) to += static_cast<char>(value);
}

/// The fields that local and central headers have in common.
void PutCommon(std::string& to, const ZipEntry& entry) {
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(entry.bytes.data()),
                           static_cast<uInt>(entry.bytes.size()));
  Put(to, 20, 2);  // version needed
  Put(to, 0, 2);   // flags
  Put(to, entry.method, 2);
  Put(to, 0, 4);  // time and date
  Put(to, crc, 4);
  Put(to, entry.bytes.size(), 4);
  Put(to, entry.bytes.size(), 4);
  Put(to, entry.name.size(), 2);
  Put(to, 0, 2);  // extra field
}

}  // namespace

std::vector<uint8_t> ZipOf(const std::vector<ZipEntry>& entries) {
  std::string file, directory;
  for (const ZipEntry& entry : entries) {
    const size_t at = file.size();
    file += "PK\x03\x04";
    PutCommon(file, entry);
    file += entry.name + entry.bytes;
    directory += "PK\x01\x02";
    Put(directory, 20, 2);  // version made by
    PutCommon(directory, entry);
    Put(directory, 0, 2 + 2 + 2 + 4);  // comment, disk, attributes
    Put(directory, at, 4);
    directory += entry.name;
  }
  const size_t at = file.size();
  file += directory;
  file += "PK\x05\x06";
  Put(file, 0, 4);
  Put(file, entries.size(), 2);
  Put(file, entries.size(), 2);
  Put(file, directory.size(), 4);
  Put(file, at, 4);
  Put(file, 0, 2);
  return ToBytes(file);
}

std::vector<uint8_t> TorchZipOf(const std::string& pickle,
                                const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<ZipEntry> entries = {{"net/data.pkl", pickle}};
  for (const auto& [key, bytes] : storages) entries.push_back({"net/data/" + key, bytes});
  entries.push_back({"net/version", "3\n"});
  return ZipOf(entries);
}

std::vector<uint8_t> TorchLegacyOf(const std::string& pickle,
                                   const std::vector<LegacyStorage>& storages) {
  using namespace std::string_literals;
  std::string file = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
  file += Pickle().Int(1001).Stop();
  file += Pickle().Raw("}(").Text("little_endian").Raw("\x88u").Stop();
  file += pickle;
  Pickle keys;
  keys.Raw("](");
  for (const LegacyStorage& storage : storages) keys.Text(storage.key);
  file += keys.Raw("e").Stop();
  for (const LegacyStorage& storage : storages) {
    Put(file, static_cast<uint64_t>(storage.elements), 8);
    file += storage.bytes;
  }
  return ToBytes(file);
}

}  // namespace lutra::test
