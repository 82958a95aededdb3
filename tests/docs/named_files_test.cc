// What the documentation says a test shows, it shows by naming the file; so the file must be there.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace lutra {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = LUTRA_SOURCE_DIR;

std::string TextOf(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Paths of the tests, relative to the repository, and each of their ends from a folder's name on:
/// tests/a/b.cc, a/b.cc, b.cc.
std::set<std::string> TestFiles() {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kSource / "tests")) {
    std::string name = fs::relative(entry.path(), kSource).generic_string();
    names.insert(name);
    for (size_t slash; (slash = name.find('/')) != std::string::npos;) {
      name.erase(0, slash + 1);
      names.insert(name);
    }
  }
  return names;
}

/// What `page` names that is none of `files`.
std::string Missing(const std::string& page, const std::set<std::string>& files) {
  static const std::regex kNamed("`(tests/[a-z0-9_/.]+|[a-z0-9_/]+_test\\.[a-z]+)");
  std::string missing;
  for (std::sregex_iterator match(page.begin(), page.end(), kNamed), end; match != end; ++match) {
    std::string name = (*match)[1];
    if (name.ends_with('/')) name.pop_back();
    if (!files.contains(name)) missing += name + "\n";
  }
  return missing;
}

TEST_CASE("the tests that the documentation names are there") {
  const std::set<std::string> files = TestFiles();
  CHECK(Missing("`import/hostile_test.cc`, `tests/golden/`, `tests/fuzz`", files) == "");
  CHECK(Missing("as `tests/golden/nothing.lutra` and `nobody_test.cc` show", files) ==
        "tests/golden/nothing.lutra\nnobody_test.cc\n");
  size_t pages = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kSource / "docs")) {
    CAPTURE(entry.path().filename().string());
    CHECK(Missing(TextOf(entry.path()), files) == "");
    ++pages;
  }
  CHECK(pages > 5);
}

}  // namespace
}  // namespace lutra
