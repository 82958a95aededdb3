#include "converter/import/onnx_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "converter/error.h"

namespace lutra::converter::importing {
namespace {

/// Copies a typed field of the proto; T is the stored type, the field's elements may be wider.
template <typename T, typename Field>
void CopyField(const Field& field, Tensor& tensor) {
  const auto to = tensor.as<T>();
  if (static_cast<size_t>(field.size()) != to.size()) {
    throw Error("holds " + std::to_string(field.size()) + " values, but " +
                DimsText(tensor.dims()) + " needs " + std::to_string(to.size()));
  }
  std::transform(field.begin(), field.end(), to.begin(), [](auto value) {
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
      return T{static_cast<uint16_t>(value)};
    } else if constexpr (std::is_same_v<T, bool>) {
      return value != 0;
    } else {
      return static_cast<T>(value);
    }
  });
}

void CopyTyped(const onnx::TensorProto& proto, Tensor& tensor) {
  switch (tensor.type()) {
    case DataType::float32:
      return CopyField<float>(proto.float_data(), tensor);
    case DataType::float64:
      return CopyField<double>(proto.double_data(), tensor);
    case DataType::float16:
      return CopyField<Float16>(proto.int32_data(), tensor);
    case DataType::bfloat16:
      return CopyField<BFloat16>(proto.int32_data(), tensor);
    case DataType::uint8:
      return CopyField<uint8_t>(proto.int32_data(), tensor);
    case DataType::int8:
      return CopyField<int8_t>(proto.int32_data(), tensor);
    case DataType::uint16:
      return CopyField<uint16_t>(proto.int32_data(), tensor);
    case DataType::int16:
      return CopyField<int16_t>(proto.int32_data(), tensor);
    case DataType::int32:
      return CopyField<int32_t>(proto.int32_data(), tensor);
    case DataType::boolean:
      return CopyField<bool>(proto.int32_data(), tensor);
    case DataType::int64:
      return CopyField<int64_t>(proto.int64_data(), tensor);
    case DataType::uint32:
      return CopyField<uint32_t>(proto.uint64_data(), tensor);
    case DataType::uint64:
      return CopyField<uint64_t>(proto.uint64_data(), tensor);
    case DataType::string:
    case DataType::undefined:
      break;
  }
}

/// Little endian, as ONNX wants it and as every machine the converter runs on has it.
void CopyRaw(std::string_view raw, Tensor& tensor) {
  if (raw.size() != tensor.bytes().size()) {
    throw Error("holds " + std::to_string(raw.size()) + " bytes of raw data, but " +
                DimsText(tensor.dims()) + " " + std::string(DataTypeName(tensor.type())) +
                " needs " + std::to_string(tensor.bytes().size()));
  }
  if (!raw.empty()) std::memcpy(tensor.bytes().data(), raw.data(), raw.size());
  if (tensor.type() == DataType::boolean) {
    for (std::byte& value : tensor.bytes()) value = std::byte{value != std::byte{0}};
  }
}

uint64_t ParseNumber(const std::string& key, const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error("external data: '" + text + "' is no valid " + key);
  }
  return value;
}

std::string ReadExternal(const onnx::TensorProto& proto, const ExternalData& external,
                         uint64_t expected) {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = ParseNumber("offset", entry.value());
    if (entry.key() == "length") length = ParseNumber("length", entry.value());
  }
  return external.Read(location, offset, length, expected);
}

// uint4 and int4: two to a byte, the first in the lower half. (Older releases of ONNX do not have
// their names.)
constexpr int32_t kUint4 = 21, kInt4 = 22;

bool IsFourBit(int32_t onnx_type) { return onnx_type == kUint4 || onnx_type == kInt4; }

/// As what they are read: the values are the same.
DataType WidenedType(int32_t onnx_type) {
  return onnx_type == kInt4 ? DataType::int8 : DataType::uint8;
}

Tensor ReadFourBit(const onnx::TensorProto& proto, const ExternalData& external, DataType type) {
  const std::vector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  const uint64_t elements = ElementCount(dims), bytes = (elements + 1) / 2;
  std::string packed;
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    packed = ReadExternal(proto, external, bytes);
  } else if (proto.has_raw_data()) {
    packed = proto.raw_data();
  } else {
    packed.assign(proto.int32_data().begin(), proto.int32_data().end());
  }
  if (packed.size() != bytes) {
    throw Error("holds " + std::to_string(packed.size()) + " bytes of 4-bit values, but " +
                DimsText(dims) + " needs " + std::to_string(bytes));
  }
  Tensor tensor(type, dims);
  for (size_t i = 0; i < elements; ++i) {
    const auto byte = static_cast<uint8_t>(packed[i / 2]);
    const int value = i % 2 == 0 ? byte & 15 : byte >> 4;
    const bool negative = type == DataType::int8 && value > 7;
    tensor.bytes()[i] = static_cast<std::byte>(negative ? value - 16 : value);
  }
  return tensor;
}

/// Elements that the typed fields hold: what dims may ask for before memory is taken for them.
uint64_t TypedElements(const onnx::TensorProto& proto) {
  return static_cast<uint64_t>(
      std::max({proto.float_data_size(), proto.double_data_size(), proto.int32_data_size(),
                proto.int64_data_size(), proto.uint64_data_size()}));
}

}  // namespace

DataType ReadDataType(int32_t onnx_type) {
  const bool known = (onnx_type >= 1 && onnx_type <= 13) || onnx_type == 16;
  if (known && onnx_type != static_cast<int32_t>(DataType::string)) {
    return static_cast<DataType>(onnx_type);
  }
  switch (onnx_type) {
    case 0:
      throw Error("has no element type");
    case 8:
      throw Error("is of type string, which is not supported");
    case 14:
    case 15:
      throw Error("is of a complex type, which is not supported");
    case 17:
    case 18:
    case 19:
    case 20:
    case 24:
      throw Error("is of an 8-bit floating type, which is not supported");
    case 21:
    case 22:
    case 23:
      throw Error("is of a 4-bit type, which is not supported");
    case 25:
    case 26:
      throw Error("is of a 2-bit type, which is not supported");
    default:
      throw Error("is of the unknown element type " + std::to_string(onnx_type));
  }
}

Tensor TensorReader::Read(const onnx::TensorProto& proto) {
  const bool four_bit = IsFourBit(proto.data_type());
  const DataType type = four_bit ? WidenedType(proto.data_type()) : ReadDataType(proto.data_type());
  const std::vector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  const uint64_t elements = ElementCount(dims);
  bytes_ += elements * ElementBytes(type);
  if (bytes_ > most_bytes_) {
    throw Error("makes the constants of the file more than " + std::to_string(most_bytes_) +
                " bytes, the most that are read");
  }
  if (four_bit) return ReadFourBit(proto, external_, type);
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    const std::string raw = ReadExternal(proto, external_, elements * ElementBytes(type));
    Tensor tensor(type, dims);
    CopyRaw(raw, tensor);
    return tensor;
  }
  const uint64_t held =
      proto.has_raw_data() ? proto.raw_data().size() / ElementBytes(type) : TypedElements(proto);
  if (elements > held) {
    throw Error("holds " + std::to_string(held) + " values, but " + DimsText(dims) + " needs " +
                std::to_string(elements));
  }
  Tensor tensor(type, dims);
  if (proto.has_raw_data()) {
    CopyRaw(proto.raw_data(), tensor);
  } else {
    CopyTyped(proto, tensor);
  }
  return tensor;
}

}  // namespace lutra::converter::importing
