// Each operator whose signature changed, in its old form and in its last one: the expectations are
// ONNX's own change log.
#include <doctest/doctest.h>

#include "converter/import/model_proto.h"

namespace lutra::converter::importing {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

Ints IntInput(const Graph& graph, const Node& node, size_t i) {
  const Tensor* tensor = graph.Constant(node.Input(i));
  REQUIRE(tensor != nullptr);
  return tensor->ToInts();
}

Floats FloatInput(const Graph& graph, const Node& node, size_t i) {
  const Tensor* tensor = graph.Constant(node.Input(i));
  REQUIRE(tensor != nullptr);
  return tensor->ToFloats();
}

}  // namespace

TEST_CASE("attributes of old opsets become inputs") {
  SUBCASE("Slice-1") {
    auto model = EmptyModel(9);
    auto& node = AddNode(model, "Slice", {"x"}, {"y"});
    SetInts(node, "starts", {1, 0});
    SetInts(node, "ends", {3, 9});
    SetInts(node, "axes", {2, 3});
    const Graph graph = Import(model);
    const Node& slice = graph.nodes[0];
    CHECK(slice.attributes.empty());
    CHECK(IntInput(graph, slice, 1) == Ints{1, 0});
    CHECK(IntInput(graph, slice, 2) == Ints{3, 9});
    CHECK(IntInput(graph, slice, 3) == Ints{2, 3});
  }
  SUBCASE("Pad-2") {
    auto model = EmptyModel(10);
    auto& node = AddNode(model, "Pad", {"x"}, {"y"});
    SetInts(node, "pads", {0, 0, 1, 1, 0, 0, 1, 1});
    SetFloat(node, "value", 2.5F);
    SetString(node, "mode", "constant");
    const Graph graph = Import(model);
    CHECK(IntInput(graph, graph.nodes[0], 1) == Ints{0, 0, 1, 1, 0, 0, 1, 1});
    CHECK(FloatInput(graph, graph.nodes[0], 2) == Floats{2.5F});
    CHECK(graph.nodes[0].String("mode", "") == "constant");
  }
  SUBCASE("Clip-6 with one limit") {
    auto model = EmptyModel(10);
    SetFloat(AddNode(model, "Clip", {"x"}, {"y"}), "max", 6);
    const Graph graph = Import(model);
    CHECK(graph.nodes[0].Input(1).empty());
    CHECK(FloatInput(graph, graph.nodes[0], 2) == Floats{6});
  }
  SUBCASE("axes") {
    for (const char* op : {"Squeeze", "Unsqueeze", "ReduceSum", "ReduceMean", "ReduceMax"}) {
      auto model = EmptyModel(11);
      SetInts(AddNode(model, op, {"x"}, {"y"}), "axes", {0});
      const Graph graph = Import(model);
      CHECK(IntInput(graph, graph.nodes[0], 1) == Ints{0});
      CHECK_FALSE(graph.nodes[0].Has("axes"));
    }
  }
  SUBCASE("TopK-1") {
    auto model = EmptyModel(9);
    SetInt(AddNode(model, "TopK", {"x"}, {"y", "i"}), "k", 3);
    const Graph graph = Import(model);
    CHECK(IntInput(graph, graph.nodes[0], 1) == Ints{3});
  }
  SUBCASE("Split-2, with and without sizes") {
    auto model = EmptyModel(11);
    SetInts(AddNode(model, "Split", {"x"}, {"y", "z"}), "split", {1, 1});
    const Graph sized = Import(model);
    CHECK(IntInput(sized, sized.nodes[0], 1) == Ints{1, 1});
    auto equal = EmptyModel(13);
    AddNode(equal, "Split", {"x"}, {"y", "z"});
    CHECK(Import(equal).nodes[0].Int("num_outputs", 0) == 2);
  }
}

