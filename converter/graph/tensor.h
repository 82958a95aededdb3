// A dense tensor in host memory, row-major, of any ONNX element type the converter reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/graph/half.h"

namespace lutra::converter {

/// Numbers as in onnx.TensorProto.DataType.
enum class DataType : uint8_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  bfloat16 = 16
};

size_t ElementBytes(DataType type);            ///< 0 for string and undefined
std::string_view DataTypeName(DataType type);  ///< "float32"
bool IsFloating(DataType type);

/// Nothing that networks do needs more dimensions.
constexpr size_t kMaxRank = 32;
/// Of one tensor, as in a .lutra file.
constexpr uint64_t kMaxTensorBytes = uint64_t{1} << 31;

/// Product of the dimensions (1 for a scalar). Throws Error when one is negative, when there are
/// more than kMaxRank, or when the product of those other than 0 passes 2^30: an empty tensor's
/// other dimensions are bounded too, so that products of any of them fit.
size_t ElementCount(std::span<const int64_t> dims);
/// "1x3x224x224", "scalar"; unknown dimensions as "?".
std::string DimsText(std::span<const int64_t> dims);

class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled. Throws Error for a type without a fixed size, or dims ElementCount refuses.
  Tensor(DataType type, std::vector<int64_t> dims);
  /// Throw Error when the number of values does not match dims.
  static Tensor Of(std::vector<int64_t> dims, std::vector<float> values);
  static Tensor Of(std::vector<int64_t> dims, std::vector<int64_t> values);

  DataType type() const { return type_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  size_t rank() const { return dims_.size(); }
  size_t elements() const;  ///< 0 when the type is undefined (an absent optional input)
  std::span<const std::byte> bytes() const { return bytes_; }
  std::span<std::byte> bytes() { return bytes_; }

  /// Typed access; throws Error when T is not the tensor's type. 16-bit floating types are
  /// Float16 and BFloat16.
  template <typename T>
  std::span<const T> as() const;
  template <typename T>
  std::span<T> as();

  /// Every element converted (float16, bfloat16, float64 and integers included).
  std::vector<float> ToFloats() const;
  std::vector<int64_t> ToInts() const;
  /// ONNX Cast: floating to integer truncates towards zero (saturating, NaN to 0: ONNX leaves both
  /// open), integer to integer wraps, anything to bool is != 0, to floating types rounds to nearest
  /// even.
  Tensor Cast(DataType type) const;
  /// The same elements; throws Error when the count differs.
  Tensor Reshaped(std::vector<int64_t> dims) const;

  bool operator==(const Tensor& other) const = default;  ///< byte for byte: 0 is not -0

 private:
  DataType type_ = DataType::undefined;
  std::vector<int64_t> dims_;
  std::vector<std::byte> bytes_;
};

}  // namespace lutra::converter
