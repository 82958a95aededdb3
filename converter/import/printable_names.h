// Names of values and nodes as people can read them. ONNX wants UTF-8 but nothing enforces it, and
// names end up on terminals, in JSON and HTML, in recipes and in the .lutra file, which takes
// printable UTF-8 of at most 1024 bytes (schema/limits.h).
#pragma once

#include <onnx/onnx_pb.h>

namespace lutra::converter::importing {

/// Replaces what is not printable in every name of a graph, a node or a value, shortens what is too
/// long, and keeps different names different. Names that are fit stay as they are.
void MakeNamesPrintable(onnx::ModelProto& model);

}  // namespace lutra::converter::importing
