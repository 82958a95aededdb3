// Float graph + Quantization -> the model file: chooses operators, makes their integer parameters,
// plans the arena.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/lower/byte_ports.h"
#include "converter/quantize/quantization.h"
#include "schema/writer.h"

namespace lutra::converter::lowering {

/// What a report says about one operator of the file; parallel to Model::operators.
struct LoweredOperator {
  std::string layer;        ///< ONNX value it computes or prepares
  std::string op;           ///< ONNX operator of its node; the file's own for inserted ones
  bool completes = false;   ///< its output is the node's value, which can be compared with FP32
  std::string scheme;       ///< "int8", "linear4 dynamic", "float32"
  uint64_t fp32_bytes = 0;  ///< of the node's constants
  std::string float_reason;
};

struct LoweredModel {
  ModelWriter writer;
  std::vector<LoweredOperator> operators;
  size_t output_channels = 0;  ///< of all Conv, Linear together
};

struct LowerOptions {
  /// float, int8 or uint8: what callers are expected to pass (Port::preferred). uint8 adds tables
  /// that fold `normalization`.
  std::string input_type = "float";
  std::optional<data::Normalization> normalization;
  /// Inputs and outputs that are bytes in the ONNX graph: where the tensor is int8, they prefer
  /// them, unless input_type asks for something else.
  std::map<std::string, PortBytes> byte_ports;
  std::string producer;
};

/// Throws Error when it is no input_type, which Lower takes for granted.
void CheckInputType(const std::string& type);

/// The graph must be optimized (passes.h). Throws Error listing every node that neither the integer
/// nor the float operators can express.
LoweredModel Lower(const Graph& graph, const quantize::Quantization& quantization,
                   const LowerOptions& options);

}  // namespace lutra::converter::lowering
