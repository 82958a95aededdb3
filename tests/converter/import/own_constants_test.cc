// Networks as PyTorch's exporter and ONNX optimizers leave them: equal constants written once.
#include "converter/import/own_constants.h"

#include <doctest/doctest.h>

#include <set>

#include "converter/error.h"
#include "converter/import/model_proto.h"

namespace lutra::converter::importing {
namespace {

/// Two batch normalizations behind each other; the parameters' names are as given.
onnx::ModelProto TwoNorms(const std::vector<std::string>& first,
                          const std::vector<std::string>& second) {
  onnx::ModelProto model = EmptyModel(17);
  AddFloats(model, "ones", {2}, {1, 1});
  AddFloats(model, "zeros", {2}, {0, 0});
  std::vector<std::string> inputs = {"x"};
  inputs.insert(inputs.end(), first.begin(), first.end());
  AddNode(model, "BatchNormalization", inputs, {"m"});
  inputs = {"m"};
  inputs.insert(inputs.end(), second.begin(), second.end());
  AddNode(model, "BatchNormalization", inputs, {"y"});
  return model;
}

/// Inputs of all nodes but those that nodes compute.
std::multiset<std::string> ConstantsRead(const onnx::ModelProto& model) {
  std::multiset<std::string> names;
  for (const onnx::NodeProto& node : model.graph().node()) {
    for (const std::string& name : node.input()) {
      if (name != "x" && name != "m") names.insert(name);
    }
  }
  return names;
}

const onnx::TensorProto& Initializer(const onnx::ModelProto& model, const std::string& name) {
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    if (tensor.name() == name) return tensor;
  }
  FAIL("no initializer '" << name << "'");
  return model.graph().initializer(0);
}

TEST_CASE("constants behind Identity get the names of its results") {
  onnx::ModelProto model =
      TwoNorms({"ones", "zeros", "mean1", "variance1"}, {"scale2", "bias2", "mean2", "variance2"});
  for (const char* name : {"mean1", "bias2"}) AddNode(model, "Identity", {"zeros"}, {name});
  AddNode(model, "Identity", {"bias2"}, {"mean2"});  // of an Identity
  for (const char* name : {"variance1", "scale2", "variance2"}) {
    AddNode(model, "Identity", {"ones"}, {name});
  }
  ImportOptions options;
  CHECK(Import(model).nodes.size() == 2 + 6);
  options.own_constants = true;
  const Graph graph = Import(model, options);
  CHECK(graph.nodes.size() == 2);
  GiveOwnConstants(model, "");
  CHECK(Initializer(model, "variance2").float_data(1) == 1);
  CHECK(Initializer(model, "mean1").float_data(1) == 0);
}

TEST_CASE("of nodes that read one constant each gets its own") {
  onnx::ModelProto model =
      TwoNorms({"ones", "zeros", "zeros", "ones"}, {"ones", "zeros", "zeros", "ones"});
  AddFloats(model, "ones.1", {2}, {3, 4});  // the name is taken
  GiveOwnConstants(model, "");
  const std::multiset<std::string> read = ConstantsRead(model);
  CHECK(read.size() == 8);
  CHECK(std::set(read.begin(), read.end()).size() == 8);
  CHECK(read.count("ones.1") == 0);
  CHECK(Initializer(model, "ones.4").float_data(0) == 1);
  CHECK(ImportError(model).empty());
}

TEST_CASE("what is shared on purpose stays shared") {
  onnx::ModelProto model = EmptyModel(17);
  AddFloats(model, "w", {2, 2, 1, 1}, {1, 2, 3, 4});
  AddFloats(model, "half", {}, {0.5F});
  AddNode(model, "Identity", {"w"}, {"v"});
  AddNode(model, "Conv", {"x", "w"}, {"a"});
  AddNode(model, "Conv", {"a", "v"}, {"b"});
  AddNode(model, "Mul", {"b", "half"}, {"c"});
  AddNode(model, "Mul", {"c", "half"}, {"y"});
  const std::string before = model.SerializeAsString();
  GiveOwnConstants(model, "");
  CHECK(model.SerializeAsString() == before);
}

TEST_CASE("copies beyond 256 MB are refused") {
  onnx::ModelProto model = EmptyModel(17);
  AddFloats(model, "ones", {1 << 20}, std::vector<float>(1 << 20, 1));
  std::string last = "x";
  for (int i = 0; i < 66; ++i) {
    AddNode(model, "Add", {last, "ones"}, {"y" + std::to_string(i)});
    last = "y" + std::to_string(i);
  }
  CHECK_THROWS_WITH_AS(GiveOwnConstants(model, ""), doctest::Contains("take more than 256 MB"),
                       Error);
}

}  // namespace
}  // namespace lutra::converter::importing
