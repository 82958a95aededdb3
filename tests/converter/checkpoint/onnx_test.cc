// The weights of an ONNX file are its constants, wherever an exporter has put them.
#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include "converter/checkpoint/checkpoint.h"

namespace lutra::converter::checkpoint {
namespace {

void Fill(onnx::TensorProto& tensor, const char* name, float value) {
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(1);
  tensor.add_float_data(value);
}

onnx::TensorProto& ConstantOf(onnx::NodeProto& node, const char* output) {
  node.set_op_type("Constant");
  node.add_output(output);
  onnx::AttributeProto& value = *node.add_attribute();
  value.set_name("value");
  return *value.mutable_t();
}

TEST_CASE("initializers and arrays in constants are taken, what lies deeper is listed") {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  Fill(*graph.add_initializer(), "a", 1);
  Fill(ConstantOf(*graph.add_node(), "b"), "", 2);
  onnx::TensorProto& scalar = ConstantOf(*graph.add_node(), "six");
  Fill(scalar, "", 6);
  scalar.clear_dims();
  onnx::NodeProto& choice = *graph.add_node();
  choice.set_op_type("If");
  onnx::AttributeProto& branch = *choice.add_attribute();
  Fill(*branch.mutable_g()->add_initializer(), "c", 3);
  // The value of another operator is no constant of the graph.
  onnx::NodeProto& shape = *graph.add_node();
  Fill(ConstantOf(shape, "d"), "", 4);
  shape.set_op_type("ConstantOfShape");
  std::string text;
  REQUIRE(model.SerializeToString(&text));
  const Checkpoint checkpoint =
      ReadCheckpointBytes(std::vector<uint8_t>(text.begin(), text.end()), "x.onnx");
  REQUIRE(checkpoint.tensors.size() == 2);
  CHECK(checkpoint.tensors[0].name == "a");
  CHECK(checkpoint.tensors[1].name == "b");
  CHECK(checkpoint.tensors[1].tensor.ToFloats() == std::vector<float>{2});
  REQUIRE(checkpoint.skipped.size() == 1);
  CHECK(checkpoint.skipped[0].path == "c");
  CHECK(checkpoint.skipped[0].what == "a tensor inside If");
}

}  // namespace
}  // namespace lutra::converter::checkpoint
