// From a tensor's element type to a C++ type, at the one place where it is decided.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "converter/error.h"
#include "converter/graph/tensor.h"

namespace lutra::converter::executor {

[[noreturn]] inline void RefuseType(DataType type) {
  throw Error("elements of type " + std::string(DataTypeName(type)) + " are not supported");
}

/// Calls f.operator()<T>() for float32 and float64.
template <typename F>
decltype(auto) VisitFloating(DataType type, F&& f) {
  switch (type) {
    case DataType::float32:
      return f.template operator()<float>();
    case DataType::float64:
      return f.template operator()<double>();
    default:
      RefuseType(type);
  }
}

/// The same for these and all integers.
template <typename F>
decltype(auto) VisitNumeric(DataType type, F&& f) {
  switch (type) {
    case DataType::float32:
      return f.template operator()<float>();
    case DataType::float64:
      return f.template operator()<double>();
    case DataType::uint8:
      return f.template operator()<uint8_t>();
    case DataType::int8:
      return f.template operator()<int8_t>();
    case DataType::uint16:
      return f.template operator()<uint16_t>();
    case DataType::int16:
      return f.template operator()<int16_t>();
    case DataType::uint32:
      return f.template operator()<uint32_t>();
    case DataType::int32:
      return f.template operator()<int32_t>();
    case DataType::uint64:
      return f.template operator()<uint64_t>();
    case DataType::int64:
      return f.template operator()<int64_t>();
    default:
      RefuseType(type);
  }
}

/// The same for unsigned words of the element's size, for operators that only move elements.
template <typename F>
decltype(auto) VisitWord(DataType type, F&& f) {
  switch (ElementBytes(type)) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    default:
      RefuseType(type);
  }
}

/// Sums and products of integers wrap, signed ones too; those of floating types are as they are.
template <typename T>
constexpr T WrapAdd(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  } else {
    return a + b;
  }
}
template <typename T>
constexpr T WrapSubtract(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  } else {
    return a - b;
  }
}
template <typename T>
constexpr T WrapMultiply(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  } else {
    return a * b;
  }
}

/// A number as T; where T is an integer type, truncated and saturated, NaN as 0.
template <typename T, typename From>
T Converted(From value) {
  if constexpr (std::is_integral_v<T> && std::is_floating_point_v<From>) {
    if (std::isnan(value)) return 0;
    const From limit = std::ldexp(From{1}, std::numeric_limits<T>::digits);
    if (value >= limit) return std::numeric_limits<T>::max();
    if (value <= static_cast<From>(std::numeric_limits<T>::min())) {
      return std::numeric_limits<T>::min();
    }
  }
  return static_cast<T>(value);
}

/// The first element, as of a scalar input. Throws Error when there is none.
template <typename T>
T First(const Tensor& tensor) {
  if (tensor.elements() == 0) throw Error("a scalar input is empty");
  return tensor.as<T>()[0];
}
inline int64_t FirstInt(const Tensor& tensor) {
  if (tensor.elements() == 0) throw Error("a scalar input is empty");
  return tensor.ToInts()[0];
}

/// The elements as words of the size of T, whatever their type.
template <typename T>
const T* Words(const Tensor& tensor) {
  return reinterpret_cast<const T*>(tensor.bytes().data());
}
template <typename T>
T* Words(Tensor& tensor) {
  return reinterpret_cast<T*>(tensor.bytes().data());
}

template <typename T>
constexpr DataType TypeOf() {
  if constexpr (std::is_same_v<T, float>)
    return DataType::float32;
  else if constexpr (std::is_same_v<T, double>)
    return DataType::float64;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DataType::uint8;
  else if constexpr (std::is_same_v<T, int8_t>)
    return DataType::int8;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DataType::int32;
  else if constexpr (std::is_same_v<T, int64_t>)
    return DataType::int64;
  else
    return DataType::boolean;
}

}  // namespace lutra::converter::executor
