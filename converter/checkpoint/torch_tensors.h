// From the nodes of a checkpoint's pickle to tensors.
#pragma once

#include <functional>
#include <optional>

#include "converter/checkpoint/checkpoint.h"
#include "converter/checkpoint/pickle.h"

namespace lutra::converter::checkpoint {

/// A persistent id ("storage", type, key, location, elements[, view]), checked.
struct TorchStorage {
  std::optional<DataType> type;  ///< none: untyped, counted in bytes, or a type that is not read
  size_t unit = 1;               ///< bytes of one of `elements`
  std::string key;
  uint64_t elements = 0;  ///< of the whole storage
  /// The part that the tensor sees: legacy files may have views into storages.
  uint64_t view_offset = 0, view_elements = 0;
};

/// Throws Error for a storage of a type that torch does not have.
TorchStorage DescribeStorage(const PickleTree& tree, const PickleNode& storage);

/// The bytes of a storage, which live until the tensors are collected; throws Error when the file
/// has none of that key.
using StorageBytes = std::function<std::span<const uint8_t>(const TorchStorage&)>;

/// file_bytes bounds the tensors' size: strides of 0 make many bytes of few.
Checkpoint CollectTensors(const PickleTree& tree, const StorageBytes& storage_bytes,
                          size_t file_bytes);

}  // namespace lutra::converter::checkpoint
