// See run_model.h.
#include "fuzz/run_model.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "schema/container.h"

namespace lutra::test {
namespace {

constexpr size_t kMostBytes = 64U << 20;

void Want(bool condition, const char* what, const lutra_error& error) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", what, error.message);
  std::abort();
}

void Run(const lutra_model* model, const lutra_options& options) {
  lutra_error error;
  lutra_error_init(&error);
  lutra_context* context = nullptr;
  Want(lutra_context_create(model, &options, &context, &error) == LUTRA_OK, "create", error);
  for (size_t i = 0; i < lutra_model_input_count(model); ++i) {
    lutra_port port;
    std::memset(&port, 0, sizeof port);
    port.struct_size = sizeof port;
    Want(lutra_model_input(model, i, &port, &error) == LUTRA_OK, "input", error);
    const std::vector<uint8_t> zeros(port.elements * (port.native_type == LUTRA_INT8 ? 1 : 4));
    Want(lutra_context_set_input(context, i, port.native_type, zeros.data(), zeros.size(),
                                 &error) == LUTRA_OK,
         "set input", error);
  }
  Want(lutra_context_run(context, &error) == LUTRA_OK, "run", error);
  for (size_t i = 0; i < lutra_model_output_count(model); ++i) {
    const void* data = nullptr;
    size_t bytes = 0;
    Want(lutra_context_output_data(context, i, &data, &bytes, &error) == LUTRA_OK, "output", error);
  }
  lutra_context_destroy(context);
}

bool HasCodedBlob(const uint8_t* bytes, size_t size) {
  ModelView view;
  if (!OpenContainer(bytes, size, &view).ok()) return false;
  for (size_t i = 0; i < view.model->blobs()->size(); ++i) {
    if (!view.IsRaw(i)) return true;
  }
  return false;
}

}  // namespace

FuzzResult RunModel(const uint8_t* bytes, size_t size, const char* row, lutra_status* known) {
  lutra_options options;
  lutra_options_init(&options);
  options.row = row;
  lutra_memory need;
  std::memset(&need, 0, sizeof need);
  need.struct_size = sizeof need;
  lutra_error error;
  lutra_error_init(&error);
  const lutra_status status = lutra_requirements(bytes, size, &options, &need, &error);
  if (known != nullptr) *known = status;
  if (status != LUTRA_OK) return FuzzResult::refused;
  if (need.model_bytes > kMostBytes || need.context_bytes > kMostBytes - need.model_bytes) {
    return FuzzResult::too_large;
  }
  lutra_model* model = nullptr;
  const lutra_status opened = lutra_model_open_buffer(bytes, size, &options, &model, &error);
  // Whether entropy-coded weights decode is known only now.
  if (opened == LUTRA_MALFORMED || opened == LUTRA_TRUNCATED) {
    Want(HasCodedBlob(bytes, size), "open", error);
    return FuzzResult::refused;
  }
  Want(opened == LUTRA_OK, "open", error);
  Run(model, options);
  lutra_model_close(model);
  return FuzzResult::ran;
}

}  // namespace lutra::test
