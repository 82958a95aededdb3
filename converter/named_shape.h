// Outputs as messages have them: what commands choose one of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lutra::converter {

struct NamedShape {
  std::string name;
  std::vector<int64_t> dims;  ///< for a batch of samples, where the network has one
};

std::string ShapeText(const std::vector<int64_t>& dims);     ///< "[1, 10]"
std::string Described(const NamedShape& output);             ///< "'y' [1, 10]"
std::string Listed(const std::vector<NamedShape>& outputs);  ///< "'y' [1, 10], 'z' [1, 4]"

/// The output of that name. Throws Error, which lists those that there are.
size_t FindOutput(const std::vector<NamedShape>& outputs, const std::string& name,
                  const std::string& model);

}  // namespace lutra::converter
