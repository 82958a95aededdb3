// Times per operator, in the tables of TFLite's benchmark_model: by run order, by time, by type.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "lutra/lutra.h"
#include "runtime/tools/timings.h"

namespace lutra::tools {

class Profile {
 public:
  explicit Profile(const lutra_model* model);

  /// Measures the context's runs from here until Stop.
  void Start(lutra_context* context);
  void Stop(lutra_context* context);

  /// The three tables and the summary, as text with tabs or as comma-separated values.
  std::string Tables(bool csv) const;
  void Write(JsonWriter* json) const;

 private:
  struct Node {
    std::string type, name;
    size_t bytes;
    Timings times;
  };

  std::string Rows(const std::string& title, const std::vector<const Node*>& order, bool csv) const;
  std::string ByType(bool csv) const;
  double TotalUs() const;

  std::vector<Node> nodes_;  // in run order
};

}  // namespace lutra::tools
