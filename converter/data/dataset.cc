#include "converter/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/data/image.h"
#include "converter/data/npy_rows.h"
#include "converter/data/source.h"
#include "converter/data/spec.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

std::string ShapeText(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

std::vector<int64_t> WithoutOnes(const std::vector<int64_t>& dims) {
  std::vector<int64_t> result;
  for (const int64_t d : dims) {
    if (d != 1) result.push_back(d);
  }
  return result;
}

// An image to numbers in planes, [C, H, W], in the order the network wants.
void ToPlanes(const DataSpec& spec, RawSample* sample) {
  const Image& image = sample->image;
  const size_t channels = static_cast<size_t>(image.channels);
  const size_t plane = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  const bool reverse = spec.channel_order == ChannelOrder::bgr;
  sample->values.resize(channels * plane);
  for (size_t c = 0; c < channels; ++c) {
    const size_t from = reverse ? channels - 1 - c : c;
    for (size_t p = 0; p < plane; ++p) {
      sample->values[c * plane + p] = image.pixels[p * channels + from];
    }
  }
  sample->shape = {image.channels, image.height, image.width};
}

Image ShapeImage(const DataSpec& spec, Image image, const std::string& name) {
  if (spec.channel_order == ChannelOrder::gray && image.channels != 1) {
    throw Error(name + ": channel_order GRAY applies to image files only; remove it");
  }
  try {
    if (spec.resize) image = Resize(image, (*spec.resize)[0], (*spec.resize)[1]);
    if (spec.resize_shorter_side) image = ResizeShorterSide(image, *spec.resize_shorter_side);
    if (spec.center_crop) {
      image = CenterCrop(image, (*spec.center_crop)[0], (*spec.center_crop)[1]);
    }
    return image;
  } catch (const Error& error) {
    throw Error(name + ": " + error.what());
  }
}

// Channels are the first dimension.
void Normalize(const Normalization& rule, const std::string& origin, RawSample* sample) {
  const size_t channels = sample->shape.size() < 2 ? 1 : static_cast<size_t>(sample->shape[0]);
  const size_t plane = sample->values.size() / channels;
  const auto check = [&](const std::vector<float>& list, const char* field) {
    if (list.size() > 1 && list.size() != channels) {
      throw Error(origin + ": \"" + field + "\" holds " + std::to_string(list.size()) +
                  " values, but the samples have " + std::to_string(channels) +
                  (channels == 1 ? " channel" : " channels") +
                  "; give one value, or one per channel");
    }
  };
  check(rule.mean, "mean");
  check(rule.std, "std");
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = c * plane; p < (c + 1) * plane; ++p) {
      float& x = sample->values[p];
      if (!std::isfinite(x)) {
        throw Error(sample->source + ": element " + std::to_string(p) +
                    " is NaN or infinite; repair the data");
      }
      x = rule.Apply(x, c);
    }
  }
}

class SourceDataset : public Dataset {
 public:
  SourceDataset(DataSpec spec, std::unique_ptr<Source> source)
      : spec_(std::move(spec)), source_(std::move(source)) {
    normalization_.scale = static_cast<float>(spec_.scale);
    normalization_.stated = spec_.normalization_stated;
    for (const double x : spec_.mean) normalization_.mean.push_back(static_cast<float>(x));
    for (const double x : spec_.std) normalization_.std.push_back(static_cast<float>(x));
    if (spec_.targets.empty()) return;
    targets_.emplace(spec_.targets);
    const size_t last = spec_.offset + source_->size();
    if (targets_->size() < last || (!spec_.limit && targets_->size() > last)) {
      throw Error(spec_.targets + ": has " + std::to_string(targets_->size()) +
                  " rows, but the data has " + std::to_string(last) +
                  (spec_.limit ? " samples up to \"limit\"" : " samples") +
                  "; targets are a row for each, before offset and limit");
    }
  }

  size_t size() const override { return source_->size(); }
  bool labelled() const override { return source_->labelled(); }
  bool has_targets() const override { return targets_.has_value(); }

  Sample Get(size_t index) const override {
    RawSample raw = source_->Get(index);
    if (!raw.image.pixels.empty()) {
      raw.image = ShapeImage(spec_, std::move(raw.image), raw.source);
      ToPlanes(spec_, &raw);
    }
    Normalize(normalization_, spec_.origin, &raw);
    Sample sample{Tensor::Of(std::move(raw.shape), std::move(raw.values)),
                  raw.label,
                  std::move(raw.source),
                  {}};
    if (targets_) sample.target = Target(spec_.offset + index);
    return sample;
  }

