// The binary version of CIFAR-10: records of one label byte and 3072 pixel bytes, the red, green
// and blue planes of 32 x 32 one after another. https://www.cs.toronto.edu/~kriz/cifar.html
#include "converter/data/random_access_file.h"
#include "converter/data/source.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

constexpr size_t kSide = 32;
constexpr size_t kPlane = kSide * kSide;
constexpr size_t kRecord = 1 + 3 * kPlane;
constexpr int kClasses = 10;

class Cifar10Source : public Source {
 public:
  explicit Cifar10Source(const DataSpec& spec) : file_(spec.path) {
    if (file_.size() == 0 || file_.size() % kRecord != 0) {
      throw Error(spec.path + ": is no CIFAR-10 binary file: its " + std::to_string(file_.size()) +
                  " bytes are no multiple of 3073");
    }
    range_ = Select(spec, file_.size() / kRecord, spec.path);
  }

  size_t size() const override { return range_.count; }
  bool labelled() const override { return true; }

  RawSample Get(size_t index) const override {
    const std::vector<uint8_t> record = Bytes(index);
    RawSample sample;
    sample.source = file_.path() + ", record " + std::to_string(range_.offset + index);
    sample.label = record[0];
    if (sample.label >= kClasses) {
      throw Error(sample.source + ": label " + std::to_string(sample.label) +
                  " is not 0 to 9; this is no CIFAR-10 binary file");
    }
    sample.image = {kSide, kSide, 3, std::vector<uint8_t>(3 * kPlane)};
    for (size_t p = 0; p < kPlane; ++p) {
      for (size_t c = 0; c < 3; ++c) sample.image.pixels[3 * p + c] = record[1 + c * kPlane + p];
    }
    return sample;
  }

  std::vector<uint8_t> Bytes(size_t index) const override {
    std::vector<uint8_t> record(kRecord);
    file_.Read((range_.offset + index) * kRecord, record.data(), kRecord);
    return record;
  }

 private:
  RandomAccessFile file_;
  Range range_{};
};

}  // namespace

std::unique_ptr<Source> OpenCifar10(const DataSpec& spec) {
  return std::make_unique<Cifar10Source>(spec);
}

}  // namespace lutra::converter::data
