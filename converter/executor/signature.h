// What the inputs of every operator may be, in the canonical form of the graph: the one place where
// a node's number of inputs and their types are judged, before any operator looks at them. Shapes
// and values are each operator's own business.
#pragma once

#include <span>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::executor {

/// "input 1 is missing", or "" when every input that the operator cannot do without is there.
/// Operators without a signature are not judged.
std::string WhyInputsMissing(const Node& node);

/// The same by types, one per input, undefined where it is left out; also "input 1 is int64, but
/// must be a floating type".
std::string WhyInputsRefused(const Node& node, std::span<const DataType> types);

/// Whether the table knows the operator: every operator of the executor must be there.
bool HasSignature(std::string_view domain, std::string_view op);

}  // namespace lutra::converter::executor
