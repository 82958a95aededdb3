// Assembles a model file: the other half of container.h, used by the converter and by tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schema/container.h"

namespace lutra {

class ModelWriter {
 public:
  /// The tables; Model::blobs is filled by AddBlob, format and runtime versions by Finish.
  schema::ModelT model;

  /// Appends bytes to the segments (identical blobs are stored once) and returns the blob's index.
  uint16_t AddBlob(std::span<const uint8_t> bytes);

  /// The whole file: header, FlatBuffer, padding, segments, checksum.
  std::vector<uint8_t> Finish();

 private:
  std::vector<uint8_t> segments_;
};

}  // namespace lutra
