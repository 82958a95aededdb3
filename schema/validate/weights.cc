// Weight operands: sizes of their blobs, parameters fit for arithmetic, codebooks that a kernel may
// look up, and the proof that no final sum leaves int32. The proof is exact per output channel:
// with p the sum of the positive and n of the negative parts of (w - zero_point), the sum over an
// int8 input of zero point z lies in
//   bias - p * (z + 128) - n * (127 - z)  ..  bias + p * (127 - z) + n * (z + 128);
// padding reads z and adds nothing. An input of 16 bits is two products of bytes around 0
// (kernels/wide.h). Partial sums may wrap, the kernels compute
// modulo 2^32. Where even a row of nothing but the largest weights that kind and codebook allow
// would pass, which is so in practice, the weights need not be walked: of a codebook they are bits
// to be unpacked and looked up, which took most of the loading time.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "schema/params.h"
#include "schema/validate.h"
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

using schema::Compute;

template <typename T>
T ElementAt(const uint8_t* bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return flatbuffers::EndianScalar(value);
}

/// Sums of the positive and of the negated negative parts of w - zero_point.
struct PartSums {
  int64_t positive = 0, negative = 0;

  void Add(int32_t w) {
    positive += std::max(w, 0);
    negative -= std::min(w, 0);
  }
};

PartSums SumBytes(const uint8_t* values, uint64_t k, int32_t zero_point) {
  PartSums sums;
  // 32-bit sums over short runs are what compilers vectorise; 4096 * 255 fits.
  constexpr uint64_t kRun = 4096;
  for (uint64_t begin = 0; begin < k; begin += kRun) {
    int32_t positive = 0;
    int32_t total = 0;
    for (uint64_t i = begin; i < std::min(k, begin + kRun); ++i) {
      const int32_t w = static_cast<int8_t>(values[i]) - zero_point;
      positive += std::max(w, 0);
      total += w;
    }
    sums.positive += positive;
    sums.negative += positive - total;
  }
  return sums;
}

struct Operand {
  const schema::Weights& weights;
  Compute compute;
  uint64_t n, k;
  int32_t input_zero_point;
  const schema::Curve* curve = nullptr;
  const uint8_t* values = nullptr;
  const uint8_t* params = nullptr;
  const uint8_t* tables = nullptr;
  WeightFormat format = FormatOf(weights);
  ParamLayout layout = LayOutParams(weights, n, k);

  bool codebook() const { return format.kind == WeightKind::codebook; }
  const uint8_t* Table(uint64_t channel) const {
    return tables + channel / format.ChannelsPerTable(n) * format.TableEntries();
  }
  /// Of the second array of the parameters, multiplier or scale.
  float Scale(uint64_t channel) const {
    return ElementAt<float>(params + layout.ScaleAt(channel), 0);
  }
  /// Of compute integer.
  int32_t Bias(uint64_t channel) const {
    return weights.short_bias() ? ElementAt<int16_t>(params, channel)
                                : ElementAt<int32_t>(params, channel);
  }
  int32_t ZeroPoint(uint64_t channel) const {
    return weights.has_zero_points() ? ElementAt<int8_t>(params + layout.zero_point_begin, channel)
                                     : 0;
  }
  /// What multiplies weight i of the channel, beside the channel's own scale.
  int32_t GroupScale(uint64_t channel, uint64_t i) const {
    if (weights.group() == 0) return 1;
    const uint64_t groups = (k + weights.group() - 1) / weights.group();
    return params[layout.group_scale_begin + channel * groups + i / weights.group()];
  }
  /// No |w - zero_point| of the channel can be larger.
  int64_t LargestWeight(uint64_t channel) const {
    if (weights.group() != 0) return int64_t{UINT8_MAX} << (weights.bits() - 1);
    if (!codebook()) return (int64_t{1} << (weights.bits() - 1)) + std::abs(ZeroPoint(channel));
    // Sorted, and at least -127.
    const uint8_t* table = Table(channel);
    return std::max(-static_cast<int8_t>(table[0]),
                    int{static_cast<int8_t>(table[format.TableEntries() - 1])});
  }
  PartSums Sums(uint64_t channel) const {
    const unsigned bits = weights.bits();
    PartSums sums;
    if (codebook()) {
      const uint8_t* table = Table(channel);
      for (uint64_t i = channel * k; i < (channel + 1) * k; ++i) {
        sums.Add(static_cast<int8_t>(table[PackedAt(values, bits, i)]));
      }
      return sums;
    }
    if (bits == 8) return SumBytes(values + channel * k, k, ZeroPoint(channel));
    const int32_t zero_point = ZeroPoint(channel);
    for (uint64_t i = 0; i < k; ++i) {
      const int32_t w = SignedElement(PackedAt(values, bits, channel * k + i), bits) - zero_point;
      sums.Add(w * GroupScale(channel, i));
    }
    return sums;
  }
};

/// How far an input lies from its zero point.
struct Reach {
  int64_t below = 0, above = 0;
};

