#include "converter/data/random_access_file.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/file.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

[[noreturn]] void FailErrno(const std::string& path, const std::string& what) {
  throw Error(path + ": " + what + ": " + std::strerror(errno));
}

int OpenTemporary(const std::string& path) {
  std::string name = (std::filesystem::temp_directory_path() / "lutra.XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  if (fd < 0) FailErrno(path, "no temporary file can be created to unpack it (set TMPDIR)");
  ::unlink(name.c_str());
  return fd;
}

void WriteAll(int fd, const uint8_t* bytes, size_t count, const std::string& path) {
  while (count > 0) {
    const ssize_t written = ::write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) FailErrno(path, "cannot be unpacked into a temporary file (set TMPDIR)");
    bytes += written;
    count -= static_cast<size_t>(written);
  }
}

}  // namespace

RandomAccessFile::RandomAccessFile(const std::string& path, uint64_t most_bytes) : path_(path) {
  std::string error;
  fd_ = OpenForReading(path, &error);
  if (fd_ < 0) throw Error(error);
  struct stat info;
  uint8_t magic[2] = {};
  if (::fstat(fd_, &info) != 0) {
    ::close(fd_);
    FailErrno(path, "cannot be read");
  }
  size_ = static_cast<uint64_t>(info.st_size);
  if (size_ >= 2 && ::pread(fd_, magic, 2, 0) == 2 && magic[0] == 0x1F && magic[1] == 0x8B) {
    try {
      Inflate(most_bytes);
    } catch (...) {
      ::close(fd_);
      throw;
    }
  }
}

RandomAccessFile::~RandomAccessFile() { ::close(fd_); }

void RandomAccessFile::Inflate(uint64_t most_bytes) {
  const auto too_large = [&] {
    throw Error(path_ + ": is larger than " + std::to_string(kMostUnpackedBytes >> 30) +
                " GB unpacked; unpack it (gzip -d), then it is read in place");
  };
  if (most_bytes != UINT64_MAX && most_bytes > kMostUnpackedBytes) too_large();
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path_.c_str(), "rb"), gzclose);
  if (!file) FailErrno(path_, "cannot be opened");
  const int temporary = OpenTemporary(path_);
  ::close(fd_);
  fd_ = temporary;
  size_ = 0;
  std::vector<uint8_t> chunk(1 << 18);
  while (size_ < most_bytes) {
    if (size_ >= kMostUnpackedBytes) too_large();
    const size_t want = static_cast<size_t>(std::min<uint64_t>(chunk.size(), most_bytes - size_));
    const int got = gzread(file.get(), chunk.data(), static_cast<unsigned>(want));
    int code = Z_OK;
    const char* message = gzerror(file.get(), &code);
    if (got < 0 || code != Z_OK) {
      throw Error(path_ + ": cannot be unpacked (" + message + "); fetch it again");
    }
    if (got == 0) break;
    WriteAll(fd_, chunk.data(), static_cast<size_t>(got), path_);
    size_ += static_cast<uint64_t>(got);
  }
}

void RandomAccessFile::Read(uint64_t offset, void* bytes, size_t count) const {
  uint8_t* to = static_cast<uint8_t*>(bytes);
  while (count > 0) {
    const ssize_t got = ::pread(fd_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) FailErrno(path_, "cannot be read");
    if (got == 0) throw Error(path_ + ": is cut off at byte " + std::to_string(offset));
    to += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<size_t>(got);
  }
}

}  // namespace lutra::converter::data
