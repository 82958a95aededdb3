// Before torch 1.6: five pickles one after another (a magic number, the version 1001, facts about
// the machine, the object, the keys of the storages), then for each key its number of elements as
// int64 and its bytes.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string_view>

#include "converter/checkpoint/pickle.h"
#include "converter/checkpoint/torch.h"
#include "converter/checkpoint/torch_tensors.h"
#include "converter/error.h"

namespace lutra::converter::checkpoint {
namespace {

// LONG1 of ten bytes, 0x1950a86a20f9469cfc6c, as any protocol of 2 and later writes it.
constexpr std::array<uint8_t, 12> kMagic = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                            0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
// The same in the digits of protocol 1.
constexpr std::string_view kTextMagic = "L119547037146038801333356L\n.";
constexpr int64_t kProtocolVersion = 1001;

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  PickleTree Pickle() {
    PickleTree tree = ReadPickle(bytes_.subspan(at_));
    at_ += tree.consumed();
    return tree;
  }

  std::span<const uint8_t> Take(uint64_t count) {
    if (count > bytes_.size() - at_) throw Error("the file is cut off within its storages");
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

void CheckSystem(const PickleTree& tree) {
  const PickleNode& facts = tree[tree.root()];
  for (size_t i = 0; i + 1 < facts.items.size(); i += 2) {
    const bool little = tree[facts.items[i]].text == "little_endian";
    if (little && tree[facts.items[i + 1]].integer == 0) {
      throw Error("was written on a big-endian machine, which is not supported");
    }
  }
}

/// Bytes per element of every storage that the object mentions.
std::map<std::string, size_t> StorageUnits(const PickleTree& tree) {
  std::map<std::string, size_t> units;
  for (PickleId id = 0; id < tree.size(); ++id) {
    if (tree[id].kind != PickleKind::storage) continue;
    const TorchStorage storage = DescribeStorage(tree, tree[id]);
    const auto [entry, fresh] = units.emplace(storage.key, storage.unit);
    if (!fresh && entry->second != storage.unit) {
      throw Error("storage '" + Printable(storage.key) + "' has two element types");
    }
  }
  return units;
}

using Storages = std::map<std::string, std::span<const uint8_t>, std::less<>>;

Storages ReadStorages(Reader& reader, const PickleTree& keys,
                      const std::map<std::string, size_t>& units) {
  Storages storages;
  for (const PickleId id : keys[keys.root()].items) {
    const std::string key(keys[id].text);
    const auto unit = units.find(key);
    if (keys[id].kind != PickleKind::text || unit == units.end()) {
      throw Error("storage '" + Printable(key) + "' belongs to no tensor");
    }
    uint64_t elements = 0;
    std::memcpy(&elements, reader.Take(sizeof elements).data(), sizeof elements);
    if (elements > uint64_t{1} << 40) throw Error("a storage of more than 2^40 elements");
    storages[key] = reader.Take(elements * unit->second);
  }
  return storages;
}

}  // namespace

bool IsPickle(std::span<const uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

bool IsTorchLegacy(std::span<const uint8_t> bytes) {
  if (bytes.size() >= kTextMagic.size() &&
      std::equal(kTextMagic.begin(), kTextMagic.end(), bytes.begin())) {
    return true;
  }
  if (!IsPickle(bytes)) return false;
  // Protocols 4 and 5 put a frame of 9 bytes in between.
  const size_t at = bytes[1] >= 4 && bytes.size() > 2 && bytes[2] == 0x95 ? 11 : 2;
  return bytes.size() >= at + kMagic.size() &&
         std::equal(kMagic.begin(), kMagic.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
}

Checkpoint ReadTorchLegacy(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const PickleTree first = reader.Pickle();
  if (!IsTorchLegacy(bytes)) {
    throw Error(
        "is a pickle, but none of torch.save; save the weights with "
        "torch.save(model.state_dict(), FILE)");
  }
  const PickleTree version = reader.Pickle();
  if (version[version.root()].integer != kProtocolVersion) {
    throw Error("is of a version of the legacy format that is not known");
  }
  CheckSystem(reader.Pickle());
  const PickleTree object = reader.Pickle();
  const PickleTree keys = reader.Pickle();
  const Storages storages = ReadStorages(reader, keys, StorageUnits(object));
  const auto find = [&](const TorchStorage& storage) {
    const auto found = storages.find(storage.key);
    if (found == storages.end()) {
      throw Error("its storage '" + Printable(storage.key) + "' is not in the file");
    }
    return found->second;
  };
  Checkpoint checkpoint = CollectTensors(object, find, bytes.size());
  checkpoint.format = "PyTorch (legacy)";
  return checkpoint;
}

}  // namespace lutra::converter::checkpoint
