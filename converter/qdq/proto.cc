#include "converter/qdq/proto.h"

namespace lutra::converter::qdq {
namespace {

void FillTensor(const Tensor& tensor, onnx::TensorProto& proto) {
  proto.set_data_type(static_cast<int32_t>(tensor.type()));
  for (const int64_t d : tensor.dims()) proto.add_dims(d);
  proto.set_raw_data(tensor.bytes().data(), tensor.bytes().size());
}

// One overload for each alternative of Attribute.
struct Fill {
  onnx::AttributeProto& proto;
  void operator()(int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(float value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    proto.set_type(onnx::AttributeProto::STRINGS);
    for (const std::string& value : values) proto.add_strings(value);
  }
  void operator()(const Tensor& value) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    FillTensor(value, *proto.mutable_t());
  }
};

}  // namespace

onnx::NodeProto& AddNode(onnx::GraphProto& graph, const std::string& op,
                         const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  node.set_name(output);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

void AddAttribute(onnx::NodeProto& node, const std::string& name, const Attribute& value) {
  onnx::AttributeProto& proto = *node.add_attribute();
  proto.set_name(name);
  std::visit(Fill{proto}, value);
}

std::string AddTensor(onnx::GraphProto& graph, const std::string& name, const Tensor& tensor) {
  onnx::TensorProto& proto = *graph.add_initializer();
  proto.set_name(name);
  FillTensor(tensor, proto);
  return name;
}

std::string AddScalar(onnx::GraphProto& graph, const std::string& name, float value) {
  return AddTensor(graph, name, Tensor::Of({}, std::vector<float>{value}));
}

void AddValueInfo(onnx::ValueInfoProto& info, const std::string& name,
                  const std::vector<int64_t>& dims) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  for (const int64_t d : dims) tensor.mutable_shape()->add_dim()->set_dim_value(d);
}

}  // namespace lutra::converter::qdq
