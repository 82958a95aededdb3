// See onnx_inputs.h.
#include "fuzz/onnx_inputs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/proto_mutator.h"

namespace lutra::test {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

size_t ElementBytes(int32_t type) {
  switch (type) {
    case onnx::TensorProto::FLOAT:
    case onnx::TensorProto::INT32:
    case onnx::TensorProto::UINT32:
      return 4;
    case onnx::TensorProto::INT64:
    case onnx::TensorProto::UINT64:
    case onnx::TensorProto::DOUBLE:
      return 8;
    case onnx::TensorProto::FLOAT16:
    case onnx::TensorProto::BFLOAT16:
    case onnx::TensorProto::INT16:
    case onnx::TensorProto::UINT16:
      return 2;
    case onnx::TensorProto::INT8:
    case onnx::TensorProto::UINT8:
    case onnx::TensorProto::BOOL:
      return 1;
    default:
      return 0;
  }
}

/// As many raw bytes as the dimensions need, repeated where there are too few.
void FitContents(onnx::TensorProto& tensor) {
  constexpr size_t kMostBytes = 16384;
  size_t bytes = ElementBytes(tensor.data_type());
  for (const int64_t dim : tensor.dims()) {
    if (dim < 0 || dim > static_cast<int64_t>(kMostBytes)) return;
    bytes *= static_cast<size_t>(dim);
    if (bytes > kMostBytes) return;
  }
  if (bytes == 0 || tensor.raw_data().size() == bytes || tensor.external_data_size() > 0) return;
  std::string raw = tensor.raw_data();
  // Numbers in fields of their own are few in what exporters write, and right if nothing changed.
  if (raw.empty() &&
      tensor.float_data_size() + tensor.int32_data_size() + tensor.int64_data_size() > 0) {
    return;
  }
  if (raw.empty()) raw = "\1\0\0\0";
  for (size_t i = 0; raw.size() < bytes; ++i) raw += raw[i];
  raw.resize(bytes);
  tensor.set_raw_data(raw);
}

void FitAllContents(Message& message) {
  if (auto* tensor = dynamic_cast<onnx::TensorProto*>(&message)) FitContents(*tensor);
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) FitAllContents(*reflection.MutableMessage(&message, field));
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i) {
      FitAllContents(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

}  // namespace

void MutateOnnx(onnx::ModelProto& model, const onnx::ModelProto& donor, RandomNumbers& random) {
  ProtoMutator mutator(random.Bits());
  for (size_t changes = 1 + random.Below(3); changes > 0; --changes) mutator.Mutate(model, donor);
  if (!random.OneIn(4)) FitAllContents(model);
}

}  // namespace lutra::test
