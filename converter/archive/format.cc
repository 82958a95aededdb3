// Formats as the command line and recipes write them.
#include <charconv>

#include "converter/archive/archive.h"
#include "converter/error.h"

namespace lutra::converter::archive {
namespace {

/// The number behind `prefix`, 0 if there is none.
unsigned NumberAfter(std::string_view text, std::string_view prefix) {
  unsigned value = 0;
  if (!text.starts_with(prefix)) return 0;
  text.remove_prefix(prefix.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool plain = error == std::errc() && end == text.data() + text.size() && text[0] != '0';
  return plain ? value : 0;
}

}  // namespace

void SetArchiveWeights(ArchiveFormat& format, std::string_view text) {
  const unsigned linear = NumberAfter(text, "linear"), codebook = NumberAfter(text, "codebook");
  if (text == "fp16") {
    format.scheme = ArchiveScheme::fp16;
  } else if ((linear >= 2 && linear <= 8) || linear == 16) {
    format.scheme = ArchiveScheme::linear;
    format.bits = linear;
  } else if (codebook >= 1 && codebook <= 8) {
    format.scheme = ArchiveScheme::codebook;
    format.bits = codebook;
  } else {
    throw Error("weights '" + std::string(text) +
                "' is unknown; use fp16, linear2 to linear8, linear16 or codebook1 to codebook8");
  }
}

void SetArchiveGranularity(ArchiveFormat& format, std::string_view text) {
  const unsigned group = NumberAfter(text, "group:");
  if (text == "channel") {
    format.granularity = ArchiveGranularity::channel;
  } else if (text == "tensor") {
    format.granularity = ArchiveGranularity::tensor;
  } else if (group > 0 && group <= INT32_MAX) {
    format.granularity = ArchiveGranularity::group;
    format.group = group;
  } else {
    throw Error("granularity '" + std::string(text) +
                "' is unknown; use channel, tensor or group:N");
  }
}

}  // namespace lutra::converter::archive
