// The rows that this machine can run, for tests that compare each with the reference.
#pragma once

#include <vector>

#include "kernels/row.h"

namespace lutra::kernels {

/// Available rows without the reference, best first.
inline std::vector<const Row*> SimdRows() {
  std::vector<const Row*> rows;
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (row->available() && row != FindRow("reference")) rows.push_back(row);
  }
  return rows;
}

}  // namespace lutra::kernels
