#include "converter/edit/checkpoint_weights.h"

#include "converter/checkpoint/safetensors.h"
#include "converter/checkpoint/tensor_name.h"
#include "converter/error.h"

namespace lutra::converter::edit {

CheckpointWeights::CheckpointWeights(std::span<const uint8_t> bytes, const std::string& path)
    : checkpoint_(checkpoint::ReadCheckpointBytes(bytes, path)) {
  for (size_t i = 0; i < checkpoint_.tensors.size(); ++i) {
    const checkpoint::NamedTensor& named = checkpoint_.tensors[i];
    if (!IsFloating(named.tensor.type()) || named.tensor.rank() < 2) continue;
    const std::string_view name = checkpoint::WithoutWrapper(named.name);
    const std::string module = ModuleOf(name);
    LayerWeights weight(module.empty() ? std::string(name) : module, named.name,
                        named.tensor.dims(), named.tensor.ToFloats());
    const auto mask = checkpoint_.metadata.find(weight.MaskKey());
    if (mask != checkpoint_.metadata.end()) {
      try {
        weight.SetMask(mask->second);
      } catch (const Error& fault) {
        throw Error(path + ": " + fault.what());
      }
    }
    weights_.push_back(std::move(weight));
    tensors_.push_back(i);
  }
  if (weights_.empty()) {
    throw Error(path + ": has no floating-point tensor of two dimensions or more");
  }
}

std::vector<uint8_t> CheckpointWeights::Bytes(const std::string& path) {
  for (size_t i = 0; i < weights_.size(); ++i) {
    Tensor& tensor = checkpoint_.tensors[tensors_[i]].tensor;
    tensor = WithValues(tensor, weights_[i].values);
    if (weights_[i].masked) checkpoint_.metadata[weights_[i].MaskKey()] = weights_[i].Mask();
  }
  try {
    return checkpoint::WriteSafetensors(checkpoint_.tensors, checkpoint_.metadata);
  } catch (const Error& fault) {
    throw Error(path + ": " + fault.what());
  }
}

std::vector<checkpoint::SkippedEntry> CheckpointWeights::Skipped() const {
  std::vector<checkpoint::SkippedEntry> skipped = checkpoint_.skipped;
  std::erase_if(skipped, [](const checkpoint::SkippedEntry& entry) {
    return entry.path == checkpoint::kMetadataName;
  });
  return skipped;
}

}  // namespace lutra::converter::edit
