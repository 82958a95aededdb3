#include "converter/import/external_data.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "converter/error.h"

namespace lutra::converter::importing {
namespace {

namespace fs = std::filesystem;

bool Contains(const fs::path& folder, const fs::path& file) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end();
}

}  // namespace

ExternalData::ExternalData(const std::string& model_path) {
  fs::path folder = fs::path(model_path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code failed;
  folder_ = fs::canonical(folder, failed);  // stays empty, and unusable, when there is no folder
}

std::string ExternalData::Read(const std::string& location, uint64_t offset,
                               std::optional<uint64_t> length, uint64_t expected) const {
  const std::string quoted = "external data '" + location + "'";
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos) {
    throw Error(quoted + " is no file name");
  }
  if (relative.is_absolute() || std::ranges::find(relative, fs::path("..")) != relative.end()) {
    throw Error(quoted + " lies outside the model's folder");
  }
  std::error_code failed;
  const fs::path file = fs::canonical(folder_ / relative, failed);
  if (folder_.empty() || failed) throw Error(quoted + " does not exist beside the model");
  if (!Contains(folder_, file)) throw Error(quoted + " lies outside the model's folder");
  if (!fs::is_regular_file(file, failed) || failed) throw Error(quoted + " is no regular file");
  const uint64_t file_bytes = fs::file_size(file, failed);
  if (failed) throw Error(quoted + " cannot be read");
  if (offset > file_bytes || length.value_or(0) > file_bytes - offset) {
    throw Error(quoted + " ends before the tensor (" + std::to_string(file_bytes) + " bytes)");
  }
  const uint64_t bytes = length.value_or(file_bytes - offset);
  if (bytes != expected) {
    throw Error(quoted + " gives " + std::to_string(bytes) + " bytes, the tensor needs " +
                std::to_string(expected));
  }
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  std::string content(bytes, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(bytes));
  if (!stream) throw Error(quoted + " cannot be read");
  return content;
}

}  // namespace lutra::converter::importing
