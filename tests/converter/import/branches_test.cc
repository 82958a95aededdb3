// If: the branch that a known condition takes is read in its place.
#include <doctest/doctest.h>

#include "converter/passes/passes.h"
#include "model_proto.h"

namespace lutra::converter::importing {
namespace {

ImportOptions Knowing() {
  ImportOptions options;
  options.known_value = passes::KnownValue;
  return options;
}

void AddCondition(onnx::ModelProto& model, bool value) {
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("condition");
  tensor.set_data_type(onnx::TensorProto::BOOL);
  tensor.add_int32_data(value ? 1 : 0);
}

onnx::NodeProto& AddTo(onnx::GraphProto& graph, const std::string& op,
                       const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

onnx::GraphProto& AddBranch(onnx::NodeProto& node, const std::string& name,
                            const std::string& output) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::GRAPH);
  attribute.mutable_g()->add_output()->set_name(output);
  return *attribute.mutable_g();
}

// then: x + 3 (its own constant); else: Relu(x).
void AddBranches(onnx::NodeProto& node) {
  onnx::GraphProto& then_branch = AddBranch(node, "then_branch", "sum");
  onnx::TensorProto& three = *then_branch.add_initializer();
  three.set_name("three");
  three.set_data_type(onnx::TensorProto::FLOAT);
  three.add_float_data(3);
  AddTo(then_branch, "Add", {"x", "three"}, "sum");
  AddTo(AddBranch(node, "else_branch", "positive"), "Relu", {"x"}, "positive");
}

std::vector<std::string> Ops(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op);
  return ops;
}

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("a constant of the file decides") {
  for (const bool condition : {true, false}) {
    CAPTURE(condition);
    auto model = EmptyModel(18);
    AddCondition(model, condition);
    AddBranches(AddNode(model, "If", {"condition"}, {"y"}));
    const Graph graph = Import(model);
    CHECK(Ops(graph) == List{condition ? "Add" : "Relu", "Identity"});
    CHECK(graph.nodes[0].inputs[0] == "x");
    CHECK(graph.nodes[1].outputs[0] == "y");
    CHECK((graph.Constant("three") != nullptr) == condition);
    CHECK(graph.fp32_bytes == (condition ? 4 : 0));
  }
}

TEST_CASE("a shape decides, a branch gives an outer value") {
  // The input has four channels' worth of rows: Shape(x)[2] == 4.
  auto model = EmptyModel(18);
  AddInts(model, "axis", {2});
  AddInts(model, "four", {4});
  AddNode(model, "Shape", {"x"}, {"shape"});
  AddNode(model, "Gather", {"shape", "axis"}, {"rows"});
  AddNode(model, "Equal", {"rows", "four"}, {"same"});
  onnx::NodeProto& branch = AddNode(model, "If", {"same"}, {"z"});
  AddBranch(branch, "then_branch", "x");
  AddTo(AddBranch(branch, "else_branch", "n"), "Neg", {"x"}, "n");
  AddNode(model, "Relu", {"z"}, {"y"});
  Graph graph = Import(model, Knowing());
  passes::OptimizeGraph(graph);
  CHECK(Ops(graph) == List{"Relu"});
  CHECK(graph.nodes[0].inputs[0] == "x");
  CHECK(ImportError(model).find("node 'z' (If): its condition is not known") != std::string::npos);
}

TEST_CASE("branches in branches, and in functions") {
  auto model = EmptyModel(18);
  AddCondition(model, false);
  onnx::NodeProto& outer = AddNode(model, "If", {"condition"}, {"z"});
  AddTo(AddBranch(outer, "then_branch", "n"), "Neg", {"x"}, "n");
  onnx::GraphProto& inner = AddBranch(outer, "else_branch", "deep");
  AddTo(inner, "Not", {"condition"}, "not");
  AddBranches(AddTo(inner, "If", {"not"}, "deep"));

  onnx::FunctionProto& function = *model.add_functions();
  function.set_name("Chosen");
  function.set_domain("local");
  function.add_input("value");
  function.add_input("which");
  function.add_output("result");
  onnx::OperatorSetIdProto& opset = *function.add_opset_import();
  opset.set_domain("");
  opset.set_version(18);
  onnx::NodeProto& node = *function.add_node();
  node.set_op_type("If");
  node.add_input("which");
  node.add_output("result");
  AddTo(AddBranch(node, "then_branch", "a"), "Exp", {"value"}, "a");
  AddTo(AddBranch(node, "else_branch", "b"), "Tanh", {"value"}, "b");
  AddNode(model, "Chosen", {"z", "condition"}, {"y"}).set_domain("local");

  Graph graph = Import(model, Knowing());
  passes::OptimizeGraph(graph);
  CHECK(Ops(graph) == List{"Add", "Tanh"});
}

