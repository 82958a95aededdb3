// JPEG by libjpeg-turbo with its defaults, which are Pillow's: the accurate integer IDCT and smooth
// upsampling of the colours.
//
// The library goes on after most damage and invents the missing pixels. Here what is damaged is
// refused, and what only stands where it should not (bytes between the parts, a missing end of the
// file after the last pixel) is passed over.
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// clang-format off: jpeglib.h needs <cstdio>'s types, jerror.h those of jpeglib.h
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "converter/data/decode_image.h"
#include "converter/data/image.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

// Every scan of a progressive file goes over all pixels; encoders write about ten.
constexpr int kMaxScans = 100;

// libjpeg leaves a failed function by longjmp, so the functions that call it hold nothing that has
// a destructor; what they need lives here. False: text() says why.
class JpegReader {
 public:
  JpegReader() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = Fail;
    errors_.emit_message = Warn;
    info_.client_data = this;
    progress_.progress_monitor = LimitScans;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  const char* text() const { return text_; }
  int64_t width() const { return info_.image_width; }
  int64_t height() const { return info_.image_height; }
  int components() const { return info_.num_components; }

  bool ReadHeader(std::span<const uint8_t> bytes) {
    if (setjmp(landing_) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, bytes.data(), static_cast<unsigned long>(bytes.size()));
    jpeg_read_header(&info_, TRUE);
    many_scans_ = jpeg_has_multiple_scans(&info_) != 0;
    return true;
  }

  /// Rows of width * 3 bytes RGB, or with four components width * 4 bytes as they are stored.
  bool ReadPixels(uint8_t* pixels) {
    if (setjmp(landing_) != 0) return false;
    info_.out_color_space = components() == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    const size_t row_bytes =
        size_t{info_.output_width} * static_cast<size_t>(info_.output_components);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + info_.output_scanline * row_bytes;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    return true;
  }

 private:
  static JpegReader& Of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

  [[noreturn]] static void Fail(j_common_ptr info) {
    JpegReader& reader = Of(info);
    info->err->format_message(info, reader.text_);
    std::longjmp(reader.landing_, 1);
  }

  static void Warn(j_common_ptr info, int level) {
    if (level >= 0) return;  // a trace
    switch (info->err->msg_code) {
      case JWRN_ADOBE_XFORM:
      case JWRN_EXTRANEOUS_DATA:
      case JWRN_JFIF_MAJOR:
      case JWRN_NOT_SEQUENTIAL:
      case JWRN_TOO_MUCH_DATA:
        return;
      case JWRN_JPEG_EOF:
        // Missing pixels are warned of on their own, but not missing scans.
        if (!Of(info).many_scans_) return;
        break;
      default:
        break;
    }
    Fail(info);
  }

  static void LimitScans(j_common_ptr info) {
    const auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
    if (decompress->input_scan_number <= kMaxScans) return;
    JpegReader& reader = Of(info);
    std::snprintf(reader.text_, sizeof reader.text_, "it has more than %d scans", kMaxScans);
    std::longjmp(reader.landing_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf landing_{};
  bool many_scans_ = false;
  char text_[JMSG_LENGTH_MAX] = "";
};

// (a * b) / 255, rounded.
int Scaled(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// Ink as Adobe stores it, inverted: 255 is none. Pillow takes every CMYK JPEG for such a one.
Image InkToRgb(const Image& ink) {
  Image image = MakeImage(ink.height, ink.width, 3);
  for (size_t p = 0; p < image.pixels.size() / 3; ++p) {
    const uint8_t* cmyk = ink.pixels.data() + 4 * p;
    for (size_t c = 0; c < 3; ++c) {
      image.pixels[3 * p + c] =
          static_cast<uint8_t>(std::max(0, cmyk[3] - Scaled(255 - cmyk[c], cmyk[3])));
    }
  }
  return image;
}

}  // namespace

bool IsJpeg(std::span<const uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

Image DecodeJpeg(std::span<const uint8_t> bytes) {
  JpegReader reader;
  if (!reader.ReadHeader(bytes)) throw Error(reader.text());
  const int components = reader.components();
  if (components != 1 && components != 3 && components != 4) {
    throw Error("it has " + std::to_string(components) + " colour components");
  }
  Image image = MakeImage(reader.height(), reader.width(), components == 4 ? 4 : 3);
  if (!reader.ReadPixels(image.pixels.data())) throw Error(reader.text());
  return components == 4 ? InkToRgb(image) : image;
}

}  // namespace lutra::converter::data
