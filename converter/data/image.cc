#include "converter/data/image.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "converter/error.h"

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace lutra::converter {
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

uint8_t Luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

}  // namespace

Image DecodeImage(std::span<const uint8_t> bytes, int channels, const std::string& name) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    throw Error(name + ": is over 2 GB");
  }
  int width = 0, height = 0, stored_channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height,
                            &stored_channels, 3),
      stbi_image_free);
  if (!pixels) {
    throw Error(name + ": cannot be decoded as PNG or JPEG (" + stbi_failure_reason() +
                "); repair or remove it");
  }
  Image image{height, width, channels, {}};
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  if (channels == 3) {
    image.pixels.assign(pixels.get(), pixels.get() + 3 * count);
  } else {
    image.pixels.resize(count);
    for (size_t i = 0; i < count; ++i) image.pixels[i] = Luma(pixels.get() + 3 * i);
  }
  return image;
}

Image Resize(const Image& image, int height, int width) {
  const size_t channels = static_cast<size_t>(image.channels);
  const size_t in_width = static_cast<size_t>(image.width);
  const size_t out_width = static_cast<size_t>(width);
  const size_t rows = static_cast<size_t>(image.height);
  Image wide{image.height, width, image.channels, {}};
  if (width == image.width) {
    wide.pixels = image.pixels;
  } else {
    wide.pixels.resize(rows * out_width * channels);
    ResampleAxis(
        TriangleTaps(image.width, width), image.pixels.data(), wide.pixels.data(), channels,
        rows * channels,
        [&](size_t line) { return line / channels * in_width * channels + line % channels; },
        [&](size_t line) { return line / channels * out_width * channels + line % channels; });
  }
  if (height == image.height) return wide;
  Image result{height, width, image.channels, {}};
  result.pixels.resize(static_cast<size_t>(height) * out_width * channels);
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

Image CenterCrop(const Image& image, int height, int width, const std::string& name) {
  if (image.height < height || image.width < width) {
    throw Error(name + ": is " + std::to_string(image.height) + " x " +
                std::to_string(image.width) + " pixels, smaller than the center_crop of " +
                std::to_string(height) + " x " + std::to_string(width) +
                "; set resize_shorter_side");
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

}  // namespace lutra::converter
