// Malformed models, each with its exact line; then every truncation and every single-bit flip of a
// small model: an Error or a graph, and never a crash.
#include <doctest/doctest.h>

#include <functional>

#include "converter/error.h"
#include "converter/import/model_proto.h"

namespace lutra::converter::importing {
namespace {

using Model = onnx::ModelProto;

onnx::TypeProto::Tensor& InputType(Model& model) {
  return *model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
}

/// y = Relu(x + w), w of 2 floats; valid.
Model Valid() {
  Model model = EmptyModel(13);
  AddFloats(model, "w", {1}, {0.5F});
  AddNode(model, "Add", {"x", "w"}, {"a"});
  AddNode(model, "Relu", {"a"}, {"y"});
  return model;
}

onnx::TensorProto& Weight(Model& model) { return *model.mutable_graph()->mutable_initializer(0); }

struct Case {
  const char* error;
  std::function<void(Model&)> damage;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"is no ONNX model (it has no graph)", [](Model& m) { m.clear_graph(); }},
      {"imports no ONNX operator set, but node 'a' (Add) is of it",
       [](Model& m) { m.clear_opset_import(); }},
      {"opset 25 is not supported (7 to 24 are): export with opset_version=18",
       [](Model& m) { m.mutable_opset_import(0)->set_version(25); }},
      {"opset -1 is not supported (7 to 24 are): export with opset_version=18",
       [](Model& m) { m.mutable_opset_import(0)->set_version(-1); }},
      {"2 nodes are not supported: node 'a' (Add): opset 5 is too old: export with "
       "opset_version=18; node 'y' (Relu): opset 5 is too old: export with opset_version=18",
       [](Model& m) { m.mutable_opset_import(0)->set_version(5); }},
      {"the graph has no outputs", [](Model& m) { m.mutable_graph()->clear_output(); }},
      {"the graph's output 'z' is computed by no node",
       [](Model& m) { m.mutable_graph()->mutable_output(0)->set_name("z"); }},
      {"the graph's output '' is computed by no node",
       [](Model& m) { m.mutable_graph()->mutable_output(0)->clear_name(); }},
      {"input 'x' is no tensor",
       [](Model& m) { m.mutable_graph()->mutable_input(0)->clear_type(); }},
      {"input 'x' is no tensor",
       [](Model& m) {
         m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_sequence_type();
       }},
      {"input 'x' has no element type", [](Model& m) { InputType(m).set_elem_type(0); }},
      {"input 'x' is of type string, which is not supported",
       [](Model& m) { InputType(m).set_elem_type(8); }},
      {"input 'x' is of the unknown element type 99",
       [](Model& m) { InputType(m).set_elem_type(99); }},
      {"input 'x' has the negative dimension -7",
       [](Model& m) { InputType(m).mutable_shape()->mutable_dim(1)->set_dim_value(-7); }},
      {"input 'x' a tensor of 1x4611686018427387904x4x4 is too large",
       [](Model& m) {
         InputType(m).mutable_shape()->mutable_dim(1)->set_dim_value(int64_t{1} << 62);
       }},
      {"an input has no name", [](Model& m) { m.mutable_graph()->mutable_input(0)->clear_name(); }},
      {"the input 'x' is declared twice",
       [](Model& m) { *m.mutable_graph()->add_input() = Model(m).graph().input(0); }},
      {"initializer '' has no name", [](Model& m) { Weight(m).clear_name(); }},
      {"initializer 'w' is defined twice",
       [](Model& m) { *m.mutable_graph()->add_initializer() = Model(m).graph().initializer(0); }},
      {"initializer 'w' holds 1 values, but 3 needs 3", [](Model& m) { Weight(m).set_dims(0, 3); }},
      {"initializer 'w' holds 2 values, but 1 needs 1",
       [](Model& m) { Weight(m).add_float_data(1); }},
      {"initializer 'w' holds 5 bytes of raw data, but 1 float32 needs 4",
       [](Model& m) { Weight(m).set_raw_data("12345"); }},
      {"initializer 'w' holds 0 values, but 1 needs 1",
       [](Model& m) { Weight(m).set_raw_data("123"); }},
      {"initializer 'w' a tensor of -5 has a negative dimension",
       [](Model& m) { Weight(m).set_dims(0, -5); }},
      {"initializer 'w' a tensor of 4611686018427387904x1024 is too large",
       [](Model& m) {
         Weight(m).set_dims(0, int64_t{1} << 62);
         Weight(m).add_dims(1024);
       }},
      {"initializer 'w' holds 1 values, but 1000000000 needs 1000000000",
       [](Model& m) { Weight(m).set_dims(0, 1'000'000'000); }},
      {"initializer 'w' has no element type", [](Model& m) { Weight(m).set_data_type(0); }},
      {"initializer 'w' is of type string, which is not supported",
       [](Model& m) { Weight(m).set_data_type(8); }},
      {"initializer 'w' is of a complex type, which is not supported",
       [](Model& m) { Weight(m).set_data_type(14); }},
      {"initializer 'w' is of an 8-bit floating type, which is not supported",
       [](Model& m) { Weight(m).set_data_type(17); }},
      {"initializer 'w' is of a 4-bit type, which is not supported",
       [](Model& m) { Weight(m).set_data_type(23); }},  // floating
      {"initializer 'w' holds 3 bytes of 4-bit values, but 1 needs 1",
       [](Model& m) {
         Weight(m).set_data_type(22);
         Weight(m).set_raw_data("123");
       }},
      {"sparse initializer 's' is not supported: store it dense",
       [](Model& m) {
         m.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("s");
       }},
      {"node 'a' (Add) reads 'nowhere', which nothing computes",
       [](Model& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "nowhere"); }},
      {"node 'y' (Relu) depends on its own output (the graph has a cycle)",
       [](Model& m) { m.mutable_graph()->mutable_node(1)->set_input(0, "y"); }},
      {"node 'a' (Add) depends on its own output (the graph has a cycle)",
       [](Model& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "y"); }},
      {"node 'a' (Relu) computes 'a', which exists already",
       [](Model& m) {
         m.mutable_graph()->mutable_node(1)->set_output(0, "a");
         m.mutable_graph()->mutable_node(1)->set_input(0, "x");
       }},
      {"node 'x' (Relu) computes 'x', which exists already",
       [](Model& m) {
         m.mutable_graph()->mutable_node(1)->set_output(0, "x");
         m.mutable_graph()->mutable_node(1)->set_input(0, "w");
       }},
      {"node '' (Relu) has no outputs",
       [](Model& m) { m.mutable_graph()->mutable_node(1)->clear_output(); }},
      {"node 'c' (Constant): holds no numeric value",
       [](Model& m) { AddNode(m, "Constant", {}, {"c"}); }},
      {"node 'w' (Constant): is defined twice",
       [](Model& m) { SetInt(AddNode(m, "Constant", {}, {"w"}), "value_int", 1); }},
      {"node 's' (Softmax): attribute 'axis' is not an integer",
       [](Model& m) {
         m.mutable_opset_import(0)->set_version(11);
         SetFloat(AddNode(m, "Softmax", {"x"}, {"s"}), "axis", 1);
       }},
      {"node 'a' (Add): attribute 't' holds 0 values, but 2 needs 2",
       [](Model& m) {
         auto& attribute = *m.mutable_graph()->mutable_node(0)->add_attribute();
         attribute.set_name("t");
         attribute.set_type(onnx::AttributeProto::TENSOR);
         attribute.mutable_t()->set_data_type(1);
         attribute.mutable_t()->add_dims(2);
       }},
      {"node 'a' (Add): attribute 't' is of a kind that is not supported",
       [](Model& m) {
         auto& attribute = *m.mutable_graph()->mutable_node(0)->add_attribute();
         attribute.set_name("t");
         attribute.set_type(onnx::AttributeProto::TYPE_PROTO);
       }},
      {"1 node is not supported: node 's' (Slice): lacks 'starts' or 'ends'",
       [](Model& m) {
         m.mutable_opset_import(0)->set_version(9);
         AddNode(m, "Slice", {"x"}, {"s"});
       }},
      {"node 'a?b' (Relu) reads 'two?lines', which nothing computes",
       [](Model& m) { AddNode(m, "Relu", {"two\nlines"}, {"a\tb"}); }},
      {"node 'y' does not fit the function 'F' it calls",
       [](Model& m) {
         m.add_functions()->set_name("F");
         m.mutable_graph()->mutable_node(1)->set_op_type("F");
       }},
  };
  return cases;
}

}  // namespace

