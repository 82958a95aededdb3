// ONNX files made by hand, so that each test states every byte that matters.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "converter/import/onnx_import.h"

namespace lutra::converter::importing {

/// x: float32 1x2x4x4 -> y; no nodes yet.
onnx::ModelProto EmptyModel(int64_t opset);

onnx::NodeProto& AddNode(onnx::ModelProto& model, const std::string& op,
                         const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs);
void SetInt(onnx::NodeProto& node, const std::string& name, int64_t value);
void SetInts(onnx::NodeProto& node, const std::string& name, const std::vector<int64_t>& values);
void SetFloat(onnx::NodeProto& node, const std::string& name, float value);
void SetFloats(onnx::NodeProto& node, const std::string& name, const std::vector<float>& values);
void SetString(onnx::NodeProto& node, const std::string& name, const std::string& value);

onnx::TensorProto& AddFloats(onnx::ModelProto& model, const std::string& name,
                             const std::vector<int64_t>& dims, const std::vector<float>& values);
onnx::TensorProto& AddInts(onnx::ModelProto& model, const std::string& name,
                           const std::vector<int64_t>& values);

/// Serializes and imports as "model.onnx".
Graph Import(const onnx::ModelProto& model, const ImportOptions& options = {});
/// The message of the Error that Import throws; "" if it does not.
std::string ImportError(const onnx::ModelProto& model, const ImportOptions& options = {});
std::string ImportErrorOf(const std::string& bytes);

}  // namespace lutra::converter::importing
