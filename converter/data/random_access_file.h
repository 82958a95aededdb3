// Positioned reads from a file, gzip-compressed or not, without keeping it in memory: a compressed
// file is inflated once into an unlinked temporary file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace lutra::converter::data {

/// A small compressed file can stand for a disk full of zeros.
constexpr uint64_t kMostUnpackedBytes = uint64_t{4} << 30;

class RandomAccessFile {
 public:
  /// Inflates at most `most_bytes` of a compressed file, and refuses to inflate more than
  /// kMostUnpackedBytes, at once where so many are asked for. Throws Error.
  explicit RandomAccessFile(const std::string& path, uint64_t most_bytes = UINT64_MAX);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::string& path() const { return path_; }
  /// Bytes that can be read.
  uint64_t size() const { return size_; }
  /// Thread-safe. Throws Error when the file ends before.
  void Read(uint64_t offset, void* bytes, size_t count) const;

 private:
  void Inflate(uint64_t most_bytes);

  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace lutra::converter::data
