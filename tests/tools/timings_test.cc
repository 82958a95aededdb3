#include "runtime/tools/timings.h"

#include <doctest/doctest.h>

#include "base/json.h"

namespace lutra::tools {
namespace {

TEST_CASE("statistics by hand: 1, 2, 3, 4 us") {
  Timings timings;
  for (const uint64_t ns : {3000, 1000, 4000, 2000}) timings.Add(ns);
  CHECK(timings.Line() == "count=4 first=3 curr=2 min=1 max=4 avg=2.5 std=1");  // sqrt(1.25)
  // Nearest rank ceil(p / 100 * 4).
  CHECK(timings.PercentileUs(50) == 2);
  CHECK(timings.PercentileUs(51) == 3);
  CHECK(timings.PercentileUs(90) == 4);
  CHECK(timings.PercentileUs(0) == 1);
  CHECK(Timings().Line() == "count=0");
  CHECK(Timings().PercentileUs(50) == 0);
}

TEST_CASE("JSON text") {
  JsonWriter json;
  json.Open('{').Key("a\"b").Text("line\nend\\").Key("list").Open('[');
  json.Integer(-1).Number(0.1).Number(__builtin_nan("")).Boolean(true).Open('{').Close().Close();
  json.Key("last").Boolean(false).Close();
  CHECK(json.text() ==
        "{\"a\\\"b\": \"line\\u000aend\\\\\", \"list\": [-1, 0.1, null, true, {}], \"last\": "
        "false}");
}

}  // namespace
}  // namespace lutra::tools
