// ONNX (opset 7 to 21) -> Graph in canonical form.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter {

struct ImportOptions {
  /// --input-shape: shapes for inputs with dynamic sizes. The leading dynamic dimension (batch) is
  /// 1 unless given.
  std::map<std::string, std::vector<int64_t>> input_shapes;
  /// Throw when any operator cannot be executed by Lutra (all of them listed at once).
  bool refuse_unsupported = true;
};

/// Reads and validates the file; throws Error. External data must lie in the model's folder.
Graph ImportOnnx(const std::string& path, const ImportOptions& options);

/// The same from a serialized ModelProto; `path` names it in messages and locates external data.
Graph ImportOnnxBytes(std::string_view bytes, const std::string& path, const ImportOptions& options);

/// Sum of 4 * elements over the floating initializers of the file as it was read (fp32_bytes).
uint64_t Fp32Bytes(const Graph& imported);

}  // namespace lutra::converter
