// Samples along the first dimension of a NumPy array, any number type, with labels in a second
// one-dimensional array of integers.
#include <cstring>

#include "converter/data/npy_rows.h"
#include "converter/data/source.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

std::vector<int64_t> ReadLabels(const std::string& path, int64_t samples,
                                const std::string& images) {
  NpyArray array;
  std::string error;
  if (!ReadNpy(path, &array, &error)) throw Error(error);
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
  explicit NpySource(const DataSpec& spec) : rows_(spec.images), nhwc_(spec.nhwc) {
    const NpyHeader& header = rows_.header();
    if (nhwc_ && header.shape.size() != 4) {
      throw Error(spec.origin + ": \"layout\" NHWC needs images of four dimensions, but " +
                  spec.images + " has shape " + header.ShapeText());
    }
    range_ = Select(spec, rows_.size(), spec.images);
    if (!spec.labels.empty()) labels_ = ReadLabels(spec.labels, header.shape[0], spec.images);
  }

  size_t size() const override { return range_.count; }
  bool labelled() const override { return !labels_.empty(); }
  bool pixels() const override {
    return rows_.header().kind == 'u' && rows_.header().item_bytes == 1;
  }

  RawSample Get(size_t index) const override {
    const Tensor tensor = rows_.Get(range_.offset + index);
    RawSample sample;
    sample.source = rows_.path() + ", sample " + std::to_string(range_.offset + index);
    sample.values = tensor.ToFloats();
    sample.shape = tensor.dims();
    if (nhwc_) ToPlanes(&sample);
    if (labelled()) sample.label = labels_[range_.offset + index];
    return sample;
  }

  std::vector<uint8_t> Bytes(size_t index) const override {
    return rows_.Bytes(range_.offset + index);
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

  NpyRows rows_;
  bool nhwc_;
  std::vector<int64_t> labels_;
  Range range_{};
};

}  // namespace

std::unique_ptr<Source> OpenNpy(const DataSpec& spec) { return std::make_unique<NpySource>(spec); }

}  // namespace lutra::converter::data
