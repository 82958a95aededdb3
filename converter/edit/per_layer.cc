#include "converter/edit/per_layer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "converter/checkpoint/tensor_name.h"
#include "converter/error.h"
#include "converter/pattern.h"

namespace lutra::converter::edit {

PerLayer::PerLayer(const std::string& what, const std::vector<std::string>& texts,
                   const Range& range)
    : what_(what) {
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const std::string number = equals == std::string::npos ? text : text.substr(equals + 1);
    Entry entry{equals == std::string::npos ? "*" : text.substr(0, equals), 0};
    const auto [end, fault] =
        std::from_chars(number.data(), number.data() + number.size(), entry.number);
    const bool inside = entry.number >= range.lowest && entry.number <= range.highest &&
                        (!range.whole || entry.number == std::floor(entry.number));
    if (fault != std::errc() || end != number.data() + number.size() || !inside ||
        entry.pattern.empty()) {
      throw Error(what + ": '" + text + "' is no [LAYER=]NUMBER with a " +
                  (range.whole ? "whole number" : "number") + " from " +
                  std::to_string(static_cast<int>(range.lowest)) + " to " +
                  std::to_string(static_cast<int>(range.highest)));
    }
    entries_.push_back(std::move(entry));
  }
}

bool PerLayer::Entry::Fits(const LayerWeights& weight) const {
  return MatchesPattern(weight.layer, pattern) || MatchesPattern(weight.tensor, pattern) ||
         MatchesPattern(checkpoint::WithoutWrapper(weight.tensor), pattern);
}

const double* PerLayer::Find(const LayerWeights& weight) const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->Fits(weight)) return &entry->number;
  }
  return nullptr;
}

void PerLayer::CheckNames(const std::vector<LayerWeights>& weights) const {
  for (const Entry& entry : entries_) {
    if (std::ranges::any_of(weights, [&](const auto& weight) { return entry.Fits(weight); })) {
      continue;
    }
    std::string known;
    for (const LayerWeights& weight : weights) known += (known.empty() ? "" : ", ") + weight.layer;
    throw Error(what_ + ": '" + entry.pattern + "' fits no layer; layers are " + known);
  }
}

}  // namespace lutra::converter::edit
