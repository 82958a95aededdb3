#include "converter/cli/explain.h"

#include <unistd.h>

#include <filesystem>
#include <new>
#include <stdexcept>

#include "base/temporaries.h"
#include "converter/error.h"
#include "runtime/tools/options.h"

namespace lutra::converter::cli {
namespace {

// What a library says of itself means nothing to a user, and its files show us more.
const char* const kFault =
    "this is a fault of lutra; please report it with the command and the files that show it";

}  // namespace

std::string Explain(const std::exception& error) {
  if (dynamic_cast<const Error*>(&error) != nullptr) return error.what();
  // A size beyond what a container can have is a size beyond what there is of memory.
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
      dynamic_cast<const std::length_error*>(&error) != nullptr) {
    return tools::kNoMemory;
  }
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    return file->path1().string() + ": cannot be used: " + file->code().message();
  }
  return kFault;
}

void EndUnexplained() {
  RemoveTemporaries();
  try {
    if (const std::exception_ptr current = std::current_exception()) {
      std::rethrow_exception(current);
    }
    tools::Complain("lutra", kFault, tools::kFailed);
  } catch (const std::exception& error) {
    tools::Complain("lutra", Explain(error), tools::kFailed);
  } catch (...) {
    tools::Complain("lutra", kFault, tools::kFailed);
  }
  ::_exit(tools::kFailed);
}

}  // namespace lutra::converter::cli
