// Initializers of every storage, inputs, constants, local functions, external data, refusals.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/utf8.h"
#include "converter/error.h"
#include "converter/import/model_proto.h"

namespace lutra::converter::importing {
namespace {

namespace fs = std::filesystem;
using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

template <typename T>
onnx::TensorProto Raw(const std::string& name, int32_t type, const std::vector<T>& values) {
  onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(type);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  tensor.set_raw_data(values.data(), values.size() * sizeof(T));
  return tensor;
}

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("lutra_import_test_" + std::to_string(getpid()))) {
    fs::create_directories(path_ / "inside");
  }
  ~Folder() { fs::remove_all(path_); }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

onnx::ModelProto WithExternal(const std::string& location, const std::string& offset = "") {
  auto model = EmptyModel(13);
  AddNode(model, "Add", {"x", "w"}, {"y"});
  auto& tensor = AddFloats(model, "w", {2}, {});
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  auto& entry = *tensor.add_external_data();
  entry.set_key("location");
  entry.set_value(location);
  if (!offset.empty()) {
    auto& extra = *tensor.add_external_data();
    extra.set_key("offset");
    extra.set_value(offset);
  }
  return model;
}

}  // namespace

TEST_CASE("initializers of every type, raw and typed") {
  auto model = EmptyModel(13);
  AddNode(model, "Relu", {"x"}, {"y"});
  auto& tensors = *model.mutable_graph()->mutable_initializer();
  *tensors.Add() = Raw<float>("f", 1, {1.5F, -2});
  *tensors.Add() = Raw<double>("d", 11, {0.25});
  *tensors.Add() = Raw<uint16_t>("h", 10, {0x3C00, 0xC000});
  *tensors.Add() = Raw<uint16_t>("b", 16, {0x3F80});
  *tensors.Add() = Raw<int8_t>("i8", 3, {-128, 127});
  *tensors.Add() = Raw<uint8_t>("bool", 9, {0, 2});
  *tensors.Add() = Raw<int64_t>("i64", 7, {INT64_MIN});
  onnx::TensorProto& typed = *tensors.Add();
  typed.set_name("typed_half");
  typed.set_data_type(10);
  typed.add_dims(1);
  typed.add_int32_data(0x3555);
  onnx::TensorProto& small = *tensors.Add();
  small.set_name("typed_u8");
  small.set_data_type(2);
  small.add_dims(2);
  small.add_int32_data(0);
  small.add_int32_data(255);
  const Graph graph = Import(model);
  CHECK(graph.Constant("f")->ToFloats() == Floats{1.5F, -2});
  CHECK(graph.Constant("d")->ToFloats() == Floats{0.25F});
  CHECK(graph.Constant("h")->ToFloats() == Floats{1, -2});
  CHECK(graph.Constant("b")->ToFloats() == Floats{1});
  CHECK(graph.Constant("i8")->ToInts() == Ints{-128, 127});
  CHECK(graph.Constant("bool")->ToInts() == Ints{0, 1});
  CHECK(graph.Constant("i64")->ToInts() == Ints{INT64_MIN});
  CHECK(graph.Constant("typed_half")->ToFloats()[0] == doctest::Approx(1.0 / 3).epsilon(1e-3));
  CHECK(graph.Constant("typed_u8")->ToInts() == Ints{0, 255});
  CHECK(graph.fp32_bytes == 4 * (2 + 1 + 2 + 1 + 1));
}

TEST_CASE("Constant nodes become initializers and do not count as weights") {
  auto model = EmptyModel(13);
  auto& node = AddNode(model, "Constant", {}, {"c"});
  SetFloats(node, "value_floats", {1, 2});
  SetInt(AddNode(model, "Constant", {}, {"k"}), "value_int", 3);
  AddNode(model, "Add", {"x", "c"}, {"y"});
  const Graph graph = Import(model);
  CHECK(graph.nodes.size() == 1);
  CHECK(graph.Constant("c")->ToFloats() == Floats{1, 2});
  CHECK(graph.Constant("k")->dims().empty());
  CHECK(graph.fp32_bytes == 0);
}

TEST_CASE("initializers that are also listed as inputs are no inputs") {
  auto model = EmptyModel(8);
  AddFloats(model, "w", {1}, {1});
  AddNode(model, "Add", {"x", "w"}, {"y"});
  *model.mutable_graph()->add_input() = model.graph().input(0);
  model.mutable_graph()->mutable_input(1)->set_name("w");
  CHECK(Import(model).inputs == std::vector<std::string>{"x"});
}

