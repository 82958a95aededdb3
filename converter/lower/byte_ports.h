// Networks whose inputs and outputs are integers in the ONNX graph. The runtime's inputs and
// outputs hold real numbers, but where the tensor behind one is int8, callers may pass bytes as
// well.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::lowering {

/// What an input or output of bytes holds: integers of a quantized network, which are the tensor's
/// own (uint8: plus 128), or numbers.
enum class PortBytes : uint8_t { int8_grid, uint8_grid, uint8_numbers };

/// Of an imported graph before any pass, by name; `quantized` (qdq/import_qdq.h) as it is.
std::map<std::string, PortBytes> BytePortsOf(const Graph& graph, bool quantized);

/// Of an optimized graph: throws Error that names an input which is computed with as integers, its
/// reader and the cure.
void RefuseIntegerInputs(const Graph& graph);

}  // namespace lutra::converter::lowering
