// Samples along the first dimension of a NumPy array, any number type, with labels in a second
// one-dimensional array of integers.
#include <cstring>

#include "converter/data/random_access_file.h"
#include "converter/data/source.h"
#include "converter/error.h"
#include "converter/graph/tensor.h"
#include "runtime/tools/npy.h"

namespace lutra::converter::data {
namespace {

DataType TypeOf(const tools::NpyHeader& header) {
  switch (header.kind) {
    case 'b':
      return DataType::boolean;
    case 'f':
      return header.item_bytes == 2   ? DataType::float16
             : header.item_bytes == 4 ? DataType::float32
                                      : DataType::float64;
    case 'i':
      return header.item_bytes == 1   ? DataType::int8
             : header.item_bytes == 2 ? DataType::int16
             : header.item_bytes == 4 ? DataType::int32
                                      : DataType::int64;
    default:
      return header.item_bytes == 1   ? DataType::uint8
             : header.item_bytes == 2 ? DataType::uint16
             : header.item_bytes == 4 ? DataType::uint32
                                      : DataType::uint64;
  }
}

tools::NpyHeader HeaderOf(const std::string& path) {
  tools::NpyHeader header;
  std::string error;
  if (!tools::ReadNpyHeader(path, &header, &error)) throw Error(error);
  return header;
}

std::vector<int64_t> ReadLabels(const std::string& path, int64_t samples,
                                const std::string& images) {
  tools::NpyArray array;
  std::string error;
  if (!tools::ReadNpy(path, &array, &error)) throw Error(error);
  if (array.header.kind == 'f' || array.header.shape != std::vector<int64_t>{samples}) {
    throw Error(path + ": labels must be integers of shape [" + std::to_string(samples) +
                "] (one per sample of " + images + "), but are " + array.header.TypeName() + " " +
                array.header.ShapeText());
  }
  Tensor tensor(TypeOf(array.header), array.header.shape);
  std::memcpy(tensor.bytes().data(), array.bytes.data(), array.bytes.size());
  std::vector<int64_t> labels = tensor.ToInts();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) {
      throw Error(path + ": label " + std::to_string(i) + " is " + std::to_string(labels[i]) +
                  "; classes count from 0");
    }
  }
  return labels;
}

class NpySource : public Source {
 public:
  explicit NpySource(const DataSpec& spec)
      : header_(HeaderOf(spec.images)), file_(spec.images), nhwc_(spec.nhwc) {
    if (header_.shape.empty() || header_.elements() == 0) {
      throw Error(spec.images + ": has shape " + header_.ShapeText() +
                  "; the first dimension must count the samples");
    }
    if (nhwc_ && header_.shape.size() != 4) {
      throw Error(spec.origin + ": \"layout\" NHWC needs images of four dimensions, but " +
                  spec.images + " has shape " + header_.ShapeText());
    }
    range_ = Select(spec, static_cast<size_t>(header_.shape[0]), spec.images);
    shape_.assign(header_.shape.begin() + 1, header_.shape.end());
    if (!spec.labels.empty()) labels_ = ReadLabels(spec.labels, header_.shape[0], spec.images);
  }

  size_t size() const override { return range_.count; }
  bool labelled() const override { return !labels_.empty(); }
  bool pixels() const override { return header_.kind == 'u' && header_.item_bytes == 1; }

  RawSample Get(size_t index) const override {
    const std::vector<uint8_t> bytes = Bytes(index);
    Tensor tensor(TypeOf(header_), shape_);
    std::memcpy(tensor.bytes().data(), bytes.data(), bytes.size());
    RawSample sample;
    sample.source = file_.path() + ", sample " + std::to_string(range_.offset + index);
    sample.values = tensor.ToFloats();
    sample.shape = shape_;
    if (nhwc_) ToPlanes(&sample);
    if (labelled()) sample.label = labels_[range_.offset + index];
    return sample;
  }

  std::vector<uint8_t> Bytes(size_t index) const override {
    std::vector<uint8_t> bytes(header_.elements() / static_cast<uint64_t>(header_.shape[0]) *
                               header_.item_bytes);
    file_.Read(header_.data_offset + (range_.offset + index) * bytes.size(), bytes.data(),
               bytes.size());
    return bytes;
  }

 private:
  // [H, W, C] -> [C, H, W]
  static void ToPlanes(RawSample* sample) {
    const size_t channels = static_cast<size_t>(sample->shape[2]);
    const size_t plane = sample->values.size() / channels;
    std::vector<float> planes(sample->values.size());
    for (size_t p = 0; p < plane; ++p) {
      for (size_t c = 0; c < channels; ++c) {
        planes[c * plane + p] = sample->values[p * channels + c];
      }
    }
    sample->values = std::move(planes);
    sample->shape = {sample->shape[2], sample->shape[0], sample->shape[1]};
  }

  tools::NpyHeader header_;
  RandomAccessFile file_;
  bool nhwc_;
  std::vector<int64_t> shape_;  // of one sample as it is stored
  std::vector<int64_t> labels_;
  Range range_{};
};

}  // namespace

std::unique_ptr<Source> OpenNpy(const DataSpec& spec) { return std::make_unique<NpySource>(spec); }

}  // namespace lutra::converter::data