Reach ReachOf(const Operand& operand) {
  if (operand.compute == Compute::wide) return {128, 127};
  return {operand.input_zero_point + 128, 127 - operand.input_zero_point};
}

Status CheckGroup(const OperatorUse& use, const schema::Weights& weights) {
  if (!IsScaleGroup(weights.group())) {
    return use.Fail("%u weights share a scale, 32, 64 and 128 are allowed", weights.group());
  }
  if (weights.kind() != schema::WeightKind::linear || weights.bits() != 4 ||
      weights.has_zero_points() || weights.one_scale()) {
    return use.Fail("a scale per group goes with linear weights of 4 bits alone");
  }
  const schema::Conv* conv = use.op().options_as_Conv();
  if (conv != nullptr && (conv->kernel_h() != 1 || conv->kernel_w() != 1 || conv->groups() != 1)) {
    return use.Fail("a scale per group in a convolution of more than one pixel, or of groups");
  }
  return Status();
}

Status CheckKind(const OperatorUse& use, const Operand& operand) {
  const schema::Weights& weights = operand.weights;
  if (weights.group() != 0) LUTRA_RETURN_IF_ERROR(CheckGroup(use, weights));
  if (weights.short_bias() && operand.compute != Compute::integer) {
    return use.Fail("biases of 16 bits go with compute integer alone");
  }
  if (weights.one_scale() && !operand.format.HasIntegers()) {
    return use.Fail("a scale on floating-point weights");
  }
  if (weights.kind() > schema::WeightKind::MAX) {
    return use.Fail("unknown weight kind %u", static_cast<unsigned>(weights.kind()));
  }
  if (operand.codebook()) {
    if (weights.bits() < 1 || weights.bits() > 8) {
      return use.Fail("a codebook of %u bits, 1 to 8 are allowed", weights.bits());
    }
    if (weights.has_zero_points()) return use.Fail("a codebook with weight zero points");
    if (weights.codebook_channels() % kCodebookChannels != 0) {
      return use.Fail("%u channels share a codebook, no multiple of %u",
                      weights.codebook_channels(), kCodebookChannels);
    }
    return Status();
  }
  if (weights.codebook() != kNoIndex || weights.codebook_channels() != 0) {
    return use.Fail("a codebook on weights that are none");
  }
  if (operand.format.HasIntegers()) {
    if (weights.bits() >= 2 && weights.bits() <= 8) return Status();
    return use.Fail("weights of %u bits, 2 to 8 are allowed", weights.bits());
  }
  if (operand.compute != Compute::float_ || weights.bits() != 8 || weights.has_zero_points()) {
    return use.Fail("floating-point weights go with compute float alone");
  }
  return Status();
}

Status CheckParams(const OperatorUse& use, const Operand& operand) {
  for (uint64_t i = 0; i < operand.n; ++i) {
    const auto channel = static_cast<unsigned long long>(i);
    if (operand.compute != Compute::integer &&
        !std::isfinite(ElementAt<float>(operand.params, i))) {
      return use.Fail("bias of channel %llu is not finite", channel);
    }
    if (operand.format.HasIntegers() && !IsScale(operand.Scale(i))) {
      return use.Fail("%s %g of channel %llu is not finite, normal and positive",
                      operand.compute == Compute::integer ? "multiplier" : "scale",
                      static_cast<double>(operand.Scale(i)), channel);
    }
    if (operand.curve != nullptr && operand.Scale(i) > kMaxCurveMultiplier) {
      return use.Fail("multiplier %g of channel %llu leads to a curve and is above 2^40",
                      static_cast<double>(operand.Scale(i)), channel);
    }
  }
  return Status();
}

Status CheckTables(const OperatorUse& use, const Operand& operand, uint64_t tables) {
  const uint64_t entries = operand.format.TableEntries();
  for (uint64_t t = 0; t < tables; ++t) {
    const auto table = static_cast<unsigned long long>(t);
    for (uint64_t i = 0; i < entries; ++i) {
      const int entry = static_cast<int8_t>(operand.tables[t * entries + i]);
      const int before = i == 0 ? -127 : static_cast<int8_t>(operand.tables[t * entries + i - 1]);
      if (entry < before) {
        return use.Fail("entry %d of codebook %llu follows %d", entry, table, before);
      }
    }
  }
  return Status();
}

Status CheckFloatValues(const OperatorUse& use, const Operand& operand) {
  const bool half = operand.format.kind == WeightKind::fp16;
  for (uint64_t i = 0; i < operand.n * operand.k; ++i) {
    // All exponent bits set: infinity or NaN.
    const bool finite = half ? (ElementAt<uint16_t>(operand.values, i) & 0x7C00) != 0x7C00
                             : (ElementAt<uint32_t>(operand.values, i) & 0x7F800000) != 0x7F800000;
    if (!finite) {
      return use.Fail("weight %llu is not finite", static_cast<unsigned long long>(i));
    }
  }
  return Status();
}

