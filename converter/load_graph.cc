#include "converter/load_graph.h"

#include <utility>

#include "converter/executor/float_executor.h"
#include "converter/files.h"
#include "converter/passes/passes.h"

namespace lutra::converter {

Graph ImportGraph(std::span<const uint8_t> bytes, const std::string& path,
                  importing::ImportOptions import, std::map<std::string, ValueInfo>* declared) {
  import.declared = declared;
  if (!import.why_unsupported) import.why_unsupported = executor::WhyUnsupported;
  if (!import.known_value) import.known_value = passes::KnownValue;
  return importing::ImportOnnxBytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                    path, import);
}

Graph ImportGraph(const std::string& path, importing::ImportOptions import,
                  std::map<std::string, ValueInfo>* declared) {
  return ImportGraph(ReadBytes(path), path, std::move(import), declared);
}

Graph LoadGraph(const std::string& path, importing::ImportOptions import) {
  return LoadGraph(ReadBytes(path), path, std::move(import));
}

Graph LoadGraph(std::span<const uint8_t> bytes, const std::string& path,
                importing::ImportOptions import) {
  Graph graph = ImportGraph(bytes, path, std::move(import));
  WithPath(path, [&] { passes::OptimizeGraph(graph); });
  return graph;
}

}  // namespace lutra::converter
