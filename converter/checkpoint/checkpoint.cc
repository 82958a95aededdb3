// Chooses the reader by the file's first bytes. ONNX has no magic number and comes last: whatever
// nothing else claims and protobuf can parse.
#include "converter/checkpoint/checkpoint.h"

#include <cstring>
#include <optional>
#include <set>

#include "base/utf8.h"
#include "converter/checkpoint/pickle.h"
#include "converter/checkpoint/safetensors.h"
#include "converter/checkpoint/torch.h"
#include "converter/error.h"
#include "converter/file_kind.h"
#include "converter/files.h"
#include "converter/import/onnx_file.h"
#include "converter/import/onnx_tensor.h"
#include "schema/limits.h"

namespace lutra::converter::checkpoint {
namespace {

// Other constants are what operators are told: shapes, axes, the bounds of a Clip.
bool IsArrayOfFloats(const onnx::TensorProto& tensor) {
  using onnx::TensorProto;
  const auto type = tensor.data_type();
  return tensor.dims_size() > 0 && (type == TensorProto::FLOAT || type == TensorProto::DOUBLE ||
                                    type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16);
}

// Initializers, and arrays of numbers in Constant nodes of the main graph, by their outputs' names.
// What lies in branches, loops and functions is listed as skipped.
Checkpoint ReadOnnx(std::span<const uint8_t> bytes, const std::string& path) {
  std::optional<importing::OnnxFile> file;
  try {
    file.emplace(bytes, path);
  } catch (const Error&) {
    throw Error("is no checkpoint that Lutra reads (PyTorch, safetensors or ONNX)" +
                LooksLike(bytes));
  }
  Checkpoint checkpoint;
  checkpoint.format = "ONNX";
  importing::TensorReader reader(path);
  const auto take = [&](const char* kind, const onnx::TensorProto& proto) {
    if (proto.data_type() == onnx::TensorProto::STRING) {
      checkpoint.skipped.push_back({Printable(proto.name()), "a tensor of text"});
      return;
    }
    try {
      checkpoint.tensors.push_back({proto.name(), reader.Read(proto)});
    } catch (const Error& error) {
      throw Error(kind + (" '" + Printable(proto.name())) + "' " + error.what());
    }
  };
  for (const onnx::TensorProto& proto : file->graph().initializer()) take("initializer", proto);
  for (const onnx::NodeProto& node : file->graph().node()) {
    const bool constant = node.op_type() == "Constant" && node.output_size() == 1;
    const onnx::TensorProto* held = constant ? file->Constant(node.output(0)) : nullptr;
    if (held != nullptr && IsArrayOfFloats(*held)) take("constant", *held);
  }
  file->ForEachTensor([&](const std::string& where, const onnx::TensorProto& proto) {
    if (where.empty()) return;
    checkpoint.skipped.push_back({Printable(proto.name()), "a tensor inside " + Printable(where)});
  });
  return checkpoint;
}

Checkpoint ReadKnown(std::span<const uint8_t> bytes, const std::string& path) {
  if (bytes.size() >= 8 && std::memcmp(bytes.data() + 4, "LUT", 3) == 0) {
    throw Error(bytes[7] == 'R'
                    ? "is a .lutra model; give the network or the checkpoint that it was made from"
                    : "is a .lutra archive already; lutra decompress restores weights");
  }
  if (IsTorchZip(bytes)) return ReadTorchZip(bytes);
  if (IsTorchLegacy(bytes) || IsPickle(bytes)) return ReadTorchLegacy(bytes);
  if (IsSafetensors(bytes)) return ReadSafetensors(bytes);
  return ReadOnnx(bytes, path);
}

void CheckNames(const Checkpoint& checkpoint) {
  std::set<std::string_view> names;
  for (const NamedTensor& tensor : checkpoint.tensors) {
    const std::string& name = tensor.name;
    if (name.empty()) throw Error("holds a tensor without a name");
    if (name.size() > kMaxNameBytes || !IsPrintableUtf8(name)) {
      throw Error("the name '" + Printable(name) +
                  "' is longer than 1024 bytes or not printable UTF-8");
    }
    if (!names.insert(name).second) {
      throw Error("holds two tensors of the name '" + Printable(name) + "'");
    }
  }
}

}  // namespace

bool IsCheckpoint(std::span<const uint8_t> bytes) {
  return IsTorchZip(bytes) || IsTorchLegacy(bytes) || IsPickle(bytes) || IsSafetensors(bytes);
}

Checkpoint ReadCheckpointBytes(std::span<const uint8_t> bytes, const std::string& path) {
  try {
    Checkpoint checkpoint = ReadKnown(bytes, path);
    if (checkpoint.tensors.empty()) throw Error("holds no tensors");
    CheckNames(checkpoint);
    Warnings located;
    const std::string prefix = path + ": ";
    for (const std::string& line : checkpoint.warnings.lines()) located.Add(prefix + line);
    checkpoint.warnings = std::move(located);
    return checkpoint;
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

Checkpoint ReadCheckpoint(const std::string& path) {
  return ReadCheckpointBytes(ReadBytes(path), path);
}

}  // namespace lutra::converter::checkpoint
