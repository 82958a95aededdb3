#include "converter/archive/encode_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "converter/archive/codebook.h"
#include "converter/archive/linear.h"
#include "converter/archive/values.h"
#include "converter/error.h"

namespace lutra::converter::archive {
namespace {

// From here on rounding to nearest even makes a half infinite.
constexpr double kBeyondHalf = 65520;
constexpr double kLargestFloat = 0x1.FFFFFEp127;

EncodedTensor Begin(const checkpoint::NamedTensor& tensor) {
  EncodedTensor encoded;
  encoded.entry.name = tensor.name;
  encoded.entry.type = tensor.tensor.type();
  encoded.entry.dims = tensor.tensor.dims();
  return encoded;
}

bool IsConstant(const Tensor& tensor) {
  const size_t element = ElementBytes(tensor.type());
  const auto bytes = tensor.bytes();
  return !bytes.empty() &&
         std::memcmp(bytes.data(), bytes.data() + element, bytes.size() - element) == 0;
}

EncodedTensor EncodeConstant(const checkpoint::NamedTensor& tensor) {
  EncodedTensor encoded = Begin(tensor);
  encoded.entry.scheme = ArchiveScheme::constant;
  const auto* bytes = reinterpret_cast<const uint8_t*>(tensor.tensor.bytes().data());
  encoded.entry.table.assign(bytes, bytes + ElementBytes(tensor.tensor.type()));
  return encoded;
}

// Whether rounding to halves costs more than rounding does: where all is in FP16's normal range
// every value comes back within 2^-11 of itself, which is 66 dB. Below 60 dB values that count were
// too small for it.
bool Underflows(std::span<const double> values, double largest) {
  double signal = 0, error = 0;
  for (const double value : values) {
    const double lost = (value - HalfValue(ToFloat16(value).bits)) / largest;
    signal += value / largest * (value / largest);
    error += lost * lost;
  }
  return error * 1e6 > signal;
}

EncodedTensor EncodeHalves(const checkpoint::NamedTensor& tensor, std::span<const double> values) {
  EncodedTensor encoded = Begin(tensor);
  encoded.entry.scheme = ArchiveScheme::fp16;
  const auto vanished = std::ranges::count_if(
      values, [](double value) { return value != 0 && HalfValue(ToFloat16(value).bits) == 0; });
  if (vanished > 0) encoded.note = std::to_string(vanished) + " values below 3e-8 became 0";
  encoded.symbols.resize(values.size());
  std::ranges::transform(values, encoded.symbols.begin(),
                         [](double value) { return ToFloat16(value).bits; });
  return encoded;
}

/// A scale for every element would cost more than the element in FP16.
bool IsVector(const EncodedTensor& encoded) {
  return encoded.entry.dims.size() < 2 || encoded.entry.columns() < 2;
}

}  // namespace

EncodedTensor EncodeRaw(const checkpoint::NamedTensor& tensor, std::string note) {
  EncodedTensor encoded = Begin(tensor);
  encoded.entry.scheme = ArchiveScheme::raw;
  encoded.note = std::move(note);
  const size_t element = ElementBytes(tensor.tensor.type());
  const size_t count = tensor.tensor.elements();
  const auto bytes = tensor.tensor.bytes();
  encoded.symbols.resize(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    encoded.symbols[i % element * count + i / element] = static_cast<uint16_t>(bytes[i]);
  }
  return encoded;
}

EncodedTensor EncodeTensor(const checkpoint::NamedTensor& tensor, const WeightFormat& format) {
  if (IsConstant(tensor.tensor)) return EncodeConstant(tensor);
  if (!IsFloating(tensor.tensor.type()) || tensor.tensor.elements() == 0) {
    return EncodeRaw(tensor, "");
  }
  const std::vector<double> values = ToValues(tensor.tensor);
  if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); })) {
    return EncodeRaw(tensor, "holds NaN or infinity");
  }
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));

  EncodedTensor encoded = Begin(tensor);
  if (format.kind == WeightKind::fp16 || IsVector(encoded)) {
    if (tensor.tensor.type() == DataType::bfloat16) return EncodeRaw(tensor, "");
    if (largest >= kBeyondHalf) return EncodeRaw(tensor, "beyond the range of FP16");
    if (Underflows(values, largest)) return EncodeRaw(tensor, "below the range of FP16");
    return EncodeHalves(tensor, values);
  }
  if (format.kind == WeightKind::linear) {
    encoded.entry.scheme = ArchiveScheme::linear;
    encoded.entry.format = format;
    QuantizeLinear(values, encoded.entry, encoded.parameters, encoded.symbols);
  } else {
    encoded.entry.scheme = ArchiveScheme::codebook;
    encoded.entry.format = {.kind = WeightKind::codebook, .bits = format.bits};
    if (largest > kLargestFloat) return EncodeRaw(tensor, "beyond the range of FP32");
    QuantizeCodebook(values, encoded.entry, encoded.parameters, encoded.symbols);
  }
  return encoded;
}

Tensor DecodeTensor(const ArchiveEntry& entry, std::span<const uint16_t> parameters,
                    std::span<const uint16_t> symbols) {
  switch (entry.scheme) {
    case ArchiveScheme::linear:
      return FromValues(entry.type, entry.dims, DequantizeLinear(entry, parameters, symbols));
    case ArchiveScheme::codebook:
      return FromValues(entry.type, entry.dims, DequantizeCodebook(entry, parameters, symbols));
    case ArchiveScheme::fp16: {
      std::vector<double> values(symbols.size());
      std::ranges::transform(symbols, values.begin(), HalfValue);
      return FromValues(entry.type, entry.dims, values);
    }
    default:
      break;
  }
  Tensor tensor(entry.type, entry.dims);
  const size_t element = ElementBytes(entry.type);
  const size_t count = tensor.elements();
  std::span<std::byte> bytes = tensor.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = entry.scheme == ArchiveScheme::constant
                   ? std::byte{entry.table[i % element]}
                   : static_cast<std::byte>(symbols[i % element * count + i / element]);
  }
  if (entry.type == DataType::boolean) {
    for (std::byte& value : bytes) value = std::byte{value != std::byte{0}};
  }
  return tensor;
}

}  // namespace lutra::converter::archive