TEST_CASE("Upsample and Resize-10 read asymmetric coordinates") {
  auto old = EmptyModel(7);
  auto& upsample = AddNode(old, "Upsample", {"x"}, {"y"});
  SetFloats(upsample, "scales", {1, 1, 2, 2});
  SetString(upsample, "mode", "nearest");
  auto newer = EmptyModel(10);
  AddFloats(newer, "s", {4}, {1, 1, 2, 2});
  AddNode(newer, "Resize", {"x", "s"}, {"y"});
  for (const auto& model : {old, newer}) {
    const Graph graph = Import(model);
    const Node& node = graph.nodes[0];
    CHECK(node.op == "Resize");
    CHECK(node.Input(1).empty());
    CHECK(FloatInput(graph, node, 2) == Floats{1, 1, 2, 2});
    CHECK(node.String("coordinate_transformation_mode", "") == "asymmetric");
    // Resize-10 rounds up where it shrinks.
    const bool floor = model.opset_import(0).version() < 10;
    CHECK(node.String("nearest_mode", "") == (floor ? "floor" : "ceil_to_shrink"));
  }
}

TEST_CASE("Softmax before opset 13 flattens") {
  auto model = EmptyModel(11);
  AddNode(model, "Softmax", {"x"}, {"y"});  // axis 1 of rank 4
  const Graph graph = Import(model);
  REQUIRE(graph.nodes.size() == 4);
  CHECK(graph.nodes[0].op == "Shape");
  CHECK(graph.nodes[1].op == "Flatten");
  CHECK(graph.nodes[1].Int("axis", 0) == 1);
  CHECK(graph.nodes[2].op == "Softmax");
  CHECK(graph.nodes[2].Int("axis", 0) == -1);
  CHECK(graph.nodes[3].op == "Reshape");
  CHECK(graph.nodes[3].outputs[0] == "y");

  auto last = EmptyModel(11);
  SetInt(AddNode(last, "Softmax", {"x"}, {"y"}), "axis", 3);
  CHECK(Import(last).nodes.size() == 1);
  auto modern = EmptyModel(13);
  SetInt(AddNode(modern, "Softmax", {"x"}, {"y"}), "axis", 1);
  CHECK(Import(modern).nodes.size() == 1);
}

TEST_CASE("switches of training go, training itself is refused") {
  auto model = EmptyModel(7);
  for (const char* name : {"s", "b", "m", "v"}) AddFloats(model, name, {2}, {1, 1});
  auto& norm = AddNode(model, "BatchNormalization", {"x", "s", "b", "m", "v"}, {"y", "m2", "v2"});
  SetFloat(norm, "momentum", 0.9F);
  SetInt(norm, "spatial", 1);
  const Graph graph = Import(model);
  CHECK(graph.nodes[0].outputs == std::vector<std::string>{"y"});
  CHECK(graph.nodes[0].attributes.empty());
  SetInt(norm, "training_mode", 1);
  CHECK(ImportError(model) ==
        "model.onnx: 1 node is not supported: node 'y' (BatchNormalization): is in training mode: "
        "export with model.eval(), or training=TrainingMode.EVAL");
}

TEST_CASE("Dropout in training mode drops nothing when its ratio is 0") {
  for (const float ratio : {0.0F, 0.25F}) {
    auto model = EmptyModel(13);
    AddFloats(model, "ratio", {}, {ratio});
    auto& training = *model.mutable_graph()->add_initializer();
    training.set_name("training");
    training.set_data_type(onnx::TensorProto::BOOL);
    training.add_int32_data(1);
    AddNode(model, "Dropout", {"x", "ratio", "training"}, {"y"});
    if (ratio == 0) {
      CHECK(Import(model).nodes[0].inputs == std::vector<std::string>{"x"});
    } else {
      CHECK(ImportError(model).find("is in training mode: export with model.eval()") !=
            std::string::npos);
    }
  }
}

