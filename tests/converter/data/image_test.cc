// Expected pixels come from Pillow 9.4 on the same formula:
//   a = ((y*37 + x*59 + c*83 + y*x*11) % 256).astype(uint8)
//   Image.fromarray(a).resize((w, h), Image.BILINEAR)
#include "converter/data/image.h"

#include <doctest/doctest.h>

#include "converter/error.h"

namespace lutra::converter::data {
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
  const Image crop = CenterCrop(image, 2, 2);
  for (size_t y = 0; y < 2; ++y) {
    for (size_t x = 0; x < 6; ++x) {
      CHECK(crop.pixels[y * 6 + x] == image.pixels[((2 + y) * 7 + 2) * 3 + x]);
    }
  }
  CHECK_THROWS_WITH_AS(CenterCrop(image, 6, 2),
                       "is 5 x 7 pixels, smaller than the center_crop of 6 x 2; set "
                       "resize_shorter_side",
                       Error);
}

TEST_CASE("no size takes more memory than the limits allow") {
  const Image thin{1, 16384, 3, std::vector<uint8_t>(size_t{3} * 16384)};
  CHECK_THROWS_WITH_AS(ResizeShorterSide(thin, 224),
                       "224 x 3670016 pixels are too many; images of sides up to 16384 and 2^26 "
                       "pixels are handled",
                       Error);
  CHECK_THROWS_AS(Resize(thin, 16384, 16384), Error);
  CHECK(MakeImage(8192, 8192, 1).pixels.size() == 1U << 26);
  CHECK_THROWS_AS(MakeImage(8192, 8193, 1), Error);
  CHECK_THROWS_AS(MakeImage(0, 5, 3), Error);
}

}  // namespace
}  // namespace lutra::converter::data
