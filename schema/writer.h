// Assembles a model file: the other half of container.h, used by the converter and by tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schema/container.h"

namespace lutra {

class ModelWriter {
 public:
  /// The tables. Finish fills Model::blobs from AddBlob, and every version that is still 0.
  schema::ModelT model;

  /// Keeps a copy of the bytes (identical blobs are stored once) and returns the blob's index.
  /// Throws std::length_error past kMaxBlobs or 4 GB.
  uint16_t AddBlob(std::span<const uint8_t> bytes);

  size_t blob_count() const { return blobs_.size(); }
  /// The bytes that AddBlob got.
  std::span<const uint8_t> blob(size_t index) const { return blobs_[index].bytes; }
  /// Other bytes in its place.
  void SetBlob(size_t index, std::vector<uint8_t> bytes);
  /// Stores a blob of weights as this stream of a code; blob() does not change.
  void SetEncoded(size_t index, schema::Encoding encoding, std::vector<uint8_t> stream);

  /// The whole file: header, FlatBuffer, padding, segments, checksum. Large blobs come first, so
  /// that their alignment costs least; indices stay as AddBlob gave them.
  std::vector<uint8_t> Finish();

 private:
  /// The oldest runtime that knows all that the model uses.
  uint16_t RuntimeVersion() const;

  struct Blob {
    std::vector<uint8_t> bytes;
    schema::Encoding encoding = schema::Encoding::raw;
    std::vector<uint8_t> stream;  ///< of coded ones

    const std::vector<uint8_t>& stored() const {
      return encoding == schema::Encoding::raw ? bytes : stream;
    }
  };
  std::vector<Blob> blobs_;
};

/// Puts a valid checksum into a file whose bytes were changed: for tests that damage files.
void RepairChecksum(std::span<uint8_t> file);

}  // namespace lutra
