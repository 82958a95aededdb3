// The `lutra` program with --json, or with an error: what every test of its commands expects.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/program.h"

namespace lutra::test {

inline const std::string kLutra = LUTRA_PROGRAM;
/// The example network, and a small model that uses every integer operator.
inline const std::string kShapes = LUTRA_SOURCE_DIR "/examples/shapes/";
inline const std::string kOnnx = kShapes + "shapes.onnx";
inline const std::string kGolden = LUTRA_SOURCE_DIR "/tests/golden/integer.lutra";

/// The only thing on stdout is one JSON object, on one line.
inline nlohmann::json RunJson(const std::string& arguments) {
  const Outcome outcome = RunProgram(kLutra, arguments + " --json");
  CHECK(outcome.err == "");  // quiet in a pipe
  REQUIRE(outcome.status == 0);
  CHECK(outcome.out.find('\n') == outcome.out.size() - 1);
  return nlohmann::json::parse(outcome.out);
}

/// What follows "lutra COMMAND: " in the one line of the error.
inline std::string ErrorOf(const std::string& arguments, int status) {
  const Outcome outcome = RunProgram(kLutra, arguments);
  CAPTURE(arguments);
  CHECK(outcome.status == status);
  CHECK(outcome.out == "");
  CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
  const std::string prefix = "lutra " + arguments.substr(0, arguments.find(' ')) + ": ";
  CHECK(outcome.err.starts_with(prefix));
  return outcome.err.substr(std::min(outcome.err.size(), prefix.size()));
}

}  // namespace lutra::test
