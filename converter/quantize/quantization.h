// What quantization decides: the number format of every activation and of every weight operand.
// Filled by calibration and a recipe, or by importing a QDQ / QOperator network; read by lower/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/weight_format.h"
#include "converter/graph/graph.h"

namespace lutra::converter::quantize {

/// real = scale * (q - zero_point), q in -128..127.
struct QuantParams {
  float scale = 1.0F;
  int32_t zero_point = 0;
  bool operator==(const QuantParams&) const = default;
};

/// What a layer computes with: int8 throughout; float, but for products that round what they read
/// to 8 bits row by row at run time (dynamic), or to 16 bits with a calibrated scale (wide).
enum class ActivationType : uint8_t { integer, dynamic, float_, wide };
enum class CalibratorKind : uint8_t { minmax, percentile, mse, entropy, automatic };

struct LayerScheme : WeightFormat {
  ActivationType activations = ActivationType::integer;
  CalibratorKind calibrator = CalibratorKind::automatic;
  /// Share of the integer weights, those of smallest magnitude, that are 0 whatever rounding may
  /// gain by others.
  double sparsity = 0;
  bool operator==(const LayerScheme&) const = default;
};

/// Integer weights in the order of the graph's initializer transposed to [output channel][k],
/// k = kernel_h, kernel_w, input channel (Conv) or the reduction dimension (Gemm).
struct QuantizedWeights {
  size_t n = 0, k = 0;
  int bits = 8;
  std::vector<int8_t> values;
  std::vector<float> scale;        ///< [n]
  std::vector<int8_t> zero_point;  ///< [n], or empty: all zero
  /// Codebooks: 2^bits ascending entries (the last repeated where there are fewer) for every
  /// table_channels channels; every value is an entry of its channel's. Empty for linear weights.
  std::vector<int8_t> tables = {};
  size_t table_channels = 0;
  /// Scales of `group` elements of a row each, in units of the row's: [n][ceil(k / group)]. Empty:
  /// the row has one scale.
  std::vector<uint8_t> group_scale = {};
  size_t group = 0;

  int ZeroPoint(size_t row) const { return zero_point.empty() ? 0 : zero_point[row]; }
  /// What a step of this value is worth.
  float ScaleAt(size_t row, size_t column) const {
    return scale[row] * static_cast<float>(GroupScale(row, column));
  }
  int GroupScale(size_t row, size_t column) const {
    return group == 0 ? 1 : group_scale[row * ((k + group - 1) / group) + column / group];
  }
  bool OneScale() const {
    return group == 0 && std::ranges::all_of(scale, [this](float s) { return s == scale[0]; });
  }
  /// No weight is larger in magnitude, in steps of its row's scale.
  int LargestWeight() const { return group == 0 ? 128 : 255 << (bits - 1); }
  /// What is here and in none but model files, and the cure; or null.
  struct Peculiarity {
    const char* what;
    const char* cure;
  };
  std::optional<Peculiarity> Peculiar() const {
    if (group != 0)
      return Peculiarity{"weights with a scale per group", "use --granularity channel"};
    if (std::ranges::all_of(zero_point, [](int8_t z) { return z == 0; })) return std::nullopt;
    return Peculiarity{"asymmetric weights", "leave --asymmetric out"};
  }
  std::span<const int8_t> Table(size_t channel) const {
    const size_t entries = size_t{1} << bits;
    return std::span(tables).subspan(channel / table_channels * entries, entries);
  }
};

struct Quantization {
  std::map<std::string, LayerScheme> schemes;        ///< by node label
  std::set<std::string> integer_nodes;               ///< labels of nodes computed in integers
  std::map<std::string, QuantParams> activations;    ///< by value; absent = float32
  std::map<std::string, float> wide;                 ///< scales of int16, by value that is read so
  std::map<std::string, QuantizedWeights> weights;   ///< by node label
  std::map<std::string, std::vector<int32_t>> bias;  ///< by node label, for integer nodes
  /// The same for others with integer weights, where rounding corrected what the graph has.
  std::map<std::string, std::vector<float>> float_bias;
  /// Products that compute on behind their sums (tails.h): label -> the value that they round.
  std::map<std::string, std::string> tails;
  std::set<std::string> in_tails;  ///< labels of the nodes that they take over
  /// Node label -> why it stays float although its scheme asks for integers.
  std::map<std::string, std::string> float_reason;

  bool IsInteger(const Node& node) const { return integer_nodes.contains(node.Label()); }
  /// What an integer product gives: its result, or that of its tail.
  const std::string& Rounded(const Node& product) const {
    const auto tail = tails.find(product.Label());
    return tail == tails.end() ? product.outputs[0] : tail->second;
  }
  const QuantParams* Params(const std::string& value) const {
    const auto found = activations.find(value);
    return found == activations.end() ? nullptr : &found->second;
  }
};

}  // namespace lutra::converter::quantize
