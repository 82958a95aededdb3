// What a user reads of an exception. Our own are in the user's terms already; those of the standard
// library and of other libraries are not.
#pragma once

#include <exception>
#include <string>

namespace lutra::converter::cli {

/// One line, never empty.
std::string Explain(const std::exception& error);

/// For what no handler can catch, such as an exception in another thread: a line on stderr and exit
/// status 1 instead of a core dump.
[[noreturn]] void EndUnexplained();

}  // namespace lutra::converter::cli
