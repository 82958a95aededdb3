#include "runtime/file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lutra {
namespace {

/// The common reasons in words. strerror is not thread-safe, and strerror_r has two signatures.
const char* Reason(int error) {
  switch (error) {
    case ENOENT:
      return "no such file";
    case EACCES:
      return "permission denied";
    case ENOTDIR:
      return "a part of the path is no folder";
    case EMFILE:
    case ENFILE:
      return "too many open files";
    case ENOMEM:
      return "out of memory";
    default:
      return "input/output error";
  }
}

Status IoError(const char* path, const char* step, int error) {
  return Status::Error(Code::io, "cannot %s \"%s\": %s", step, path, Reason(error));
}

}  // namespace

Status MapFile(const char* path, const void** data, size_t* size) {
  *data = nullptr;
  *size = 0;
  // Not blocking, for the path may be that of a pipe nobody writes to; regular files do not care.
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return IoError(path, "open", errno);
  struct stat info;
  if (fstat(file, &info) != 0) {
    const int error = errno;
    close(file);
    return IoError(path, "read", error);
  }
  if (!S_ISREG(info.st_mode)) {
    close(file);
    return Status::Error(Code::io, "cannot read \"%s\": not a regular file", path);
  }
  if (info.st_size == 0) {  // nothing to map; the container will say what an empty file is
    close(file);
    alignas(8) static const char kNothing[8] = {};
    *data = kNothing;
    return Status();
  }
  void* mapped = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (mapped == MAP_FAILED) return IoError(path, "map", error);
  *data = mapped;
  *size = static_cast<size_t>(info.st_size);
  return Status();
}

void UnmapFile(const void* data, size_t size) {
  if (size > 0) munmap(const_cast<void*>(data), size);
}

}  // namespace lutra
