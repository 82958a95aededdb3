#include "converter/data/decode_image.h"

#include <array>
#include <string_view>

#include "converter/error.h"

namespace lutra::converter::data {
namespace {

uint8_t Luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

// Formats that are known by their first bytes but not read.
struct Signature {
  size_t offset;
  std::string_view bytes, format;
};

constexpr std::array kUnread = {
    Signature{0, "BM", "BMP"},
    Signature{0, "GIF8", "GIF"},
    Signature{8, "WEBP", "WebP"},
    Signature{0, std::string_view("II*\0", 4), "TIFF"},
    Signature{0, std::string_view("MM\0*", 4), "TIFF"},
    Signature{4, "ftypavif", "AVIF"},
    Signature{4, "ftypheic", "HEIC"},
};

Image DecodeColour(std::span<const uint8_t> bytes) {
  if (IsPng(bytes)) return DecodePng(bytes);
  if (IsJpeg(bytes)) return DecodeJpeg(bytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Signature& known : kUnread) {
    if (text.size() >= known.offset && text.substr(known.offset).starts_with(known.bytes)) {
      throw Error("it is " + std::string(known.format) + "; convert it");
    }
  }
  throw Error("it begins like neither");
}

}  // namespace

Image DecodeImage(std::span<const uint8_t> bytes, int channels, const std::string& name) {
  Image image;
  try {
    image = DecodeColour(bytes);
  } catch (const Error& error) {
    throw Error(name + ": cannot be decoded as PNG or JPEG: " + error.what());
  }
  if (channels == 3) return image;
  const size_t count = image.pixels.size() / 3;
  for (size_t i = 0; i < count; ++i) image.pixels[i] = Luma(image.pixels.data() + 3 * i);
  image.pixels.resize(count);
  image.channels = 1;
  return image;
}

}  // namespace lutra::converter::data
