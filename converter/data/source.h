// Where samples come from, one implementation per format; what is done to them afterwards
// (dataset.cc) is the same for all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "converter/data/spec.h"
#include "converter/warnings.h"

namespace lutra::converter::data {

/// Pixels, rows from the top, channels innermost: [height, width, channels].
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

/// A sample before preprocessing: an image, or numbers of any shape.
struct RawSample {
  Image image;                 ///< empty for npy
  std::vector<float> values;   ///< npy
  std::vector<int64_t> shape;  ///< npy
  int64_t label = -1;
  std::string source;
};

/// The samples that offset and limit leave. All functions are thread-safe and throw Error.
class Source {
 public:
  virtual ~Source() = default;
  virtual size_t size() const = 0;
  virtual bool labelled() const = 0;
  virtual RawSample Get(size_t index) const = 0;
  /// The sample's bytes as they are stored (a whole file for the image formats).
  virtual std::vector<uint8_t> Bytes(size_t index) const = 0;
  /// Whether the values are integers from 0 to 255.
  virtual bool pixels() const { return true; }
  /// What was found on the way and left out.
  virtual Warnings warnings() const { return {}; }
  /// Of format folder; 0 for others.
  virtual size_t class_folders() const { return 0; }
  /// Files that hold samples and that the description does not name itself.
  virtual std::vector<std::string> Files() const { return {}; }
};

std::unique_ptr<Source> OpenIdx(const DataSpec& spec);
std::unique_ptr<Source> OpenCifar10(const DataSpec& spec);
std::unique_ptr<Source> OpenNpy(const DataSpec& spec);
/// folder, list and images.
std::unique_ptr<Source> OpenImageFiles(const DataSpec& spec);

/// The samples [offset, offset + count) that the description leaves of `total`; throws Error when
/// none is left.
struct Range {
  size_t offset, count;
};
Range Select(const DataSpec& spec, size_t total, const std::string& what);

}  // namespace lutra::converter::data
