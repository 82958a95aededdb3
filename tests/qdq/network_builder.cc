#include "network_builder.h"

#include <numeric>

namespace lutra::converter::test {
namespace {

constexpr int64_t kFloatOpset = 14;

}  // namespace

NetworkBuilder::NetworkBuilder(const std::string& name, std::vector<int64_t> dims)
    : name_(name),
      dims_(std::move(dims)),
      random_(std::accumulate(name.begin(), name.end(), 1U, [](uint32_t h, char c) {
        return h * 31 + static_cast<uint8_t>(c);
      })) {
  model_.set_ir_version(onnx::IR_VERSION_2020_5_8);
  auto& import = *model_.add_opset_import();
  import.set_domain("");
  import.set_version(kFloatOpset);
  model_.mutable_graph()->set_name(name);
  qdq::AddValueInfo(*model_.mutable_graph()->add_input(), "x", dims_);
}

std::string NetworkBuilder::Next(const std::string& stem) {
  return stem + "_" + std::to_string(count_++);
}

std::string NetworkBuilder::Add(const std::string& op, const std::vector<std::string>& inputs,
                                const Attributes& attributes) {
  std::string output = Next(op);
  onnx::NodeProto& node = qdq::AddNode(*model_.mutable_graph(), op, inputs, output);
  for (const auto& [attribute, value] : attributes) qdq::AddAttribute(node, attribute, value);
  return output;
}

std::string NetworkBuilder::Random(std::vector<int64_t> dims, double deviation) {
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> values(ElementCount(dims));
  for (float& value : values) value = static_cast<float>(normal(random_));
  return Floats(std::move(dims), std::move(values));
}

std::string NetworkBuilder::Floats(std::vector<int64_t> dims, std::vector<float> values) {
  return qdq::AddTensor(*model_.mutable_graph(), Next("constant"),
                        Tensor::Of(std::move(dims), std::move(values)));
}

std::string NetworkBuilder::Ints(std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return qdq::AddTensor(*model_.mutable_graph(), Next("constant"),
                        Tensor::Of({count}, std::move(values)));
}

std::string NetworkBuilder::Half(int64_t which) {
  const int64_t half = dims_[1] / 2;
  return Add("Slice", {"x", Ints({which * half}), Ints({which * half + half}), Ints({1})});
}

void NetworkBuilder::Output(const std::string& value) {
  onnx::ValueInfoProto& info = *model_.mutable_graph()->add_output();
  info.set_name(value);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
}

}  // namespace lutra::converter::test
