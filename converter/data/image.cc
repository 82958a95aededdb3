#include "converter/data/image.h"

#include <algorithm>
#include <cmath>

#include "converter/error.h"

namespace lutra::converter::data {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;

// For every output position: the first input it reads and its integer weights.
struct Taps {
  size_t first;
  std::vector<int32_t> weights;
};

std::vector<Taps> TriangleTaps(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double support = std::max(scale, 1.0);
  std::vector<Taps> taps(static_cast<size_t>(out));
  for (int o = 0; o < out; ++o) {
    const double center = (o + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in, static_cast<int>(center + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int x = first; x < last; ++x) {
      const double distance = std::abs((x - center + 0.5) * (1.0 / support));
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    Taps& tap = taps[static_cast<size_t>(o)];
    tap.first = static_cast<size_t>(first);
    for (const double weight : weights) {
      tap.weights.push_back(static_cast<int32_t>(0.5 + weight / sum * (1 << kPrecisionBits)));
    }
  }
  return taps;
}

// Resamples along one axis: `stride` elements from one input to the next, `lines` independent
// lines whose starts are given by in_line and out_line.
template <typename InLine, typename OutLine>
void ResampleAxis(const std::vector<Taps>& taps, const uint8_t* in, uint8_t* out, size_t stride,
                  size_t lines, InLine in_line, OutLine out_line) {
  for (size_t line = 0; line < lines; ++line) {
    const uint8_t* from = in + in_line(line);
    uint8_t* to = out + out_line(line);
    for (size_t o = 0; o < taps.size(); ++o) {
      int32_t sum = 1 << (kPrecisionBits - 1);
      const uint8_t* tap = from + taps[o].first * stride;
      for (const int32_t weight : taps[o].weights) {
        sum += *tap * weight;
        tap += stride;
      }
      to[o * stride] = static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
    }
  }
}

void RequireSize(int64_t height, int64_t width) {
  if (height < 1 || width < 1 || height > kMaxImageSide || width > kMaxImageSide ||
      height * width > kMaxImagePixels) {
    throw Error(std::to_string(height) + " x " + std::to_string(width) +
                " pixels are too many; images of sides up to " + std::to_string(kMaxImageSide) +
                " and 2^26 pixels are handled");
  }
}

}  // namespace

Image MakeImage(int64_t height, int64_t width, int channels) {
  RequireSize(height, width);
  Image image{static_cast<int>(height), static_cast<int>(width), channels, {}};
  image.pixels.resize(static_cast<size_t>(height * width) * static_cast<size_t>(channels));
  return image;
}

Image Resize(const Image& image, int height, int width) {
  RequireSize(height, width);
  const size_t channels = static_cast<size_t>(image.channels);
  const size_t in_width = static_cast<size_t>(image.width);
  const size_t out_width = static_cast<size_t>(width);
  const size_t rows = static_cast<size_t>(image.height);
  Image wide = MakeImage(image.height, width, image.channels);
  if (width == image.width) {
    wide.pixels = image.pixels;
  } else {
    ResampleAxis(
        TriangleTaps(image.width, width), image.pixels.data(), wide.pixels.data(), channels,
        rows * channels,
        [&](size_t line) { return line / channels * in_width * channels + line % channels; },
        [&](size_t line) { return line / channels * out_width * channels + line % channels; });
  }
  if (height == image.height) return wide;
  Image result = MakeImage(height, width, image.channels);
  const auto column = [](size_t line) { return line; };
  ResampleAxis(TriangleTaps(image.height, height), wide.pixels.data(), result.pixels.data(),
               out_width * channels, out_width * channels, column, column);
  return result;
}

Image ResizeShorterSide(const Image& image, int side) {
  const auto longer = [&](int a, int b) {
    return static_cast<int>(static_cast<int64_t>(side) * a / b);
  };
  if (image.width <= image.height) return Resize(image, longer(image.height, image.width), side);
  return Resize(image, side, longer(image.width, image.height));
}

Image CenterCrop(const Image& image, int height, int width) {
  if (image.height < height || image.width < width) {
    throw Error("is " + std::to_string(image.height) + " x " + std::to_string(image.width) +
                " pixels, smaller than the center_crop of " + std::to_string(height) + " x " +
                std::to_string(width) + "; set resize_shorter_side");
  }
  const size_t top = static_cast<size_t>(std::nearbyint((image.height - height) / 2.0));
  const size_t left = static_cast<size_t>(std::nearbyint((image.width - width) / 2.0));
  const size_t channels = static_cast<size_t>(image.channels);
  const size_t row_bytes = static_cast<size_t>(width) * channels;
  Image result{height, width, image.channels, {}};
  for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
    const uint8_t* row =
        image.pixels.data() + ((top + y) * static_cast<size_t>(image.width) + left) * channels;
    result.pixels.insert(result.pixels.end(), row, row + row_bytes);
  }
  return result;
}

}  // namespace lutra::converter::data
