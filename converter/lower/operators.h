// The operators that reach a model file, a row for each: who lowers it. An operator without a row
// has a function of one int8 value at most, which needs none; passes have written the others with
// operators that have one, or the runtime does not compute them.
#pragma once

#include <span>
#include <string_view>

#include "converter/lower/lowering.h"

namespace lutra::converter::lowering {

struct LoweringRow {
  std::string_view op;                    ///< of ONNX's own domain
  void (*lower)(Lowering&, const Node&);  ///< integer and float nodes
  schema::UnaryKind kind = {};            ///< in float32, of LowerUnary's operators
};

/// Null where there is none.
const LoweringRow* FindLowering(const Node& node);
std::span<const LoweringRow> AllLowerings();

}  // namespace lutra::converter::lowering
