// Cases that cannot run here. Such a case calls Skip and returns; a program that failed nothing but
// skipped something ends with 77, which CTest counts as skipped. So that the other cases of the
// program still count as passed, cases that may skip stand in a test suite of their own (see
// lutra_test's SUITES).
#pragma once

#include <string>

namespace lutra::test {

/// Says on stdout why the case is skipped ("skipped: REASON"); scripts/test repeats it at its end.
void Skip(const std::string& reason);

}  // namespace lutra::test