TEST_CASE("the undamaged model is read") { CHECK(ImportError(Valid()) == ""); }

TEST_CASE("malformed models give their exact line") {
  REQUIRE(Cases().size() >= 25);
  for (const Case& malformed : Cases()) {
    Model model = Valid();
    malformed.damage(model);
    CHECK(ImportError(model) == std::string("model.onnx: ") + malformed.error);
  }
}

TEST_CASE("bytes that are no protobuf") {
  const std::string expected = "model.onnx: is no ONNX file, or it is cut off";
  CHECK(ImportErrorOf("this is a text file, not a network") == expected);
  CHECK(ImportErrorOf(std::string(100, '\xFF')) == expected);
  CHECK(ImportErrorOf("") == "model.onnx: is no ONNX model (it has no graph)");
  const std::string bytes = Valid().SerializeAsString();
  CHECK(ImportErrorOf(bytes.substr(0, bytes.size() - 9)) == expected);
}

TEST_CASE("every truncation and every bit flip of a model ends in a graph or in one line") {
  Model model = Valid();
  auto& function = *model.add_functions();
  function.set_name("F");
  function.add_input("i");
  function.add_output("o");
  *function.add_node() = model.graph().node(1);
  function.mutable_node(0)->set_input(0, "i");
  function.mutable_node(0)->set_output(0, "o");
  AddNode(model, "F", {"y"}, {"called"});
  SetInts(AddNode(model, "Squeeze", {"x"}, {"s"}), "axes", {0});
  model.mutable_opset_import(0)->set_version(11);
  const std::string bytes = model.SerializeAsString();
  REQUIRE(ImportErrorOf(bytes) == "");
  size_t refused = 0, cases = 0;
  const auto run = [&](const std::string& damaged) {
    ++cases;
    const std::string error = ImportErrorOf(damaged);
    refused += error.empty() ? 0 : 1;
    CHECK(error.find('\n') == std::string::npos);
  };
  for (size_t length = 0; length < bytes.size(); ++length) run(bytes.substr(0, length));
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    run(damaged);
  }
  MESSAGE(cases << " damaged models, " << refused << " refused");
  CHECK(refused > bytes.size());
  CHECK(refused < cases);
}

}  // namespace lutra::converter::importing
