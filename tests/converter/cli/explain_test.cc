// What a user reads of an exception is never what a library calls it.
#include "converter/cli/explain.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>

#include "converter/error.h"

namespace lutra::converter::cli {
namespace {

TEST_CASE("our own errors, lack of memory, files") {
  CHECK(Explain(Error("m.onnx: no")) == "m.onnx: no");
  const std::string memory = Explain(std::bad_alloc());
  CHECK(memory.starts_with("not enough memory; "));
  CHECK(Explain(std::length_error("vector::_M_default_append")) == memory);
  CHECK(Explain(std::filesystem::filesystem_error(
            "cannot open", "a.bin", std::make_error_code(std::errc::permission_denied))) ==
        "a.bin: cannot be used: Permission denied");
}

TEST_CASE("exceptions of others are not quoted") {
  const std::string fault =
      "this is a fault of lutra; please report it with the command and the files that show it";
  CHECK(Explain(std::out_of_range("basic_string::substr: __pos > size()")) == fault);
  CHECK(Explain(std::runtime_error("could not create a primitive")) == fault);
  CHECK(Explain(std::bad_variant_access()) == fault);
}

}  // namespace
}  // namespace lutra::converter::cli
