#include "converter/coding/compact_params.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "schema/params.h"

namespace lutra::converter::encoding {
namespace {

struct Operand {
  schema::WeightsT* weights = nullptr;
  schema::Compute compute = schema::Compute::integer;
  size_t n = 0;  ///< output channels
};

template <typename T>
std::vector<T> Array(std::span<const uint8_t> bytes, size_t begin, size_t count) {
  std::vector<T> values(count);
  std::memcpy(values.data(), bytes.data() + begin, count * sizeof(T));
  return values;
}

template <typename T>
void Write(const std::vector<T>& values, size_t begin, std::vector<uint8_t>& bytes) {
  std::memcpy(bytes.data() + begin, values.data(), values.size() * sizeof(T));
}

/// What the fields that tell of a shorter form may take in the file's tables.
constexpr size_t kFieldBytes = 32;

bool FitsShort(int32_t bias) {
  return bias >= std::numeric_limits<int16_t>::min() && bias <= std::numeric_limits<int16_t>::max();
}

/// The new bytes of the blob, and the fields of the weights that tell of them; or nothing.
std::vector<uint8_t> Compact(const Operand& operand, std::span<const uint8_t> wide) {
  schema::WeightsT& weights = *operand.weights;
  const size_t n = operand.n;
  WeightFormat format{.asymmetric = weights.has_zero_points};
  const ParamLayout from = LayOutParams(format, n, 0, false);
  const auto biases = Array<int32_t>(wide, 0, n);
  std::vector<float> scales = Array<float>(wide, from.scale_begin, n);
  const bool short_bias =
      operand.compute == schema::Compute::integer && std::ranges::all_of(biases, FitsShort);
  const bool one_scale =
      weights.group == 0 && std::ranges::all_of(scales, [&](float s) { return s == scales[0]; });
  if (one_scale) format.granularity = Granularity::tensor;
  const ParamLayout to = LayOutParams(format, n, 0, short_bias);
  if (from.bytes - to.bytes < kFieldBytes) return {};
  weights.short_bias = short_bias;
  weights.one_scale = one_scale;
  // Zero points, or the scales of groups.
  const auto rest = wide.subspan(from.zero_point_begin);
  std::vector<uint8_t> bytes(to.zero_point_begin);
  if (short_bias) {
    Write(std::vector<int16_t>(biases.begin(), biases.end()), 0, bytes);
  } else {
    Write(biases, 0, bytes);  // floats too, bit by bit
  }
  if (one_scale) scales.resize(1);
  Write(scales, to.scale_begin, bytes);
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

}  // namespace

void CompactParams(const std::set<uint16_t>& used_once, ModelWriter* writer) {
  for (const auto& op : writer->model.operators) {
    Operand operand;
    operand.n = static_cast<size_t>(writer->model.tensors[op->outputs[0]]->shape.back());
    if (auto* conv = op->options.AsConv()) {
      operand.weights = conv->weights.get();
      operand.compute = conv->compute;
    } else if (auto* linear = op->options.AsLinear()) {
      operand.weights = linear->weights.get();
      operand.compute = linear->compute;
    } else {
      continue;
    }
    const schema::WeightKind kind = operand.weights->kind;
    const bool scaled = kind == schema::WeightKind::linear || kind == schema::WeightKind::codebook;
    const uint16_t blob = operand.weights->params;
    if (!scaled || !used_once.contains(blob)) continue;
    std::vector<uint8_t> bytes = Compact(operand, writer->blob(blob));
    if (!bytes.empty()) writer->SetBlob(blob, std::move(bytes));
  }
}

}  // namespace lutra::converter::encoding
