// A model file opened by the real runtime, as the converter's own checks use it: errors become
// exceptions, objects free themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"
#include "lutra/lutra.h"

namespace lutra::converter {

class RuntimeSession {
 public:
  /// Borrows the bytes. `name` says in messages what is run. Throws Error.
  RuntimeSession(std::span<const uint8_t> file, std::string name);

  const lutra_model* model() const { return model_.get(); }
  lutra_context* context() { return context_.get(); }
  std::vector<lutra_port> Inputs() const;
  std::vector<lutra_port> Outputs() const;

  /// One sample: inputs in the ONNX graph's layout, by port index, of any type: they are cast to
  /// float32, or to the type of a port that takes integers or bools. Throws Error.
  void Run(const std::vector<Tensor>& inputs);
  /// The same for a model of one input with a table for pixels: uint8 in the order of the tensor.
  void RunPixels(std::span<const uint8_t> pixels);
  /// An output of the last run in the ONNX graph's shape, cast to float32 from integers and bools.
  Tensor Output(size_t index) const;

 private:
  void Check(lutra_status status, const lutra_error& error) const;

  std::string name_;
  std::unique_ptr<lutra_model, decltype(&lutra_model_close)> model_;
  std::unique_ptr<lutra_context, decltype(&lutra_context_destroy)> context_;
};

/// CRC-32C of each output's native bytes for the golden inputs of `seed` (schema/golden.h).
std::vector<uint32_t> GoldenCrcs(RuntimeSession& session, uint64_t seed);

}  // namespace lutra::converter
