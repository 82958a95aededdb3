// Expected pixels come from Pillow 9.4 on the same formula:
//   a = ((y*37 + x*59 + c*83 + y*x*11) % 256).astype(uint8)
//   Image.fromarray(a).resize((w, h), Image.BILINEAR), and .convert("L")
#include "converter/data/image.h"

#include <doctest/doctest.h>

#include "converter/error.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace lutra::converter {
namespace {

Image Pattern(int height, int width) {
  Image image{height, width, 3, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixels.push_back(static_cast<uint8_t>(y * 37 + x * 59 + c * 83 + y * x * 11));
      }
    }
  }
  return image;
}

std::vector<uint8_t> Encode(const Image& image, bool jpeg) {
  std::vector<uint8_t> bytes;
  const auto append = [](void* to, void* data, int size) {
    const auto* from = static_cast<const uint8_t*>(data);
    auto& out = *static_cast<std::vector<uint8_t>*>(to);
    out.insert(out.end(), from, from + size);
  };
  if (jpeg) {
    stbi_write_jpg_to_func(append, &bytes, image.width, image.height, image.channels,
                           image.pixels.data(), 100);
  } else {
    stbi_write_png_to_func(append, &bytes, image.width, image.height, image.channels,
                           image.pixels.data(), image.width * image.channels);
  }
  return bytes;
}

TEST_CASE("resize gives Pillow's bytes") {
  const Image image = Pattern(5, 7);
  SUBCASE("smaller in both") {
    CHECK(Resize(image, 3, 4).pixels ==
          std::vector<uint8_t>{49,  127, 156, 149, 103, 88,  157, 92,  153, 115, 134, 94,
                               114, 163, 131, 157, 109, 136, 140, 149, 131, 133, 123, 145,
                               172, 145, 87,  132, 123, 99,  134, 119, 143, 164, 165, 128});
  }
  SUBCASE("one axis only") {
    CHECK(Resize(image, 5, 3).pixels ==
          std::vector<uint8_t>{51,  134, 162, 162, 79,  102, 102, 130, 122, 97,  125, 98,
                               172, 89,  142, 141, 133, 106, 143, 172, 145, 136, 144, 152,
                               143, 116, 145, 135, 108, 100, 131, 139, 116, 127, 155, 147,
                               181, 155, 91,  141, 103, 111, 166, 157, 131});
  }
  SUBCASE("larger: first and last row") {
    const Image large = Resize(image, 9, 10);
    const std::vector<uint8_t> first(large.pixels.begin(), large.pixels.begin() + 30);
    const std::vector<uint8_t> last(large.pixels.end() - 30, large.pixels.end());
    CHECK(first == std::vector<uint8_t>{0,   83, 166, 32,  115, 198, 74,  157, 176, 115,
                                        198, 38, 156, 73,  66,  198, 25,  108, 226, 66,
                                        149, 88, 107, 190, 66,  149, 116, 98,  181, 8});
    CHECK(last == std::vector<uint8_t>{148, 231, 58,  205, 147, 115, 213, 104, 123, 106,
                                       176, 16,  165, 82,  75,  147, 64,  147, 53,  136,
                                       206, 125, 208, 99,  197, 165, 107, 254, 81,  164});
  }
}

TEST_CASE("the shorter side leads") {
  const Image wide = ResizeShorterSide(Pattern(5, 7), 3);
  CHECK(wide.height == 3);
  CHECK(wide.width == 4);  // int(3 * 7 / 5)
  const Image tall = ResizeShorterSide(Pattern(9, 4), 6);
  CHECK(tall.width == 6);
  CHECK(tall.height == 13);  // int(6 * 9 / 4)
}

TEST_CASE("the crop's corner is rounded half to even") {
  const Image image = Pattern(5, 7);
  // (5 - 2) / 2 = 1.5 -> 2; (7 - 2) / 2 = 2.5 -> 2
  const Image crop = CenterCrop(image, 2, 2, "name");
  for (size_t y = 0; y < 2; ++y) {
    for (size_t x = 0; x < 6; ++x) {
      CHECK(crop.pixels[y * 6 + x] == image.pixels[((2 + y) * 7 + 2) * 3 + x]);
    }
  }
  CHECK_THROWS_WITH_AS(CenterCrop(image, 6, 2, "a.png"),
                       "a.png: is 5 x 7 pixels, smaller than the center_crop of 6 x 2; set "
                       "resize_shorter_side",
                       Error);
}

TEST_CASE("PNG is decoded exactly, JPEG closely, grey as Pillow's L") {
  const Image image = Pattern(5, 7);
  CHECK(DecodeImage(Encode(image, false), 3, "x.png").pixels == image.pixels);
  CHECK(DecodeImage(Encode(image, false), 1, "x.png").pixels ==
        std::vector<uint8_t>{68,  127, 156, 65,  124, 107, 136, 105, 145, 65,  135, 129,
                             169, 89,  142, 193, 124, 129, 180, 111, 116, 149, 91,  107,
                             169, 111, 127, 189, 186, 139, 136, 89,  116, 189, 142});
  // One colour survives JPEG at quality 100 but for the rounding of YCbCr.
  const Image flat{8, 8, 3, std::vector<uint8_t>(8 * 8 * 3, 90)};
  const Image decoded = DecodeImage(Encode(flat, true), 3, "x.jpg");
  REQUIRE(decoded.pixels.size() == flat.pixels.size());
  for (const uint8_t pixel : decoded.pixels) CHECK(std::abs(pixel - 90) <= 1);
}

TEST_CASE("what is no image is refused by name, cut anywhere") {
  const std::vector<uint8_t> png = Encode(Pattern(5, 7), false);
  for (size_t size = 0; size + 12 < png.size(); ++size) {  // without the closing chunk it decodes
    try {
      const Image image = DecodeImage({png.data(), size}, 3, "cut.png");
      CHECK(image.pixels == Pattern(5, 7).pixels);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).starts_with("cut.png: cannot be decoded as PNG or JPEG ("));
    }
  }
}

}  // namespace
}  // namespace lutra::converter
