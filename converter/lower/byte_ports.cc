#include "converter/lower/byte_ports.h"

#include "converter/error.h"

namespace lutra::converter::lowering {
namespace {

DataType TypeOf(const Graph& graph, const std::string& value) {
  const ValueInfo* info = graph.Info(value);
  return info == nullptr ? DataType::undefined : info->type;
}

}  // namespace

std::map<std::string, PortBytes> BytePortsOf(const Graph& graph, bool quantized) {
  std::map<std::string, PortBytes> ports;
  for (const std::string& input : graph.inputs) {
    const DataType type = TypeOf(graph, input);
    if (type == DataType::uint8) {
      ports[input] = quantized ? PortBytes::uint8_grid : PortBytes::uint8_numbers;
    } else if (type == DataType::int8 && quantized) {
      ports[input] = PortBytes::int8_grid;
    }
  }
  if (!quantized) return ports;
  for (const std::string& output : graph.outputs) {
    const DataType type = TypeOf(graph, output);
    if (type == DataType::uint8) ports[output] = PortBytes::uint8_grid;
    if (type == DataType::int8) ports[output] = PortBytes::int8_grid;
  }
  return ports;
}

void RefuseIntegerInputs(const Graph& graph) {
  for (const std::string& input : graph.inputs) {
    const DataType type = TypeOf(graph, input);
    const std::vector<size_t> readers = graph.Consumers(input);
    const bool lacks = type == DataType::uint16 || type == DataType::uint32 ||
                       type == DataType::uint64 || type == DataType::string;
    if (!lacks || readers.empty()) continue;
    const Node& reader = graph.nodes[readers[0]];
    throw Error(
        "input '" + input + "' is " + std::string(DataTypeName(type)) + ", and node '" +
        reader.Label() + "' (" + reader.op +
        ") reads it as such, but models have no inputs of that type: give it another, or cut "
        "the network behind that node and feed what it gives");
  }
}

}  // namespace lutra::converter::lowering
