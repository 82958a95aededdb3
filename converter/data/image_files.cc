// Images as files: class folders, a list of files with classes, or a flat folder.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "converter/data/decode_image.h"
#include "converter/data/find_images.h"
#include "converter/data/source.h"
#include "converter/error.h"
#include "converter/files.h"

namespace lutra::converter::data {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string path;
  int64_t label;
  size_t line = 0;  // of a list
};

struct Entries {
  std::vector<Entry> files;
  Warnings warnings;
  size_t class_folders = 0;
};

// The classes take turns, so that any first part of the samples holds them evenly.
Entries OfClassFolders(const std::string& path) {
  ClassFolders classes = FindClasses(path);
  size_t longest = 0;
  for (const auto& images : classes.images) longest = std::max(longest, images.size());
  Entries entries{{}, std::move(classes.warnings), classes.images.size()};
  for (size_t i = 0; i < longest; ++i) {
    for (size_t c = 0; c < classes.images.size(); ++c) {
      if (i < classes.images[c].size()) {
        entries.files.push_back({classes.images[c][i].string(), static_cast<int64_t>(c)});
      }
    }
  }
  return entries;
}

// Some millions of lines.
constexpr uint64_t kMostListBytes = uint64_t{1} << 28;

// Lines of FILE TAB CLASS; paths are relative to the list.
Entries OfList(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadBytes(path, kMostListBytes);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  const fs::path folder = fs::path(path).parent_path();
  Entries entries;
  for (size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    int64_t label = -1;
    const char* const end = line.data() + line.size();
    const bool parsed = tab != std::string_view::npos && tab > 0 &&
                        std::from_chars(line.data() + tab + 1, end, label).ptr == end;
    if (!parsed || label < 0) {
      throw Error(path + ": line " + std::to_string(number) +
                  " is not FILE, a tab and a class number");
    }
    entries.files.push_back({(folder / line.substr(0, tab)).string(), label, number});
  }
  if (entries.files.empty()) throw Error(path + ": lists no images");
  return entries;
}

Entries OfFlatFolder(const std::string& path) {
  const FoundFiles found = FindImages(path);
  if (found.images.empty()) throw Error(NoImagesText(path, found));
  Entries entries;
  WarnOfUnread(path, found, entries.warnings);
  for (const fs::path& file : found.images) entries.files.push_back({file.string(), -1});
  return entries;
}

class FileSource : public Source {
 public:
  explicit FileSource(const DataSpec& spec)
      : entries_(spec.format == DataFormat::folder ? OfClassFolders(spec.path)
                 : spec.format == DataFormat::list ? OfList(spec.path)
                                                   : OfFlatFolder(spec.path)),
        labelled_(spec.format != DataFormat::images),
        channels_(spec.channel_order == ChannelOrder::gray ? 1 : 3) {
    range_ = Select(spec, entries_.files.size(), spec.path);
    if (spec.format == DataFormat::list) RequireFiles(spec.path);
  }

  size_t size() const override { return range_.count; }
  bool labelled() const override { return labelled_; }
  Warnings warnings() const override { return entries_.warnings; }
  size_t class_folders() const override { return entries_.class_folders; }

  RawSample Get(size_t index) const override {
    const Entry& entry = entries_.files[range_.offset + index];
    RawSample sample;
    sample.source = entry.path;
    sample.label = entry.label;
    sample.image = DecodeImage(Bytes(index), channels_, entry.path);
    return sample;
  }

  std::vector<uint8_t> Bytes(size_t index) const override {
    return ReadBytes(entries_.files[range_.offset + index].path);
  }

  std::vector<std::string> Files() const override {
    std::vector<std::string> files;
    for (const Entry& entry : entries_.files) files.push_back(entry.path);
    return files;
  }

 private:
  // Before an hour of work, not after it.
  void RequireFiles(const std::string& list) const {
    for (size_t i = 0; i < range_.count; ++i) {
      const Entry& entry = entries_.files[range_.offset + i];
      std::error_code failure;
      if (fs::is_regular_file(entry.path, failure)) continue;
      throw Error(list + ": line " + std::to_string(entry.line) + ": " + entry.path +
                  " cannot be read: " + (failure ? failure.message() : "it is no regular file"));
    }
  }

  Entries entries_;
  bool labelled_;
  int channels_;
  Range range_{};
};

}  // namespace

std::unique_ptr<Source> OpenImageFiles(const DataSpec& spec) {
  return std::make_unique<FileSource>(spec);
}

}  // namespace lutra::converter::data
