// See onnx_networks.h.
#include "fuzz/onnx_networks.h"

#include <string>

#include "converter/qdq/quantized_network.h"
#include "qdq/network_builder.h"

namespace lutra::test {
namespace {

using converter::test::Format;
using converter::test::NetworkBuilder;
using converter::test::QuantizedNetwork;
using Dims = std::vector<int64_t>;

template <typename Builder>
onnx::ModelProto Finish(Builder& n, const std::string& output) {
  n.Output(output);
  onnx::ModelProto model;
  model.ParseFromString(n.Serialize());
  return model;
}

onnx::ModelProto Classifier() {
  NetworkBuilder n("classifier", {1, 3, 9, 10});
  std::string y = n.Add("Conv", {"x", n.Random({8, 3, 3, 3}, 0.3), n.Random({8})},
                        {{"pads", Dims{1, 1, 1, 1}}, {"strides", Dims{2, 2}}});
  const std::string one = n.Floats({8}, std::vector<float>(8, 1));
  y = n.Add("BatchNormalization", {y, one, n.Random({8}), n.Random({8}), one});
  y = n.Add("Relu", {y});
  y = n.Add("Conv", {y, n.Random({8, 1, 3, 3}, 0.3)},
            {{"group", int64_t{8}}, {"pads", Dims{1, 1, 1, 1}}, {"dilations", Dims{1, 1}}});
  y = n.Add("Clip", {y, n.Floats({}, {0}), n.Floats({}, {6})});
  y = n.Add("MaxPool", {y}, {{"kernel_shape", Dims{2, 2}}, {"ceil_mode", int64_t{1}}});
  y = n.Add("GlobalAveragePool", {y});
  y = n.Add("Flatten", {y});
  y = n.Add("Gemm", {y, n.Random({5, 8}, 0.3), n.Random({5})}, {{"transB", int64_t{1}}});
  return Finish(n, n.Add("Softmax", {y}, {{"axis", int64_t{1}}}));
}

onnx::ModelProto Residual() {
  NetworkBuilder n("residual", {1, 4, 6, 6});
  std::string y = n.Add("Pad", {"x", n.Ints({0, 0, 1, 1, 0, 0, 1, 1}), n.Floats({}, {0})});
  y = n.Add("Conv", {y, n.Random({4, 4, 3, 3}, 0.2)});
  const std::string gate = n.Add("Sigmoid", {n.Add("ReduceMean", {y}, {{"axes", Dims{2, 3}}})});
  y = n.Add("Add", {n.Add("Mul", {y, gate}), "x"});
  const std::string pooled =
      n.Add("AveragePool", {y},
            {{"kernel_shape", Dims{3, 3}}, {"pads", Dims{1, 1, 1, 1}}, {"strides", Dims{1, 1}}});
  y = n.Add("Concat", {n.Half(0), pooled, n.Half(1)}, {{"axis", int64_t{1}}});
  return Finish(n, n.Add("Sub", {n.Add("HardSwish", {y}), n.Add("LeakyRelu", {y})}));
}

onnx::ModelProto Images() {
  NetworkBuilder n("images", {1, 4, 5, 6});
  const std::string linear =
      n.Add("Resize", {"x", "", n.Floats({4}, {1, 1, 2, 2})}, {{"mode", "linear"}});
  std::string y = n.Add("Resize", {"x", "", n.Floats({4}, {1, 1, 2, 2})});
  y = n.Add("Add", {y, linear});
  y = n.Add("Resize", {y, "", "", n.Ints({1, 4, 5, 6})},
            {{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}});
  y = n.Add("DepthToSpace", {y}, {{"blocksize", int64_t{2}}});
  y = n.Add("Transpose", {n.Add("PRelu", {y, n.Floats({1}, {0.3F})})},
            {{"perm", Dims{0, 2, 3, 1}}});
  return Finish(n, n.Add("ReduceMax", {y}, {{"axes", Dims{3}}, {"keepdims", int64_t{0}}}));
}

// What exporters write to compute shapes.
onnx::ModelProto Shapes() {
  NetworkBuilder n("shapes", {1, 6, 4, 2});
  const std::string shape = n.Add("Shape", {"x"});
  const std::string channels = n.Add("Gather", {shape, n.Ints({1})});
  const std::string target =
      n.Add("Concat", {n.Ints({0}), channels, n.Ints({-1})}, {{"axis", int64_t{0}}});
  std::string y = n.Add("Reshape", {"x", target});
  const std::string ones = n.Add("ConstantOfShape", {channels},
                                 {{"value", converter::Tensor::Of({1}, std::vector<float>{1})}});
  y = n.Add("Mul", {y, n.Add("Unsqueeze", {ones, n.Ints({1})})});
  y = n.Add("Slice", {y, n.Ints({7, 0}), n.Ints({-9, 6}), n.Ints({2, 1}), n.Ints({-1, 2})});
  y = n.Add("Expand", {n.Add("ReduceSum", {y, n.Ints({2})}), n.Ints({1, 3, 3})});
  y = n.Add("Tile", {y, n.Ints({1, 2, 1})});
  const std::string mask = n.Add("Cast", {n.Ints({1, 0, 1})}, {{"to", int64_t{1}}});
  return Finish(n, n.Add("Mul", {y, mask}));
}

onnx::ModelProto Attention() {
  NetworkBuilder n("attention", {1, 4, 8});
  std::string y = n.Add("Sub", {"x", n.Add("ReduceMean", {"x"}, {{"axes", Dims{-1}}})});
  const std::string variance = n.Add("ReduceMean", {n.Add("Mul", {y, y})}, {{"axes", Dims{-1}}});
  y = n.Add("Div", {y, n.Add("Sqrt", {n.Add("Add", {variance, n.Floats({}, {1e-5F})})})});
  const auto project = [&] {
    return n.Add("Add", {n.Add("MatMul", {y, n.Random({8, 8}, 0.3)}), n.Random({8})});
  };
  const std::string keys = n.Add("Transpose", {project()}, {{"perm", Dims{0, 2, 1}}});
  const std::string scores =
      n.Add("Div", {n.Add("MatMul", {project(), keys}), n.Floats({}, {2.8284F})});
  y = n.Add("MatMul", {n.Add("Softmax", {scores}, {{"axis", int64_t{-1}}}), project()});
  const std::string half = n.Add("Mul", {y, n.Floats({}, {0.5F})});
  const std::string erf = n.Add("Erf", {n.Add("Div", {y, n.Floats({}, {1.4142135F})})});
  return Finish(n, n.Add("Mul", {half, n.Add("Add", {erf, n.Floats({}, {1})})}));
}

onnx::ModelProto Points() {
  QuantizedNetwork n({1, 4, 6, 6});
  const auto weights = n.RandomWeights({4, 4, 3, 3}, 0);
  std::string y = n.Add(
      "Conv",
      {n.Pair("x", {0.02F, 120}), n.Dequantize(weights, 0), n.DequantizedBias(weights, 0.02F, 4)},
      {{"pads", Dims{1, 1, 1, 1}}});
  y = n.Pair(n.Add("Relu", {y}), {0.05F, 0});
  y = n.Pair(n.Add("Add", {y, n.Pair("x", {0.03F, 5, converter::DataType::int8})}), {0.06F, 100});
  return Finish(n, n.Pair(n.Add("GlobalAveragePool", {y}), {0.03F, 90}));
}

onnx::ModelProto IntegerOperators() {
  QuantizedNetwork n({1, 4, 5, 5});
  const auto weights = n.RandomWeights({4, 4, 1, 1}, 0);
  const auto in = n.Parameters({0.02F, 120}), out = n.Parameters({0.05F, 128});
  const std::string x = n.Add("QuantizeLinear", {"x", in[0], in[1]});
  std::string y = n.Add("QLinearConv", {x, in[0], in[1], weights.integers, weights.scale,
                                        weights.zero_point, out[0], out[1], n.RandomBias(4)});
  y = n.Add("QLinearAdd", {x, in[0], in[1], y, out[0], out[1], out[0], out[1]}, {},
            "com.microsoft");
  return Finish(n, n.Add("DequantizeLinear", {y, out[0], out[1]}));
}

onnx::NodeProto& AddNode(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                         const std::string& op, const std::vector<std::string>& inputs,
                         const std::string& output) {
  onnx::NodeProto& node = *nodes.Add();
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

// An If whose condition follows from the input's shape.
onnx::ModelProto Branches() {
  NetworkBuilder n("branches", {1, 8});
  const std::string wide =
      n.Add("Greater", {n.Add("Gather", {n.Add("Shape", {"x"}), n.Ints({1})}), n.Ints({4})});
  onnx::ModelProto model = Finish(n, "y");
  onnx::NodeProto& node = AddNode(*model.mutable_graph()->mutable_node(), "If", {wide}, "y");
  for (const auto& [branch, op] : {std::pair{"then_branch", "Tanh"}, {"else_branch", "Exp"}}) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(branch);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    attribute.mutable_g()->add_output()->set_name(op);
    AddNode(*attribute.mutable_g()->mutable_node(), op, {"x"}, op);
  }
  return model;
}

// A function that calls another one and hands an attribute on.
onnx::ModelProto Functions() {
  NetworkBuilder n("functions", {1, 2, 4, 4});
  onnx::ModelProto model = Finish(n, "y");
  model.set_ir_version(8);
  model.add_opset_import()->set_domain("local");
  model.mutable_opset_import(1)->set_version(1);
  for (const char* name : {"Inner", "Outer"}) {
    onnx::FunctionProto& function = *model.add_functions();
    function.set_name(name);
    function.set_domain("local");
    function.add_input("a");
    function.add_output("b");
    function.add_attribute("alpha");
    *function.mutable_opset_import() = model.opset_import();
    const bool inner = function.name() == "Inner";
    onnx::NodeProto& node =
        AddNode(*function.mutable_node(), inner ? "LeakyRelu" : "Inner", {"a"}, inner ? "b" : "c");
    onnx::AttributeProto& handed_on = *node.add_attribute();
    handed_on.set_name("alpha");
    handed_on.set_type(onnx::AttributeProto::FLOAT);
    handed_on.set_ref_attr_name("alpha");
    if (inner) continue;
    node.set_domain("local");
    AddNode(*function.mutable_node(), "Neg", {"c"}, "b");
  }
  onnx::NodeProto& call = AddNode(*model.mutable_graph()->mutable_node(), "Outer", {"x"}, "y");
  call.set_domain("local");
  onnx::AttributeProto& alpha = *call.add_attribute();
  alpha.set_name("alpha");
  alpha.set_type(onnx::AttributeProto::FLOAT);
  alpha.set_f(0.25F);
  return model;
}

}  // namespace

std::vector<OnnxNetwork> OnnxNetworks() {
  return {{"classifier", Classifier()}, {"residual", Residual()},
          {"images", Images()},         {"shapes", Shapes()},
          {"attention", Attention()},   {"points", Points()},
          {"branches", Branches()},     {"integer_operators", IntegerOperators()},
          {"functions", Functions()}};
}

}  // namespace lutra::test
