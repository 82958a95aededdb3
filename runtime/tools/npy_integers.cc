#include "runtime/tools/npy_integers.h"

#include <cstring>
#include <type_traits>
#include <utility>

namespace lutra::tools {
namespace {

template <typename Element, typename Value>
bool InRange(Value value) {
  if constexpr (std::is_same_v<Element, Boolean>) {
    return value == 0 || value == 1;
  } else if constexpr (std::is_integral_v<Element>) {
    return std::in_range<Element>(value);
  } else {
    return false;
  }
}

template <typename Element, typename Value>
bool ConvertIntegers(const std::string& path, schema::TensorType type, NpyArray* array,
                     std::string* error) {
  const size_t count = array->bytes.size() / sizeof(Value);
  std::vector<uint8_t> result(count * sizeof(Element));
  for (size_t i = 0; i < count; ++i) {
    Value value;
    std::memcpy(&value, array->bytes.data() + i * sizeof(Value), sizeof(Value));
    if (!InRange<Element>(value)) {
      *error = path + ": element " + std::to_string(i) + " is " + std::to_string(value) +
               ", which is no " + TypeName(type);
      return false;
    }
    // Little-endian: the low bytes are the element.
    const auto wide = static_cast<uint64_t>(value);
    std::memcpy(result.data() + i * sizeof(Element), &wide, sizeof(Element));
  }
  array->bytes = std::move(result);
  const NpyHeader header = HeaderOf(type);
  array->header.kind = header.kind;
  array->header.item_bytes = header.item_bytes;
  return true;
}

}  // namespace

NpyHeader HeaderOf(schema::TensorType type) {
  NpyHeader header;
  header.item_bytes = ElementBytes(type);
  header.kind = VisitType(type, [](auto element) {
    using Element = decltype(element);
    if (std::is_same_v<Element, Boolean>) return 'b';
    if (std::is_integral_v<Element>) return std::is_signed_v<Element> ? 'i' : 'u';
    return 'f';
  });
  return header;
}

bool ToIntegers(const std::string& path, schema::TensorType type, NpyArray* array,
                std::string* error) {
  if (array->header.kind == 'f') {
    *error = path + ": holds " + array->header.TypeName() + ", the input takes " + TypeName(type);
    return false;
  }
  return VisitIntegers(array->header, [&](auto value) {
    return VisitType(type, [&](auto element) {
      return ConvertIntegers<decltype(element), decltype(value)>(path, type, array, error);
    });
  });
}

}  // namespace lutra::tools
