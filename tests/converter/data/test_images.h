// Image files as a test needs them, honest or not.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lutra::test {

using Bytes = std::vector<uint8_t>;

struct PngLayout {
  uint32_t width = 0, height = 0;
  uint8_t bit_depth = 8, colour_type = 2;  ///< 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA
  bool interlaced = false;
  Bytes palette{};  ///< RGB triples
  Bytes alphas{};   ///< tRNS
};

inline void AppendWord(Bytes& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(value >> shift));
}

inline void AppendChunk(Bytes& png, const std::string& type, const Bytes& data) {
  AppendWord(png, static_cast<uint32_t>(data.size()));
  const size_t start = png.size();
  png.insert(png.end(), type.begin(), type.end());
  png.insert(png.end(), data.begin(), data.end());
  AppendWord(png, static_cast<uint32_t>(
                      ::crc32(0, png.data() + start, static_cast<uInt>(png.size() - start))));
}

/// `rows`: each with its filter byte before it; of as many or as few bytes as the caller likes.
inline Bytes PngFile(const PngLayout& layout, const Bytes& rows) {
  Bytes png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  Bytes header;
  AppendWord(header, layout.width);
  AppendWord(header, layout.height);
  for (const int byte :
       {int{layout.bit_depth}, int{layout.colour_type}, 0, 0, layout.interlaced ? 1 : 0}) {
    header.push_back(static_cast<uint8_t>(byte));
  }
  AppendChunk(png, "IHDR", header);
  if (!layout.palette.empty()) AppendChunk(png, "PLTE", layout.palette);
  if (!layout.alphas.empty()) AppendChunk(png, "tRNS", layout.alphas);
  uLongf size = ::compressBound(rows.size());
  Bytes packed(size);
  ::compress(packed.data(), &size, rows.data(), rows.size());
  packed.resize(size);
  AppendChunk(png, "IDAT", packed);
  AppendChunk(png, "IEND", {});
  return png;
}

/// "FFD8..." to bytes.
inline Bytes FromHex(const std::string& text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// pattern(y, x, c) = (37 y + 59 x + 83 c + 11 y x) mod 256, 7 x 5, saved by Pillow 9.4 as JPEG of
/// quality 40 with colours at half size.
inline Bytes RgbJpeg() {
  return FromHex(
      "FFD8FFE000104A46494600010100000100010000FFDB004300140E0F120F0D14121012171514181E32211E1C"
      "1C1E3D2C2E243249404C4B47404645505A736250556D5645466488656D777B8182814E608D978C7D96737E81"
      "7CFFDB0043011517171E1A1E3B21213B7C5346537C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C"
      "7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7CFFC000110800050007030122000211010311"
      "01FFC4001500010100000000000000000000000000000002FFC4001B10000203000300000000000000000000"
      "000111000203213151FFC4001501010100000000000000000000000000000104FFC4001A1100020301010000"
      "00000000000000000001020003115141FFDA000C03010002110311003F00B19506BA6690A0EEBC14D003C888"
      "8200E35A5F4528E0EF87A7827FFFD9");
}

/// The same pattern of four channels as CMYK, 3 x 2, quality 40.
inline Bytes CmykJpeg() {
  return FromHex(
      "FFD8FFEE000E41646F626500640000000000FFDB004300140E0F120F0D14121012171514181E32211E1C1C1E"
      "3D2C2E243249404C4B47404645505A736250556D5645466488656D777B8182814E608D978C7D96737E817CFF"
      "C000140800020003044311004D11005911004B1100FFC4001600010101000000000000000000000000000304"
      "05FFC40023100002010400060300000000000000000001020300040511132122233132415191FFDA000E0443"
      "004D0059004B00003F000C9CB20C8CFDC6F6FBADBC4D95ACF60924D6D0C92333ED9E3049EA3F26AFB6668ED6"
      "058C951C243A53AE654127F4D0E419A2BD9638C94453A5553A006BC015FFD9");
}

}  // namespace lutra::test
