// C API: memory need, and models. lutra.h documents every function.
#include <algorithm>
#include <cstdio>

#include "lutra/lutra.h"
#include "runtime/api_error.h"
#include "runtime/context.h"
#include "runtime/file_mapping.h"
#include "runtime/fp_env.h"
#include "runtime/model.h"
#include "runtime/options.h"
#include "runtime/port_type.h"
#include "schema/validate.h"

namespace lutra {
namespace {

Status OpenAndValidate(const void* bytes, size_t size, ModelView* view) {
  if (bytes == nullptr) return Status::Error(Code::invalid_argument, "the model's bytes are NULL");
  LUTRA_RETURN_IF_ERROR(OpenContainer(bytes, size, view));
  return Validate(*view);
}

Status CheckBatch(const ModelView& view, size_t batch) {
  if (batch == 1 || view.model->batchable()) return Status();
  return Status::Error(Code::invalid_argument,
                       "batch %zu: an operator of this model mixes samples, so only batch 1 runs",
                       batch);
}

/// Counts both blocks, operator by operator: the memory of one prepared operator is enough.
Status Require(const void* bytes, size_t size, const lutra_options* caller_options,
               lutra_memory* out) {
  lutra_options options;
  const kernels::Row* row = nullptr;
  ModelView view;
  LUTRA_RETURN_IF_ERROR(ReadOptions(caller_options, &options));
  LUTRA_RETURN_IF_ERROR(ChooseRow(options, &row));
  LUTRA_RETURN_IF_ERROR(OpenAndValidate(bytes, size, &view));
  LUTRA_RETURN_IF_ERROR(CheckBatch(view, options.batch));
  Bump model_block;
  Bump context_block;
  ModelBuilder model(view, {bytes, size, false}, *row, model_block);
  ContextBuilder context(view, *row, options.batch, ToTeamOptions(options), context_block);
  for (size_t i = 0; i < model.operator_count(); ++i) {
    PreparedOperator prepared;
    LUTRA_RETURN_IF_ERROR(model.Add(i, &prepared));
    LUTRA_RETURN_IF_ERROR(context.Add(i, prepared));
  }
  context.Finish(nullptr);
  lutra_memory memory = {};
  memory.model_bytes = model_block.bytes();
  memory.context_bytes = context_block.bytes();
  memory.arena_bytes = context.arena_bytes();
  memory.alignment = kBlockAlignment;
  WriteSized(memory, out);
  return Status();
}

Status Open(const ModelBytes& bytes, const lutra_options* caller_options, lutra_model** out) {
  const ScopedFpEnv fp_env;  // packing computes scales of expanded weights
  lutra_options options;
  const kernels::Row* row = nullptr;
  ModelView view;
  LUTRA_RETURN_IF_ERROR(ReadOptions(caller_options, &options));
  LUTRA_RETURN_IF_ERROR(ChooseRow(options, &row));
  LUTRA_RETURN_IF_ERROR(OpenAndValidate(bytes.data, bytes.size, &view));
  Bump counted;
  LUTRA_RETURN_IF_ERROR(BuildModel(view, bytes, *row, counted, out));
  void* block = nullptr;
  lutra_allocator allocator;
  LUTRA_RETURN_IF_ERROR(AllocateBlock(options, counted.bytes(), "model", &block, &allocator));
  Bump placed(block, counted.bytes());
  lutra_model* model = nullptr;
  if (Status status = BuildModel(view, bytes, *row, placed, &model); !status.ok()) {
    if (allocator.release != nullptr) allocator.release(allocator.user, block, counted.bytes());
    return status;
  }
  model->allocator = allocator;
  model->block_bytes = counted.bytes();
  *out = model;
  return Status();
}

Status OpenFile(const char* path, const lutra_options* options, lutra_model** out) {
  if (path == nullptr) return Status::Error(Code::invalid_argument, "the path is NULL");
  ModelBytes bytes;
  bytes.mapped = true;
  LUTRA_RETURN_IF_ERROR(MapFile(path, &bytes.data, &bytes.size));
  Status status = Open(bytes, options, out);
  if (status.ok()) return status;
  UnmapFile(bytes.data, bytes.size);
  return Status::Error(status.code(), "%s: %s", path, status.message());
}

using Ports = flatbuffers::Vector<flatbuffers::Offset<schema::Port>>;

/// `out` is cleared.
Status DescribePort(const lutra_model* model, const Ports& ports, const char* what, size_t index,
                    lutra_port* out) {
  if (index >= ports.size()) {
    return Status::Error(Code::invalid_argument, "%s %zu: the model has %u", what, index,
                         ports.size());
  }
  const schema::Port& port = *ports.Get(static_cast<flatbuffers::uoffset_t>(index));
  const Tensor tensor = ReadTensor(model->view, port.tensor(), 1);
  lutra_port description = {};
  description.name = port.name()->c_str();
  description.native_type = ToApiType(tensor.type);
  description.preferred_type = ToApiType(port.preferred());
  description.accepts_uint8 = port.pixel_table() != kNoIndex ? 1 : 0;
  if (port.shape() != nullptr) {
    description.rank = port.shape()->size();
    description.shape = port.shape()->data();
  }
  description.native_rank = tensor.rank;
  description.native_shape = model->view.model->tensors()->Get(port.tensor())->shape()->data();
  description.scale = tensor.scale;
  description.zero_point = tensor.zero_point;
  description.elements = tensor.elements;
  WriteSized(description, out);
  return Status();
}

Status FindPort(const Ports& ports, const char* what, const char* name, size_t* index) {
  char names[160] = "";
  size_t length = 0;
  for (flatbuffers::uoffset_t i = 0; i < ports.size(); ++i) {
    const char* known = ports.Get(i)->name()->c_str();
    if (ports.Get(i)->name()->string_view() == name) {
      *index = i;
      return Status();
    }
    const int written = std::snprintf(names + length, sizeof(names) - length, "%s\"%s\"",
                                      i == 0 ? "" : ", ", known);
    length = std::min(sizeof(names) - 1, length + static_cast<size_t>(std::max(written, 0)));
  }
  return Status::Error(Code::invalid_argument, "no %s is named \"%.48s\"; there is %s", what, name,
                       names);
}

Status CheckModel(const lutra_model* model) {
  return model != nullptr ? Status() : Status::Error(Code::invalid_argument, "the model is NULL");
}

using PortList = const Ports* (schema::Model::*)() const;

Status Describe(const lutra_model* model, PortList ports, const char* what, size_t index,
                lutra_port* out) {
  LUTRA_RETURN_IF_ERROR(ClearSized(out));
  LUTRA_RETURN_IF_ERROR(CheckModel(model));
  return DescribePort(model, *(model->view.model->*ports)(), what, index, out);
}

Status Find(const lutra_model* model, PortList ports, const char* what, const char* name,
            size_t* index) {
  if (index != nullptr) *index = 0;
  LUTRA_RETURN_IF_ERROR(CheckModel(model));
  if (name == nullptr || index == nullptr) {
    return Status::Error(Code::invalid_argument, "a required pointer is NULL");
  }
  return FindPort(*(model->view.model->*ports)(), what, name, index);
}

}  // namespace
}  // namespace lutra

