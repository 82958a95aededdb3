// Which scheme each layer gets: one option of every layer, so that together they cost least and fit
// so many bytes (the multiple-choice knapsack problem; HAWQ-V3, arXiv 2011.10680, solves the same
// as an integer linear program).
//
// By dynamic programming over bytes, exactly where these are at most kSteps above the least
// possible; otherwise in steps of equal size, each layer's bytes rounded up, so that the result
// always fits and what rounding may cost is below a step for each layer and one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lutra::converter::budget {

struct Option {
  uint64_t bytes = 0;
  double cost = 0;
};

constexpr size_t kSteps = size_t{1} << 15;

/// The index of each layer's option, of equal costs those with fewer bytes; nothing when even the
/// smallest do not fit. Every layer has at least one option.
std::optional<std::vector<size_t>> Allocate(std::span<const std::vector<Option>> layers,
                                            uint64_t most_bytes);

}  // namespace lutra::converter::budget
