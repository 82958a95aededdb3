// Activations that opset 18 has no operator for, or that few runtimes execute, as the nodes they
// are made of.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::qdq {

/// Silu, HardSwish, Gelu, Mish.
bool IsComposite(const Node& node);

/// Adds nodes that compute `y` from `x`; `fresh` makes names.
void AddComposite(const Node& node, const std::string& x, const std::string& y,
                  const std::function<std::string(const std::string&)>& fresh,
                  onnx::GraphProto& graph);

}  // namespace lutra::converter::qdq
