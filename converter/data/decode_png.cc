// PNG by libpng's row interface. Its simplified one would apply gamma and take 16 bits for linear
// light, which the programs that networks are trained with do not.
#include <png.h>

#include <cstring>

#include "converter/data/decode_image.h"
#include "converter/data/image.h"
#include "converter/error.h"

namespace lutra::converter::data {
namespace {

// libpng leaves a failed function by longjmp, so the functions that call it hold nothing that has a
// destructor; what they need lives here. False: text() says why.
class PngReader {
 public:
  explicit PngReader(std::span<const uint8_t> bytes) : rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, Fail, Ignore);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw Error("no memory to decode it");
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  const char* text() const { return text_; }
  int64_t width() const { return png_get_image_width(png_, info_); }
  int64_t height() const { return png_get_image_height(png_, info_); }

  bool ReadHeader() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, Read);
    // The caller has its own limits and words for them.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    // Texts and profiles, which can be bombs themselves, are passed over.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    return true;
  }

  /// Rows of width * 3 bytes.
  bool ReadRgb(uint8_t* pixels) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    const size_t row_bytes = 3 * static_cast<size_t>(width());
    if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "unusual samples");
    for (int pass = 0; pass < passes; ++pass) {
      for (int64_t y = 0; y < height(); ++y) {
        png_read_row(png_, pixels + static_cast<size_t>(y) * row_bytes, nullptr);
      }
    }
    return true;
  }

 private:
  [[noreturn]] static void Fail(png_structp png, png_const_charp text) {
    auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(reader->text_, text, sizeof reader->text_ - 1);
    png_longjmp(png, 1);
  }
  static void Ignore(png_structp, png_const_charp) {}
  static void Read(png_structp png, png_bytep to, size_t count) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader->rest_.size()) png_error(png, "it is cut off");
    std::memcpy(to, reader->rest_.data(), count);
    reader->rest_ = reader->rest_.subspan(count);
  }

  std::span<const uint8_t> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  char text_[128] = "";
};

}  // namespace

bool IsPng(std::span<const uint8_t> bytes) {
  return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0;
}

Image DecodePng(std::span<const uint8_t> bytes) {
  PngReader reader(bytes);
  if (!reader.ReadHeader()) throw Error(reader.text());
  Image image = MakeImage(reader.height(), reader.width(), 3);
  if (!reader.ReadRgb(image.pixels.data())) throw Error(reader.text());
  return image;
}

}  // namespace lutra::converter::data
