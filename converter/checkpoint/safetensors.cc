#include "converter/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "converter/checkpoint/named_type.h"
#include "converter/checkpoint/pickle.h"
#include "converter/error.h"
#include "converter/json_text.h"

namespace lutra::converter::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
// The limit of the format's own implementation.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
// Parts of the header, some fifteen per tensor; their parsed form takes many times their bytes.
constexpr size_t kMaxParts = size_t{1} << 22;
constexpr size_t kMaxJsonDepth = 3;  // name, field, number
constexpr size_t kMaxRank = 16;

constexpr std::array kTypes = {
    NamedType{"F64", DataType::float64}, NamedType{"F32", DataType::float32},
    NamedType{"F16", DataType::float16}, NamedType{"BF16", DataType::bfloat16},
    NamedType{"I64", DataType::int64},   NamedType{"I32", DataType::int32},
    NamedType{"I16", DataType::int16},   NamedType{"I8", DataType::int8},
    NamedType{"U64", DataType::uint64},  NamedType{"U32", DataType::uint32},
    NamedType{"U16", DataType::uint16},  NamedType{"U8", DataType::uint8},
    NamedType{"BOOL", DataType::boolean}};

uint64_t HeaderBytes(std::span<const uint8_t> bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  return length;
}

struct Header {
  Json json;
  std::vector<std::string> names;  ///< its keys in the order of the file
};

Header ParseHeader(std::span<const uint8_t> text) {
  const std::string source = "its header";
  JsonCheck<Json> check(source, kMaxJsonDepth, kMaxParts);
  Json header;
  try {
    Json::sax_parse(text.begin(), text.end(), &check);
    header = Json::parse(text.begin(), text.end());
  } catch (const Json::exception&) {
    throw Error("its header is no JSON");
  }
  if (!header.is_object()) throw Error("its header is no JSON object");
  return {std::move(header), check.names()};
}

DataType TypeOf(const Json& entry) {
  const auto field = entry.find("dtype");
  if (field == entry.end() || !field->is_string()) throw Error("has no dtype");
  const std::string& text = field->get_ref<const std::string&>();
  if (const std::optional<DataType> type = TypeNamed(kTypes, text)) return *type;
  throw Error("is of type '" + Printable(text) + "', which is not supported");
}

std::vector<int64_t> CountsOf(const Json& entry, const char* name) {
  const auto field = entry.find(name);
  if (field == entry.end() || !field->is_array()) throw Error(std::string("has no ") + name);
  if (field->size() > kMaxRank) throw Error("has more than 16 dimensions");
  std::vector<int64_t> counts;
  for (const Json& value : *field) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX) {
      throw Error(std::string("has a ") + name + " with something that is no count");
    }
    counts.push_back(value.get<int64_t>());
  }
  return counts;
}

std::map<std::string, std::string> ReadMetadata(const Json& entry) {
  std::map<std::string, std::string> metadata;
  const auto is_text = [](const Json& value) { return value.is_string(); };
  if (!entry.is_object() || !std::ranges::all_of(entry, is_text)) {
    throw Error("its metadata is no map from text to text");
  }
  for (const auto& [key, value] : entry.items()) metadata[key] = value.get<std::string>();
  return metadata;
}

struct Window {
  uint64_t begin, end;
};

Tensor ReadEntry(const Json& entry, std::span<const uint8_t> data, std::vector<Window>& windows) {
  if (!entry.is_object()) throw Error("is described by something that is no object");
  const DataType type = TypeOf(entry);
  const std::vector<int64_t> dims = CountsOf(entry, "shape");
  const std::vector<int64_t> offsets = CountsOf(entry, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1] ||
      static_cast<uint64_t>(offsets[1]) > data.size()) {
    throw Error("has offsets outside the file");
  }
  const Window window{static_cast<uint64_t>(offsets[0]), static_cast<uint64_t>(offsets[1])};
  const uint64_t needed = ElementCount(dims) * ElementBytes(type);
  if (window.end - window.begin != needed) {
    throw Error("has " + std::to_string(window.end - window.begin) + " bytes, but " +
                DimsText(dims) + " needs " + std::to_string(needed));
  }
  windows.push_back(window);
  Tensor tensor(type, dims);
  if (needed != 0) std::memcpy(tensor.bytes().data(), data.data() + window.begin, needed);
  if (type == DataType::boolean) {
    for (std::byte& value : tensor.bytes()) value = std::byte{value != std::byte{0}};
  }
  return tensor;
}

