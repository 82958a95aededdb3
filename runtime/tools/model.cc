#include "runtime/tools/model.h"

namespace lutra::tools {

bool OpenModel(const std::string& path, const lutra_options& options, ModelPointer* model,
               std::string* error) {
  lutra_model* opened = nullptr;
  ApiError failure;
  if (lutra_model_open_file(path.c_str(), &options, &opened, failure.get()) != LUTRA_OK) {
    *error = failure.Of(path);
    return false;
  }
  model->reset(opened);
  return true;
}

bool CreateContext(const std::string& path, const lutra_model* model, const lutra_options& options,
                   ContextPointer* context, std::string* error) {
  lutra_context* created = nullptr;
  ApiError failure;
  if (lutra_context_create(model, &options, &created, failure.get()) != LUTRA_OK) {
    *error = failure.Of(path);
    return false;
  }
  context->reset(created);
  return true;
}

lutra_port InputPort(const lutra_model* model, size_t index) {
  lutra_port port{};
  port.struct_size = sizeof port;
  lutra_model_input(model, index, &port, nullptr);
  return port;
}

lutra_port OutputPort(const lutra_model* model, size_t index) {
  lutra_port port{};
  port.struct_size = sizeof port;
  lutra_model_output(model, index, &port, nullptr);
  return port;
}

std::string ShapeText(const int32_t* shape, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace lutra::tools
