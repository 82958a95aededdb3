// Tensors that an ONNX file keeps in files beside it. A model comes from strangers, so a location
// may only name a regular file below the model's own folder: no absolute path, no "..", and no
// symbolic link that leads out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace lutra::converter::importing {

/// Of all tensors of one file together: external data can be named as often as one likes.
constexpr uint64_t kMostConstantBytes = uint64_t{1} << 32;

class ExternalData {
 public:
  /// model_path: the ONNX file; locations are relative to its folder.
  explicit ExternalData(const std::string& model_path);

  /// `length` bytes from `offset`; without a length everything to the end of the file. `expected`
  /// is what the tensor needs: another size is refused before anything is read. Throws Error.
  std::string Read(const std::string& location, uint64_t offset, std::optional<uint64_t> length,
                   uint64_t expected) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace lutra::converter::importing
