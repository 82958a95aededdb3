#include "converter/data/find_images.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "converter/error.h"

namespace lutra::converter::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRead = "PNG and JPEG are (.png, .jpg, .jpeg)";

std::string LowerExtension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return extension;
}

// What editors, interpreters and file managers leave where they have been.
bool IsLeftover(const std::string& name) {
  return name.starts_with('.') || name == "__pycache__" || name == "__MACOSX" ||
         name == "Thumbs.db" || name == "desktop.ini";
}

struct Listing {
  std::vector<fs::path> folders, files;  // in name order; files: whatever is no folder
};

Listing List(const fs::path& folder) {
  std::error_code failure;
  Listing listing;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    std::error_code broken;
    (it->is_directory(broken) ? listing.folders : listing.files).push_back(it->path());
  }
  if (failure) throw Error(folder.string() + ": cannot be read as a folder: " + failure.message());
  std::ranges::sort(listing.folders);
  std::ranges::sort(listing.files);
  return listing;
}

// Every folder under this one and itself, once each, however links lead in circles.
std::vector<fs::path> FoldersUnder(const fs::path& folder) {
  std::vector<fs::path> found{folder};
  std::set<std::pair<dev_t, ino_t>> seen;
  for (size_t i = 0; i < found.size(); ++i) {
    struct stat info;
    if (::stat(found[i].c_str(), &info) != 0) continue;
    if (!seen.insert({info.st_dev, info.st_ino}).second) {
      found.erase(found.begin() + static_cast<ptrdiff_t>(i--));
      continue;
    }
    for (const fs::path& inner : List(found[i]).folders) {
      if (!IsLeftover(inner.filename().string())) found.push_back(inner);
    }
  }
  std::ranges::sort(found);
  return found;
}

// The kind under which a file that is no image is counted; empty for an image.
std::string UnreadKind(const fs::path& file) {
  std::error_code failure;
  if (!fs::is_regular_file(file, failure)) return failure ? "broken links" : "special files";
  const std::string extension = LowerExtension(file);
  if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") return "";
  return extension.empty() ? "without an extension" : extension;
}

// "train", "val" instead of the classes in them: every class folder has its images in several
// folders of its own, whose names are the same in all, and none beside them.
std::vector<std::string> ClassesWithin(const fs::path& folder,
                                       const std::vector<fs::path>& images) {
  std::set<std::string> inner;
  for (const fs::path& image : images) {
    const fs::path relative = image.lexically_relative(folder);
    if (relative.has_parent_path()) inner.insert(relative.begin()->string());
    if (!relative.has_parent_path()) return {};
  }
  if (inner.size() < 2) return {};
  return {inner.begin(), inner.end()};
}

void Sort(const std::vector<fs::path>& files, FoundFiles& found) {
  for (const fs::path& file : files) {
    if (IsLeftover(file.filename().string())) continue;
    const std::string kind = UnreadKind(file);
    if (kind.empty()) {
      found.images.push_back(file);
    } else {
      ++found.unread[kind];
    }
  }
}

// "a, b, c and 7 more".
std::string Enumerated(const std::vector<std::string>& names) {
  constexpr size_t kMost = 5;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMost) text += " and " + std::to_string(names.size() - kMost) + " more";
  return text;
}

}  // namespace

size_t FoundFiles::files() const {
  size_t count = images.size();
  for (const auto& [kind, number] : unread) count += number;
  return count;
}

std::string FoundFiles::UnreadText() const {
  std::vector<std::string> parts;
  for (const auto& [kind, number] : unread) parts.push_back(std::to_string(number) + " " + kind);
  return Enumerated(parts);
}

FoundFiles FindImages(const std::string& folder) {
  FoundFiles found;
  for (const fs::path& inner : FoldersUnder(folder)) Sort(List(inner).files, found);
  return found;
}

ClassFolders FindClasses(const std::string& folder) {
  ClassFolders classes;
  FoundFiles all;
  std::vector<std::string> leftovers, empty, names;
  std::set<std::vector<std::string>> within;
  const Listing top = List(folder);
  for (const fs::path& inner : top.folders) {
    const std::string name = inner.filename().string();
    if (IsLeftover(name)) {
      leftovers.push_back(name);
      continue;
    }
    FoundFiles found = FindImages(inner.string());
    names.push_back(name);
    within.insert(ClassesWithin(inner, found.images));
    if (found.images.empty()) {
      empty.push_back(name + " (class " + std::to_string(classes.images.size()) + ")");
    }
    for (const auto& [kind, number] : found.unread) all.unread[kind] += number;
    all.images.insert(all.images.end(), found.images.begin(), found.images.end());
    classes.images.push_back(std::move(found.images));
  }
  if (classes.images.empty()) {
    throw Error(folder + ": holds no class folders; use format images for a flat folder");
  }
  if (all.images.empty()) throw Error(NoImagesText(folder, all));

  FoundFiles beside;
  Sort(top.files, beside);
  if (!beside.images.empty()) {
    classes.warnings.Add(folder + ": " + std::to_string(beside.images.size()) +
                         " images beside the class folders are not read; move them into one");
  }
  if (within.size() == 1 && !within.begin()->empty()) {
    classes.warnings.Add(folder + ": taken for classes: " + Enumerated(names) +
                         ", which all have their images in folders of the same names (" +
                         Enumerated(*within.begin()) +
                         "); if those are the classes, name one of the folders");
  }
  if (!leftovers.empty()) {
    classes.warnings.Add(folder + ": not taken for a class: " + Enumerated(leftovers));
  }
  if (!empty.empty()) {
    classes.warnings.Add(folder + ": class folders without images count as classes all the same: " +
                         Enumerated(empty) + "; remove those the network has no class for");
  }
  WarnOfUnread(folder, all, classes.warnings);
  return classes;
}

void WarnOfUnread(const std::string& folder, const FoundFiles& found, Warnings& warnings) {
  if (found.unread.empty()) return;
  warnings.Add(folder + ": " + std::to_string(found.files() - found.images.size()) + " of " +
               std::to_string(found.files()) + " files are not read: " + found.UnreadText() + "; " +
               std::string(kRead));
}

std::string NoImagesText(const std::string& folder, const FoundFiles& found) {
  return folder + ": holds no images that are read: " +
         (found.unread.empty() ? "" : found.UnreadText() + "; ") + std::string(kRead);
}

}  // namespace lutra::converter::data
