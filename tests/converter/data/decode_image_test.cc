#include "converter/data/decode_image.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>  // of which jpeglib.h needs FILE
#include <cstdlib>

// clang-format off
#include <jpeglib.h>
// clang-format on

#include "converter/data/test_images.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

using test::Bytes;
using test::PngFile;
using test::PngLayout;

Bytes Pixels(const Bytes& file, int channels = 3) {
  return DecodeImage(file, channels, "x").pixels;
}

std::string FaultOf(const Bytes& file) {
  try {
    DecodeImage(file, 3, "f.png");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("PNG of every kind of pixel becomes RGB without its alpha") {
  SUBCASE("RGB and RGBA") {
    CHECK(Pixels(PngFile({2, 1}, {0, 1, 2, 3, 4, 5, 6})) == Bytes{1, 2, 3, 4, 5, 6});
    CHECK(Pixels(PngFile({2, 1, 8, 6}, {0, 1, 2, 3, 0, 4, 5, 6, 128})) == Bytes{1, 2, 3, 4, 5, 6});
  }
  SUBCASE("grey, and grey with alpha") {
    CHECK(Pixels(PngFile({2, 1, 8, 0}, {0, 7, 200})) == Bytes{7, 7, 7, 200, 200, 200});
    CHECK(Pixels(PngFile({2, 1, 8, 4}, {0, 7, 0, 200, 9})) == Bytes{7, 7, 7, 200, 200, 200});
  }
  SUBCASE("grey of fewer bits is spread over 0 to 255") {
    // 1 bit: 255 per step; 2 bits: 85; 4 bits: 17.
    CHECK(Pixels(PngFile({3, 1, 1, 0}, {0, 0b10100000}), 1) == Bytes{255, 0, 255});
    CHECK(Pixels(PngFile({3, 1, 2, 0}, {0, 0b11011000}), 1) == Bytes{255, 85, 170});
    CHECK(Pixels(PngFile({3, 1, 4, 0}, {0, 0x0F, 0x30}), 1) == Bytes{0, 255, 51});
  }
  SUBCASE("of 16 bits the upper 8 stay") {
    CHECK(Pixels(PngFile({2, 1, 16, 0}, {0, 0x12, 0xFF, 0x80, 0x00}), 1) == Bytes{0x12, 0x80});
    CHECK(Pixels(PngFile({1, 1, 16, 2}, {0, 1, 255, 2, 255, 3, 255})) == Bytes{1, 2, 3});
  }
  SUBCASE("a palette, opaque or not") {
    PngLayout layout{2, 1, 8, 3};
    layout.palette = {10, 20, 30, 40, 50, 60};
    CHECK(Pixels(PngFile(layout, {0, 1, 0})) == Bytes{40, 50, 60, 10, 20, 30});
    layout.alphas = {0, 255};
    CHECK(Pixels(PngFile(layout, {0, 1, 0})) == Bytes{40, 50, 60, 10, 20, 30});
    layout.bit_depth = 1;
    CHECK(Pixels(PngFile(layout, {0, 0b01000000})) == Bytes{10, 20, 30, 40, 50, 60});
  }
  SUBCASE("a transparent colour keeps its colour") {
    PngLayout layout{1, 1};
    layout.alphas = {0, 1, 0, 2, 0, 3};
    CHECK(Pixels(PngFile(layout, {0, 1, 2, 3})) == Bytes{1, 2, 3});
  }
}

TEST_CASE("interlaced PNG") {
  // Adam7: for each pass its first column and row and its steps.
  constexpr int kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                 {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  Bytes rows, expected;
  for (const auto& [x0, y0, dx, dy] : kPasses) {
    for (int y = y0; y < 8; y += dy) {
      rows.push_back(0);
      for (int x = x0; x < 8; x += dx) rows.push_back(static_cast<uint8_t>(31 * y + 7 * x));
    }
  }
  for (int i = 0; i < 64; ++i) expected.push_back(static_cast<uint8_t>(31 * (i / 8) + 7 * (i % 8)));
  PngLayout layout{8, 8, 8, 0};
  layout.interlaced = true;
  CHECK(Pixels(PngFile(layout, rows), 1) == expected);
}

// Pixels as Pillow 9.4 reads these files.
TEST_CASE("JPEG gives Pillow's bytes") {
  CHECK(Pixels(test::RgbJpeg()) ==
        Bytes{45,  21,  55,  161, 123, 160, 175, 108, 149, 117, 68,  97,  83,  97,  97,
              120, 115, 111, 214, 106, 129, 133, 138, 158, 142, 134, 157, 127, 91,  117,
              123, 105, 119, 123, 167, 154, 136, 160, 146, 166, 86,  99,  115, 178, 169,
              82,  133, 126, 106, 130, 130, 127, 171, 158, 86,  192, 154, 81,  165, 129,
              138, 114, 110, 113, 166, 148, 76,  118, 104, 134, 149, 142, 134, 168, 152,
              52,  150, 111, 74,  150, 114, 186, 150, 150, 220, 192, 188, 147, 109, 108,
              169, 108, 115, 138, 96,  97,  95,  116, 97,  174, 170, 159, 249, 132, 161});
  CHECK(Pixels(test::RgbJpeg(), 1) == Bytes{32,  139, 133, 86,  93,  116, 141, 139, 139,
                                            105, 112, 152, 151, 111, 158, 117, 123, 156,
                                            156, 136, 121, 148, 104, 144, 156, 116, 123,
                                            161, 200, 120, 127, 109, 108, 170, 170});
  CHECK(Pixels(test::CmykJpeg()) ==
        Bytes{35, 26, 9, 104, 30, 44, 87, 66, 130, 167, 102, 62, 101, 48, 105, 34, 80, 76});
}

TEST_CASE("what stands beside the pixels of a JPEG does no harm") {
  const Bytes jpeg = test::RgbJpeg();
  Bytes odd(jpeg.begin(), jpeg.end() - 2);  // without its end
  CHECK(Pixels(odd) == Pixels(jpeg));
  odd.insert(odd.end(), {0, 0, 0, 0xFF, 0xD9, 'j', 'u', 'n', 'k'});
  CHECK(Pixels(odd) == Pixels(jpeg));
}

TEST_CASE("what stands beside the pixels of a PNG does no harm") {
  const Bytes png = PngFile({2, 1}, {0, 1, 2, 3, 4, 5, 6});
  const size_t header_end = 8 + 25;
  Bytes odd(png.begin(), png.begin() + header_end);
  // A text of 16 MB in 16 KB, and a profile that is none.
  const Bytes zeros(1 << 24);
  Bytes packed(::compressBound(zeros.size()));
  uLongf size = packed.size();
  ::compress(packed.data(), &size, zeros.data(), zeros.size());
  Bytes text{'k', 0, 0};
  text.insert(text.end(), packed.begin(), packed.begin() + static_cast<ptrdiff_t>(size));
  test::AppendChunk(odd, "zTXt", text);
  test::AppendChunk(odd, "iCCP", {'p', 0, 0, 1, 2, 3});
  odd.insert(odd.end(), png.begin() + header_end, png.end());
  CHECK(Pixels(odd) == Bytes{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a JPEG of more scans than any encoder writes is refused") {
  // One scan for each coefficient of each component, behind the one of their means.
  const auto scans = [](int components) {
    std::vector<jpeg_scan_info> script(1);
    script[0] = {components, {0, 1, 2, 0}, 0, 0, 0, 0};
    for (int component = 0; component < components; ++component) {
      for (int k = 1; k < 64; ++k) script.push_back({1, {component}, k, k, 0, 0});
    }
    jpeg_compress_struct info = {};
    jpeg_error_mgr errors = {};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* data = nullptr;
    unsigned long bytes = 0;  // NOLINT(google-runtime-int): libjpeg's
    jpeg_mem_dest(&info, &data, &bytes);
    info.image_width = info.image_height = 8;
    info.input_components = components;
    info.in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    info.scan_info = script.data();
    info.num_scans = static_cast<int>(script.size());
    jpeg_start_compress(&info, TRUE);
    std::vector<JSAMPLE> row(24, 100);
    JSAMPROW rows[] = {row.data()};
    for (int y = 0; y < 8; ++y) jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    Bytes file(data, data + bytes);
    jpeg_destroy_compress(&info);
    std::free(data);
    return file;
  };
  CHECK(FaultOf(scans(1)) == "");
  CHECK(FaultOf(scans(3)) == "f.png: cannot be decoded as PNG or JPEG: it has more than 100 scans");
}

TEST_CASE("a cut file is refused by name") {
  const Bytes jpeg = test::RgbJpeg();
  for (size_t size = 0; size < jpeg.size() - 4; ++size) {
    CAPTURE(size);
    CHECK(FaultOf({jpeg.begin(), jpeg.begin() + static_cast<ptrdiff_t>(size)})
              .starts_with("f.png: cannot be decoded as PNG or JPEG: "));
  }
  const Bytes png = PngFile({2, 2}, {0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12});
  for (size_t size = 0; size < png.size() - 12; ++size) {  // whole but for the closing chunk
    CAPTURE(size);
    CHECK_FALSE(FaultOf({png.begin(), png.begin() + static_cast<ptrdiff_t>(size)}).empty());
  }
  CHECK(FaultOf({png.begin(), png.end() - 12}).empty());
}

TEST_CASE("damage never crashes, wherever it is") {
  for (const Bytes& file : {test::RgbJpeg(), test::CmykJpeg(), PngFile({1, 1}, {0, 1, 2, 3})}) {
    for (size_t at = 0; at < file.size(); ++at) {
      for (const int flip : {0x01, 0x10, 0x80, 0xFF}) {
        Bytes damaged = file;
        damaged[at] = static_cast<uint8_t>(damaged[at] ^ flip);
        FaultOf(damaged);
      }
    }
  }
}

TEST_CASE("a Huffman table with more codes than fit is refused") {
  Bytes jpeg = test::RgbJpeg();
  const Bytes marker{0xFF, 0xC4};  // DHT: length, class, 16 counts
  const auto table = std::search(jpeg.begin(), jpeg.end(), marker.begin(), marker.end());
  REQUIRE(table != jpeg.end());
  std::fill(table + 5, table + 21, uint8_t{0xFF});
  CHECK(FaultOf(jpeg) == "f.png: cannot be decoded as PNG or JPEG: Bogus Huffman table definition");
}

TEST_CASE("sizes are bounded before memory is taken") {
  CHECK(FaultOf(PngFile({16384, 16384}, {0})) ==
        "f.png: cannot be decoded as PNG or JPEG: 16384 x 16384 pixels are too many; images of "
        "sides up to 16384 and 2^26 pixels are handled");
  CHECK_FALSE(FaultOf(PngFile({0x7FFFFFFF, 1}, {0})).empty());
  CHECK_FALSE(FaultOf(PngFile({0, 1}, {0})).empty());
  Bytes jpeg = test::RgbJpeg();
  const Bytes marker{0xFF, 0xC0};  // SOF0: length, precision, height, width
  const auto frame = std::search(jpeg.begin(), jpeg.end(), marker.begin(), marker.end());
  std::fill(frame + 5, frame + 9, uint8_t{0xF0});
  CHECK(FaultOf(jpeg).find("61680 x 61680 pixels are too many") != std::string::npos);
}

TEST_CASE("other formats are named") {
  const auto fault = [](const std::string& text) { return FaultOf({text.begin(), text.end()}); };
  const std::string start = "f.png: cannot be decoded as PNG or JPEG: ";
  CHECK(fault("BM123456") == start + "it is BMP; convert it");
  CHECK(fault("RIFF1234WEBPVP8 ") == start + "it is WebP; convert it");
  CHECK(fault("GIF89a") == start + "it is GIF; convert it");
  CHECK(fault("hello") == start + "it begins like neither");
  CHECK(fault("") == start + "it begins like neither");
}

}  // namespace
}  // namespace lutra::converter::data
