#include "converter/graph/weight_text.h"

#include <charconv>

#include "converter/error.h"
#include "schema/limits.h"

namespace lutra::converter {
namespace {

/// The number behind `prefix`, 0 if there is none.
int NumberAfter(std::string_view text, std::string_view prefix) {
  int value = 0;
  if (!text.starts_with(prefix)) return 0;
  text.remove_prefix(prefix.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool plain = error == std::errc() && end == text.data() + text.size() && text[0] != '0';
  return plain && value > 0 ? value : 0;
}

}  // namespace

void RefuseWord(std::string_view what, std::string_view text, std::string_view allowed) {
  throw Error(std::string(what) + " '" + std::string(text) + "' is unknown; use " +
              std::string(allowed));
}

void SetWeights(WeightFormat& format, std::string_view text, const WeightWords& words) {
  const int linear = words.fp32 && text == "int8" ? 8 : NumberAfter(text, "linear");
  const int codebook = NumberAfter(text, "codebook");
  if (text == "fp16" || (text == "fp32" && words.fp32)) {
    format.kind = text == "fp16" ? WeightKind::fp16 : WeightKind::fp32;
  } else if ((linear >= 2 && linear <= 8) || (linear == 16 && words.widest == 16)) {
    format.kind = WeightKind::linear;
    format.bits = linear;
  } else if (codebook >= 1 && codebook <= 8) {
    format.kind = WeightKind::codebook;
    format.bits = codebook;
  } else {
    RefuseWord("weights", text, words.weights);
  }
}

void SetGranularity(WeightFormat& format, std::string_view text, const WeightWords& words) {
  const int group = NumberAfter(text, "group:");
  const bool is_group = words.any_group ? group != 0 : IsScaleGroup(static_cast<uint64_t>(group));
  if (text != "channel" && text != "tensor" && !is_group) {
    RefuseWord("granularity", text, words.granularity);
  }
  format.granularity = text == "channel"  ? Granularity::channel
                       : text == "tensor" ? Granularity::tensor
                                          : Granularity::group;
  format.group = static_cast<uint64_t>(group);
}

std::string WeightsText(const WeightFormat& format) {
  switch (format.kind) {
    case WeightKind::fp16:
      return "fp16";
    case WeightKind::fp32:
      return "fp32";
    case WeightKind::codebook:
      return "codebook" + std::to_string(format.bits);
    case WeightKind::linear:
      break;
  }
  return format.bits == 8 ? "int8" : "linear" + std::to_string(format.bits);
}

std::string GranularityText(const WeightFormat& format) {
  switch (format.granularity) {
    case Granularity::tensor:
      return "tensor";
    case Granularity::channel:
      return "channel";
    case Granularity::group:
      break;
  }
  return "group:" + std::to_string(format.group);
}

}  // namespace lutra::converter
