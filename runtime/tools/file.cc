#include "runtime/tools/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace lutra::tools {
namespace {

bool Fail(const std::string& path, const char* what, std::string* error) {
  *error = path + ": " + what + ": " + std::strerror(errno);
  return false;
}

bool WriteAll(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

bool WriteThrough(const std::string& path, std::span<const uint8_t> bytes, std::string* error) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return Fail(path, "cannot be opened for writing", error);
  const bool written = WriteAll(fd, bytes);
  const int write_errno = errno;
  const bool closed = ::close(fd) == 0;
  if (!written) errno = write_errno;
  return written && closed ? true : Fail(path, "cannot be written", error);
}

}  // namespace

bool ReadFile(const std::string& path, std::vector<uint8_t>* bytes, std::string* error) {
  bytes->clear();
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return Fail(path, "cannot be opened", error);
  uint8_t chunk[1 << 16];
  size_t got = 0;
  while ((got = std::fread(chunk, 1, sizeof chunk, file)) > 0) {
    bytes->insert(bytes->end(), chunk, chunk + got);
  }
  const bool read = std::ferror(file) == 0;
  if (!read) Fail(path, "cannot be read", error);
  std::fclose(file);
  return read;
}

bool WriteFile(const std::string& path, std::span<const uint8_t> bytes, std::string* error) {
  struct stat existing;
  if (::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
    if (S_ISDIR(existing.st_mode)) {
      *error = path + ": is a folder; name a file";
      return false;
    }
    return WriteThrough(path, bytes, error);
  }
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return Fail(path, "cannot be created", error);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  bool done = WriteAll(fd, bytes) && ::fchmod(fd, 0666 & ~mask) == 0;
  int first_errno = errno;
  if (::close(fd) != 0 && done) {
    done = false;
    first_errno = errno;
  }
  if (done && ::rename(temporary.c_str(), path.c_str()) == 0) return true;
  if (!done) errno = first_errno;
  Fail(path, "cannot be written", error);
  ::unlink(temporary.c_str());
  return false;
}

}  // namespace lutra::tools
