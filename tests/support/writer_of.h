// A finished model file back in the hands of a writer, for tests that store it differently.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "schema/writer.h"

namespace lutra::test {

/// The writer that would give this file, whose blobs are raw.
inline ModelWriter WriterOf(const std::vector<uint8_t>& file) {
  ModelView view;
  const Status status = OpenContainer(file.data(), file.size(), &view);
  if (!status.ok()) throw std::runtime_error(status.message());
  ModelWriter writer;
  view.model->UnPackTo(&writer.model);
  writer.model.min_runtime_version = 0;
  for (size_t i = 0; view.model->blobs() != nullptr && i < view.model->blobs()->size(); ++i) {
    if (writer.AddBlob({view.Blob(i), view.BlobBytes(i)}) != i) {
      throw std::runtime_error("a blob is stored twice");
    }
  }
  return writer;
}

}  // namespace lutra::test
