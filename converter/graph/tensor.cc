#include "converter/graph/tensor.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/cast.h"
#include "converter/error.h"

namespace lutra::converter {
namespace {

static_assert(sizeof(bool) == 1);

/// Calls f with a value of the C++ type that stores `type`.
template <typename F>
auto WithType(DataType type, F&& f) {
  switch (type) {
    case DataType::float32:
      return f(float{});
    case DataType::float64:
      return f(double{});
    case DataType::float16:
      return f(Float16{});
    case DataType::bfloat16:
      return f(BFloat16{});
    case DataType::uint8:
      return f(uint8_t{});
    case DataType::int8:
      return f(int8_t{});
    case DataType::uint16:
      return f(uint16_t{});
    case DataType::int16:
      return f(int16_t{});
    case DataType::uint32:
      return f(uint32_t{});
    case DataType::int32:
      return f(int32_t{});
    case DataType::uint64:
      return f(uint64_t{});
    case DataType::int64:
      return f(int64_t{});
    case DataType::boolean:
      return f(bool{});
    case DataType::string:
    case DataType::undefined:
      break;
  }
  throw Error("a tensor of type " + std::string(DataTypeName(type)) + " cannot be used here");
}

template <typename T>
bool Stores(DataType type) {
  return WithType(type, [](auto value) { return std::is_same_v<decltype(value), T>; });
}

template <typename T>
constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

template <typename To, typename From>
To Convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (kIsHalf<From>) {
    return Convert<To>(ToFloat(value));
  } else if constexpr (std::is_same_v<To, Float16>) {
    return ToFloat16(static_cast<double>(value));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return ToBFloat16(static_cast<double>(value));
  } else {
    return CastNumber<To>(value);
  }
}

template <typename To>
void ConvertAll(const Tensor& from, std::span<To> to) {
  WithType(from.type(), [&](auto type) {
    const auto source = from.as<decltype(type)>();
    std::transform(source.begin(), source.end(), to.begin(),
                   [](auto value) { return Convert<To>(value); });
  });
}

template <typename T>
Tensor Make(DataType type, std::vector<int64_t> dims, const std::vector<T>& values) {
  Tensor tensor(type, std::move(dims));
  if (tensor.elements() != values.size()) {
    throw Error(std::to_string(values.size()) + " values do not fill a tensor of " +
                DimsText(tensor.dims()));
  }
  std::copy(values.begin(), values.end(), tensor.as<T>().begin());
  return tensor;
}

}  // namespace

size_t ElementBytes(DataType type) {
  if (type == DataType::string || type == DataType::undefined) return 0;
  return WithType(type, [](auto value) { return sizeof(value); });
}

std::string_view DataTypeName(DataType type) {
  switch (type) {
    case DataType::undefined:
      return "undefined";
    case DataType::float32:
      return "float32";
    case DataType::uint8:
      return "uint8";
    case DataType::int8:
      return "int8";
    case DataType::uint16:
      return "uint16";
    case DataType::int16:
      return "int16";
    case DataType::int32:
      return "int32";
    case DataType::int64:
      return "int64";
    case DataType::string:
      return "string";
    case DataType::boolean:
      return "bool";
    case DataType::float16:
      return "float16";
    case DataType::float64:
      return "float64";
    case DataType::uint32:
      return "uint32";
    case DataType::uint64:
      return "uint64";
    case DataType::bfloat16:
      return "bfloat16";
  }
  return "unknown";
}

bool IsFloating(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}

size_t ElementCount(std::span<const int64_t> dims) {
  constexpr uint64_t kLimit = uint64_t{1} << 30;
  if (dims.size() > kMaxRank) {
    throw Error("a tensor has " + std::to_string(dims.size()) + " dimensions, at most " +
                std::to_string(kMaxRank) + " are possible");
  }
  uint64_t count = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0) throw Error("a tensor of " + DimsText(dims) + " has a negative dimension");
    if (dim == 0) {
      empty = true;
      continue;
    }
    if (static_cast<uint64_t>(dim) > kLimit / count) {
      throw Error("a tensor of " + DimsText(dims) + " is too large");
    }
    count *= static_cast<uint64_t>(dim);
  }
  return empty ? 0 : count;
}

