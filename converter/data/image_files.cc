// Images as files: class folders, a list of files with classes, or a flat folder.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "converter/data/image.h"
#include "converter/data/source.h"
#include "converter/error.h"
#include "converter/files.h"

namespace lutra::converter {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string path;
  int64_t label;
};

bool IsImageName(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// Entries of a folder in name order.
std::vector<fs::path> Listed(const std::string& folder, bool folders) {
  std::error_code failure;
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    const bool wanted = folders ? it->is_directory() && it->path().filename().string()[0] != '.'
                                : it->is_regular_file() && IsImageName(it->path());
    if (wanted) paths.push_back(it->path());
  }
  if (failure) throw Error(folder + ": cannot be read as a folder: " + failure.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The classes take turns, so that any first part of the samples holds them evenly.
std::vector<Entry> ClassFolders(const std::string& path) {
  std::vector<std::vector<fs::path>> classes;
  size_t longest = 0;
  for (const fs::path& folder : Listed(path, true)) {
    classes.push_back(Listed(folder.string(), false));
    longest = std::max(longest, classes.back().size());
  }
  if (classes.empty()) {
    throw Error(path + ": holds no class folders; use format images for a flat folder");
  }
  std::vector<Entry> entries;
  for (size_t i = 0; i < longest; ++i) {
    for (size_t c = 0; c < classes.size(); ++c) {
      if (i < classes[c].size()) {
        entries.push_back({classes[c][i].string(), static_cast<int64_t>(c)});
      }
    }
  }
  return entries;
}

// Lines of FILE TAB CLASS; paths are relative to the list.
std::vector<Entry> ListedFiles(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(path + ": cannot be opened");
  const fs::path folder = fs::path(path).parent_path();
  std::vector<Entry> entries;
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    int64_t label = -1;
    const char* const end = line.data() + line.size();
    const bool parsed = tab != std::string::npos && tab > 0 &&
                        std::from_chars(line.data() + tab + 1, end, label).ptr == end;
    if (!parsed || label < 0) {
      throw Error(path + ": line " + std::to_string(number) +
                  " is not FILE, a tab and a class number");
    }
    entries.push_back({(folder / line.substr(0, tab)).string(), label});
  }
  return entries;
}

std::vector<Entry> FlatFolder(const std::string& path) {
  std::vector<Entry> entries;
  for (const fs::path& file : Listed(path, false)) entries.push_back({file.string(), -1});
  return entries;
}

class FileSource : public Source {
 public:
  explicit FileSource(const DataSpec& spec)
      : entries_(spec.format == DataFormat::folder ? ClassFolders(spec.path)
                 : spec.format == DataFormat::list ? ListedFiles(spec.path)
                                                   : FlatFolder(spec.path)),
        labelled_(spec.format != DataFormat::images),
        channels_(spec.channel_order == ChannelOrder::gray ? 1 : 3) {
    if (entries_.empty()) throw Error(spec.path + ": holds no images (.png, .jpg, .jpeg)");
    range_ = Select(spec, entries_.size(), spec.path);
  }

  size_t size() const override { return range_.count; }
  bool labelled() const override { return labelled_; }

  RawSample Get(size_t index) const override {
    const Entry& entry = entries_[range_.offset + index];
    RawSample sample;
    sample.source = entry.path;
    sample.label = entry.label;
    sample.image = DecodeImage(Bytes(index), channels_, entry.path);
    return sample;
  }

  std::vector<uint8_t> Bytes(size_t index) const override {
    return ReadBytes(entries_[range_.offset + index].path);
  }

  std::vector<std::string> Files() const override {
    std::vector<std::string> files;
    for (const Entry& entry : entries_) files.push_back(entry.path);
    return files;
  }

 private:
  std::vector<Entry> entries_;
  bool labelled_;
  int channels_;
  Range range_{};
};

}  // namespace

std::unique_ptr<Source> OpenImageFiles(const DataSpec& spec) {
  return std::make_unique<FileSource>(spec);
}

}  // namespace lutra::converter
