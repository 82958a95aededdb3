// docs/operators.md, which nobody writes by hand: the rows of the converter's table and of the
// file's list, and what passes and lowering make of a network of each operator.
#pragma once

#include <string>

namespace lutra::converter::test {

/// Throws Error where a row's example is no network.
std::string OperatorsPage();

}  // namespace lutra::converter::test
