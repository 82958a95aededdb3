// A network of one operator for each row of the converter's table, as import leaves it: what the
// page of operators shows, it observes on these.
#pragma once

#include "converter/graph/operator_table.h"

namespace lutra::converter::test {

/// Inputs that no constant gives are the graph's, image-shaped unless the operator wants otherwise.
Graph ExampleOf(const OperatorRow& row);

}  // namespace lutra::converter::test
