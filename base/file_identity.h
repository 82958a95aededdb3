// Whether two paths mean one file: by device and inode, so that links, "./" and a file system that
// does not tell letters' cases apart make no difference. A file that does not exist yet is its
// folder and its name.
#pragma once

#include <sys/types.h>

#include <string>

namespace lutra {

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;   ///< of the file, or of its folder
  std::string name;  ///< empty: the file exists
  bool operator==(const FileIdentity&) const = default;
};

/// The path that a new file of this name has: symbolic links are followed, also one whose target
/// does not exist yet. Parts in the middle are left to the system. A chain of links without an end
/// is returned as it is.
std::string FollowLinks(std::string path);

/// "." for a name alone.
std::string FolderOf(const std::string& path);

/// A path whose folder does not exist has an identity of its own, the path's text.
FileIdentity IdentityOf(const std::string& path);

}  // namespace lutra
