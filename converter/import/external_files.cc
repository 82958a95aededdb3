#include "converter/import/external_files.h"

#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <set>

#include "converter/files.h"

namespace lutra::converter::importing {
namespace {

using Locations = std::set<std::string>;

void Collect(const onnx::TensorProto& tensor, Locations& locations) {
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") locations.insert(entry.value());
  }
}

void Collect(const onnx::GraphProto& graph, Locations& locations);

void Collect(const onnx::NodeProto& node, Locations& locations) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    Collect(attribute.t(), locations);
    for (const onnx::TensorProto& tensor : attribute.tensors()) Collect(tensor, locations);
    if (attribute.has_g()) Collect(attribute.g(), locations);
    for (const onnx::GraphProto& inner : attribute.graphs()) Collect(inner, locations);
  }
}

void Collect(const onnx::GraphProto& graph, Locations& locations) {
  for (const onnx::TensorProto& tensor : graph.initializer()) Collect(tensor, locations);
  for (const onnx::NodeProto& node : graph.node()) Collect(node, locations);
}

}  // namespace

std::vector<std::string> ExternalFiles(const std::string& onnx_path) {
  const google::protobuf::LogSilencer silence;
  const std::vector<uint8_t> bytes = ReadBytes(onnx_path);
  onnx::ModelProto model;
  if (bytes.size() > INT32_MAX ||
      !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {};
  }
  Locations locations;
  Collect(model.graph(), locations);
  for (const onnx::FunctionProto& function : model.functions()) {
    for (const onnx::NodeProto& node : function.node()) Collect(node, locations);
  }
  std::vector<std::string> files;
  const std::filesystem::path folder = std::filesystem::path(onnx_path).parent_path();
  for (const std::string& location : locations) files.push_back((folder / location).string());
  return files;
}

}  // namespace lutra::converter::importing
