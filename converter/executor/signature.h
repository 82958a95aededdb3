// Whether a node's inputs are those of its operator (graph/operator_table.h), in number and type,
// before the operator looks at them. Shapes and values are each operator's own business.
#pragma once

#include <span>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::executor {

/// "input 1 is missing", or "" when every input that the operator cannot do without is there.
/// Operators that are not in the table are not judged.
std::string WhyInputsMissing(const Node& node);

/// The same by types, one per input, undefined where it is left out; also "input 1 is int64, but
/// must be a floating type".
std::string WhyInputsRefused(const Node& node, std::span<const DataType> types);

}  // namespace lutra::converter::executor
