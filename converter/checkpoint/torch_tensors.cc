// Everything in the pickle is a claim: sizes, strides and offsets are checked against the storage
// before a byte is copied.
#include "converter/checkpoint/torch_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>

#include "converter/checkpoint/named_type.h"
#include "converter/error.h"

namespace lutra::converter::checkpoint {
namespace {

constexpr size_t kMaxTorchRank = 16;
constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxSteps = kMaxPickleInstructions;
constexpr size_t kMaxPathBytes = 1024;  // of a name; also what the archive allows
// Tied weights and expanded tensors legitimately stand for more bytes than the file holds.
constexpr uint64_t kMaxExpansion = 8;
constexpr uint64_t kFreeBytes = uint64_t{64} << 20;

constexpr std::array kStorageTypes = {
    NamedType{"FloatStorage", DataType::float32}, NamedType{"DoubleStorage", DataType::float64},
    NamedType{"HalfStorage", DataType::float16},  NamedType{"BFloat16Storage", DataType::bfloat16},
    NamedType{"ByteStorage", DataType::uint8},    NamedType{"CharStorage", DataType::int8},
    NamedType{"ShortStorage", DataType::int16},   NamedType{"IntStorage", DataType::int32},
    NamedType{"LongStorage", DataType::int64},    NamedType{"BoolStorage", DataType::boolean}};

// Types that are not read but may lie beside the weights, with the bytes of an element.
struct UnreadStorage {
  std::string_view name;
  size_t element_bytes;
};
constexpr std::array kUnreadStorages = {
    UnreadStorage{"ComplexFloatStorage", 8}, UnreadStorage{"ComplexDoubleStorage", 16},
    UnreadStorage{"QInt8Storage", 1}, UnreadStorage{"QUInt8Storage", 1},
    UnreadStorage{"QInt32Storage", 4}};

constexpr std::array kScalarTypes = {
    NamedType{"float32", DataType::float32}, NamedType{"float64", DataType::float64},
    NamedType{"float16", DataType::float16}, NamedType{"bfloat16", DataType::bfloat16},
    NamedType{"uint8", DataType::uint8},     NamedType{"int8", DataType::int8},
    NamedType{"uint16", DataType::uint16},   NamedType{"int16", DataType::int16},
    NamedType{"uint32", DataType::uint32},   NamedType{"int32", DataType::int32},
    NamedType{"uint64", DataType::uint64},   NamedType{"int64", DataType::int64},
    NamedType{"bool", DataType::boolean}};

DataType TypeOf(std::span<const NamedType> types, const PickleNode& global) {
  if (const std::optional<DataType> type = TypeNamed(types, global.name)) return *type;
  throw Error("a tensor of type " + GlobalName(global) + " is not supported");
}

uint64_t Count(const PickleTree& tree, PickleId id, const char* what) {
  const PickleNode& node = tree[id];
  if (node.kind != PickleKind::integer || node.integer < 0) {
    throw Error(std::string(what) + " is no count");
  }
  return static_cast<uint64_t>(node.integer);
}

std::vector<int64_t> Counts(const PickleTree& tree, PickleId id, const char* what) {
  const PickleNode& node = tree[id];
  if (node.kind != PickleKind::tuple && node.kind != PickleKind::list) {
    throw Error(std::string(what) + " are no list");
  }
  if (node.items.size() > kMaxTorchRank) throw Error("more than 16 dimensions");
  std::vector<int64_t> counts;
  for (const PickleId item : node.items) {
    counts.push_back(static_cast<int64_t>(Count(tree, item, what)));
  }
  return counts;
}

/// The last element a tensor touches, counted from its offset; the strides are at most 2^63.
uint64_t Extent(std::span<const int64_t> dims, std::span<const int64_t> strides) {
  unsigned __int128 last = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    last += static_cast<unsigned __int128>(dims[d] - 1) * static_cast<uint64_t>(strides[d]);
  }
  if (last >= uint64_t{1} << 62) throw Error("its strides leave the storage");
  return static_cast<uint64_t>(last) + 1;
}

/// Copies `from`, whose dimension d moves by strides[d] elements, densely.
void CopyStrided(const uint8_t* from, std::span<const int64_t> strides, Tensor& to) {
  const std::vector<int64_t>& dims = to.dims();
  const size_t element = ElementBytes(to.type());
  std::byte* out = to.bytes().data();
  std::vector<int64_t> index(dims.size());
  uint64_t at = 0;
  for (size_t done = 0; done < to.elements(); ++done) {
    std::memcpy(out + done * element, from + at * element, element);
    for (size_t d = dims.size(); d-- > 0;) {
      at += static_cast<uint64_t>(strides[d]);
      if (++index[d] < dims[d]) break;
      at -= static_cast<uint64_t>(dims[d]) * static_cast<uint64_t>(strides[d]);
      index[d] = 0;
    }
  }
}

bool IsDense(std::span<const int64_t> dims, std::span<const int64_t> strides) {
  int64_t expected = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    if (dims[d] != 1 && strides[d] != expected) return false;
    expected *= dims[d];
  }
  return true;
}

