#include "base/file_identity.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lutra {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string FollowLinks(std::string path) {
  constexpr int kMostLinks = 40;  // as many as Linux follows
  for (int i = 0; i < kMostLinks; ++i) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length <= 0 || length == static_cast<ssize_t>(sizeof target)) break;
    const std::string text(target, static_cast<size_t>(length));
    path = text[0] == '/' ? text : FolderOf(path) + "/" + text;
  }
  return path;
}

FileIdentity IdentityOf(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) return {info.st_dev, info.st_ino, ""};
  const std::string last = FollowLinks(path);
  if (::stat(FolderOf(last).c_str(), &info) != 0) return {0, 0, last};
  return {info.st_dev, info.st_ino, last.substr(last.find_last_of('/') + 1)};
}

}  // namespace lutra
