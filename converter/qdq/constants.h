// The constants of an imported quantized network: the graph gets their real values, and a record
// keeps the integers' scales, so that exactly those can be found again behind the passes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/quantize/quantization.h"

namespace lutra::converter::qdq {

struct ConstantRecord {
  std::vector<float> scale;             ///< one, or one per channel
  std::vector<int32_t> zero_point;      ///< as many; of int8 values
  std::vector<int32_t> bias;            ///< the integers themselves when they were int32
  DataType type = DataType::undefined;  ///< as stored
};

/// By the name of the real value, and of its transposed or reshaped forms.
using ConstantRecords = std::map<std::string, ConstantRecord>;

/// Scale and zero point inputs of a QuantizeLinear or DequantizeLinear. uint8 is shifted by 128.
/// Without a zero point it is 0 of `type`. Throw Error naming the node when they are computed, not
/// positive, or of another type.
std::vector<float> ScalesOf(const Graph& graph, const Node& node);
std::vector<int32_t> ZeroPointsOf(const Graph& graph, const Node& node, size_t count,
                                  DataType type);
/// The type of the integers that a QuantizeLinear writes: its zero point's, else its output_dtype,
/// else uint8.
DataType QuantizedType(const Graph& graph, const Node& quantize);

/// DequantizeLinear of constants -> float initializers of the same name.
ConstantRecords TakeConstants(Graph& graph);

/// Notes at each node which record its constant operand has: call before names change.
void MarkOperands(Graph& graph, const ConstantRecords& records);
/// The record that was noted, or null.
const ConstantRecord* OperandRecord(const Node& node, const ConstantRecords& records);

/// The integers behind a node's weights, in the order of WeightMatrix; none when the float weights
/// are no multiples of the recorded scales (any more).
std::optional<quantize::QuantizedWeights> IntegersOf(const Graph& graph, const Node& node,
                                                     const ConstantRecord& record);

}  // namespace lutra::converter::qdq
