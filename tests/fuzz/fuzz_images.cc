// libFuzzer target for data: images, IDX files (compressed ones too), CIFAR-10 and NumPy arrays.
//
// The first byte chooses the format, the second what is done to samples, the third how much of the
// rest is a second file, the labels. Images are decoded from memory, the other readers get files.
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/data/decode_image.h"
#include "converter/data/image.h"
#include "converter/data/spec.h"
#include "converter/error.h"
#include "converter/files.h"
#include "support/temp_folder.h"

namespace lutra::test {
namespace {

using namespace lutra::converter::data;
using lutra::converter::WriteBytes;
using Bytes = std::span<const uint8_t>;

// A chunk of a PNG ends with a checksum of its type and data; hardly a mutation would get past it.
void RepairChecksums(std::vector<uint8_t>& png) {
  constexpr size_t kSignature = 8,
                   kAround = 12;  // length and type before the data, checksum behind
  const auto word = [&](size_t at) {
    return size_t{png[at]} << 24 | size_t{png[at + 1]} << 16 | size_t{png[at + 2]} << 8 |
           png[at + 3];
  };
  for (size_t at = kSignature; at + kAround <= png.size();) {
    const size_t length = word(at);
    if (length > png.size() - at - kAround) return;
    const uint8_t* const type = png.data() + at + 4;
    const auto sum = static_cast<uint32_t>(::crc32(0, type, static_cast<uInt>(length + 4)));
    for (size_t i = 0; i < 4; ++i) {
      png[at + 8 + length + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
    }
    at += kAround + length;
  }
}

void ReadImage(Bytes bytes, uint8_t choice) {
  std::vector<uint8_t> file(bytes.begin(), bytes.end());
  if (IsPng(file)) RepairChecksums(file);
  const Image image = DecodeImage(file, choice % 2 == 0 ? 3 : 1, "image");
  // A resize takes as long as its result is large, whatever the image.
  if (choice % 4 == 1) Resize(image, 1 + choice, 257 - choice);
  if (choice % 4 == 2) ResizeShorterSide(image, 1 + choice / 8);
  if (choice % 4 == 3) CenterCrop(image, 1 + choice / 16, 1 + choice % 16);
}

DataSpec ChooseSpec(uint8_t format, uint8_t choice) {
  DataSpec spec;
  spec.origin = "data.json";
  constexpr DataFormat kFormats[] = {DataFormat::idx, DataFormat::cifar10, DataFormat::npy};
  spec.format = kFormats[format];
  spec.offset = choice % 3;
  if (choice % 2 == 1) spec.limit = 2;
  if (spec.format == DataFormat::npy) {
    spec.nhwc = choice % 4 == 2;
  } else {
    if (choice % 5 == 1) spec.resize = {3, 5};
    if (choice % 5 == 2) spec.center_crop = {2, 2};
    if (choice % 5 == 3) spec.channel_order = ChannelOrder::bgr;
  }
  if (choice >= 128) {
    spec.scale = 1.0 / 255;
    spec.mean = {0.5};
    spec.std = {0.25, 0.5, 1};
  }
  return spec;
}

void ReadFiles(DataSpec spec, Bytes samples, Bytes labels) {
  static const TempFolder folder;
  const std::string data = folder / "data", classes = folder / "labels";
  WriteBytes(data, samples);
  (spec.format == DataFormat::cifar10 ? spec.path : spec.images) = data;
  if (!labels.empty() && spec.format != DataFormat::cifar10) {
    WriteBytes(classes, labels);
    spec.labels = classes;
  }
  constexpr size_t kMostSamples = 16;
  const auto dataset = OpenDataset(spec);
  for (size_t i = 0; i < std::min(kMostSamples, dataset->size()); ++i) dataset->Get(i);
  if (dataset->size() <= kMostSamples) dataset->Hash();
}

}  // namespace
}  // namespace lutra::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lutra::test;
  if (size < 3) return 0;
  const Bytes rest(data + 3, size - 3);
  const uint8_t format = data[0] % 4, choice = data[1];
  try {
    if (format == 3) {
      ReadImage(rest, choice);
    } else {
      const size_t labels = rest.size() * data[2] / 256;
      ReadFiles(ChooseSpec(format, choice), rest.first(rest.size() - labels), rest.last(labels));
    }
  } catch (const lutra::converter::Error&) {
  }
  return 0;
}
