#include "converter/named_shape.h"

#include <algorithm>

#include "converter/error.h"

namespace lutra::converter {

std::string ShapeText(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

std::string Described(const NamedShape& output) {
  return "'" + output.name + "' " + ShapeText(output.dims);
}

std::string Listed(const std::vector<NamedShape>& outputs) {
  std::string text;
  for (const NamedShape& output : outputs) text += (text.empty() ? "" : ", ") + Described(output);
  return text;
}

size_t FindOutput(const std::vector<NamedShape>& outputs, const std::string& name,
                  const std::string& model) {
  const auto found = std::ranges::find(outputs, name, &NamedShape::name);
  if (found == outputs.end()) {
    throw Error(model + ": has no output '" + name + "'; its outputs are " + Listed(outputs));
  }
  return static_cast<size_t>(found - outputs.begin());
}

}  // namespace lutra::converter