  uint64_t Hash() const override {
    uint64_t hash = 0xCBF29CE484222325;
    for (size_t i = 0; i < size(); ++i) {
      for (const uint8_t byte : source_->Bytes(i)) hash = (hash ^ byte) * 0x100000001B3;
    }
    return hash;
  }

  Normalization normalization() const override { return normalization_; }
  bool pixels() const override {
    return source_->pixels() && spec_.scale == 1 && spec_.mean.empty() && spec_.std.empty();
  }
  Warnings warnings() const override { return source_->warnings(); }
  size_t class_folders() const override { return source_->class_folders(); }

  std::vector<std::string> Files() const override {
    std::vector<std::string> files = source_->Files();
    for (const std::string& named : {spec_.path, spec_.images, spec_.labels, spec_.targets}) {
      if (!named.empty()) files.push_back(named);
    }
    return files;
  }

 private:
  Tensor Target(size_t row) const {
    Tensor target = targets_->Get(row);
    if (!IsFloating(target.type())) return target;
    const std::vector<float> values = target.ToFloats();
    const auto bad = std::ranges::find_if_not(values, [](float x) { return std::isfinite(x); });
    if (bad == values.end()) return target;
    throw Error(targets_->path() + ", row " + std::to_string(row) + ": element " +
                std::to_string(bad - values.begin()) + " is NaN or infinite; repair the data");
  }

  DataSpec spec_;
  std::unique_ptr<Source> source_;
  std::optional<NpyRows> targets_;
  Normalization normalization_;
};

std::unique_ptr<Source> OpenSource(const DataSpec& spec) {
  switch (spec.format) {
    case DataFormat::idx:
      return OpenIdx(spec);
    case DataFormat::cifar10:
      return OpenCifar10(spec);
    case DataFormat::npy:
      return OpenNpy(spec);
    default:
      return OpenImageFiles(spec);
  }
}

}  // namespace

Range Select(const DataSpec& spec, size_t total, const std::string& what) {
  if (spec.offset >= total) {
    throw Error(spec.origin + ": \"offset\" " + std::to_string(spec.offset) +
                " leaves nothing of the " + std::to_string(total) + " samples of " + what);
  }
  const size_t left = total - spec.offset;
  return {spec.offset, std::min(left, spec.limit.value_or(left))};
}

std::unique_ptr<Dataset> OpenDataset(const DataSpec& spec) {
  return std::make_unique<SourceDataset>(spec, OpenSource(spec));
}

std::unique_ptr<Dataset> OpenDataset(const std::string& json_path) {
  return OpenDataset(ReadDataSpec(json_path));
}

Tensor AsInput(const Sample& sample, const std::vector<int64_t>& dims) {
  const std::vector<int64_t>& have = sample.input.dims();
  int64_t wanted = 1;
  for (const int64_t d : dims) wanted *= d;
  const bool flat = WithoutOnes(dims).size() <= 1;
  if (static_cast<int64_t>(sample.input.elements()) == wanted &&
      (flat || WithoutOnes(have) == WithoutOnes(dims))) {
    return sample.input.Reshaped(dims);
  }
  // A network that takes [N, H, W, C] pixels.
  if (have.size() == 3 && dims.size() == 4 && dims[0] == 1 && dims[1] == have[1] &&
      dims[2] == have[2] && dims[3] == have[0]) {
    Tensor result(DataType::float32, dims);
    const std::span<const float> from = sample.input.as<float>();
    const std::span<float> to = result.as<float>();
    const size_t channels = static_cast<size_t>(have[0]);
    const size_t plane = from.size() / channels;
    for (size_t p = 0; p < plane; ++p) {
      for (size_t c = 0; c < channels; ++c) to[p * channels + c] = from[c * plane + p];
    }
    return result;
  }
  if (dims.size() > 1 && dims[0] > 1 &&
      static_cast<int64_t>(sample.input.elements()) * dims[0] == wanted) {
    std::string one = "1";
    for (size_t i = 1; i < dims.size(); ++i) one += "," + std::to_string(dims[i]);
    throw Error(sample.source + ": is one sample, but the network's input has the fixed batch " +
                std::to_string(dims[0]) + " (" + ShapeText(dims) +
                "); convert it for a batch of 1: --input-shape INPUT=" + one);
  }
  throw Error(sample.source + ": gives a sample of shape " + ShapeText(have) +
              ", but the network's input has shape " + ShapeText(dims) +
              "; set resize, center_crop or layout in the data description");
}

}  // namespace lutra::converter::data