TEST_CASE("the forms of opset 22 to 24") {
  auto model = EmptyModel(24);
  AddFloats(model, "s", {}, {0.5F});
  SetFloat(AddNode(model, "Swish", {"x"}, {"w"}), "alpha", 2);
  auto& cast = AddNode(model, "Cast", {"w"}, {"c"});
  SetInt(cast, "to", 1);
  SetString(cast, "round_mode", "up");
  auto& quantize = AddNode(model, "QuantizeLinear", {"c", "s"}, {"y"});
  SetInt(quantize, "precision", 1);
  const Graph graph = Import(model);
  REQUIRE(graph.nodes.size() == 5);  // x * sigmoid(2 x)
  CHECK(graph.nodes[0].op == "Mul");
  CHECK(FloatInput(graph, graph.nodes[0], 1) == Floats{2});
  CHECK(graph.nodes[1].op == "Sigmoid");
  CHECK(graph.nodes[2].op == "Mul");
  CHECK(graph.nodes[2].inputs == std::vector<std::string>{"x", graph.nodes[1].outputs[0]});
  CHECK_FALSE(graph.nodes[3].Has("round_mode"));
  CHECK_FALSE(graph.nodes[4].Has("precision"));
  SetInt(quantize, "precision", 10);
  quantize.mutable_attribute()->DeleteSubrange(0, 1);
  CHECK(ImportError(model) ==
        "model.onnx: 1 node is not supported: node 'y' (QuantizeLinear): 'precision' asks for a "
        "division in another type than float32, which is not supported");
}

TEST_CASE("broadcasting along an axis of opset 6") {
  auto model = EmptyModel(6);
  AddFloats(model, "b", {2}, {1, 2});
  auto& add = AddNode(model, "Add", {"x", "b"}, {"y"});
  SetInt(add, "broadcast", 1);
  SetInt(add, "axis", 1);
  const Graph graph = Import(model);
  REQUIRE(graph.nodes.size() == 2);
  CHECK(graph.nodes[0].op == "Unsqueeze");
  CHECK(IntInput(graph, graph.nodes[0], 1) == Ints{1, 2});
  CHECK(graph.nodes[1].Input(1) == graph.nodes[0].outputs[0]);
}

TEST_CASE("the forms of opset 18 and 19 stay as they are") {
  auto model = EmptyModel(19);
  AddInts(model, "axes", {2, 3});
  AddInts(model, "pads", {1, 1, 1, 1});
  AddInts(model, "sizes", {8, 8});
  auto& mean = AddNode(model, "ReduceMean", {"x", "axes"}, {"m"});
  SetInt(mean, "noop_with_empty_axes", 1);
  auto& split = AddNode(model, "Split", {"x"}, {"a", "b"});
  SetInt(split, "num_outputs", 2);
  SetInt(split, "axis", 1);
  auto& pad = AddNode(model, "Pad", {"x", "pads", "", "axes"}, {"p"});
  SetString(pad, "mode", "wrap");
  auto& resize = AddNode(model, "Resize", {"p", "", "", "sizes"}, {"y"});
  SetInts(resize, "axes", {2, 3});
  SetString(resize, "keep_aspect_ratio_policy", "not_larger");
  auto& cast = AddNode(model, "Cast", {"m"}, {"c"});
  SetInt(cast, "to", 10);
  SetInt(cast, "saturate", 1);
  const Graph graph = Import(model);
  REQUIRE(graph.nodes.size() == 5);
  CHECK(graph.nodes[0].inputs == std::vector<std::string>{"x", "axes"});
  CHECK(graph.nodes[0].Int("noop_with_empty_axes", 0) == 1);
  CHECK(graph.nodes[1].Int("num_outputs", 0) == 2);
  CHECK(graph.nodes[2].inputs == std::vector<std::string>{"x", "pads", "", "axes"});
  CHECK(graph.nodes[2].String("mode", "") == "wrap");
  CHECK(graph.nodes[3].inputs == std::vector<std::string>{"p", "", "", "sizes"});
  CHECK(graph.nodes[3].Ints("axes") == Ints{2, 3});
  CHECK_FALSE(graph.nodes[4].Has("saturate"));
}

}  // namespace lutra::converter::importing
