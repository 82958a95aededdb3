// Small helpers to build ONNX protobufs.
#pragma once

#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter::qdq {

onnx::NodeProto& AddNode(onnx::GraphProto& graph, const std::string& op,
                         const std::vector<std::string>& inputs, const std::string& output);
void AddAttribute(onnx::NodeProto& node, const std::string& name, const Attribute& value);

/// Adds an initializer with the tensor's raw bytes; returns its name.
std::string AddTensor(onnx::GraphProto& graph, const std::string& name, const Tensor& tensor);
std::string AddScalar(onnx::GraphProto& graph, const std::string& name, float value);
template <typename T>
std::string AddIntegers(onnx::GraphProto& graph, const std::string& name, DataType type,
                        const std::vector<int64_t>& dims, const std::vector<T>& values) {
  Tensor tensor(type, dims);
  std::copy(values.begin(), values.end(), tensor.as<T>().begin());
  return AddTensor(graph, name, tensor);
}

void AddValueInfo(onnx::ValueInfoProto& info, const std::string& name,
                  const std::vector<int64_t>& dims);

}  // namespace lutra::converter::qdq
