#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lutra {
namespace {

std::string Failure(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

bool ReadOpen(int fd, const std::string& path, std::vector<uint8_t>* bytes, std::string* error,
              uint64_t most_bytes) {
  struct stat info;
  if (::fstat(fd, &info) != 0) {
    *error = Failure(path, "cannot be read");
    return false;
  }
  // One byte more than there should be, so that the end shows at once.
  constexpr uint64_t kLeast = 1 << 12;
  const auto announced = static_cast<uint64_t>(info.st_size);
  bytes->resize(std::max(kLeast, std::min(announced, most_bytes) + 1));
  size_t size = 0;
  while (size <= most_bytes) {
    if (size == bytes->size()) bytes->resize(2 * size);
    const ssize_t got = ::read(fd, bytes->data() + size, bytes->size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      *error = Failure(path, "cannot be read");
      return false;
    }
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > most_bytes) {
    *error = path + ": is larger than " + std::to_string(most_bytes) +
             " bytes, the most that is "
             "read of such a file";
    return false;
  }
  bytes->resize(size);
  return true;
}

}  // namespace

int OpenForReading(const std::string& path, std::string* error) {
  if (path.empty()) {
    *error = "an empty name is no file; name one";
    return -1;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    *error = Failure(path, "cannot be opened");
    return -1;
  }
  struct stat info;
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return fd;
  *error = path + (S_ISDIR(info.st_mode)
                       ? ": is a folder; name a file"
                       : ": is no regular file but a pipe or a device; copy it into a file first");
  ::close(fd);
  return -1;
}

bool ReadFile(const std::string& path, std::vector<uint8_t>* bytes, std::string* error,
              uint64_t most_bytes) {
  bytes->clear();
  const int fd = OpenForReading(path, error);
  if (fd < 0) return false;
  const bool read = ReadOpen(fd, path, bytes, error, most_bytes);
  ::close(fd);
  return read;
}

}  // namespace lutra
