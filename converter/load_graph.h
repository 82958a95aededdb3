// ONNX files as graphs: what conversion, evaluation, comparison and training begin with.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "converter/error.h"
#include "converter/graph/graph.h"
#include "converter/import/onnx_import.h"

namespace lutra::converter {

/// Imports an ONNX file that Lutra can execute; no pass has seen the graph. `declared`, if not
/// null, gets what the file states of its values. Throws Error that begins with the path.
Graph ImportGraph(const std::string& path, importing::ImportOptions import,
                  std::map<std::string, ValueInfo>* declared = nullptr);
/// The same of a file's bytes; `path` names it in messages and locates external data.
Graph ImportGraph(std::span<const uint8_t> bytes, const std::string& path,
                  importing::ImportOptions import,
                  std::map<std::string, ValueInfo>* declared = nullptr);

/// The same, and optimizes the graph.
Graph LoadGraph(const std::string& path, importing::ImportOptions import);
Graph LoadGraph(std::span<const uint8_t> bytes, const std::string& path,
                importing::ImportOptions import);

/// Calls the function; its Errors get the path before them.
template <typename Function>
void WithPath(const std::string& path, const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

}  // namespace lutra::converter
