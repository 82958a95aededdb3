// Geometry of images, as Pillow and torchvision do it, since that is how the networks that come
// here were trained. All functions throw Error that says what is wrong but not of which file.
#pragma once

#include <cstdint>

#include "converter/data/source.h"

namespace lutra::converter::data {

/// Room for an image; also where every size is bounded before memory is taken: kMaxImageSide and
/// kMaxImagePixels.
Image MakeImage(int64_t height, int64_t width, int channels);

/// Antialiased bilinear resampling: Pillow's Image.resize with BILINEAR, bit for bit (a triangle
/// filter widened by the reduction, horizontal then vertical, 22-bit coefficients, each pass
/// rounded to bytes).
Image Resize(const Image& image, int height, int width);

/// The shorter side becomes `side`, the longer int(side * longer / shorter).
Image ResizeShorterSide(const Image& image, int side);

/// The middle of the image, which must not be smaller; the corner is rounded half to even, as
/// torchvision does.
Image CenterCrop(const Image& image, int height, int width);

}  // namespace lutra::converter::data
