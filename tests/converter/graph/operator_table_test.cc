// The table agrees with itself, and says of well-known operators what ONNX says.
#include "converter/graph/operator_table.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace lutra::converter {
namespace {

Node Named(const std::string& op, const std::string& domain = "") {
  Node node;
  node.op = op;
  node.domain = domain;
  return node;
}

TEST_CASE("every row is found by its name, and its inputs can be read") {
  const std::set<char> kTypes = {'f', 'i', 'n', 'o', 'q', 'b', '*'};
  std::set<std::pair<std::string_view, std::string_view>> names;
  for (const OperatorRow& row : AllRows()) {
    CAPTURE(row.name);
    CHECK(names.emplace(row.domain, row.name).second);
    CHECK(FindRow(row.domain, row.name) == &row);
    const std::vector<InputSlot> slots = InputSlots(row);
    CHECK_FALSE(slots.empty());
    for (size_t i = 0; i < slots.size(); ++i) {
      CHECK(kTypes.contains(slots[i].type));
      CHECK((!slots[i].repeats || i + 1 == slots.size()));
    }
  }
}

TEST_CASE("forms and traits go together") {
  for (const OperatorRow& row : AllRows()) {
    CAPTURE(row.name);
    // One scale before and after needs integers that mean the same.
    if (row.form == IntegerForm::passive) CHECK(row.Is(kMovesIntegers));
    if (row.form == IntegerForm::table) CHECK(row.Is(kFunction));
    if (row.form == IntegerForm::weights) CHECK(row.inputs.find('^') != std::string_view::npos);
    if (row.Is(kExponentiates)) CHECK((row.Is(kTakesInfinity) || row.Is(kPassesInfinity)));
    CHECK_FALSE((row.Is(kView) && row.Is(kTakesClamp)));
  }
}

TEST_CASE("roles, kinds and domains") {
  CHECK(RoleOf(Named("Reshape"), 0) == Role::data);
  CHECK(RoleOf(Named("Reshape"), 1) == Role::shape);
  CHECK(RoleOf(Named("Slice"), 4) == Role::shape);
  CHECK(RoleOf(Named("Clip"), 2) == Role::parameter);
  CHECK(RoleOf(Named("Conv"), 1) == Role::weight);
  CHECK(RoleOf(Named("Concat"), 7) == Role::data);
  CHECK(RoleOf(Named("Nothing"), 1) == Role::data);
  CHECK(Is(Named("Transpose"), kView));
  CHECK(Is(Named("Transpose", "ai.onnx"), kMove));
  CHECK_FALSE(Is(Named("Transpose", "com.example"), kView));
  CHECK_FALSE(Is(Named("Equal"), kFunction));
  CHECK(Is(Named("Equal"), kPointwise));
  CHECK(FindRow("", "Softmax")->axis == -1);
  CHECK(FindRow("", "Concat")->axis == 0);
  CHECK_FALSE(FindRow("", "Relu")->axis.has_value());
}

}  // namespace
}  // namespace lutra::converter