TEST_CASE("--input-shape may give another batch than the exporter wrote down") {
  auto model = EmptyModel(18);
  model.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(4);
  AddNode(model, "Relu", {"x"}, {"y"});
  CHECK(*Import(model).Info("x")->dims == std::vector<int64_t>{4, 2, 4, 4});
  ImportOptions options;
  options.input_shapes["x"] = {1, 2, 4, 4};
  CHECK(*Import(model, options).Info("x")->dims == std::vector<int64_t>{1, 2, 4, 4});
  options.input_shapes["x"] = {1, 2, 4, 5};
  CHECK(ImportError(model, options).find("is 4x2x4x4 in the model") != std::string::npos);
}

TEST_CASE("dynamic dimensions and --input-shape") {
  auto model = EmptyModel(13);
  AddNode(model, "Relu", {"x"}, {"y"});
  auto& shape = *model.mutable_graph()
                     ->mutable_input(0)
                     ->mutable_type()
                     ->mutable_tensor_type()
                     ->mutable_shape();
  shape.mutable_dim(0)->set_dim_param("batch");
  shape.mutable_dim(2)->set_dim_param("height");
  CHECK(*Import(model).Info("x")->dims == Ints{1, 2, -1, 4});
  ImportOptions options;
  options.input_shapes["x"] = {3, 2, 5, 4};
  CHECK(*Import(model, options).Info("x")->dims == Ints{3, 2, 5, 4});
  options.input_shapes["x"] = {1, 3, 5, 4};
  CHECK(ImportError(model, options) ==
        "model.onnx: input 'x' is ?x2x?x4 in the model, --input-shape gives 1x3x5x4");
  options.input_shapes.clear();
  options.input_shapes["z"] = {1};
  CHECK(ImportError(model, options) ==
        "model.onnx: --input-shape names the input 'z', but the inputs are 'x'");
}

TEST_CASE("local functions are expanded, attributes and nesting included") {
  auto model = EmptyModel(18);
  auto& inner = *model.add_functions();
  inner.set_domain("my");
  inner.set_name("Leaky");
  inner.add_input("a");
  inner.add_output("b");
  inner.add_attribute("slope");
  inner.add_opset_import()->set_version(18);
  auto& leaky = *inner.add_node();
  leaky.set_op_type("LeakyRelu");
  leaky.add_input("a");
  leaky.add_output("b");
  auto& reference = *leaky.add_attribute();
  reference.set_name("alpha");
  reference.set_ref_attr_name("slope");
  reference.set_type(onnx::AttributeProto::FLOAT);
  auto& outer = *model.add_functions();
  outer.set_domain("my");
  outer.set_name("Twice");
  outer.add_input("a");
  outer.add_output("b");
  for (const auto& [from, to] : {std::pair("a", "t"), std::pair("t", "b")}) {
    auto& call = *outer.add_node();
    call.set_op_type("Leaky");
    call.set_domain("my");
    call.add_input(from);
    call.add_output(to);
    SetFloat(call, "slope", 0.25F);
  }
  AddNode(model, "Twice", {"x"}, {"y"}).set_domain("my");
  const Graph graph = Import(model);
  REQUIRE(graph.nodes.size() == 2);
  CHECK(graph.nodes[0].op == "LeakyRelu");
  CHECK(graph.nodes[1].Float("alpha", 0) == 0.25F);
  CHECK(graph.nodes[0].inputs[0] == "x");
  CHECK(graph.nodes[1].inputs[0] == graph.nodes[0].outputs[0]);
  CHECK(graph.nodes[1].outputs[0] == "y");

  // A function that calls itself.
  leaky.set_op_type("Leaky");
  leaky.set_domain("my");
  CHECK(ImportError(model) == "model.onnx: function 'Leaky' calls itself or is nested too deeply");
}

TEST_CASE("external data of the model's folder, and of no other place") {
  const Folder folder;
  const Floats values{3, 4};
  std::string content(8 + sizeof(float) * 2, '\0');
  std::memcpy(content.data() + 8, values.data(), 8);
  folder.Write("inside/w.bin", content);
  folder.Write("secret.bin", content.substr(8));
  const auto import = [&](const onnx::ModelProto& model) {
    return ImportOnnxBytes(model.SerializeAsString(), (folder / "inside/model.onnx").string(), {});
  };
  const auto error = [&](const onnx::ModelProto& model) -> std::string {
    try {
      import(model);
    } catch (const Error& e) {
      const std::string what = e.what();
      return what.substr(what.find("initializer"));
    }
    return "";
  };
  CHECK(import(WithExternal("w.bin", "8")).Constant("w")->ToFloats() == values);
  CHECK(error(WithExternal("w.bin")) ==
        "initializer 'w' external data 'w.bin' gives 16 bytes, the tensor needs 8");
  CHECK(error(WithExternal("w.bin", "17")) ==
        "initializer 'w' external data 'w.bin' ends before the tensor (16 bytes)");
  CHECK(error(WithExternal("w.bin", "-8")) ==
        "initializer 'w' external data: '-8' is no valid offset");
  CHECK(error(WithExternal("gone.bin")) ==
        "initializer 'w' external data 'gone.bin' does not exist beside the model");
  CHECK(error(WithExternal("../secret.bin")) ==
        "initializer 'w' external data '../secret.bin' lies outside the model's folder");
  CHECK(error(WithExternal("a/../../secret.bin")) ==
        "initializer 'w' external data 'a/../../secret.bin' lies outside the model's folder");
  const std::string absolute = (folder / "secret.bin").string();
  CHECK(error(WithExternal(absolute)) ==
        "initializer 'w' external data '" + absolute + "' lies outside the model's folder");
  fs::create_symlink(folder / "secret.bin", folder / "inside/link.bin");
  CHECK(error(WithExternal("link.bin")) ==
        "initializer 'w' external data 'link.bin' lies outside the model's folder");
  CHECK(error(WithExternal(".")) == "initializer 'w' external data '.' is no regular file");
  CHECK(error(WithExternal("")) == "initializer 'w' external data '' is no file name");
}

