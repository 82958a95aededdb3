// C API: contexts. lutra.h documents every function.
#include <cstring>

#include "lutra/lutra.h"
#include "runtime/api_error.h"
#include "runtime/context.h"
#include "runtime/fp_env.h"
#include "runtime/options.h"
#include "runtime/port.h"
#include "runtime/port_type.h"
#include "schema/golden.h"

namespace lutra {
namespace {

Status Create(const lutra_model* model, const lutra_options* caller_options, lutra_context** out) {
  if (model == nullptr) return Status::Error(Code::invalid_argument, "the model is NULL");
  lutra_options options;
  LUTRA_RETURN_IF_ERROR(ReadOptions(caller_options, &options));
  if (options.batch != 1 && !model->view.model->batchable()) {
    return Status::Error(Code::invalid_argument,
                         "batch %zu: an operator of this model mixes samples, so only batch 1 runs",
                         options.batch);
  }
  const Team::Options team = ToTeamOptions(options);
  Bump counted;
  LUTRA_RETURN_IF_ERROR(BuildContext(*model, options.batch, team, counted, out));
  void* block = nullptr;
  lutra_allocator allocator;
  LUTRA_RETURN_IF_ERROR(AllocateBlock(options, counted.bytes(), "context", &block, &allocator));
  Bump placed(block, counted.bytes());
  lutra_context* context = nullptr;
  Status status = BuildContext(*model, options.batch, team, placed, &context);
  if (status.ok()) status = context->team.Start();
  if (!status.ok()) {
    if (allocator.release != nullptr) allocator.release(allocator.user, block, counted.bytes());
    return status;
  }
  context->allocator = allocator;
  context->block_bytes = counted.bytes();
  ResetPersistent(*context);
  *out = context;
  return Status();
}

using Ports = flatbuffers::Vector<flatbuffers::Offset<schema::Port>>;

const schema::Port& PortAt(const Ports& ports, size_t index) {
  return *ports.Get(static_cast<flatbuffers::uoffset_t>(index));
}

/// Does the port speak `type`, and are `bytes` bytes one whole batch of it.
Status CheckForm(const schema::Port& port, const Tensor& tensor, bool is_input, lutra_type type,
                 const void* data, size_t bytes) {
  const char* kind = is_input ? "input" : "output";
  if (data == nullptr) {
    return Status::Error(Code::invalid_argument, "%s \"%s\": data is NULL", kind,
                         port.name()->c_str());
  }
  const bool native = type == ToApiType(tensor.type);
  const bool reals = HoldsReals(tensor.type);
  const bool offered = native || (type == LUTRA_FLOAT32 && reals) ||
                       (type == LUTRA_UINT8 && is_input && port.pixel_table() != kNoIndex);
  if (!offered) {
    return Status::Error(Code::wrong_type, "%s \"%s\" does not offer %s; it is %s%s%s", kind,
                         port.name()->c_str(), TypeName(ToTensorType(type)), TypeName(tensor.type),
                         reals && tensor.type != schema::TensorType::float32 ? " and float32" : "",
                         is_input && type == LUTRA_UINT8 && reals
                             ? " (convert with --input-type uint8 for pixels)"
                             : "");
  }
  const size_t need = tensor.elements * ElementBytes(ToTensorType(type));
  if (bytes != need) {
    return Status::Error(Code::wrong_size, "%s \"%s\": %zu bytes where %s takes %zu", kind,
                         port.name()->c_str(), bytes, TypeName(ToTensorType(type)), need);
  }
  return Status();
}

Status CheckIndex(const lutra_context* context, const Ports& ports, const char* what,
                  size_t index) {
  if (index < ports.size()) return Status();
  return Status::Error(Code::invalid_argument, "%s %zu: the model \"%s\" has %u", what, index,
                       lutra_model_name(context->model), ports.size());
}

Status SetInput(lutra_context* context, size_t index, lutra_type type, const void* data,
                size_t bytes) {
  if (context == nullptr) return Status::Error(Code::invalid_argument, "the context is NULL");
  const Ports& ports = *context->model->view.model->inputs();
  LUTRA_RETURN_IF_ERROR(CheckIndex(context, ports, "input", index));
  const schema::Port& port = PortAt(ports, index);
  PortState& input = context->inputs[index];
  LUTRA_RETURN_IF_ERROR(CheckForm(port, input.tensor, true, type, data, bytes));
  const ScopedFpEnv fp_env;
  input.is_set = false;
  context->data[input.tensor.index] = input.own;
  // A float32 tensor's own order may be another than the graph's.
  if (type == LUTRA_FLOAT32) {
    LUTRA_RETURN_IF_ERROR(StoreFloat(*context->model, port, input.tensor,
                                     static_cast<const float*>(data), input.own));
  } else if (type == ToApiType(input.tensor.type)) {
    LUTRA_RETURN_IF_ERROR(StoreNative(port, input.tensor, data, input.own));
  } else {
    StorePixels(*context->model, port, input.tensor, static_cast<const uint8_t*>(data),
                static_cast<int8_t*>(input.own));
  }
  input.is_set = true;
  return Status();
}

Status BorrowInput(lutra_context* context, size_t index, const void* data, size_t bytes) {
  if (context == nullptr) return Status::Error(Code::invalid_argument, "the context is NULL");
  const Ports& ports = *context->model->view.model->inputs();
  LUTRA_RETURN_IF_ERROR(CheckIndex(context, ports, "input", index));
  const schema::Port& port = PortAt(ports, index);
  PortState& input = context->inputs[index];
  LUTRA_RETURN_IF_ERROR(
      CheckForm(port, input.tensor, true, ToApiType(input.tensor.type), data, bytes));
  if (reinterpret_cast<uintptr_t>(data) % input.tensor.element_bytes() != 0) {
    return Status::Error(Code::invalid_argument,
                         "input \"%s\": borrowed values are not aligned to %zu bytes",
                         port.name()->c_str(), input.tensor.element_bytes());
  }
  context->data[input.tensor.index] = const_cast<void*>(data);
  input.is_set = true;
  return Status();
}

Status CheckInputs(const lutra_context& context) {
  const Ports& ports = *context.model->view.model->inputs();
  for (size_t i = 0; i < ports.size(); ++i) {
    if (context.inputs[i].is_set) continue;
    return Status::Error(Code::input_not_set,
                         "input \"%s\" was not set (or its last value was refused)",
                         PortAt(ports, i).name()->c_str());
  }
  return Status();
}

Status CheckOutput(const lutra_context* context, size_t index) {
  if (context == nullptr) return Status::Error(Code::invalid_argument, "the context is NULL");
  LUTRA_RETURN_IF_ERROR(
      CheckIndex(context, *context->model->view.model->outputs(), "output", index));
  if (context->has_run) return Status();
  return Status::Error(Code::invalid_argument, "there are no outputs before the first run");
}

Status GetOutput(const lutra_context* context, size_t index, lutra_type type, void* data,
                 size_t bytes) {
  LUTRA_RETURN_IF_ERROR(CheckOutput(context, index));
  const schema::Port& port = PortAt(*context->model->view.model->outputs(), index);
  const Tensor& tensor = context->outputs[index].tensor;
  LUTRA_RETURN_IF_ERROR(CheckForm(port, tensor, false, type, data, bytes));
  const void* native = OutputData(*context, index);
  if (type == LUTRA_FLOAT32) {
    const ScopedFpEnv fp_env;
    LoadFloat(*context->model, port, tensor, native, static_cast<float*>(data));
  } else {
    std::memcpy(data, native, bytes);
  }
  return Status();
}

Status Verify(lutra_context* context) {
  if (context == nullptr) return Status::Error(Code::invalid_argument, "the context is NULL");
  const schema::Model& model = *context->model->view.model;
  if (model.golden() == nullptr) {
    return Status::Error(Code::no_golden_check, "the model \"%s\" carries no golden check",
                         lutra_model_name(context->model));
  }
  for (uint32_t i = 0; i < model.inputs()->size(); ++i) {
    PortState& input = context->inputs[i];
    const size_t elements = input.tensor.elements / context->batch;
    auto* own = static_cast<uint8_t*>(input.own);
    for (size_t sample = 0; sample < context->batch; ++sample) {
      FillGoldenInput(model.golden()->seed(), i, input.tensor.type, elements,
                      own + sample * elements * input.tensor.element_bytes());
    }
    context->data[input.tensor.index] = own;
    input.is_set = true;
  }
  ResetPersistent(*context);
  RunContext(*context);
  ResetPersistent(*context);
  for (uint32_t i = 0; i < model.outputs()->size(); ++i) {
    const Tensor sample = ReadTensor(context->model->view, model.outputs()->Get(i)->tensor(), 1);
    const uint32_t crc = Crc32c(OutputData(*context, i), sample.elements * sample.element_bytes());
    const uint32_t expected = model.golden()->output_crc()->Get(i);
    if (crc != expected) {
      return Status::Error(
          Code::verify_failed, "output \"%s\": checksum 0x%08X on row %s, the file says 0x%08X",
          model.outputs()->Get(i)->name()->c_str(), crc, context->model->row->name, expected);
    }
  }
  return Status();
}

}  // namespace
}  // namespace lutra

