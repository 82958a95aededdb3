// The order of every float reduction: 16 virtual lanes and a fixed tree, so that vectors of 4, 8
// and 16 lanes all compute the same bits.
#pragma once

#include <cstddef>

namespace lutra::kernels::reference {

/// element(i) for 0 <= i < count goes to lane i % 16, in the order of i; the lanes are joined by
/// lane[j] = join(lane[j], lane[j + 8]), then + 4, + 2, + 1.
template <class Element, class Join>
float ReduceLanes(size_t count, float identity, Element element, Join join) {
  float lane[16];
  for (float& value : lane) value = identity;
  for (size_t i = 0; i < count; ++i) lane[i % 16] = join(lane[i % 16], element(i));
  for (size_t half = 8; half >= 1; half /= 2) {
    for (size_t j = 0; j < half; ++j) lane[j] = join(lane[j], lane[j + half]);
  }
  return lane[0];
}

}  // namespace lutra::kernels::reference
