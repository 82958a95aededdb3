// The conversion against the ONNX file itself. What compare.h measures starts from the optimized
// graph, and so shares every mistake that the import of quantized nodes, a fusion or the layout may
// have made; here the graph runs as it was imported, node by node, untouched by any pass.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/executor/float_executor.h"
#include "converter/runtime_session.h"
#include "converter/warnings.h"

namespace lutra::converter::evaluate {

struct FileCheck {
  struct Agreement {
    double sqnr_db = 0;     ///< of the worst output; NaN when identical
    double within_two = 1;  ///< the worst output's share of elements within two steps
    /// 90 % within two steps or 20 dB: an error that rounding explains.
    bool Holds() const;
  };
  size_t samples = 0;
  Agreement optimized;  ///< the optimized graph in the float executor
  Agreement model;      ///< the model file in the runtime
};

/// Samples of the kind that the network expects: values over the whole range of the quantization
/// that reads an input, and a little beyond; normal deviates for inputs without one. Of a fixed
/// seed. Empty when an input is neither float nor 8 bits (indices, conditions).
std::vector<executor::TensorMap> RandomSamples(const Graph& imported, const RuntimeSession& session,
                                               size_t count);

/// Runs all three on the samples (by input, as the runtime takes them: float32). `imported` is what
/// ImportOnnx gave, `optimized` what was compared or lowered. A step is the scale of an int8 output
/// of the model, or 1/255 of a float output's range. Values whose shape is another than `declared`
/// says are named in `warnings`.
FileCheck CheckAgainstFile(const Graph& imported, const std::map<std::string, ValueInfo>& declared,
                           const Graph& optimized, RuntimeSession& session,
                           const std::vector<executor::TensorMap>& samples, Warnings& warnings);

}  // namespace lutra::converter::evaluate
