// Which files beside an ONNX file hold some of its tensors, without reading them.
#pragma once

#include <string>
#include <vector>

namespace lutra::converter::importing {

/// Paths, each once, in no order; whether they exist is not asked. A file that is no ONNX has none:
/// what is wrong with it is for its reader to say.
std::vector<std::string> ExternalFiles(const std::string& onnx_path);

}  // namespace lutra::converter::importing
