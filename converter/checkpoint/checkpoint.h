// Trained weights without a graph: what PyTorch checkpoints, safetensors files and the constants of
// ONNX files have in common. Names, shapes, types and bytes as the file has them, in its order.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"
#include "converter/warnings.h"

namespace lutra::converter::checkpoint {

struct NamedTensor {
  std::string name;  ///< unique; as in the state_dict: a "module." prefix is kept
  Tensor tensor;
};

/// Something in the file that is no weight tensor ("epoch", "integer 199").
struct SkippedEntry {
  std::string path, what;
};

struct Checkpoint {
  std::string format;  ///< "PyTorch (zip)", "PyTorch (legacy)", "safetensors", "ONNX"
  std::vector<NamedTensor> tensors;
  std::vector<SkippedEntry> skipped;
  std::map<std::string, std::string> metadata;  ///< of safetensors; also listed as skipped
  Warnings warnings;                            ///< each begins with the path
};

/// Whether the bytes begin like a PyTorch or safetensors file, which have no graph.
bool IsCheckpoint(std::span<const uint8_t> bytes);

/// Reads a file, whose bytes tell its format. Throws Error that begins with the path: no tensors in
/// it, damaged, of a class that is refused, of a type that cannot be held.
Checkpoint ReadCheckpoint(const std::string& path);

/// The same from bytes; `path` names them in messages and locates external data of ONNX files.
Checkpoint ReadCheckpointBytes(std::span<const uint8_t> bytes, const std::string& path);

}  // namespace lutra::converter::checkpoint
