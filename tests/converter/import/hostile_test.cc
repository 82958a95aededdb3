// Small files that ask for much: functions that multiply each other, more ports than a network has,
// faults by the thousand. Each ends in one line, soon.
#include <doctest/doctest.h>

#include <limits>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/import/functions.h"
#include "converter/import/model_proto.h"

namespace lutra::converter::importing {
namespace {

using Model = onnx::ModelProto;

/// A function of one input that calls `callee` twice in a row.
void AddDoubling(Model& model, const std::string& name, const std::string& callee) {
  auto& function = *model.add_functions();
  function.set_name(name);
  function.add_input("i");
  function.add_output("o");
  const char* values[] = {"i", "m", "o"};
  for (int k = 0; k < 2; ++k) {
    auto& node = *function.add_node();
    node.set_op_type(callee);
    node.add_input(values[k]);
    node.add_output(values[k + 1]);
  }
}

TEST_CASE("functions that call each other twice") {
  // 2^depth nodes.
  const auto doubling = [](int depth) {
    Model model = EmptyModel(13);
    for (int i = 0; i < depth; ++i) {
      AddDoubling(model, "F" + std::to_string(i), i == 0 ? "Relu" : "F" + std::to_string(i - 1));
    }
    AddNode(model, "F" + std::to_string(depth - 1), {"x"}, {"y"});
    return model;
  };
  CHECK(Import(doubling(10)).nodes.size() == 1024);
  const std::string error =
      "model.onnx: local functions expand to too many nodes (65,536 and 256 MB are the most)";
  CHECK(ImportError(doubling(40)) == error);
  // Calls count though the innermost function is empty.
  Model empty = doubling(40);
  empty.mutable_functions(0)->clear_node();
  CHECK(ImportError(empty) == error);
}

TEST_CASE("a function whose body is large") {
  // 257 copies of 1 MB.
  Model model = EmptyModel(13);
  AddDoubling(model, "F", "Relu");
  SetString(*model.mutable_functions(0)->mutable_node(0), "text", std::string(1 << 20, 't'));
  for (int i = 0; i < 257; ++i) AddNode(model, "F", {"x"}, {"v" + std::to_string(i)});
  AddNode(model, "F", {"x"}, {"y"});
  CHECK(ImportError(model) ==
        "model.onnx: local functions expand to too many nodes (65,536 and 256 MB are the most)");
}

TEST_CASE("a function that is called often") {
  Model model = EmptyModel(13);
  AddDoubling(model, "F", "Relu");
  std::string value = "x";
  constexpr int kCalls = 5000;  // without names of their own, so that all values share a stem
  for (int i = 0; i < kCalls; ++i) {
    const std::string next = i + 1 == kCalls ? "y" : "v" + std::to_string(i);
    AddNode(model, "F", {value}, {next});
    value = next;
  }
  CHECK(Import(model).nodes.size() == 2 * kCalls);
}

TEST_CASE("more nodes than a file may have") {
  Model model = EmptyModel(13);
  for (int i = 0; i < 262'144; ++i) model.mutable_graph()->add_node();
  CHECK(InlineFunctions(model).size() == 262'144);
  model.mutable_graph()->add_node();
  CHECK(ImportError(model) == "model.onnx: the graph has more than 262,144 nodes");
}

TEST_CASE("constants that are larger together than each alone") {
  // 40 bytes each: of an initializer, of a Constant, of a branch that is taken.
  const auto floats = [](onnx::TensorProto& tensor, const std::string& name) {
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_dims(10);
    tensor.mutable_float_data()->Resize(10, 1);
  };
  Model model = EmptyModel(13);
  floats(*model.mutable_graph()->add_initializer(), "a");
  auto& attribute = *AddNode(model, "Constant", {}, {"b"}).add_attribute();
  attribute.set_name("value");
  attribute.set_type(onnx::AttributeProto::TENSOR);
  floats(*attribute.mutable_t(), "");
  AddNode(model, "Add", {"a", "b"}, {"sum"});
  auto& condition = *model.mutable_graph()->add_initializer();
  condition.set_name("condition");
  condition.set_data_type(onnx::TensorProto::BOOL);
  condition.add_int32_data(1);
  auto& branch = *AddNode(model, "If", {"condition"}, {"y"}).add_attribute();
  branch.set_name("then_branch");
  branch.set_type(onnx::AttributeProto::GRAPH);
  floats(*branch.mutable_g()->add_initializer(), "c");
  branch.mutable_g()->add_output()->set_name("c");
  const auto error = [&](uint64_t most) {
    ImportOptions options;
    options.most_constant_bytes = most;
    return ImportError(model, options);
  };
  CHECK(error(121) == "");
  CHECK(error(120) ==
        "model.onnx: initializer 'c' makes the constants of the file more than 120 "
        "bytes, the most that are read");
  CHECK(error(41).starts_with("model.onnx: node 'b' (Constant): attribute 'value' makes the "));
  CHECK(error(39).starts_with("model.onnx: initializer 'a' makes the constants of the file more"));
}

TEST_CASE("messages that protobuf does not read") {
  // Never looked at: only its size is.
  const std::string_view large("", (size_t{1} << 31));
  CHECK_THROWS_WITH_AS(ImportOnnxBytes(large, "model.onnx", {}),
                       "model.onnx: is larger than the 2 GB of a protobuf file: use external data",
                       Error);
  // Of three messages each (node, attribute, graph), below the model and its graph.
  const auto nested = [](int branches) {
    Model model = EmptyModel(13);
    AddNode(model, "Relu", {"x"}, {"y"});
    onnx::GraphProto* graph = model.mutable_graph();
    for (int i = 0; i < branches; ++i) graph = graph->add_node()->add_attribute()->mutable_g();
    return ImportErrorOf(model.SerializeAsString());
  };
  CHECK(nested(30) != "model.onnx: is no ONNX file, or it is cut off");
  CHECK(nested(34) == "model.onnx: is no ONNX file, or it is cut off");
}

TEST_CASE("more outputs than a network has") {
  Model model = EmptyModel(13);
  AddNode(model, "Relu", {"x"}, {"y"});
  for (int i = 0; i < 300; ++i)
    *model.mutable_graph()->add_output() = Model(model).graph().output(0);
  CHECK(ImportError(model) ==
        "model.onnx: the graph has 1 inputs and 301 outputs; at most 256 of each are possible");
}

TEST_CASE("inputs that an operator cannot do without") {
  ImportOptions options;
  options.why_unsupported = executor::WhyUnsupported;
  Model model = EmptyModel(13);
  AddFloats(model, "w", {2}, {1, 2});
  AddNode(model, "MatMul", {"x", ""}, {"h"});
  AddNode(model, "Clip", {"h", "", "w"}, {"y"});
  CHECK(ImportError(model, options) ==
        "model.onnx: 1 node is not supported: node 'h' (MatMul): input 1 is missing");
}

TEST_CASE("faults by the thousand make one short line") {
  ImportOptions options;
  options.why_unsupported = executor::WhyUnsupported;
  Model model = EmptyModel(13);
  for (int i = 0; i < 1000; ++i) AddNode(model, "Nothing", {"x"}, {"n" + std::to_string(i)});
  AddNode(model, "Relu", {"x"}, {"y"});
  const std::string error = ImportError(model, options);
  CHECK(error.starts_with("model.onnx: 1000 nodes are not supported: node 'n0' (Nothing): "));
  CHECK(error.ends_with("; and 990 more"));
  CHECK(error.size() < 1000);
  Model long_name = EmptyModel(13);
  AddNode(long_name, "Relu", {std::string(100'000, 'a')}, {"y"});
  CHECK(ImportError(long_name).size() < 4100);
}

TEST_CASE("NaN is found in every kind of constant") {
  const auto model_with = [](auto add) {
    Model model = EmptyModel(13);
    add(model);
    AddNode(model, "Mul", {"x", "c"}, {"y"});
    return ImportError(model);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string expected =
      "model.onnx: initializer 'c' is NaN at [1]; node 'y' (Mul) calculates with it: export the "
      "network again from a checkpoint whose numbers are finite";
  CHECK(model_with([&](Model& m) { AddFloats(m, "c", {2}, {0, nan}); }) == expected);
  CHECK(model_with([&](Model& m) {
          SetFloats(AddNode(m, "Constant", {}, {"c"}), "value_floats", {0, nan});
        }) == expected);
  CHECK(model_with([&](Model& m) {
          auto& tensor = AddFloats(m, "c", {2}, {});
          tensor.set_data_type(onnx::TensorProto::FLOAT16);
          tensor.clear_float_data();
          tensor.add_int32_data(0x3C00);
          tensor.add_int32_data(0x7E00);
        }) == expected);
}

}  // namespace
}  // namespace lutra::converter::importing
