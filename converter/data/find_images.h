// Which files of a folder are images, and what else lies there: nothing is left out unsaid.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "converter/warnings.h"

namespace lutra::converter::data {

/// What a walk over a folder and all folders in it came upon.
struct FoundFiles {
  std::vector<std::filesystem::path> images;  ///< folder by folder, then by name
  std::map<std::string, size_t> unread;       ///< how many of each kind: ".bmp", "broken links"

  size_t files() const;
  /// "3 .bmp, 3 .webp".
  std::string UnreadText() const;
};

/// The names of PNG and JPEG files (.png, .jpg, .jpeg in any case), at any depth, links followed.
/// Hidden files and folders and what systems leave behind (Thumbs.db, __pycache__) are passed over.
/// Throws Error when the folder cannot be read.
FoundFiles FindImages(const std::string& folder);

/// Class folders as torchvision's ImageFolder has them: every folder in name order is a class, but
/// for hidden ones and what systems leave behind.
struct ClassFolders {
  std::vector<std::vector<std::filesystem::path>> images;  ///< of each class
  Warnings warnings;  ///< empty classes, folders that are none, files that are not read
};

/// Throws Error: not readable, no class folders, no images in them.
ClassFolders FindClasses(const std::string& folder);

/// Says in one line what of `found` is not read.
void WarnOfUnread(const std::string& folder, const FoundFiles& found, Warnings& warnings);

/// The message where nothing was found to be read.
std::string NoImagesText(const std::string& folder, const FoundFiles& found);

}  // namespace lutra::converter::data
