// Decoding and geometry of images, as Pillow and torchvision do it, since that is how the networks
// that come here were trained.
#pragma once

#include <span>
#include <string>

#include "converter/data/source.h"

namespace lutra::converter {

/// Decodes PNG or JPEG. channels: 3 = RGB (alpha dropped, grey repeated), 1 = grey (ITU-R 601 luma,
/// as Pillow's mode L). Throws Error with `name`.
Image DecodeImage(std::span<const uint8_t> bytes, int channels, const std::string& name);

/// Antialiased bilinear resampling: Pillow's Image.resize with BILINEAR, bit for bit (a triangle
/// filter widened by the reduction, horizontal then vertical, 22-bit coefficients, each pass
/// rounded to bytes).
Image Resize(const Image& image, int height, int width);

/// The shorter side becomes `side`, the longer int(side * longer / shorter).
Image ResizeShorterSide(const Image& image, int side);

/// The middle of the image; the corner is rounded half to even, as torchvision does. Throws Error
/// with `name` when the image is smaller.
Image CenterCrop(const Image& image, int height, int width, const std::string& name);

}  // namespace lutra::converter
