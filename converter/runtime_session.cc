#include "converter/runtime_session.h"

#include "converter/error.h"
#include "runtime/port_type.h"
#include "schema/container.h"
#include "schema/golden.h"

namespace lutra::converter {
namespace {

lutra_error NewError() {
  lutra_error error;
  lutra_error_init(&error);
  return error;
}

template <typename Function>
std::vector<lutra_port> Ports(const lutra_model* model, size_t count, Function function) {
  std::vector<lutra_port> ports(count);
  for (size_t i = 0; i < count; ++i) {
    ports[i] = {};
    ports[i].struct_size = sizeof(lutra_port);
    lutra_error error = NewError();
    if (function(model, i, &ports[i], &error) != LUTRA_OK) throw Error(error.message);
  }
  return ports;
}

// How the port's values cross: real numbers as float32, others as they are.
lutra_type FormOf(const lutra_port& port) {
  return HoldsReals(ToTensorType(port.native_type)) ? LUTRA_FLOAT32 : port.native_type;
}

DataType DataTypeOf(lutra_type form) {
  switch (form) {
    case LUTRA_UINT8:
      return DataType::uint8;
    case LUTRA_INT16:
      return DataType::int16;
    case LUTRA_INT32:
      return DataType::int32;
    case LUTRA_INT64:
      return DataType::int64;
    case LUTRA_BOOL:
      return DataType::boolean;
    default:
      return DataType::float32;
  }
}

}  // namespace

RuntimeSession::RuntimeSession(std::span<const uint8_t> file, std::string name)
    : name_(std::move(name)),
      model_(nullptr, &lutra_model_close),
      context_(nullptr, &lutra_context_destroy) {
  lutra_error error = NewError();
  lutra_model* model = nullptr;
  Check(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, &error), error);
  model_.reset(model);
  lutra_context* context = nullptr;
  Check(lutra_context_create(model, nullptr, &context, &error), error);
  context_.reset(context);
}

void RuntimeSession::Check(lutra_status status, const lutra_error& error) const {
  if (status != LUTRA_OK) throw Error(name_ + ": " + error.message);
}

std::vector<lutra_port> RuntimeSession::Inputs() const {
  return Ports(model(), lutra_model_input_count(model()), lutra_model_input);
}

std::vector<lutra_port> RuntimeSession::Outputs() const {
  return Ports(model(), lutra_model_output_count(model()), lutra_model_output);
}

void RuntimeSession::Run(const std::vector<Tensor>& inputs) {
  lutra_error error = NewError();
  const std::vector<lutra_port> ports = Inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const lutra_type type = FormOf(ports.at(i));
    const Tensor values = inputs[i].Cast(DataTypeOf(type));
    const std::span<const std::byte> bytes = values.bytes();
    Check(lutra_context_set_input(context(), i, type, bytes.data(), bytes.size(), &error), error);
  }
  Check(lutra_context_run(context(), &error), error);
}

void RuntimeSession::RunPixels(std::span<const uint8_t> pixels) {
  lutra_error error = NewError();
  Check(lutra_context_set_input(context(), 0, LUTRA_UINT8, pixels.data(), pixels.size(), &error),
        error);
  Check(lutra_context_run(context(), &error), error);
}

Tensor RuntimeSession::Output(size_t index) const {
  const lutra_port port = Outputs().at(index);
  const lutra_type type = FormOf(port);
  Tensor tensor(DataTypeOf(type), {port.shape, port.shape + port.rank});
  const std::span<std::byte> bytes = tensor.bytes();
  lutra_error error = NewError();
  Check(lutra_context_get_output(context_.get(), index, type, bytes.data(), bytes.size(), &error),
        error);
  return tensor.Cast(DataType::float32);
}

std::vector<uint32_t> GoldenCrcs(RuntimeSession& session, uint64_t seed) {
  lutra_error error = NewError();
  const std::vector<lutra_port> inputs = session.Inputs();
  std::vector<std::vector<uint8_t>> buffers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const schema::TensorType type = ToTensorType(inputs[i].native_type);
    const size_t bytes = inputs[i].elements * lutra::ElementBytes(type);
    std::vector<uint8_t>& buffer = buffers.emplace_back(bytes);
    FillGoldenInput(seed, static_cast<uint32_t>(i), type, inputs[i].elements, buffer.data());
    if (lutra_context_borrow_input(session.context(), i, buffer.data(), bytes, &error) !=
        LUTRA_OK) {
      throw Error(error.message);
    }
  }
  lutra_context_reset(session.context());
  if (lutra_context_run(session.context(), &error) != LUTRA_OK) throw Error(error.message);
  std::vector<uint32_t> crcs;
  for (size_t i = 0; i < lutra_model_output_count(session.model()); ++i) {
    const void* data = nullptr;
    size_t bytes = 0;
    if (lutra_context_output_data(session.context(), i, &data, &bytes, &error) != LUTRA_OK) {
      throw Error(error.message);
    }
    crcs.push_back(Crc32c(data, bytes));
  }
  return crcs;
}

}  // namespace lutra::converter