std::string DimsText(std::span<const int64_t> dims) {
  if (dims.empty()) return "scalar";
  std::string text;
  for (const int64_t dim : dims.first(std::min(dims.size(), kMaxRank))) {
    if (!text.empty()) text += 'x';
    text += dim == -1 ? "?" : std::to_string(dim);
  }
  return dims.size() > kMaxRank ? text + "x..." : text;
}

Tensor::Tensor(DataType type, std::vector<int64_t> dims) : type_(type), dims_(std::move(dims)) {
  const size_t element_bytes = ElementBytes(type);
  if (element_bytes == 0) {
    throw Error("a tensor of type " + std::string(DataTypeName(type)) + " cannot be used here");
  }
  const uint64_t bytes = uint64_t{ElementCount(dims_)} * element_bytes;
  if (bytes > kMaxTensorBytes) throw Error("a tensor of " + DimsText(dims_) + " is too large");
  bytes_.resize(bytes);
}

Tensor Tensor::Of(std::vector<int64_t> dims, std::vector<float> values) {
  return Make(DataType::float32, std::move(dims), values);
}

Tensor Tensor::Of(std::vector<int64_t> dims, std::vector<int64_t> values) {
  return Make(DataType::int64, std::move(dims), values);
}

size_t Tensor::elements() const {
  return type_ == DataType::undefined ? 0 : bytes_.size() / ElementBytes(type_);
}

template <typename T>
std::span<const T> Tensor::as() const {
  if (!Stores<T>(type_)) {
    throw Error("a tensor of type " + std::string(DataTypeName(type_)) + " is read as another");
  }
  return {reinterpret_cast<const T*>(bytes_.data()), elements()};
}

template <typename T>
std::span<T> Tensor::as() {
  const std::span<const T> view = std::as_const(*this).as<T>();
  return {const_cast<T*>(view.data()), view.size()};
}

#define LUTRA_TENSOR_AS(T)                           \
  template std::span<const T> Tensor::as<T>() const; \
  template std::span<T> Tensor::as<T>();
LUTRA_TENSOR_AS(float)
LUTRA_TENSOR_AS(double)
LUTRA_TENSOR_AS(Float16)
LUTRA_TENSOR_AS(BFloat16)
LUTRA_TENSOR_AS(uint8_t)
LUTRA_TENSOR_AS(int8_t)
LUTRA_TENSOR_AS(uint16_t)
LUTRA_TENSOR_AS(int16_t)
LUTRA_TENSOR_AS(uint32_t)
LUTRA_TENSOR_AS(int32_t)
LUTRA_TENSOR_AS(uint64_t)
LUTRA_TENSOR_AS(int64_t)
LUTRA_TENSOR_AS(bool)
#undef LUTRA_TENSOR_AS

std::vector<float> Tensor::ToFloats() const {
  std::vector<float> values(elements());
  if (type_ != DataType::undefined) ConvertAll<float>(*this, values);
  return values;
}

std::vector<int64_t> Tensor::ToInts() const {
  std::vector<int64_t> values(elements());
  if (type_ != DataType::undefined) ConvertAll<int64_t>(*this, values);
  return values;
}

Tensor Tensor::Cast(DataType type) const {
  if (type == type_) return *this;
  Tensor result(type, dims_);
  WithType(type, [&](auto value) {
    using To = decltype(value);
    ConvertAll<To>(*this, result.as<To>());
  });
  return result;
}

Tensor Tensor::Reshaped(std::vector<int64_t> dims) const {
  if (ElementCount(dims) != elements()) {
    throw Error("a tensor of " + DimsText(dims_) + " cannot be reshaped to " + DimsText(dims));
  }
  Tensor result = *this;
  result.dims_ = std::move(dims);
  return result;
}

}  // namespace lutra::converter