class Collector {
 public:
  Collector(const PickleTree& tree, const StorageBytes& storage_bytes, size_t file_bytes)
      : tree_(tree),
        storage_bytes_(storage_bytes),
        bytes_left_(file_bytes > (UINT64_MAX - kFreeBytes) / kMaxExpansion
                        ? UINT64_MAX
                        : kFreeBytes + kMaxExpansion * file_bytes) {}

  Checkpoint Run() {
    CollectAll();
    if (result_.tensors.empty()) RefuseArrays();
    WarnOfObjects();
    return std::move(result_);
  }

 private:
  void CollectAll() {
    const PickleNode& root = tree_[tree_.root()];
    const std::optional<size_t> entry = StateDict(root);
    if (!entry) return Collect("", tree_.root(), 0);
    for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
      if (i == *entry) {
        Collect("", root.items[i + 1], 0);
      } else {
        Skip(KeyText(root.items[i]), root.items[i + 1]);
      }
    }
  }

  void RefuseArrays() const {
    size_t arrays = 0;
    for (PickleId id = 0; id < tree_.size(); ++id) arrays += IsNumpyArray(tree_[id]) ? 1 : 0;
    if (arrays == 0) return;
    throw Error("holds no tensors but " + std::to_string(arrays) +
                " NumPy arrays; save them as tensors (torch.from_numpy)");
  }

  static std::string Enumerated(const std::set<std::string>& names) {
    constexpr size_t kMost = 5;
    std::string text;
    size_t count = 0;
    for (const std::string& name : names) {
      if (++count <= kMost) text += (text.empty() ? "" : ", ") + name;
    }
    if (count > kMost) text += " and " + std::to_string(count - kMost) + " more";
    return text;
  }

  void WarnOfObjects() {
    std::set<std::string> names;
    for (PickleId id = 0; id < tree_.size(); ++id) {
      if (tree_[id].kind == PickleKind::object) names.insert(GlobalName(tree_[id]));
    }
    if (!names.empty()) {
      result_.warnings.Add("objects of " + Enumerated(names) +
                           " are not read, and nothing was executed");
    }
    if (!dictionary_classes_.empty()) {
      result_.warnings.Add("objects of " + Enumerated(dictionary_classes_) +
                           " are read as dictionaries, without attributes of their own");
    }
  }

  /// Index of the key in the root's items.
  std::optional<size_t> StateDict(const PickleNode& root) {
    if (root.kind != PickleKind::dict) return std::nullopt;
    for (const char* name : {"state_dict", "model_state_dict", "model", "net", "weights"}) {
      for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
        const bool here = tree_[root.items[i]].kind == PickleKind::text &&
                          tree_[root.items[i]].text == name &&
                          tree_[root.items[i + 1]].kind == PickleKind::dict;
        if (here && CountTensors(root.items[i + 1]) > 0) return i;
      }
    }
    return std::nullopt;
  }

  void Spend() {
    if (++steps_ > kMaxSteps) throw Error("its dictionaries share parts too many times");
  }

  // Tensors in a value, each once, wherever it leads: loops and shared parts do no harm. Also what
  // only some function that is not read would make a tensor of: a storage, or torch's own words.
  size_t CountTensors(PickleId id) {
    seen_.resize(tree_.size());
    ++epoch_;
    size_t count = 0;
    std::vector<PickleId> left{id};
    while (!left.empty()) {
      const PickleId next = left.back();
      left.pop_back();
      if (std::exchange(seen_[next], epoch_) == epoch_) continue;
      Spend();
      const PickleNode& node = tree_[next];
      const bool rebuilt = node.kind == PickleKind::object &&
                           (node.text == "torch._utils" || node.text == "torch._tensor");
      if (node.kind == PickleKind::tensor || node.kind == PickleKind::storage || rebuilt) {
        ++count;
      } else {
        left.insert(left.end(), node.items.begin(), node.items.end());
      }
    }
    return count;
  }

  static bool IsContainer(const PickleNode& node) {
    return node.kind == PickleKind::dict || node.kind == PickleKind::list ||
           node.kind == PickleKind::tuple;
  }

  std::string KeyText(PickleId id) const {
    const PickleNode& key = tree_[id];
    if (key.kind == PickleKind::integer) return std::to_string(key.integer);
    if (key.kind != PickleKind::text) return "?";
    return std::string(key.text);
  }

  static std::string TensorsText(size_t count) {
    return count == 0 ? "" : ", with " + std::to_string(count) + " tensors";
  }

  static bool IsNumpyArray(const PickleNode& object) {
    return object.kind == PickleKind::object && object.name == "_reconstruct" &&
           object.text.ends_with(".multiarray");
  }

  // What torch itself builds is a tensor of a kind that is not read; anything else holds some.
  static std::string ObjectCure(const PickleNode& object) {
    return object.text.starts_with("torch.") && object.name.starts_with("_rebuild")
               ? "Make it an ordinary tensor before saving (to_dense() of a sparse one, "
                 "dequantize() of a quantized one)"
               : "Save plain tensors alone (torch.save(model.state_dict(), FILE))";
  }

  static std::string ObjectText(const PickleNode& object) {
    if (object.name == "scalar" && object.text.ends_with(".multiarray")) return "a NumPy number";
    if (IsNumpyArray(object)) return "a NumPy array";
    return "object of " + GlobalName(object);
  }

  std::string Describe(PickleId id) {
    const PickleNode& node = tree_[id];
    switch (node.kind) {
      case PickleKind::none:
        return "None";
      case PickleKind::boolean:
        return node.integer != 0 ? "True" : "False";
      case PickleKind::integer:
        return "integer " + std::to_string(node.integer);
      case PickleKind::real:
        return "number " + std::to_string(node.real);
      case PickleKind::text:
        return "text '" + Printable(node.text) + "'";
      case PickleKind::global:
        return "the name of " + GlobalName(node);
      case PickleKind::dict:
      case PickleKind::list:
      case PickleKind::tuple: {
        const size_t count = node.items.size() / (node.kind == PickleKind::dict ? 2 : 1);
        return (node.kind == PickleKind::dict ? "dictionary of " : "list of ") +
               std::to_string(count) + (node.name.empty() ? "" : " (" + GlobalName(node) + ")") +
               TensorsText(CountTensors(id));
      }
      case PickleKind::tensor:
        return "tensor";
      case PickleKind::object:
        return ObjectText(node) + TensorsText(CountTensors(id));
      default:
        return "other data";
    }
  }

  void Skip(const std::string& path, PickleId id) {
    result_.skipped.push_back({Printable(path), Describe(id)});
  }

  void Collect(const std::string& path, PickleId id, size_t depth) {
    Spend();
    const PickleNode& node = tree_[id];
    if (depth == kMaxDepth) throw Error("its dictionaries are nested too deeply");
    if (path.size() > kMaxPathBytes) throw Error("a name of more than 1024 bytes");
    if (node.kind == PickleKind::tensor) return Add(path.empty() ? "tensor" : path, node);
    if (node.kind == PickleKind::object && CountTensors(id) > 0) {
      throw Error((path.empty() ? "" : "'" + Printable(path) + "': ") +
                  "the file holds an object of " + GlobalName(node) +
                  " with tensors, which is not read; nothing was executed. " + ObjectCure(node));
    }
    if (!IsContainer(node) || CountTensors(id) == 0) {
      if (!path.empty()) Skip(path, id);
      return;
    }
    if (!node.name.empty()) dictionary_classes_.insert(GlobalName(node));
    const std::string prefix = path.empty() ? "" : path + ".";
    if (node.kind == PickleKind::dict) {
      for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
        Collect(prefix + KeyText(node.items[i]), node.items[i + 1], depth + 1);
      }
    } else {
      for (size_t i = 0; i < node.items.size(); ++i) {
        Collect(prefix + std::to_string(i), node.items[i], depth + 1);
      }
    }
  }

  void Add(const std::string& name, const PickleNode& node) {
    if (!names_.insert(name).second) {
      throw Error("holds two tensors of the name '" + Printable(name) + "'");
    }
    try {
      result_.tensors.push_back({name, Materialize(node)});
    } catch (const Error& error) {
      throw Error("tensor '" + Printable(name) + "': " + error.what());
    }
  }

  Tensor Materialize(const PickleNode& node) {
    const TorchStorage storage = DescribeStorage(tree_, tree_[node.items[0]]);
    const uint64_t offset = Count(tree_, node.items[1], "its offset");
    const std::vector<int64_t> dims = Counts(tree_, node.items[2], "its sizes");
    const std::vector<int64_t> strides = Counts(tree_, node.items[3], "its strides");
    if (dims.size() != strides.size()) throw Error("sizes and strides do not belong together");
    const bool untyped = node.items.size() > 4;
    const PickleNode& stored = tree_[tree_[node.items[0]].items[0]];
    const bool bytes_alone = stored.name == "UntypedStorage";
    if (!bytes_alone) TypeOf(kStorageTypes, stored);
    if (untyped != bytes_alone) throw Error("its storage has no element type");
    const DataType type = untyped ? TypeOf(kScalarTypes, tree_[node.items[4]]) : *storage.type;

    const size_t element = ElementBytes(type);
    const uint64_t bytes = ElementCount(dims) * element;
    if (bytes > bytes_left_) throw Error("the tensors are far larger than the file");
    bytes_left_ -= bytes;
    if (bytes == 0) return Tensor(type, dims);

    const uint64_t held = untyped ? storage.view_elements / element : storage.view_elements;
    const uint64_t extent = Extent(dims, strides);
    if (offset > held || extent > held - offset) {
      throw Error("it reaches to element " + std::to_string(offset) + " + " +
                  std::to_string(extent) + " of a storage of " + std::to_string(held));
    }
    const std::span<const uint8_t> all = storage_bytes_(storage);
    if (all.size() / storage.unit < storage.elements) {
      throw Error("its storage holds " + std::to_string(all.size()) + " bytes instead of " +
                  std::to_string(storage.elements * storage.unit));
    }
    Tensor tensor(type, dims);
    const uint8_t* from = all.data() + storage.view_offset * storage.unit + offset * element;
    if (IsDense(dims, strides)) {
      std::memcpy(tensor.bytes().data(), from, bytes);
    } else {
      CopyStrided(from, strides, tensor);
    }
    if (type == DataType::boolean) {
      for (std::byte& value : tensor.bytes()) value = std::byte{value != std::byte{0}};
    }
    return tensor;
  }

  const PickleTree& tree_;
  const StorageBytes& storage_bytes_;
  uint64_t bytes_left_;
  size_t steps_ = 0;
  std::vector<uint32_t> seen_;  // the count in which a node was last seen
  uint32_t epoch_ = 0;
  std::set<std::string> names_;
  std::set<std::string> dictionary_classes_;  // of dictionaries that were read
  Checkpoint result_;
};

}  // namespace

