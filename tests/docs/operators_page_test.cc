// docs/operators.md says what the tables say, and every row of lowering lowers.
#include "docs/operators_page.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "converter/graph/operator_table.h"
#include "converter/lower/operators.h"

namespace lutra::converter::test {
namespace {

TEST_CASE("the page of operators is up to date") {
  std::ostringstream stored;
  stored << std::ifstream(LUTRA_SOURCE_DIR "/docs/operators.md").rdbuf();
  INFO("make_operators_page docs/operators.md writes it anew");
  CHECK((stored.str() == OperatorsPage()));
}

TEST_CASE("the page says of well-known operators what is known of them") {
  const std::string page = OperatorsPage();
  for (const std::string line :
       {"| Conv | product | `Conv` | |\n", "| Relu | table | `Unary` | |\n",
        "| Tan | table | - | |\n", "| Gather | moved | `Reshape`, `Resize` | |\n",
        "| NonZero | - | - | |\n", "| Shape | | | a constant |\n", "| Sum | | | `Add` |\n",
        "| ReduceL1 | | | `Abs`, `ReduceSum` |\n", "| `TopK` | any | | 2 |\n"}) {
    CAPTURE(line);
    CHECK(page.find(line) != std::string::npos);
  }
}

TEST_CASE("lowering knows each operator once, and no other than the converter's table") {
  std::set<std::string_view> names;
  for (const lowering::LoweringRow& row : lowering::AllLowerings()) {
    CAPTURE(row.op);
    CHECK(names.insert(row.op).second);
    CHECK(FindRow("", row.op) != nullptr);
  }
}

}  // namespace
}  // namespace lutra::converter::test
