#include "converter/coding/huffman_lengths.h"

#include <algorithm>
#include <vector>

namespace lutra::converter::encoding {
namespace {

/// A letter, or two items of the level below.
struct Item {
  uint64_t weight;
  int letter;  ///< -1 = a package
  int left, right;
};

}  // namespace

coding::CodeLengths LimitedLengths(std::span<const uint64_t> frequencies) {
  std::vector<Item> leaves;
  for (size_t letter = 0; letter < frequencies.size(); ++letter) {
    if (frequencies[letter] > 0) {
      leaves.push_back({frequencies[letter], static_cast<int>(letter), 0, 0});
    }
  }
  coding::CodeLengths code;
  if (leaves.size() == 1) {
    code.only_letter = static_cast<unsigned>(leaves[0].letter);
    return code;
  }
  const auto lighter = [](const Item& a, const Item& b) { return a.weight < b.weight; };
  std::stable_sort(leaves.begin(), leaves.end(), lighter);

  // levels[i]: the letters and the packages made of neighbours in levels[i - 1], by weight.
  std::vector<std::vector<Item>> levels(coding::kMaxCodeBits);
  levels[0] = leaves;
  for (size_t level = 1; level < levels.size(); ++level) {
    const std::vector<Item>& below = levels[level - 1];
    std::vector<Item> packages;
    for (size_t i = 0; i + 1 < below.size(); i += 2) {
      packages.push_back({below[i].weight + below[i + 1].weight, -1, static_cast<int>(i),
                          static_cast<int>(i + 1)});
    }
    std::merge(leaves.begin(), leaves.end(), packages.begin(), packages.end(),
               std::back_inserter(levels[level]), lighter);
  }

  // A letter's length is how often it lies in the lightest 2 * letters - 2 items of the top level.
  std::vector<int> chosen;
  for (size_t i = 0; i < 2 * leaves.size() - 2; ++i) chosen.push_back(static_cast<int>(i));
  for (size_t level = levels.size(); level-- > 0;) {
    std::vector<int> below;
    for (const int i : chosen) {
      const Item& item = levels[level][static_cast<size_t>(i)];
      if (item.letter >= 0) {
        ++code.lengths[item.letter];
      } else {
        below.push_back(item.left);
        below.push_back(item.right);
      }
    }
    chosen = std::move(below);
  }
  return code;
}

}  // namespace lutra::converter::encoding
