#include "runtime/hooks.h"

#include <algorithm>

#include "runtime/context.h"
#include "runtime/model.h"
#include "runtime/port_type.h"

namespace lutra {
namespace {

const schema::Operator& OperatorAt(const lutra_model* model, size_t index) {
  return *model->view.model->operators()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

size_t WeightBytes(const ModelView& view, const schema::Weights* weights) {
  const bool codebook = weights->kind() == schema::WeightKind::codebook;
  return view.BlobBytes(weights->values()) + view.BlobBytes(weights->params()) +
         (codebook ? view.BlobBytes(weights->codebook()) : 0);
}

const char* EncodingOf(const ModelView& view, const schema::Operator& op) {
  const auto* conv = op.options_as_Conv();
  const auto* linear = op.options_as_Linear();
  if (conv == nullptr && linear == nullptr) return "";
  const schema::Weights* weights = conv != nullptr ? conv->weights() : linear->weights();
  return schema::EnumNameEncoding(view.BlobEncoding(weights->values()));
}

/// Blobs of the operator's options and its constant inputs.
size_t BlobBytes(const ModelView& view, const schema::Operator& op) {
  size_t bytes = 0;
  if (const auto* conv = op.options_as_Conv()) bytes = WeightBytes(view, conv->weights());
  if (const auto* linear = op.options_as_Linear()) bytes = WeightBytes(view, linear->weights());
  if (const auto* lookup = op.options_as_Lookup()) bytes = view.BlobBytes(lookup->table());
  if (const auto* softmax = op.options_as_Softmax()) {
    if (ReadTensor(view, op.inputs()->Get(0), 1).type == schema::TensorType::int8)
      bytes = view.BlobBytes(softmax->table());
  }
  for (const uint16_t input : *op.inputs()) {
    const schema::Tensor& tensor = *view.model->tensors()->Get(input);
    if (tensor.lifetime() == schema::Lifetime::constant) bytes += view.BlobBytes(tensor.blob());
  }
  return bytes;
}

const char* NameOf(const ModelView& view, size_t tensor) {
  const auto* name =
      view.model->tensors()->Get(static_cast<flatbuffers::uoffset_t>(tensor))->name();
  return name == nullptr ? "" : name->c_str();
}

}  // namespace

OperatorInfo OperatorEvent::Info() const { return DescribeOperator(context->model, index); }

TensorAccess OperatorEvent::Input(size_t i) const {
  const schema::Operator& op = OperatorAt(context->model, index);
  return AccessTensor(context, op.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
}

TensorAccess OperatorEvent::Output(size_t i) const {
  const schema::Operator& op = OperatorAt(context->model, index);
  return AccessTensor(context, op.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
}

void SetHook(lutra_context* context, const OperatorHook& hook) { context->hook = hook; }

size_t OperatorCount(const lutra_model* model) { return model->operator_count; }

OperatorInfo DescribeOperator(const lutra_model* model, size_t index) {
  const schema::Operator& op = OperatorAt(model, index);
  const PreparedOperator& prepared = model->operators[index];
  OperatorInfo info;
  info.index = index;
  info.type = prepared.type->name;
  info.kernel = prepared.kernel;
  info.row = model->row->name;
  info.output_name = NameOf(model->view, op.outputs()->Get(0));
  info.weight_bytes = BlobBytes(model->view, op);
  info.encoding = EncodingOf(model->view, op);
  info.packed_bytes = prepared.packed_bytes;
  info.multiply_adds = prepared.multiply_adds;
  return info;
}

size_t TensorCount(const lutra_model* model) { return model->view.model->tensors()->size(); }

TensorAccess AccessTensor(const lutra_context* context, size_t index) {
  const Tensor tensor = ReadTensor(context->model->view, index, context->batch);
  TensorAccess access;
  access.index = index;
  access.name = NameOf(context->model->view, index);
  access.type = ToApiType(tensor.type);
  access.rank = tensor.rank;
  std::copy_n(tensor.shape, tensor.rank, access.shape);
  access.elements = tensor.elements;
  access.pixel_stride = tensor.pixel_stride;
  access.scale = tensor.scale;
  access.zero_point = tensor.zero_point;
  access.data = context->data[index];
  access.constant = tensor.lifetime == schema::Lifetime::constant;
  return access;
}

bool InputIsPermuted(const lutra_model* model, size_t index) {
  const auto at = static_cast<flatbuffers::uoffset_t>(index);
  const auto* permutation = model->view.model->inputs()->Get(at)->permutation();
  return permutation != nullptr && permutation->size() > 0;
}

const lutra_model* ModelOf(const lutra_context* context) { return context->model; }

}  // namespace lutra
