#include "converter/cli/explain.h"

#include <unistd.h>

#include <filesystem>
#include <new>
#include <stdexcept>

#include "converter/error.h"
#include "runtime/tools/options.h"
#include "runtime/tools/temporaries.h"

namespace lutra::converter::cli {

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
  return std::string("this is a fault of lutra; please report it with the files that show it (") +
         error.what() + ")";
}

void EndUnexplained() {
  tools::RemoveTemporaries();
  try {
    if (const std::exception_ptr current = std::current_exception()) {
      std::rethrow_exception(current);
    }
    tools::Complain("lutra", "this is a fault of lutra; please report it", tools::kFailed);
  } catch (const std::exception& error) {
    tools::Complain("lutra", Explain(error), tools::kFailed);
  } catch (...) {
    tools::Complain("lutra", "this is a fault of lutra; please report it", tools::kFailed);
  }
  ::_exit(tools::kFailed);
}

}  // namespace lutra::converter::cli
