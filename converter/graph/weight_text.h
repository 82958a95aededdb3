// Formats of weights as the command line and recipes write them, for models and archives alike.
#pragma once

#include <string>
#include <string_view>

#include "base/weight_format.h"

namespace lutra::converter {

/// Which words there are where weights are executed, and where they are archived.
struct WeightWords {
  bool fp32;                ///< also "int8"
  int widest;               ///< "linear16"
  const char* weights;      ///< what is allowed, for messages
  bool any_group;           ///< "group:N" for all N
  const char* granularity;  ///< what is allowed
};
constexpr WeightWords kModelWords = {
    true, 8, "int8, linear2 to linear8, codebook1 to codebook8, fp16 or fp32", false,
    "channel, tensor, group:32, group:64 or group:128"};
constexpr WeightWords kArchiveWords = {
    false, 16, "fp16, linear2 to linear8, linear16 or codebook1 to codebook8", true,
    "channel, tensor or group:N"};

/// Throws Error: "weights 'int9' is unknown; use int8, ...".
[[noreturn]] void RefuseWord(std::string_view what, std::string_view text,
                             std::string_view allowed);

/// "linear4", "codebook3", "fp16" ...: kind and bits. Throws Error listing what is allowed.
void SetWeights(WeightFormat& format, std::string_view text,
                const WeightWords& words = kModelWords);
/// "channel", "tensor", "group:64". Throws Error listing what is allowed.
void SetGranularity(WeightFormat& format, std::string_view text,
                    const WeightWords& words = kModelWords);

/// What they read; 8 bits of linear are "int8".
std::string WeightsText(const WeightFormat& format);
std::string GranularityText(const WeightFormat& format);

}  // namespace lutra::converter
