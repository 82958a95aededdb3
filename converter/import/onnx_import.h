// ONNX (opset 7 to 24) -> Graph in canonical form.
//
// Files are read with the protobuf classes alone. Every structural fault is one Error that begins
// with the path; operators that cannot be executed are all listed in one Error.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/import/external_data.h"

namespace lutra::converter::importing {

struct ImportOptions {
  /// --input-shape: shapes for inputs with dynamic sizes. The leading dynamic dimension (batch) is
  /// 1 unless given; other dynamic dimensions stay -1, and InferShapes asks for them.
  std::map<std::string, std::vector<int64_t>> input_shapes;
  /// Why a node (in canonical form) cannot be executed, "" if it can: the executor's
  /// WhyUnsupported. Null: nothing is refused but what a Graph cannot express (subgraphs).
  std::function<std::string(const Node&)> why_unsupported;
  /// What a value is if that is known before anything runs: the passes' KnownValue. It decides
  /// which branch of an If is read. Null: only constants of the file are known.
  std::function<std::optional<Tensor>(const Graph&, const std::string& value)> known_value;
  /// Filled with what the file states of values that the network computes. Nothing relies on it:
  /// shapes are inferred. Null: it is not read.
  std::map<std::string, ValueInfo>* declared = nullptr;
  /// Constants that are equal by chance are read as if none had been shared (own_constants.h).
  bool own_constants = false;
  /// Of all initializers and constants.
  uint64_t most_constant_bytes = kMostConstantBytes;
};

/// Reads and validates the file; throws Error. External data must lie in the model's folder.
Graph ImportOnnx(const std::string& path, const ImportOptions& options);

/// The same from a serialized ModelProto; `path` names it in messages and locates external data.
Graph ImportOnnxBytes(std::string_view bytes, const std::string& path,
                      const ImportOptions& options);

}  // namespace lutra::converter::importing
