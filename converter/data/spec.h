// Which data, and how a sample becomes a network's input: the fields of a `--data` file, or of the
// flags of the same names. docs/cli.md lists them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lutra::converter::data {

/// Of images as they are read and as they are resized: a file of a few kilobytes can announce
/// gigabytes.
constexpr int kMaxImageSide = 16384;
constexpr int64_t kMaxImagePixels = int64_t{1} << 26;

enum class DataFormat { idx, cifar10, npy, folder, list, images };
enum class ChannelOrder { rgb, bgr, gray };

struct DataSpec {
  std::string origin;  ///< what messages call the description: the JSON file or "--data flags"
  DataFormat format = DataFormat::idx;
  std::string path;            ///< cifar10, folder, list, images
  std::string images, labels;  ///< idx, npy; no labels: unlabelled
  std::string targets;         ///< a NumPy file with a row for each sample before offset and limit
  size_t offset = 0;           ///< samples skipped
  std::optional<size_t> limit;
  std::optional<std::array<int, 2>> resize;  ///< height, width
  std::optional<int> resize_shorter_side;
  std::optional<std::array<int, 2>> center_crop;  ///< height, width
  ChannelOrder channel_order = ChannelOrder::rgb;
  bool nhwc = false;                  ///< npy: samples are [H, W, C] and become [C, H, W]
  double scale = 1;                   ///< input = (x * scale - mean) / std
  std::vector<double> mean, std;      ///< one value, or one per channel; empty: 0 and 1
  bool normalization_stated = false;  ///< one of these three was given
};

/// Reads and checks the JSON file; relative paths in it are made relative to the file's folder.
/// Throws Error naming file, field and cure.
DataSpec ReadDataSpec(const std::string& json_path);

/// The same from an object; `folder` is put before relative paths ("" = leave them).
DataSpec ParseDataSpec(const nlohmann::json& object, const std::string& origin,
                       const std::string& folder);

/// The file's object with paths made relative to the current folder, unchecked: what flags
/// override.
nlohmann::json ReadDataObject(const std::string& json_path);

}  // namespace lutra::converter::data
