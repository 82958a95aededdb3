#include "converter/budget/allocate.h"

#include <algorithm>
#include <limits>

namespace lutra::converter::budget {
namespace {

uint64_t FewestBytes(const std::vector<Option>& options) {
  return std::ranges::min_element(options, {}, &Option::bytes)->bytes;
}

}  // namespace

std::optional<std::vector<size_t>> Allocate(std::span<const std::vector<Option>> layers,
                                            uint64_t most_bytes) {
  uint64_t fewest = 0, most = 0;
  for (const std::vector<Option>& options : layers) {
    fewest += FewestBytes(options);
    most += std::ranges::max_element(options, {}, &Option::bytes)->bytes;
  }
  if (fewest > most_bytes) return std::nullopt;
  const uint64_t step = (std::min(most, most_bytes) - fewest) / kSteps + 1;
  // Where there is room for everything, also for what rounding up adds to it.
  const uint64_t all = (most - fewest) / step + layers.size() + 1;
  const auto steps = static_cast<size_t>(std::min((most_bytes - fewest) / step, all));
  // cost[s]: the least of the layers so far, with at most s steps above their fewest bytes.
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<double> cost(steps + 1, 0.0), next(steps + 1);
  std::vector<std::vector<uint8_t>> chosen;  // by layer and steps
  for (const std::vector<Option>& options : layers) {
    const uint64_t least = FewestBytes(options);
    std::ranges::fill(next, kNever);
    std::vector<uint8_t>& choice = chosen.emplace_back(steps + 1, uint8_t{0});
    for (size_t o = 0; o < options.size(); ++o) {
      const auto taken = static_cast<size_t>((options[o].bytes - least + step - 1) / step);
      for (size_t s = taken; s <= steps; ++s) {
        const double sum = cost[s - taken] + options[o].cost;
        const bool smaller = sum == next[s] && options[o].bytes < options[choice[s]].bytes;
        if (sum < next[s] || smaller) {
          next[s] = sum;
          choice[s] = static_cast<uint8_t>(o);
        }
      }
    }
    cost.swap(next);
  }
  // The fewest steps with the least cost.
  size_t left = steps;
  while (left > 0 && cost[left - 1] <= cost[steps]) --left;
  std::vector<size_t> result(layers.size());
  for (size_t l = layers.size(); l-- > 0;) {
    const std::vector<Option>& options = layers[l];
    result[l] = chosen[l][left];
    const uint64_t taken = options[result[l]].bytes - FewestBytes(options);
    left -= static_cast<size_t>((taken + step - 1) / step);
  }
  return result;
}

}  // namespace lutra::converter::budget