TEST_CASE("conditions of data, and branches that do not fit, are refused by name") {
  auto model = EmptyModel(18);
  AddNode(model, "ReduceMax", {"x"}, {"largest"});
  AddNode(model, "Cast", {"largest"}, {"condition"});
  SetInt(*model.mutable_graph()->mutable_node(1), "to", onnx::TensorProto::BOOL);
  AddBranches(AddNode(model, "If", {"condition"}, {"y"}));
  CHECK(ImportError(model, Knowing()) ==
        "model.onnx: 1 node is not supported: node 'y' (If): its condition is not known before the "
        "network runs: export a graph without branches, or give the inputs' shapes "
        "(--input-shape) if they decide it");

  auto missing = EmptyModel(18);
  AddCondition(missing, true);
  AddBranch(AddNode(missing, "If", {"condition"}, {"y"}), "else_branch", "x");
  CHECK(ImportError(missing) == "model.onnx: node 'y' (If) has no then_branch with its outputs");
}

TEST_CASE("a condition that follows from too many nodes is not known") {
  // Equal and so many Neg behind it.
  const auto error = [](int negations) {
    auto model = EmptyModel(18);
    AddInts(model, "one", {1});
    std::string value = "one";
    for (int i = 0; i < negations; ++i) {
      const std::string next = "n" + std::to_string(i);
      AddNode(model, "Neg", {value}, {next});
      value = next;
    }
    AddNode(model, "Equal", {"one", value}, {"condition"});
    AddBranches(AddNode(model, "If", {"condition"}, {"y"}));
    return ImportError(model, Knowing());
  };
  CHECK(error(200) == "");
  CHECK(error(300).find("node 'y' (If): its condition is not known") != std::string::npos);
}

TEST_CASE("more branches than are looked at") {
  const auto error = [](int branches) {
    auto model = EmptyModel(18);
    AddCondition(model, true);
    for (int i = 0; i < branches; ++i) {
      onnx::NodeProto& node = AddNode(model, "If", {"condition"}, {"b" + std::to_string(i)});
      AddBranch(node, "then_branch", "x");
    }
    AddNode(model, "Relu", {"x"}, {"y"});
    return ImportError(model);
  };
  CHECK(error(1024) == "");
  CHECK(error(1025) == "model.onnx: the graph has more than 1024 branches");
}

TEST_CASE("branches in so many branches that each is a function of its own") {
  // F0 is Relu; Fn is a branch that calls the one before.
  const auto error = [](int depth) {
    auto model = EmptyModel(18);
    AddCondition(model, true);
    for (int i = 0; i <= depth; ++i) {
      onnx::FunctionProto& function = *model.add_functions();
      function.set_name("F" + std::to_string(i));
      function.set_domain("local");
      for (const char* name : {"value", "which"}) function.add_input(name);
      function.add_output("result");
      onnx::OperatorSetIdProto& opset = *function.add_opset_import();
      opset.set_domain("");
      opset.set_version(18);
      onnx::NodeProto& node = *function.add_node();
      node.add_output("result");
      if (i == 0) {
        node.set_op_type("Relu");
        node.add_input("value");
        continue;
      }
      node.set_op_type("If");
      node.add_input("which");
      AddTo(AddBranch(node, "then_branch", "inner"), "F" + std::to_string(i - 1),
            {"value", "which"}, "inner")
          .set_domain("local");
    }
    AddNode(model, "F" + std::to_string(depth), {"x", "condition"}, {"y"}).set_domain("local");
    return ImportError(model);
  };
  CHECK(error(64) == "");
  CHECK(error(65).ends_with(" is a branch in more than 64 others"));
}

}  // namespace lutra::converter::importing
