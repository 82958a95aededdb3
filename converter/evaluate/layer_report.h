// A model file operator by operator, for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "converter/evaluate/compare.h"
#include "runtime/hooks.h"

namespace lutra::converter::evaluate {

/// One row of the per-layer report, in execution order of the written file.
struct LayerReport {
  std::string name, op;
  /// As Comparison has them; NaN: identical or not comparable.
  double isolated_sqnr_db = 0, channel_sqnr_db = 0, cumulative_sqnr_db = 0;
  uint64_t fp32_bytes = 0, bytes = 0;
  std::string scheme;  ///< "int8", "linear4 dynamic", "float32"
  std::string kernel_row;
  std::string float_reason;  ///< empty: integer
};

/// What the runtime says of the operator; its errors are NaN.
LayerReport DescribeLayer(const OperatorInfo& info);

/// `layers` are those of the file that was compared.
void AddErrors(const Comparison& comparison, std::vector<LayerReport>& layers);

}  // namespace lutra::converter::evaluate
