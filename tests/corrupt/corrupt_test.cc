// Every stored malformed model gives the code and the text its manifest line states.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "support/aligned_bytes.h"

namespace lutra {
namespace {

const std::string kFolder = LUTRA_SOURCE_DIR "/tests/corrupt/models/";

std::vector<uint8_t> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST_CASE("Malformed models give their documented errors") {
  std::ifstream manifest(kFolder + "manifest.tsv");
  REQUIRE(manifest.good());
  size_t cases = 0;
  for (std::string line; std::getline(manifest, line); ++cases) {
    std::istringstream fields(line);
    std::string name, code, message;
    std::getline(fields, name, '\t');
    std::getline(fields, code, '\t');
    std::getline(fields, message);
    INFO(name);
    const Status status = test::OpenAndValidate(ReadFile(kFolder + name + ".lutra"));
    CHECK(static_cast<int>(status.code()) == std::stoi(code));
    CHECK(std::string(status.message()) == message);
  }
  MESSAGE(cases << " malformed models");
  CHECK(cases >= 40);
}

}  // namespace
}  // namespace lutra
