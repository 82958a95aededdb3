#include "converter/train/augment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <span>
#include <string_view>

#include "converter/error.h"

namespace lutra::converter::train {
namespace {

struct Word {
  std::string_view name;
  std::string_view unit;  // of its number; empty: it has none
  double lowest, highest;
  int Augmentation::*whole;
  double Augmentation::*real;
};

// Sides of images and lengths of recordings are bounded, so that a slip is told from a wish.
constexpr std::array<Word, 6> kWords = {{
    {"crop", "PIXELS", 1, 4096, &Augmentation::crop, nullptr},
    {"cutout", "PIXELS", 1, 4096, &Augmentation::cutout, nullptr},
    {"mixup", "ALPHA", 0.01, 1, nullptr, &Augmentation::mixup},
    {"jitter", "PART", 0.001, 1, nullptr, &Augmentation::jitter},
    {"shift", "STEPS", 1, 1000000, &Augmentation::shift, nullptr},
    {"noise", "PART", 0.0001, 10, nullptr, &Augmentation::noise},
}};

std::string Shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

std::string KnownWords() {
  std::string known = "flip";
  for (const Word& word : kWords)
    known += ", " + std::string(word.name) + ":" + std::string(word.unit);
  return known;
}

void Read(const Word& word, std::string_view number, std::string_view entry,
          Augmentation& augmentation) {
  double value = 0;
  const char* const end = number.data() + number.size();
  const auto [read, fault] = std::from_chars(number.data(), end, value);
  const bool whole = word.whole != nullptr;
  if (fault != std::errc() || read != end || !(value >= word.lowest && value <= word.highest) ||
      (whole && value != std::floor(value))) {
    throw Error("augmentation '" + std::string(entry) + "': " + std::string(word.name) +
                " needs a " + (whole ? "whole " : "") + "number from " + Shortest(word.lowest) +
                " to " + Shortest(word.highest) + ", as in " + std::string(word.name) + ":" +
                Shortest(std::max(word.lowest, whole ? 4 : 0.2)));
  }
  if (whole) {
    augmentation.*word.whole = static_cast<int>(value);
  } else {
    augmentation.*word.real = value;
  }
}

// [C, H, W].
struct Planes {
  explicit Planes(Tensor& sample)
      : channels(static_cast<size_t>(sample.dims()[0])),
        height(sample.dims()[1]),
        width(sample.dims()[2]),
        values(sample.as<float>()) {}

  float& At(size_t c, int64_t y, int64_t x) {
    return values[(c * static_cast<size_t>(height) + static_cast<size_t>(y)) *
                      static_cast<size_t>(width) +
                  static_cast<size_t>(x)];
  }

  size_t channels;
  int64_t height, width;
  std::span<float> values;
};

void Flip(Planes image) {
  for (size_t c = 0; c < image.channels; ++c) {
    for (int64_t y = 0; y < image.height; ++y) {
      float* const row = &image.At(c, y, 0);
      std::reverse(row, row + image.width);
    }
  }
}

void Crop(int most, const data::Normalization& normalization, Random& random, Tensor& sample) {
  const int64_t down = random.Within(static_cast<uint32_t>(most));
  const int64_t right = random.Within(static_cast<uint32_t>(most));
  Tensor before = sample;
  Planes from(before), to(sample);
  for (size_t c = 0; c < to.channels; ++c) {
    const float black = normalization.Apply(0, c);
    for (int64_t y = 0; y < to.height; ++y) {
      for (int64_t x = 0; x < to.width; ++x) {
        const int64_t v = y - down, u = x - right;
        const bool inside = v >= 0 && v < from.height && u >= 0 && u < from.width;
        to.At(c, y, x) = inside ? from.At(c, v, u) : black;
      }
    }
  }
}

size_t TimeAxis(const std::vector<int64_t>& dims) {
  return static_cast<size_t>(std::ranges::max_element(dims) - dims.begin());
}

void Shift(int most, Random& random, Tensor& sample) {
  const std::vector<int64_t>& dims = sample.dims();
  const size_t axis = TimeAxis(dims);
  const int64_t steps = dims[axis];
  const int64_t by = random.Within(static_cast<uint32_t>(most));
  const auto after = dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1;
  const auto inner = static_cast<size_t>(
      std::accumulate(after, dims.end(), int64_t{1}, std::multiplies<int64_t>()));
  const size_t block = static_cast<size_t>(steps) * inner;
  const Tensor before = sample;
  const std::span<const float> from = before.as<float>();
  const std::span<float> to = sample.as<float>();
  for (size_t at = 0; at < to.size(); at += block) {
    for (int64_t t = 0; t < steps; ++t) {
      const int64_t source = std::clamp<int64_t>(t - by, 0, steps - 1);
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at + source * inner), inner,
                  to.begin() + static_cast<std::ptrdiff_t>(at + t * inner));
    }
  }
}

void Jitter(double amount, const data::Normalization& normalization, Random& random, Planes image) {
  const auto factor = [&] {
    return static_cast<float>(1 + amount * (2 * static_cast<double>(random.Uniform()) - 1));
  };
  const float brightness = factor(), contrast = factor(), saturation = factor();
  const size_t pixels = image.values.size() / image.channels;
  double sum = 0;
  for (size_t c = 0; c < image.channels; ++c) {
    for (float& value : image.values.subspan(c * pixels, pixels)) {
      value = brightness * normalization.Scaled(value, c);
      sum += static_cast<double>(value);
    }
  }
  const auto mean = static_cast<float>(sum / static_cast<double>(image.values.size()));
  // Apply scales first; these values are scaled already.
  data::Normalization rest = normalization;
  rest.scale = 1;
  for (size_t p = 0; p < pixels; ++p) {
    std::array<float, 3> x{};
    for (size_t c = 0; c < x.size(); ++c) {
      x[c] = mean + contrast * (image.values[c * pixels + p] - mean);
    }
    const float gray = (x[0] + x[1] + x[2]) / 3;
    for (size_t c = 0; c < x.size(); ++c) {
      image.values[c * pixels + p] = rest.Apply(gray + saturation * (x[c] - gray), c);
    }
  }
}

