#include "base/npy_floats.h"

#include <cmath>
#include <cstring>
#include <type_traits>

#include "base/half.h"

namespace lutra {
namespace {

// The float32 that is an integer's value, if there is one. (The largest of 64 bits round up to
// powers of two that do not fit their type.)
template <typename T>
bool Holds(T value, float* out) {
  *out = static_cast<float>(value);
  constexpr double kLimit = 18446744073709551616.0 / (std::is_signed_v<T> ? 2 : 1);
  return !(sizeof(T) == 8 && static_cast<double>(*out) >= kLimit) && static_cast<T>(*out) == value;
}

bool Holds(double value, float* out) {
  *out = static_cast<float>(value);
  return std::isfinite(*out) || !std::isfinite(value);
}

class Converter {
 public:
  Converter(const std::string& path, NpyArray* array, std::string* error)
      : path_(path), array_(*array), error_(*error) {}

  template <typename T>
  bool Numbers() {
    return Each<T>([this](T value, size_t i, float* out) {
      if (Holds(value, out)) return true;
      error_ = path_ + ": element " + std::to_string(i) + " is " + std::to_string(value) +
               ", which float32 does not hold; this input takes real numbers";
      return false;
    });
  }
  bool Halves() {
    return Each<uint16_t>([](uint16_t half, size_t, float* out) {
      *out = HalfToFloat(half);
      return true;
    });
  }

 private:
  template <typename T, typename Convert>
  bool Each(const Convert& convert) {
    std::vector<uint8_t> floats(array_.bytes.size() / sizeof(T) * sizeof(float));
    for (size_t i = 0; i < array_.bytes.size() / sizeof(T); ++i) {
      T value;
      float number = 0;
      std::memcpy(&value, array_.bytes.data() + i * sizeof(T), sizeof(T));
      if (!convert(value, i, &number)) return false;
      std::memcpy(floats.data() + i * sizeof(float), &number, sizeof(float));
    }
    array_.bytes = std::move(floats);
    array_.header.kind = 'f';
    array_.header.item_bytes = 4;
    return true;
  }

  const std::string& path_;
  NpyArray& array_;
  std::string& error_;
};

}  // namespace

bool ToFloats(const std::string& path, NpyArray* array, std::string* error) {
  Converter converter(path, array, error);
  const size_t bytes = array->header.item_bytes;
  switch (array->header.kind) {
    case 'f':
      if (bytes == 4) return true;
      return bytes == 2 ? converter.Halves() : converter.Numbers<double>();
    default:
      return VisitIntegers(array->header,
                           [&](auto value) { return converter.Numbers<decltype(value)>(); });
  }
}

}  // namespace lutra