extern "C" {

using lutra::Code;
using lutra::Fail;
using lutra::Report;
using lutra::Status;

lutra_status lutra_context_create(const lutra_model* model, const lutra_options* options,
                                  lutra_context** out, lutra_error* error) {
  if (out == nullptr) return Fail(error, Code::invalid_argument, "the result pointer is NULL");
  *out = nullptr;
  return Report(lutra::Create(model, options, out), error);
}

void lutra_context_destroy(lutra_context* context) {
  if (context == nullptr) return;
  context->team.Stop();
  const lutra_allocator allocator = context->allocator;
  if (allocator.release != nullptr) {
    allocator.release(allocator.user, context, context->block_bytes);
  }
}

lutra_status lutra_context_set_input(lutra_context* context, size_t index, lutra_type type,
                                     const void* data, size_t bytes, lutra_error* error) {
  return Report(lutra::SetInput(context, index, type, data, bytes), error);
}

lutra_status lutra_context_borrow_input(lutra_context* context, size_t index, const void* data,
                                        size_t bytes, lutra_error* error) {
  return Report(lutra::BorrowInput(context, index, data, bytes), error);
}

lutra_status lutra_context_run(lutra_context* context, lutra_error* error) {
  if (context == nullptr) return Fail(error, Code::invalid_argument, "the context is NULL");
  const Status status = lutra::CheckInputs(*context);
  if (status.ok()) lutra::RunContext(*context);
  return Report(status, error);
}

lutra_status lutra_context_get_output(const lutra_context* context, size_t index, lutra_type type,
                                      void* data, size_t bytes, lutra_error* error) {
  return Report(lutra::GetOutput(context, index, type, data, bytes), error);
}

lutra_status lutra_context_output_data(const lutra_context* context, size_t index,
                                       const void** data, size_t* bytes, lutra_error* error) {
  if (data != nullptr) *data = nullptr;
  if (bytes != nullptr) *bytes = 0;
  if (data == nullptr || bytes == nullptr) {
    return Fail(error, Code::invalid_argument, "a required pointer is NULL");
  }
  const Status status = lutra::CheckOutput(context, index);
  if (!status.ok()) return Report(status, error);
  const lutra::Tensor& tensor = context->outputs[index].tensor;
  *data = lutra::OutputData(*context, index);
  *bytes = tensor.elements * tensor.element_bytes();
  return LUTRA_OK;
}

void lutra_context_reset(lutra_context* context) {
  if (context != nullptr) lutra::ResetPersistent(*context);
}

lutra_status lutra_context_verify(lutra_context* context, lutra_error* error) {
  return Report(lutra::Verify(context), error);
}

}  // extern "C"
