// Networks that take bytes and make floats of them at once: uint8 -> Cast -> Div, perhaps with a
// Transpose before the Cast. As real numbers they can be quantized, and callers still bring pixels,
// so the input becomes float32 and the Cast one that changes nothing. The same goes for the
// unsigned types that a model file lacks. Other integers and bools keep their type, and are cast
// there.
#include <map>
#include <set>

#include "converter/graph/operator_table.h"
#include "converter/passes/passes.h"

namespace lutra::converter::passes {
namespace {

bool MayBecomeFloats(DataType type) {
  return type == DataType::uint8 || type == DataType::int8 || type == DataType::uint16 ||
         type == DataType::uint32 || type == DataType::uint64;
}

bool MakesFloats(const Node& node) {
  return node.op == "Cast" && IsFloating(static_cast<DataType>(node.Int("to", 0)));
}

}  // namespace

void FloatInputs(Graph& graph) {
  std::map<std::string, std::string> origin;  // value -> the input that it holds elements of
  std::set<std::string> cast, other;          // inputs by what becomes of their elements
  for (const std::string& input : graph.inputs) {
    const ValueInfo* info = graph.Info(input);
    if (info != nullptr && MayBecomeFloats(info->type)) origin[input] = input;
  }
  if (origin.empty()) return;
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const auto found = origin.find(node.inputs[i]);
      if (found == origin.end() || node.op == "Shape") continue;
      const std::string input = found->second;
      if (i == 0 && Is(node, kMoveOfFirst)) {
        for (const std::string& output : node.outputs) origin[output] = input;
      } else {
        (MakesFloats(node) ? cast : other).insert(input);
      }
    }
  }
  for (const std::string& output : graph.outputs) {
    if (const auto found = origin.find(output); found != origin.end()) other.insert(found->second);
  }
  for (const std::string& input : cast) {
    if (!other.contains(input)) graph.values[input].type = DataType::float32;
  }
}

}  // namespace lutra::converter::passes