/// The format allows neither gaps nor overlaps, which also bounds what the tensors can hold.
void CheckCover(std::vector<Window>& windows, uint64_t bytes) {
  std::ranges::sort(windows, [](const Window& a, const Window& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t at = 0;
  for (const Window& window : windows) {
    if (window.begin != at) throw Error("its tensors overlap or leave gaps");
    at = window.end;
  }
  if (at != bytes) throw Error("bytes follow its last tensor");
}

}  // namespace

bool IsSafetensors(std::span<const uint8_t> bytes) {
  return bytes.size() > kLengthBytes && HeaderBytes(bytes) <= bytes.size() - kLengthBytes &&
         bytes[kLengthBytes] == '{';
}

Checkpoint ReadSafetensors(std::span<const uint8_t> bytes) {
  if (!IsSafetensors(bytes)) throw Error("is no safetensors file");
  const uint64_t length = HeaderBytes(bytes);
  if (length > kMaxHeaderBytes) throw Error("its header has more than 100 MB");
  const std::span<const uint8_t> data = bytes.subspan(kLengthBytes + length);
  const Header header = ParseHeader(bytes.subspan(kLengthBytes, length));
  Checkpoint checkpoint;
  checkpoint.format = "safetensors";
  std::vector<Window> windows;
  uint64_t held = 0;
  for (const std::string& name : header.names) {
    const Json& entry = header.json.at(name);
    if (name == kMetadataName) {
      checkpoint.metadata = ReadMetadata(entry);
      checkpoint.skipped.push_back({name, "text"});
      continue;
    }
    try {
      checkpoint.tensors.push_back({name, ReadEntry(entry, data, windows)});
    } catch (const Error& error) {
      throw Error("tensor '" + Printable(name) + "' " + error.what());
    }
    held += checkpoint.tensors.back().tensor.bytes().size();
    if (held > data.size()) throw Error("its tensors overlap or leave gaps");
  }
  CheckCover(windows, data.size());
  return checkpoint;
}

std::vector<uint8_t> WriteSafetensors(std::span<const NamedTensor> tensors,
                                      const std::map<std::string, std::string>& metadata) {
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](size_t i) { return ElementBytes(tensors[i].tensor.type()); });
  std::vector<uint64_t> begins(tensors.size());
  uint64_t total = 0;
  for (const size_t i : order) {
    begins[i] = total;
    total += tensors[i].tensor.bytes().size();
  }

  // Names in the given order, of which a Json object of so many would take quadratic time.
  std::string text = "{";
  const auto append = [&text](const std::string& name, const nlohmann::ordered_json& value) {
    text += (text.size() > 1 ? "," : "") + Json(name).dump() + ":" + value.dump();
  };
  if (!metadata.empty()) append(kMetadataName, metadata);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i].tensor;
    if (tensors[i].name == kMetadataName) {
      throw Error("safetensors has no place for a tensor of the name '__metadata__'");
    }
    const auto* type = std::ranges::find(kTypes, tensor.type(), &NamedType::type);
    if (type == kTypes.end()) throw Error(tensors[i].name + ": has no type of safetensors");
    append(tensors[i].name, {{"dtype", type->name},
                             {"shape", tensor.dims()},
                             {"data_offsets", {begins[i], begins[i] + tensor.bytes().size()}}});
  }
  text += "}";
  if (text.size() > kMaxHeaderBytes - kLengthBytes) {
    throw Error("its header would have more than 100 MB");
  }
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');

  std::vector<uint8_t> file(kLengthBytes + text.size() + total);
  const uint64_t length = text.size();
  std::memcpy(file.data(), &length, sizeof length);
  std::ranges::copy(text, file.begin() + kLengthBytes);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto bytes = tensors[i].tensor.bytes();
    uint8_t* to = file.data() + kLengthBytes + text.size() + begins[i];
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }
  return file;
}

}  // namespace lutra::converter::checkpoint
