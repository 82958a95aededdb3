#include "converter/import/model_proto.h"

#include "converter/error.h"

namespace lutra::converter::importing {
namespace {

onnx::AttributeProto& AddAttribute(onnx::NodeProto& node, const std::string& name,
                                   onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

}  // namespace

onnx::ModelProto EmptyModel(int64_t opset) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(opset);
  onnx::ValueInfoProto& input = *model.mutable_graph()->add_input();
  input.set_name("x");
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const int64_t dim : {1, 2, 4, 4}) type.mutable_shape()->add_dim()->set_dim_value(dim);
  model.mutable_graph()->add_output()->set_name("y");
  return model;
}

onnx::NodeProto& AddNode(onnx::ModelProto& model, const std::string& op,
                         const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *model.mutable_graph()->add_node();
  node.set_op_type(op);
  for (const std::string& name : inputs) node.add_input(name);
  for (const std::string& name : outputs) node.add_output(name);
  return node;
}

void SetInt(onnx::NodeProto& node, const std::string& name, int64_t value) {
  AddAttribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void SetInts(onnx::NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
  auto& attribute = AddAttribute(node, name, onnx::AttributeProto::INTS);
  for (const int64_t value : values) attribute.add_ints(value);
}

void SetFloat(onnx::NodeProto& node, const std::string& name, float value) {
  AddAttribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void SetFloats(onnx::NodeProto& node, const std::string& name, const std::vector<float>& values) {
  auto& attribute = AddAttribute(node, name, onnx::AttributeProto::FLOATS);
  for (const float value : values) attribute.add_floats(value);
}

void SetString(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  AddAttribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}

onnx::TensorProto& AddFloats(onnx::ModelProto& model, const std::string& name,
                             const std::vector<int64_t>& dims, const std::vector<float>& values) {
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const int64_t dim : dims) tensor.add_dims(dim);
  for (const float value : values) tensor.add_float_data(value);
  return tensor;
}

onnx::TensorProto& AddInts(onnx::ModelProto& model, const std::string& name,
                           const std::vector<int64_t>& values) {
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor.add_int64_data(value);
  return tensor;
}

Graph Import(const onnx::ModelProto& model, const ImportOptions& options) {
  return ImportOnnxBytes(model.SerializeAsString(), "model.onnx", options);
}

std::string ImportError(const onnx::ModelProto& model, const ImportOptions& options) {
  try {
    Import(model, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string ImportErrorOf(const std::string& bytes) {
  try {
    ImportOnnxBytes(bytes, "model.onnx", {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace lutra::converter::importing
