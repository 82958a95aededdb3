#include "converter/qdq/adopt_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/quantize/weight_matrix.h"
#include "converter/quantize/weight_quantizer.h"

namespace lutra::converter::qdq {
namespace {

constexpr double kLargestSum = std::numeric_limits<int32_t>::max();
// What a rescaled channel's bias and sums may reach: together less than int32 holds.
constexpr double kLargestBias = 1 << 29, kLargestProducts = 1 << 30;
// Rounding of a bias, or of rescaled weights, by less than this part of an output step is lost in
// the rounding of the output itself.
constexpr double kHarmless = 0.25;
// Multipliers are normal floats with room to spare on both sides.
constexpr double kSmallestMultiplier = 0x1p-60;

// One output channel of an integer product.
class Channel {
 public:
  Channel(quantize::QuantizedWeights& weights, size_t n, const quantize::QuantParams& in,
          const quantize::QuantParams& out)
      : weights_(weights), n_(n), in_(in), out_scale_(static_cast<double>(out.scale)) {}

  /// What one step of the accumulator is worth.
  double Unit() const {
    return static_cast<double>(in_.scale) * static_cast<double>(weights_.scale[n_]);
  }
  double Multiplier() const { return Unit() / out_scale_; }

  /// The largest magnitude that the sum of products can reach.
  double LargestProducts() const {
    double positive = 0, negative = 0;
    for (size_t k = 0; k < weights_.k; ++k) {
      const int q = Value(k);
      (q > 0 ? positive : negative) += std::abs(q);
    }
    const double below = in_.zero_point + 128, above = 127 - in_.zero_point;
    return std::max(positive * above + negative * below, positive * below + negative * above);
  }

  bool Fits(double bias) const {
    const float multiplier = static_cast<float>(Multiplier());
    return std::isnormal(multiplier) && std::fabs(bias) / Unit() + LargestProducts() < kLargestSum;
  }

  /// Coarser weights that fit; false when that would show in the output.
  bool Rescale(double bias) {
    const double in = static_cast<double>(in_.scale);
    const double old_scale = static_cast<double>(weights_.scale[n_]);
    const double wanted = std::max({old_scale, std::fabs(bias) / (in * kLargestBias),
                                    LargestProducts() * old_scale / kLargestProducts,
                                    kSmallestMultiplier * out_scale_ / in});
    const float scale = static_cast<float>(wanted);
    double error = 0;
    for (size_t k = 0; k < weights_.k; ++k) {
      const double exact = Value(k) * (old_scale / static_cast<double>(scale));
      const double rounded = std::nearbyint(exact);
      if (std::fabs(rounded) > 127) return false;
      error += std::fabs(exact - rounded);
      weights_.values[n_ * weights_.k + k] = static_cast<int8_t>(rounded);
    }
    if (!weights_.zero_point.empty()) weights_.zero_point[n_] = 0;
    weights_.scale[n_] = scale;
    const double steps = std::max(127 - in_.zero_point, 128 + in_.zero_point);
    return error * steps * Multiplier() <= kHarmless && Fits(bias);
  }

 private:
  int Value(size_t k) const {
    const int zero_point = weights_.zero_point.empty() ? 0 : weights_.zero_point[n_];
    return weights_.values[n_ * weights_.k + k] - zero_point;
  }

  quantize::QuantizedWeights& weights_;
  const size_t n_;
  const quantize::QuantParams in_;
  const double out_scale_;
};

// The int32 bias of the file where it is in units of the accumulator already.
const std::vector<int32_t>* ExactBias(const Node& node, const ConstantRecords& records,
                                      const quantize::QuantizedWeights& weights,
                                      const quantize::QuantParams& in) {
  constexpr double kSameScale = 1e-5;
  const auto found = records.find(node.Input(2));
  if (found == records.end() || node.Float("beta", 1.0F) != 1.0F) return nullptr;
  const ConstantRecord& record = found->second;
  if (record.bias.size() != weights.n) return nullptr;
  for (size_t n = 0; n < weights.n; ++n) {
    const double unit = static_cast<double>(in.scale) * static_cast<double>(weights.scale[n]);
    const double given = static_cast<double>(record.scale[record.scale.size() == 1 ? 0 : n]);
    if (std::fabs(given - unit) > kSameScale * unit) return nullptr;
  }
  return &record.bias;
}

}  // namespace

AdoptedWeights AdoptWeights(const Graph& graph, const Node& node, const ConstantRecords& records,
                            const quantize::QuantParams& in, const quantize::QuantParams& out) {
  AdoptedWeights result;
  const quantize::WeightMatrix matrix = quantize::ReadWeightMatrix(graph, node);
  const ConstantRecord* record = OperandRecord(node, records);
  if (record != nullptr) {
    auto integers = IntegersOf(graph, node, *record);
    if (!integers) {
      result.why_not = "its weights are no multiples of a scale per output channel";
      return result;
    }
    result.weights = std::move(*integers);
  } else if (matrix.k == 1) {
    // One factor for a channel (batch normalization) loses nothing by a scale of its own.
    result.weights =
        quantize::QuantizeWeights(matrix, quantize::LayerScheme{}, static_cast<double>(in.scale));
  } else {
    result.why_not = "the imported network does not quantize its weights";
    return result;
  }
  const std::vector<int32_t>* exact =
      record == nullptr ? nullptr : ExactBias(node, records, result.weights, in);
  for (size_t n = 0; n < matrix.n; ++n) {
    Channel channel(result.weights, n, in, out);
    const double bias = static_cast<double>(matrix.bias[n]);
    bool rescaled = false;
    if (!channel.Fits(bias)) {
      rescaled = true;
      if (!channel.Rescale(bias)) {
        result.why_not = "its sums may leave int32";
        return result;
      }
    }
    const double in_units = bias / channel.Unit();
    const double rounded = std::nearbyint(in_units);
    if (exact != nullptr && !rescaled) {
      result.bias.push_back((*exact)[n]);
    } else if (std::fabs(in_units - rounded) * channel.Multiplier() > kHarmless) {
      result.why_not = "its bias is too fine for the scales of its input and weights";
      return result;
    } else {
      result.bias.push_back(static_cast<int32_t>(rounded));
    }
  }
  return result;
}

}  // namespace lutra::converter::qdq