TEST_CASE("all nodes that cannot be executed are named at once") {
  auto model = EmptyModel(13);
  AddNode(model, "Foo", {"x"}, {"a"}).set_name("first");
  AddNode(model, "Bar", {"a"}, {"b"}).set_domain("com.example");
  auto& loop = AddNode(model, "Loop", {"b"}, {"c"});
  auto& attribute = *loop.add_attribute();
  attribute.set_name("body");
  attribute.set_type(onnx::AttributeProto::GRAPH);
  AddNode(model, "If", {"c"}, {"y"});
  ImportOptions options;
  options.why_unsupported = [](const Node& node) {
    return node.op == "Foo" || node.op == "Bar" ? "no such operator" : std::string();
  };
  CHECK(
      ImportError(model, options) ==
      "model.onnx: 4 nodes are not supported: node 'c' (Loop): control flow and subgraphs are not "
      "supported: export a graph without loops and branches; node 'y' (If): its condition is not "
      "known before the network runs: export a graph without branches, or give the inputs' "
      "shapes (--input-shape) if they decide it; node 'first' (Foo): no such operator; node 'b' "
      "(com.example.Bar): no such operator");
}

TEST_CASE("quantized operators stay nodes") {
  auto model = EmptyModel(13);
  AddFloats(model, "s", {}, {0.5F});
  AddNode(model, "QuantizeLinear", {"x", "s"}, {"q"});
  AddNode(model, "QLinearAdd", {"q", "s"}, {"r"}).set_domain("com.microsoft");
  AddNode(model, "DequantizeLinear", {"r", "s"}, {"y"});
  const Graph graph = Import(model);
  REQUIRE(graph.nodes.size() == 3);
  CHECK(graph.nodes[1].domain == "com.microsoft");
}

TEST_CASE("files that are no models") {
  CHECK_THROWS_WITH_AS(ImportOnnx("/nonexistent/a.onnx", {}),
                       "/nonexistent/a.onnx: cannot be opened: No such file or directory", Error);
  CHECK_THROWS_WITH_AS(ImportOnnx("/tmp", {}), "/tmp: is a folder; name a file", Error);
}

TEST_CASE("names that nobody could read are made printable, and stay different") {
  const std::string longest(1024, 'n');
  auto model = EmptyModel(13);
  model.mutable_graph()->mutable_input(0)->set_name("x\x1b[31m");
  AddNode(model, "Relu", {"x\x1b[31m"}, {"a\n"}).set_name("node\xff");
  AddNode(model, "Relu", {"a\n"}, {"a\xff"});
  AddNode(model, "Relu", {"a\xff"}, {"a?"});  // the name that both would get
  AddNode(model, "Relu", {"a?"}, {longest});
  AddNode(model, "Relu", {longest}, {longest + "1"});
  AddNode(model, "Relu", {longest + "1"}, {longest + "2"});
  AddNode(model, "Relu", {longest + "2"}, {"é"});
  model.mutable_graph()->mutable_output(0)->set_name("é");
  const Graph graph = Import(model);
  CHECK(graph.inputs == std::vector<std::string>{"x?[31m"});
  CHECK(graph.outputs == std::vector<std::string>{"é"});
  REQUIRE(graph.nodes.size() == 7);
  CHECK(graph.nodes[0].name == "node?");
  std::set<std::string> names;
  for (const Node& node : graph.nodes) {
    REQUIRE(node.outputs.size() == 1);
    CHECK(IsPrintableUtf8(node.outputs[0]));
    CHECK(node.outputs[0].size() <= 1024);
    names.insert(node.outputs[0]);
  }
  CHECK(names.size() == 7);
  CHECK(names.contains("a?"));
  CHECK(names.contains(longest));
}

}  // namespace lutra::converter::importing
