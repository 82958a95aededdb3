// What the tools share around the C API: objects that close themselves, and errors as one line
// that begins with the file's name.
#pragma once

#include <memory>
#include <string>

#include "lutra/lutra.h"

namespace lutra::tools {

struct ModelCloser {
  void operator()(lutra_model* model) const { lutra_model_close(model); }
};
struct ContextCloser {
  void operator()(lutra_context* context) const { lutra_context_destroy(context); }
};
using ModelPointer = std::unique_ptr<lutra_model, ModelCloser>;
using ContextPointer = std::unique_ptr<lutra_context, ContextCloser>;

/// An error of the C API to fill in, and its text.
class ApiError {
 public:
  ApiError() { lutra_error_init(&error_); }
  lutra_error* get() { return &error_; }
  std::string Of(const std::string& file) const {
    const std::string message = error_.message;
    return message.find(file) == 0 ? message : file + ": " + message;
  }

 private:
  lutra_error error_;
};

/// Options with their defaults set; the row of --cpu (empty: LUTRA_CPU, else the best).
inline lutra_options MakeOptions(const std::string& row, size_t threads) {
  lutra_options options;
  lutra_options_init(&options);
  options.row = row.empty() ? nullptr : row.c_str();
  options.threads = threads;
  return options;
}

bool OpenModel(const std::string& path, const lutra_options& options, ModelPointer* model,
               std::string* error);
bool CreateContext(const std::string& path, const lutra_model* model, const lutra_options& options,
                   ContextPointer* context, std::string* error);

lutra_port InputPort(const lutra_model* model, size_t index);
lutra_port OutputPort(const lutra_model* model, size_t index);

/// "[1, 3, 32, 32]"
std::string ShapeText(const int32_t* shape, size_t rank);

}  // namespace lutra::tools