extern "C" {

using lutra::Code;
using lutra::Fail;
using lutra::Report;

lutra_status lutra_requirements(const void* bytes, size_t size, const lutra_options* options,
                                lutra_memory* out, lutra_error* error) {
  lutra::Status status = lutra::ClearSized(out);
  if (status.ok()) status = lutra::Require(bytes, size, options, out);
  return Report(status, error);
}

lutra_status lutra_model_open_file(const char* path, const lutra_options* options,
                                   lutra_model** out, lutra_error* error) {
  if (out == nullptr) return Fail(error, Code::invalid_argument, "the result pointer is NULL");
  *out = nullptr;
  return Report(lutra::OpenFile(path, options, out), error);
}

lutra_status lutra_model_open_buffer(const void* bytes, size_t size, const lutra_options* options,
                                     lutra_model** out, lutra_error* error) {
  if (out == nullptr) return Fail(error, Code::invalid_argument, "the result pointer is NULL");
  *out = nullptr;
  return Report(lutra::Open({bytes, size, false}, options, out), error);
}

void lutra_model_close(lutra_model* model) {
  if (model == nullptr) return;
  const lutra::ModelBytes bytes = model->bytes;
  const lutra_allocator allocator = model->allocator;
  if (allocator.release != nullptr) allocator.release(allocator.user, model, model->block_bytes);
  if (bytes.mapped) lutra::UnmapFile(bytes.data, bytes.size);
}

const char* lutra_model_name(const lutra_model* model) {
  if (model == nullptr || model->view.model->name() == nullptr) return "";
  return model->view.model->name()->c_str();
}

const char* lutra_model_row(const lutra_model* model) {
  return model == nullptr ? "" : model->row->name;
}

size_t lutra_model_input_count(const lutra_model* model) {
  return model == nullptr ? 0 : model->view.model->inputs()->size();
}

size_t lutra_model_output_count(const lutra_model* model) {
  return model == nullptr ? 0 : model->view.model->outputs()->size();
}

lutra_status lutra_model_input(const lutra_model* model, size_t index, lutra_port* out,
                               lutra_error* error) {
  return Report(lutra::Describe(model, &lutra::schema::Model::inputs, "input", index, out), error);
}

lutra_status lutra_model_output(const lutra_model* model, size_t index, lutra_port* out,
                                lutra_error* error) {
  return Report(lutra::Describe(model, &lutra::schema::Model::outputs, "output", index, out),
                error);
}

lutra_status lutra_model_find_input(const lutra_model* model, const char* name, size_t* index,
                                    lutra_error* error) {
  return Report(lutra::Find(model, &lutra::schema::Model::inputs, "input", name, index), error);
}

lutra_status lutra_model_find_output(const lutra_model* model, const char* name, size_t* index,
                                     lutra_error* error) {
  return Report(lutra::Find(model, &lutra::schema::Model::outputs, "output", name, index), error);
}

}  // extern "C"
