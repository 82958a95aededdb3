// Integers and bools through the whole conversion: ports keep their type, what moves elements and
// Cast carries them, everything else refuses them. Expected values are the float executor's on the
// file as it was imported.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "converter/convert.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/import/model_proto.h"
#include "converter/runtime_session.h"

namespace lutra::converter::lowering {
namespace {

using importing::AddFloats;
using importing::AddInts;
using importing::AddNode;
using importing::SetInt;
using importing::SetInts;

onnx::ModelProto ModelOf(onnx::TensorProto::DataType type, const std::vector<int64_t>& dims,
                         const std::vector<std::string>& outputs) {
  onnx::ModelProto model = importing::EmptyModel(18);
  auto& tensor = *model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape()->clear_dim();
  for (const int64_t dim : dims) tensor.mutable_shape()->add_dim()->set_dim_value(dim);
  model.mutable_graph()->clear_output();
  for (const std::string& output : outputs) {
    model.mutable_graph()->add_output()->set_name(output);
  }
  return model;
}

void Cast(onnx::ModelProto& model, const std::string& from, const std::string& to,
          onnx::TensorProto::DataType type) {
  SetInt(AddNode(model, "Cast", {from}, {to}), "to", type);
}

struct Converted {
  std::vector<uint8_t> file;
  ConvertReport report;
};

Converted ConvertModel(const onnx::ModelProto& model, ConvertOptions options = {},
                       const data::Dataset* data = nullptr) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("lutra_types_" + std::to_string(getpid())))
          .string();
  if (data == nullptr) {  // float32 throughout
    options.scheme.activations = quantize::ActivationType::float_;
    options.scheme.kind = WeightKind::fp32;
  }
  options.model_path = "model.onnx";
  options.model_bytes = model.SerializeAsString();
  options.output_path = path;
  Converted converted;
  converted.report = Convert(options, data);
  std::ifstream stream(path, std::ios::binary);
  converted.file = {std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(path);
  return converted;
}

std::string ConvertError(const onnx::ModelProto& model) {
  try {
    ConvertModel(model);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Native bytes in, native bytes out, against the imported graph; `types` are the outputs'.
void CheckAgainstExecutor(const onnx::ModelProto& model, const std::vector<uint8_t>& file,
                          const Tensor& input, lutra_type input_type,
                          const std::vector<lutra_type>& types) {
  RuntimeSession session(file, "types");
  lutra_error error;
  lutra_error_init(&error);
  const lutra_port port = session.Inputs().at(0);
  CHECK(port.native_type == input_type);
  CHECK(port.preferred_type == input_type);
  CHECK(std::vector<int64_t>(port.native_shape, port.native_shape + port.native_rank) ==
        input.dims());
  CHECK(lutra_context_set_input(session.context(), 0, input_type, input.bytes().data(),
                                input.bytes().size(), &error) == LUTRA_OK);
  CHECK(lutra_context_run(session.context(), &error) == LUTRA_OK);
  const Graph graph = importing::Import(model);
  const executor::TensorMap wanted = executor::FloatExecutor(graph).Run({{"x", input}});
  REQUIRE(session.Outputs().size() == types.size());
  for (size_t i = 0; i < types.size(); ++i) {
    const lutra_port output = session.Outputs()[i];
    CAPTURE(output.name);
    CHECK(output.native_type == types[i]);
    const Tensor& exact = wanted.at(output.name);
    Tensor got(exact.type(), exact.dims());
    const lutra_status status = lutra_context_get_output(
        session.context(), i, types[i], got.bytes().data(), got.bytes().size(), &error);
    REQUIRE_MESSAGE(status == LUTRA_OK, error.message);
    CHECK(got == exact);
  }
  CHECK(lutra_context_verify(session.context(), &error) == LUTRA_OK);
}

Tensor Numbers(DataType type, const std::vector<int64_t>& dims) {
  std::vector<int64_t> values(ElementCount(dims));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i * 37 % 23) - 11;
  return Tensor::Of(dims, values).Cast(type);
}

TEST_CASE("int64 in, Reshape, Cast, Conv, and Casts of what comes out") {
  onnx::ModelProto model =
      ModelOf(onnx::TensorProto::INT64, {1, 12}, {"y", "rounded", "positive", "part"});
  AddInts(model, "shape", {1, 3, 2, 2});
  AddFloats(model, "w", {2, 3, 1, 1}, {0.5F, -1, 0.25F, 1, 1, -0.75F});
  AddNode(model, "Reshape", {"x", "shape"}, {"image"});
  Cast(model, "image", "floats", onnx::TensorProto::FLOAT);
  AddNode(model, "Conv", {"floats", "w"}, {"c"});
  AddNode(model, "Relu", {"c"}, {"y"});
  Cast(model, "y", "rounded", onnx::TensorProto::INT32);
  Cast(model, "y", "positive", onnx::TensorProto::BOOL);
  AddInts(model, "begin", {2});
  AddInts(model, "end", {11});
  AddInts(model, "axis", {1});
  AddInts(model, "step", {3});
  AddNode(model, "Slice", {"x", "begin", "end", "axis", "step"}, {"part"});
  const Converted converted = ConvertModel(model);
  CHECK(converted.report.warnings.empty());
  CHECK(converted.report.float_fallbacks == 0);
  CheckAgainstExecutor(model, converted.file, Numbers(DataType::int64, {1, 12}), LUTRA_INT64,
                       {LUTRA_FLOAT32, LUTRA_INT32, LUTRA_BOOL, LUTRA_INT64});
}

TEST_CASE("every type that a file has, moved in every way") {
  struct Type {
    onnx::TensorProto::DataType onnx;
    DataType type;
    lutra_type form;
  };
  for (const Type& type : {Type{onnx::TensorProto::INT8, DataType::int8, LUTRA_INT8},
                           Type{onnx::TensorProto::UINT8, DataType::uint8, LUTRA_UINT8},
                           Type{onnx::TensorProto::INT16, DataType::int16, LUTRA_INT16},
                           Type{onnx::TensorProto::INT32, DataType::int32, LUTRA_INT32},
                           Type{onnx::TensorProto::INT64, DataType::int64, LUTRA_INT64},
                           Type{onnx::TensorProto::BOOL, DataType::boolean, LUTRA_BOOL}}) {
    CAPTURE(DataTypeName(type.type));
    onnx::ModelProto model =
        ModelOf(type.onnx, {1, 3, 4}, {"turned", "padded", "joined", "first", "same", "flags"});
    SetInts(AddNode(model, "Transpose", {"x"}, {"turned"}), "perm", {0, 2, 1});
    AddInts(model, "pads", {0, 1, 0, 0, 0, 2});
    onnx::TensorProto& fill = *model.mutable_graph()->add_initializer();
    fill.set_name("fill");
    fill.set_data_type(type.onnx);
    fill.add_int32_data(1);
    if (type.onnx == onnx::TensorProto::INT64) {
      fill.clear_int32_data();
      fill.add_int64_data(1);
    }
    AddNode(model, "Pad", {"x", "pads", "fill"}, {"padded"});
    SetInt(AddNode(model, "Concat", {"x", "x"}, {"joined"}), "axis", 1);
    AddInts(model, "sizes", {1, 2});
    onnx::NodeProto& split = AddNode(model, "Split", {"x", "sizes"}, {"first", "second"});
    SetInt(split, "axis", 1);
    AddNode(model, "Identity", {"x"}, {"same"});
    const bool is_bool = type.type == DataType::boolean;
    Cast(model, "second", "flags", is_bool ? onnx::TensorProto::INT64 : onnx::TensorProto::BOOL);
    const Converted converted = ConvertModel(model);
    std::vector<lutra_type> types(5, type.form);
    types.push_back(is_bool ? LUTRA_INT64 : LUTRA_BOOL);
    CheckAgainstExecutor(model, converted.file, Numbers(type.type, {1, 3, 4}), type.form, types);
  }
}

TEST_CASE("integers of an image stay in the graph's order") {
  onnx::ModelProto model = ModelOf(onnx::TensorProto::INT32, {1, 2, 3, 5}, {"y", "back"});
  AddFloats(model, "w", {2, 2, 1, 1}, {1, 2, -1, 0.5F});
  Cast(model, "x", "floats", onnx::TensorProto::FLOAT);
  AddNode(model, "Conv", {"floats", "w"}, {"y"});
  Cast(model, "y", "back", onnx::TensorProto::INT32);
  CheckAgainstExecutor(model, ConvertModel(model).file, Numbers(DataType::int32, {1, 2, 3, 5}),
                       LUTRA_INT32, {LUTRA_FLOAT32, LUTRA_INT32});
}

TEST_CASE("TopK along every axis: values and indices") {
  for (const int64_t axis : {0, 1, 2, 3, -1}) {
    for (const int64_t largest : {0, 1}) {
      CAPTURE(axis);
      onnx::ModelProto model = ModelOf(onnx::TensorProto::FLOAT, {2, 3, 4, 5}, {"v", "i"});
      AddInts(model, "k", {2});
      onnx::NodeProto& node = AddNode(model, "TopK", {"x", "k"}, {"v", "i"});
      SetInt(node, "axis", axis);
      SetInt(node, "largest", largest);
      const Tensor input = Numbers(DataType::float32, {2, 3, 4, 5});
      CheckAgainstExecutor(model, ConvertModel(model).file, input, LUTRA_FLOAT32,
                           {LUTRA_FLOAT32, LUTRA_INT64});
    }
  }
}

TEST_CASE("TopK of which only the indices are asked for") {
  onnx::ModelProto model = ModelOf(onnx::TensorProto::FLOAT, {3, 7}, {"class"});
  AddInts(model, "k", {1});
  AddNode(model, "TopK", {"x", "k"}, {"v", "i"});
  Cast(model, "i", "class", onnx::TensorProto::INT32);
  CheckAgainstExecutor(model, ConvertModel(model).file, Numbers(DataType::float32, {3, 7}),
                       LUTRA_FLOAT32, {LUTRA_INT32});
}

class Samples : public data::Dataset {
 public:
  explicit Samples(const std::vector<int64_t>& dims) : dims_(dims) {}
  size_t size() const override { return 4; }
  bool labelled() const override { return false; }
  data::Sample Get(size_t index) const override {
    std::vector<float> values(ElementCount(dims_));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>((i * 29 + index * 7) % 31) / 8 - 2;
    }
    return {Tensor::Of(dims_, std::move(values)), -1, "sample"};
  }
  uint64_t Hash() const override { return 0; }

 private:
  std::vector<int64_t> dims_;
};

TEST_CASE("TopK of int8: the values keep their scale, and the indices are exact of them") {
  onnx::ModelProto model = ModelOf(onnx::TensorProto::FLOAT, {1, 6}, {"v", "i"});
  std::vector<float> w;
  for (int i = 0; i < 6 * 8; ++i) w.push_back(static_cast<float>(i * 11 % 17) / 16 - 0.5F);
  AddFloats(model, "w", {6, 8}, w);
  AddNode(model, "MatMul", {"x", "w"}, {"h"});
  AddInts(model, "k", {3});
  AddNode(model, "TopK", {"h", "k"}, {"v", "i"});
  const Samples data({1, 6});
  const Converted converted = ConvertModel(model, {}, &data);
  CHECK(converted.report.float_fallbacks == 0);
  RuntimeSession session(converted.file, "top_k");
  REQUIRE(session.Outputs()[0].native_type == LUTRA_INT8);
  REQUIRE(session.Outputs()[1].native_type == LUTRA_INT64);
  session.Run({data.Get(0).input});
  const std::vector<float> values = session.Output(0).ToFloats();
  CHECK(std::is_sorted(values.rbegin(), values.rend()));
  const Graph graph = importing::Import(model);
  const executor::TensorMap wanted = executor::FloatExecutor(graph).Run({{"x", data.Get(0).input}});
  CHECK(session.Output(1).ToInts() == wanted.at("i").ToInts());
}

TEST_CASE("data for integer inputs are numbers like any others") {
  onnx::ModelProto model = ModelOf(onnx::TensorProto::INT64, {1, 6}, {"y"});
  std::vector<float> w(6 * 8, 0.25F);
  AddFloats(model, "w", {6, 8}, w);
  Cast(model, "x", "f", onnx::TensorProto::FLOAT);
  AddNode(model, "MatMul", {"f", "w"}, {"y"});
  const Samples data({1, 6});
  const Converted converted = ConvertModel(model, {}, &data);
  CHECK(converted.report.samples == 4);
  CHECK(converted.report.output_sqnr_db > 30);
  RuntimeSession session(converted.file, "ids");
  CHECK(session.Inputs()[0].native_type == LUTRA_INT64);
}

TEST_CASE("what computes with integers is refused by node and type") {
  onnx::ModelProto model = ModelOf(onnx::TensorProto::INT64, {1, 4}, {"y"});
  AddNode(model, "Add", {"x", "x"}, {"y"});
  CHECK(ConvertError(model) ==
        "model.onnx: node 'y' (Add): gives int64, but of integers and bools a model moves and "
        "casts elements "
        "only");
}

}  // namespace
}  // namespace lutra::converter::lowering
