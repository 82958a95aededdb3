// MNIST's IDX format, gzip-compressed or not: big-endian magic 0x00000803 (images, unsigned bytes)
// or 0x00000801 (labels), the sizes, the bytes. http://yann.lecun.com/exdb/mnist
#include <algorithm>
#include <array>

#include "converter/data/random_access_file.h"
#include "converter/data/source.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

// Checks the magic number and returns the sizes.
template <size_t rank>
std::array<uint32_t, rank> ReadSizes(const RandomAccessFile& file, const char* what) {
  std::array<uint8_t, 4 + 4 * rank> header;
  if (file.size() < header.size()) {
    throw Error(file.path() + ": is too short for an IDX file of " + what);
  }
  file.Read(0, header.data(), header.size());
  const auto word = [&](size_t i) {
    return static_cast<uint32_t>(header[4 * i]) << 24 |
           static_cast<uint32_t>(header[4 * i + 1]) << 16 |
           static_cast<uint32_t>(header[4 * i + 2]) << 8 | header[4 * i + 3];
  };
  if (word(0) != 0x800 + rank) {
    throw Error(file.path() + ": is no IDX file of " + what +
                " (unsigned bytes): its magic number is " + std::to_string(word(0)) +
                " and should be " + std::to_string(0x800 + rank));
  }
  std::array<uint32_t, rank> sizes;
  for (size_t i = 0; i < rank; ++i) sizes[i] = word(i + 1);
  return sizes;
}

std::array<uint32_t, 3> ReadImageSizes(const std::string& path) {
  const std::array<uint32_t, 3> sizes = ReadSizes<3>(RandomAccessFile(path, 16), "images");
  if (sizes[1] < 1 || sizes[1] > kMaxImageSide || sizes[2] < 1 || sizes[2] > kMaxImageSide) {
    throw Error(path + ": announces images of " + std::to_string(sizes[1]) + " x " +
                std::to_string(sizes[2]) + "; sides of 1 to 16384 are read");
  }
  return sizes;
}

// How much of a compressed file is needed: past the limit nothing is unpacked.
uint64_t NeededBytes(const std::array<uint32_t, 3>& sizes, const DataSpec& spec) {
  const uint64_t sample = uint64_t{sizes[1]} * sizes[2];
  if (!spec.limit || *spec.limit > sizes[0] || spec.offset > sizes[0]) {
    return 16 + sample * sizes[0];
  }
  return 16 + sample * std::min<uint64_t>(sizes[0], spec.offset + *spec.limit);
}

class IdxSource : public Source {
 public:
  explicit IdxSource(const DataSpec& spec)
      : sizes_(ReadImageSizes(spec.images)),
        images_(spec.images, NeededBytes(sizes_, spec)),
        range_(Select(spec, sizes_[0], spec.images)) {
    const uint64_t end = 16 + (range_.offset + range_.count) * SampleBytes();
    if (images_.size() < end) {
      throw Error(spec.images + ": is cut off: " + std::to_string(sizes_[0]) + " images of " +
                  std::to_string(sizes_[1]) + " x " + std::to_string(sizes_[2]) +
                  " are announced and " + std::to_string(images_.size()) + " bytes are there");
    }
    if (spec.labels.empty()) return;
    // A byte more than there may be shows a file that is too long.
    labels_ = std::make_unique<RandomAccessFile>(spec.labels, 8 + uint64_t{sizes_[0]} + 1);
    const uint32_t labels = ReadSizes<1>(*labels_, "labels")[0];
    if (labels != sizes_[0] || labels_->size() != 8 + uint64_t{labels}) {
      throw Error(spec.labels + ": holds " + std::to_string(labels_->size() - 8) + " labels (" +
                  std::to_string(labels) + " announced) for the " + std::to_string(sizes_[0]) +
                  " images of " + spec.images);
    }
  }

  size_t size() const override { return range_.count; }
  bool labelled() const override { return labels_ != nullptr; }

  RawSample Get(size_t index) const override {
    RawSample sample;
    sample.source = images_.path() + ", image " + std::to_string(range_.offset + index);
    sample.image.height = static_cast<int>(sizes_[1]);
    sample.image.width = static_cast<int>(sizes_[2]);
    sample.image.channels = 1;
    sample.image.pixels = Bytes(index);
    if (labels_ != nullptr) {
      uint8_t label = 0;
      labels_->Read(8 + range_.offset + index, &label, 1);
      sample.label = label;
    }
    return sample;
  }

  std::vector<uint8_t> Bytes(size_t index) const override {
    std::vector<uint8_t> bytes(SampleBytes());
    images_.Read(16 + (range_.offset + index) * bytes.size(), bytes.data(), bytes.size());
    return bytes;
  }

 private:
  size_t SampleBytes() const { return size_t{sizes_[1]} * sizes_[2]; }

  std::array<uint32_t, 3> sizes_;
  RandomAccessFile images_;
  std::unique_ptr<RandomAccessFile> labels_;
  Range range_;
};

}  // namespace

std::unique_ptr<Source> OpenIdx(const DataSpec& spec) { return std::make_unique<IdxSource>(spec); }

}  // namespace lutra::converter::data
