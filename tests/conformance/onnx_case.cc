#include "conformance/onnx_case.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/import/external_data.h"
#include "converter/import/onnx_import.h"
#include "converter/import/onnx_tensor.h"

namespace lutra::converter {
namespace {

namespace fs = std::filesystem;

std::string ReadBytes(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

bool IsReadable(int32_t onnx_type) {
  try {
    importing::ReadDataType(onnx_type);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string WhyNotType(const onnx::ValueInfoProto& value) {
  if (!value.type().has_tensor_type()) return "values that are no tensors (sequence, optional)";
  const int32_t type = value.type().tensor_type().elem_type();
  return IsReadable(type)
             ? ""
             : "element type " +
                   onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(type));
}

/// What the graph form cannot express at all, judged from the file alone.
std::string WhyNotModel(const onnx::GraphProto& graph) {
  for (const auto& input : graph.input()) {
    if (std::string why = WhyNotType(input); !why.empty()) return why;
  }
  for (const auto& output : graph.output()) {
    if (std::string why = WhyNotType(output); !why.empty()) return why;
  }
  for (const auto& node : graph.node()) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g() || attribute.graphs_size() > 0) {
        return "subgraphs (" + node.op_type() + ")";
      }
      if (attribute.has_t() && !IsReadable(attribute.t().data_type())) {
        return "constants of type " +
               onnx::TensorProto::DataType_Name(
                   static_cast<onnx::TensorProto::DataType>(attribute.t().data_type()));
      }
      if (node.op_type() == "Constant" && attribute.name().starts_with("value_string")) {
        return "constants of type STRING";
      }
    }
  }
  return "";
}

std::vector<Tensor> ReadTensors(const fs::path& folder, const char* stem) {
  std::vector<Tensor> tensors;
  for (size_t i = 0;; ++i) {
    const fs::path path = folder / (stem + std::to_string(i) + ".pb");
    if (!fs::exists(path)) return tensors;
    onnx::TensorProto proto;
    if (!proto.ParseFromString(ReadBytes(path))) throw Error(path.string() + " is no tensor");
    tensors.push_back(importing::TensorReader(path.string()).Read(proto));
  }
}

/// Floating values as ONNX's runner compares them (numpy.allclose: rtol 1e-3, atol 1e-7); integers
/// exactly. bfloat16 may differ in its last place, 2^-7: the data of ONNX 1.12 was truncated, Cast
/// rounds to nearest.
std::string Difference(const Tensor& got, const Tensor& expected) {
  std::ostringstream text;
  if (got.type() != expected.type()) {
    text << "type " << DataTypeName(got.type()) << " instead of " << DataTypeName(expected.type());
  } else if (got.dims() != expected.dims()) {
    text << "shape " << DimsText(got.dims()) << " instead of " << DimsText(expected.dims());
  } else if (IsFloating(got.type())) {
    const double relative = got.type() == DataType::bfloat16 ? 0x1p-7 : 1e-3;
    const Tensor a = got.Cast(DataType::float64), b = expected.Cast(DataType::float64);
    for (size_t i = 0; i < a.elements(); ++i) {
      const double x = a.as<double>()[i], y = b.as<double>()[i];
      const bool same = x == y || (std::isnan(x) && std::isnan(y)) ||
                        std::abs(x - y) <= 1e-7 + relative * std::abs(y);
      if (same) continue;
      text << "element " << i << " is " << x << " instead of " << y;
      break;
    }
  } else if (!std::ranges::equal(got.bytes(), expected.bytes())) {
    const std::vector<int64_t> a = got.ToInts(), b = expected.ToInts();
    const auto at = std::ranges::mismatch(a, b);
    text << "element " << at.in1 - a.begin() << " is " << *at.in1 << " instead of " << *at.in2;
  }
  return text.str();
}

/// The data files hold bfloat16 as uint16; the model tells which is meant.
void RestoreBFloat16(DataType declared, Tensor& tensor) {
  if (declared != DataType::bfloat16 || tensor.type() != DataType::uint16) return;
  Tensor restored(DataType::bfloat16, tensor.dims());
  std::ranges::copy(tensor.bytes(), restored.bytes().begin());
  tensor = std::move(restored);
}

std::string RunDataSet(const Graph& graph, const onnx::GraphProto& file, const fs::path& folder) {
  std::vector<Tensor> inputs = ReadTensors(folder, "input_");
  std::vector<Tensor> outputs = ReadTensors(folder, "output_");
  for (size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i) {
    RestoreBFloat16(graph.Info(graph.inputs[i])->type, inputs[i]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto& type = file.output(static_cast<int>(i)).type().tensor_type();
    RestoreBFloat16(importing::ReadDataType(type.elem_type()), outputs[i]);
  }
  if (outputs.empty()) return "no expected outputs in " + folder.string();
  executor::TensorMap given;
  for (size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i) {
    given[graph.inputs[i]] = inputs[i];
  }
  executor::FloatExecutor executor(graph);
  // Twice: the second run uses what the first one kept.
  executor.Run(given);
  const executor::TensorMap results = executor.Run(given);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string difference = Difference(results.at(graph.outputs.at(i)), outputs[i]);
    if (!difference.empty()) return "output '" + graph.outputs[i] + "': " + difference;
  }
  return "";
}

/// The importer's refusal "... not supported: node 'y' (Op): reason" as "Op: reason".
std::string RefusalIn(const std::string& message) {
  const size_t refusal = message.find(" not supported: node ");
  if (refusal == std::string::npos) return "";
  std::string reason = message.substr(message.find('(', refusal) + 1);
  return reason.erase(reason.find(')'), 1);
}

}  // namespace

CaseResult RunCase(const fs::path& folder) {
  using Verdict = CaseResult::Verdict;
  CaseResult result;
  const fs::path path = folder / "model.onnx";
  const std::string bytes = ReadBytes(path);
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) return {Verdict::failed, "model.onnx cannot be read", {}};
  for (const auto& node : model.graph().node()) result.operators.push_back(node.op_type());
  result.verdict = Verdict::skipped;
  result.reason = WhyNotModel(model.graph());
  if (!result.reason.empty()) return result;
  try {
    const Graph graph = importing::ImportOnnxBytes(bytes, path.string(), {});
    for (const Node& node : graph.nodes) {
      result.reason = executor::WhyUnsupported(node);
      if (!result.reason.empty()) return result;
    }
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_directory() || !result.reason.empty()) continue;
      result.reason = RunDataSet(graph, model.graph(), entry.path());
    }
  } catch (const Error& error) {
    result.reason = RefusalIn(error.what());
    if (!result.reason.empty()) return result;
    result.reason = error.what();
  }
  result.verdict = result.reason.empty() ? Verdict::passed : Verdict::failed;
  return result;
}

}  // namespace lutra::converter
