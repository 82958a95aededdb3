// The weights of a checkpoint: its floating-point tensors of two and more dimensions. What is
// written is safetensors with all tensors of the file; masks lie in its "__metadata__".
#pragma once

#include <span>

#include "converter/edit/weights.h"

namespace lutra::converter::edit {

class CheckpointWeights : public WeightsFile {
 public:
  /// Throws Error that begins with the path.
  CheckpointWeights(std::span<const uint8_t> bytes, const std::string& path);

  std::vector<uint8_t> Bytes(const std::string& path) override;
  bool HasGraph() const override { return false; }
  std::vector<checkpoint::SkippedEntry> Skipped() const override;
  Warnings warnings() const override { return checkpoint_.warnings; }

 private:
  checkpoint::Checkpoint checkpoint_;
  std::vector<size_t> tensors_;  ///< of each weight
};

}  // namespace lutra::converter::edit