void AddNoise(double part, Random& random, std::span<float> values) {
  double sum = 0, squares = 0;
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) {
    squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  }
  const auto deviation =
      static_cast<float>(part * std::sqrt(squares / static_cast<double>(values.size())));
  for (float& value : values) value += deviation * random.Normal();
}

void CutOut(int side, Random& random, Planes image) {
  const int64_t top = int64_t{random.Below(static_cast<uint32_t>(image.height))} - side / 2;
  const int64_t left = int64_t{random.Below(static_cast<uint32_t>(image.width))} - side / 2;
  for (size_t c = 0; c < image.channels; ++c) {
    for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + side, image.height); ++y) {
      for (int64_t x = std::max<int64_t>(left, 0); x < std::min(left + side, image.width); ++x) {
        image.At(c, y, x) = 0;
      }
    }
  }
}

}  // namespace

Augmentation ParseAugmentation(const std::string& text) {
  Augmentation augmentation;
  if (text == "none") return augmentation;
  std::set<std::string_view> seen;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view entry = rest.substr(0, comma);
    const size_t colon = entry.find(':');
    const std::string_view name = entry.substr(0, colon);
    const auto word = std::ranges::find(kWords, name, &Word::name);
    if (entry == "flip") {
      augmentation.flip = true;
    } else if (word != kWords.end()) {
      Read(*word, colon == std::string_view::npos ? "" : entry.substr(colon + 1), entry,
           augmentation);
    } else {
      throw Error("augmentation '" + std::string(entry) + "' is not known; known are " +
                  KnownWords() + ", or none");
    }
    if (!seen.insert(name).second) {
      throw Error("augmentation '" + std::string(name) + "' is given twice; keep one of them");
    }
    if (comma == std::string_view::npos) return augmentation;
    rest.remove_prefix(comma + 1);
  }
}

void CheckAugmentation(const Augmentation& augmentation, const std::vector<int64_t>& sample_dims) {
  const auto refuse = [&](const std::string& name, const std::string& need) {
    throw Error("augmentation '" + name + "' needs " + need + ", but samples are " +
                DimsText(sample_dims) + "; leave it out");
  };
  const bool image = sample_dims.size() == 3;
  const std::string images = "images [channels, height, width]";
  if (augmentation.flip && !image) refuse("flip", images);
  const auto check_pixels = [&](const std::string& name, int pixels) {
    if (pixels == 0) return;
    if (!image) refuse(name, images);
    if (pixels >= std::min(sample_dims[1], sample_dims[2])) {
      refuse(name, "images of more than " + std::to_string(pixels) + " pixels each way");
    }
  };
  check_pixels("crop", augmentation.crop);
  check_pixels("cutout", augmentation.cutout);
  if (augmentation.jitter != 0 && (!image || sample_dims[0] != 3)) {
    refuse("jitter", "images of three channels [3, height, width]");
  }
  if (augmentation.shift != 0 &&
      (sample_dims.empty() || augmentation.shift >= sample_dims[TimeAxis(sample_dims)])) {
    refuse("shift", "more than " + std::to_string(augmentation.shift) + " steps");
  }
}

void Augment(const Augmentation& augmentation, const data::Normalization& normalization,
             Random random, Tensor& sample) {
  if (augmentation.flip && random.Below(2) == 1) Flip(Planes(sample));
  if (augmentation.crop != 0) Crop(augmentation.crop, normalization, random, sample);
  if (augmentation.shift != 0) Shift(augmentation.shift, random, sample);
  if (augmentation.jitter != 0) {
    Jitter(augmentation.jitter, normalization, random, Planes(sample));
  }
  if (augmentation.noise != 0) AddNoise(augmentation.noise, random, sample.as<float>());
  if (augmentation.cutout != 0) CutOut(augmentation.cutout, random, Planes(sample));
}

Tensor Mirrored(const Tensor& minibatch, const std::vector<int64_t>& sample_dims) {
  const int64_t channels = sample_dims[0], height = sample_dims[1], width = sample_dims[2];
  const std::vector<int64_t>& dims = minibatch.dims();
  // As data::AsInput decides it.
  const bool last = dims.size() == 4 && dims[1] == height && dims[2] == width &&
                    dims[3] == channels && !(dims[1] == channels && dims[3] == width);
  const auto pixel = static_cast<size_t>(last ? channels : 1);
  const auto row = static_cast<size_t>(width) * pixel;
  Tensor mirrored(DataType::float32, dims);
  const std::span<const float> from = minibatch.as<float>();
  const std::span<float> to = mirrored.as<float>();
  for (size_t at = 0; at < from.size(); at += row) {
    for (size_t x = 0; x < row; x += pixel) {
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at + x), pixel,
                  to.begin() + static_cast<std::ptrdiff_t>(at + row - pixel - x));
    }
  }
  return mirrored;
}

}  // namespace lutra::converter::train
