// PNG and JPEG to bytes of RGB or grey, as Pillow decodes them, since the networks that come here
// were trained on its pixels. libpng and libjpeg-turbo do the work: decoders made for hostile
// files.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "converter/data/source.h"

namespace lutra::converter::data {

/// Decodes PNG or JPEG; the first bytes decide, not the name. channels: 3 = RGB (alpha dropped,
/// grey repeated), 1 = grey (ITU-R 601 luma, as Pillow's mode L). Of 16 bits the upper 8 stay. A
/// JPEG's orientation tag turns nothing, and colour profiles change nothing. Throws Error with
/// `name`: another format, over the limits of CheckPixels, damaged.
Image DecodeImage(std::span<const uint8_t> bytes, int channels, const std::string& name);

/// One format each; always RGB. Throw Error with the reason alone.
bool IsPng(std::span<const uint8_t> bytes);
bool IsJpeg(std::span<const uint8_t> bytes);
Image DecodePng(std::span<const uint8_t> bytes);
Image DecodeJpeg(std::span<const uint8_t> bytes);

}  // namespace lutra::converter::data