TorchStorage DescribeStorage(const PickleTree& tree, const PickleNode& storage) {
  // type, key, location, elements, and in legacy files None or (key, offset, elements)
  if (storage.items.size() < 4 || storage.items.size() > 5 ||
      tree[storage.items[0]].kind != PickleKind::global ||
      tree[storage.items[1]].kind != PickleKind::text) {
    throw Error("its storage is described in a way that torch does not use");
  }
  TorchStorage described;
  const PickleNode& type = tree[storage.items[0]];
  const auto unread = std::ranges::find(kUnreadStorages, type.name, &UnreadStorage::name);
  if (unread != kUnreadStorages.end()) {
    described.unit = unread->element_bytes;
  } else if (type.name != "UntypedStorage") {
    described.type = TypeOf(kStorageTypes, type);
    described.unit = ElementBytes(*described.type);
  }
  described.key = tree[storage.items[1]].text;
  described.elements = described.view_elements = Count(tree, storage.items[3], "a storage's size");
  if (described.elements > uint64_t{1} << 40) throw Error("a storage of more than 2^40 elements");
  if (storage.items.size() == 5 && tree[storage.items[4]].kind != PickleKind::none) {
    const PickleNode& view = tree[storage.items[4]];
    if (view.kind != PickleKind::tuple || view.items.size() != 3) {
      throw Error("its storage is described in a way that torch does not use");
    }
    described.view_offset = Count(tree, view.items[1], "a view's offset");
    described.view_elements = Count(tree, view.items[2], "a view's size");
    if (described.view_offset > described.elements ||
        described.view_elements > described.elements - described.view_offset) {
      throw Error("a view leaves its storage");
    }
  }
  return described;
}

Checkpoint CollectTensors(const PickleTree& tree, const StorageBytes& storage_bytes,
                          size_t file_bytes) {
  return Collector(tree, storage_bytes, file_bytes).Run();
}

}  // namespace lutra::converter::checkpoint