Status CheckSums(const OperatorUse& use, const Operand& operand) {
  const Reach reach = ReachOf(operand);
  for (uint64_t i = 0; i < operand.n; ++i) {
    const int64_t most = static_cast<int64_t>(operand.k) * operand.LargestWeight(i) * 255;
    const int64_t bias = operand.compute == Compute::integer ? operand.Bias(i) : 0;
    if (most + std::abs(bias) <= INT32_MAX) continue;
    const PartSums sums = operand.Sums(i);
    int64_t least = 0;
    int64_t largest = 0;
    if (operand.compute != Compute::dynamic) {
      largest = bias + sums.positive * reach.above + sums.negative * reach.below;
      least = bias - sums.positive * reach.below - sums.negative * reach.above;
    } else {
      // The zero point of a dynamically quantized row is anywhere in -128..127.
      largest = 255 * std::max(sums.positive, sums.negative);
      least = -largest;
    }
    if (least < INT32_MIN || largest > INT32_MAX) {
      return use.Fail("sums %lld..%lld of channel %llu do not fit int32",
                      static_cast<long long>(least), static_cast<long long>(largest),
                      static_cast<unsigned long long>(i));
    }
  }
  return Status();
}

}  // namespace

Status CheckCompute(OperatorUse& use, Compute compute, const schema::IntRange* int_range,
                    const schema::FloatRange* float_range) {
  if (compute > Compute::MAX) return use.Fail("unknown compute %u", static_cast<unsigned>(compute));
  const bool integer = compute == Compute::integer;
  if (compute == Compute::wide) {
    LUTRA_RETURN_IF_ERROR(use.WantType(use.In(0), schema::TensorType::int16));
    if (use.Out().type != schema::TensorType::int16) {
      LUTRA_RETURN_IF_ERROR(use.WantType(use.Out(), schema::TensorType::float32));
    }
  } else {
    LUTRA_RETURN_IF_ERROR(
        use.WantType(use.Out(), integer ? schema::TensorType::int8 : schema::TensorType::float32));
    LUTRA_RETURN_IF_ERROR(use.WantOneType());
  }
  LUTRA_RETURN_IF_ERROR(use.WantRange(int_range, integer));
  return use.WantRange(float_range, !integer);
}

Status CheckWeights(OperatorUse& use, const schema::Weights* weights, Compute compute, uint64_t n,
                    uint64_t k, int32_t input_zero_point, const schema::Curve* curve) {
  if (weights == nullptr) return use.Fail("has no weights");
  // n is at most 2^26, so with this n * k * 32 bits fits 64 bits.
  if (k > UINT32_MAX) return use.FailLimit("a kernel of more than 2^32 weights");
  Operand operand{*weights, compute, n, k, input_zero_point, curve};
  LUTRA_RETURN_IF_ERROR(CheckKind(use, operand));
  LUTRA_RETURN_IF_ERROR(
      use.WantWeights(weights->values(), operand.format.ValueBytes(n * k), n * k));
  const bool coded = !use.facts().view.IsRaw(weights->values());
  if (coded && !operand.format.HasIntegers())
    return use.Fail("floating-point weights are entropy coded");
  LUTRA_RETURN_IF_ERROR(
      use.WantBlob(weights->params(), operand.layout.bytes, "channel parameters"));
  operand.values = use.facts().view.Blob(weights->values());
  operand.params = use.facts().view.Blob(weights->params());

  LUTRA_RETURN_IF_ERROR(use.facts().Spend(n + n * k));
  LUTRA_RETURN_IF_ERROR(CheckCurve(use, curve, compute, n));
  LUTRA_RETURN_IF_ERROR(CheckParams(use, operand));
  if (operand.codebook()) {
    const uint64_t tables = operand.format.Tables(n);
    const uint64_t table_bytes = tables * operand.format.TableEntries();
    LUTRA_RETURN_IF_ERROR(use.WantBlob(weights->codebook(), table_bytes, "codebooks"));
    LUTRA_RETURN_IF_ERROR(use.facts().Spend(table_bytes));
    operand.tables = use.facts().view.Blob(weights->codebook());
    LUTRA_RETURN_IF_ERROR(CheckTables(use, operand, tables));
  }
  if (!operand.format.HasIntegers()) return CheckFloatValues(use, operand);
  // The sums of coded weights are checked when they are decoded.
  return compute == Compute::float_ || coded ? Status() : CheckSums(use, operand);
}

}  // namespace lutra::validate

namespace lutra {

Status ValidateDecodedWeights(const ModelView& view, const schema::Operator& op,
                              const DecodedWeights& decoded) {
  const schema::Weights& weights = *decoded.weights;
  if (decoded.compute == schema::Compute::float_) return Status();
  size_t index = 0;
  while (view.model->operators()->Get(static_cast<flatbuffers::uoffset_t>(index)) != &op) ++index;
  validate::Facts facts{view, *view.model, {}};
  const validate::OperatorUse use(facts, index, op);
  validate::Operand operand{weights, decoded.compute, decoded.n, decoded.k,
                            decoded.input_zero_point};
  operand.values = decoded.values;
  operand.params = view.Blob(weights.params());
  if (operand.codebook()) operand.tables = view.Blob(weights.codebook());
  return validate::CheckSums(use, operand);
}

}  // namespace lutra
