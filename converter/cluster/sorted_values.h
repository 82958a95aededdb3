// The values of a tensor as clustering wants them: distinct, ascending, each with its weight (how
// often it occurs, or the sum of its importances). Sorting is by radix on the bits of the floats:
// 16.7 million take a fraction of a second, and nothing depends on the order they came in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lutra::converter::cluster {

struct SortedValues {
  std::vector<float> values;    ///< distinct, ascending; -0 is 0
  std::vector<double> weights;  ///< > 0, one for each

  size_t size() const { return values.size(); }
};

enum class Zeros : uint8_t { keep, leave_out };

/// Requires finite values. `importance` is empty (every value counts once) or has one finite
/// number >= 0 for each value; values of importance 0 are dropped, unless all are 0: then every
/// value counts once. Zeros::leave_out drops the zeros, which pruned tensors store apart.
SortedValues SortDistinct(std::span<const float> values, Zeros zeros = Zeros::keep,
                          std::span<const float> importance = {});

}  // namespace lutra::converter::cluster
