// Integer inputs that are cast to floats before anything computes with them.
#include <doctest/doctest.h>

#include "converter/passes/graph_builder.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

constexpr int64_t kFloat = 1, kInt64 = 7;

GraphBuilder BytesIn() {
  GraphBuilder b;
  b.Input("x", {1, 4, 5, 3}, DataType::uint8);
  return b;
}

DataType InputType(GraphBuilder& b) {
  Graph graph = b.Finish({"y"});
  FloatInputs(graph);
  return graph.Info("x")->type;
}

}  // namespace

TEST_CASE("bytes that are cast at once, or moved and then cast, come as float32") {
  GraphBuilder b = BytesIn();
  b.Add("Transpose", {"x"}, "t", {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
  b.Add("Cast", {"t"}, "f", {{"to", kFloat}});
  b.Add("Div", {"f", b.Floats("c", {}, {255})}, "y");
  Graph graph = b.Finish({"y"});
  FuseGraph(graph);
  CHECK(graph.Info("x")->type == DataType::float32);
  CHECK(Ops(graph) == std::vector<std::string>{"Transpose", "Div"});
}

TEST_CASE("types that a model file has keep their type, others that are cast become float32") {
  for (const DataType type : {DataType::boolean, DataType::int16, DataType::int32, DataType::int64,
                              DataType::uint32, DataType::uint64}) {
    CAPTURE(DataTypeName(type));
    GraphBuilder b;
    b.Input("x", {1, 4}, type);
    b.Add("Cast", {"x"}, "f", {{"to", kFloat}});
    b.Add("Neg", {"f"}, "y");
    const bool lacks = type == DataType::uint32 || type == DataType::uint64;
    CHECK(InputType(b) == (lacks ? DataType::float32 : type));
  }
}

TEST_CASE("integers that are computed with, or given out, stay integers") {
  GraphBuilder sum = BytesIn();
  sum.Add("Add", {"x", "x"}, "s");
  sum.Add("Cast", {"s"}, "y", {{"to", kFloat}});
  CHECK(InputType(sum) == DataType::uint8);

  GraphBuilder both = BytesIn();
  both.Add("Cast", {"x"}, "f", {{"to", kFloat}});
  both.Add("Cast", {"x"}, "i", {{"to", kInt64}});
  both.Add("Concat", {"f"}, "y", {{"axis", int64_t{0}}});
  CHECK(InputType(both) == DataType::uint8);

  GraphBuilder out = BytesIn();
  out.Add("Identity", {"x"}, "y");
  CHECK(InputType(out) == DataType::uint8);
}

}  // namespace lutra::converter::passes
