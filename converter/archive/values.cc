#include "converter/archive/values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/error.h"

namespace lutra::converter::archive {
namespace {

constexpr double kLargestHalf = 65504;
constexpr double kLargestBFloat = 0x1.FEp127;

template <typename T>
void Widen(const Tensor& tensor, std::vector<double>& values) {
  std::ranges::transform(tensor.as<T>(), values.begin(), [](T value) {
    if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(value);
    } else {
      return static_cast<double>(ToFloat(value));
    }
  });
}

double Within(double value, double largest) { return std::clamp(value, -largest, largest); }

}  // namespace

std::vector<double> ToValues(const Tensor& tensor) {
  std::vector<double> values(tensor.elements());
  switch (tensor.type()) {
    case DataType::float32:
      Widen<float>(tensor, values);
      break;
    case DataType::float64:
      Widen<double>(tensor, values);
      break;
    case DataType::float16:
      Widen<Float16>(tensor, values);
      break;
    case DataType::bfloat16:
      Widen<BFloat16>(tensor, values);
      break;
    default:
      throw Error("a tensor of integers has no rounded form");
  }
  return values;
}

Tensor FromValues(DataType type, std::vector<int64_t> dims, std::span<const double> values) {
  Tensor tensor(type, std::move(dims));
  switch (type) {
    case DataType::float32:
      std::ranges::transform(values, tensor.as<float>().begin(), [](double value) {
        constexpr double kLargest = std::numeric_limits<float>::max();
        return static_cast<float>(Within(value, kLargest));
      });
      break;
    case DataType::float64:
      std::ranges::transform(values, tensor.as<double>().begin(), [](double value) {
        return Within(value, std::numeric_limits<double>::max());
      });
      break;
    case DataType::float16:
      std::ranges::transform(values, tensor.as<Float16>().begin(),
                             [](double value) { return ToFloat16(Within(value, kLargestHalf)); });
      break;
    case DataType::bfloat16:
      std::ranges::transform(values, tensor.as<BFloat16>().begin(), [](double value) {
        return ToBFloat16(Within(value, kLargestBFloat));
      });
      break;
    default:
      throw Error("a tensor of integers has no rounded form");
  }
  return tensor;
}

double HalfValue(uint16_t bits) { return static_cast<double>(ToFloat(Float16{bits})); }

uint16_t HalfAtLeast(double value) {
  const uint16_t nearest = ToFloat16(value).bits;
  return HalfValue(nearest) < value ? static_cast<uint16_t>(nearest + 1) : nearest;
}

uint16_t HalfAtMost(double value) {
  if (value < 0) return static_cast<uint16_t>(HalfAtLeast(-value) | 0x8000U);
  const uint16_t nearest = ToFloat16(value).bits;
  return HalfValue(nearest) > value ? static_cast<uint16_t>(nearest - 1) : nearest;
}

int ExponentFor(double value) { return value == 0 ? 0 : 14 - std::ilogb(value); }

}  // namespace lutra::converter::archive
