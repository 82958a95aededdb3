#include "converter/train/blocks.h"

#include <algorithm>
#include <map>

namespace lutra::converter::train {
namespace {

bool CanBeCutAt(const Graph& graph, const std::string& value) {
  const ValueInfo* info = graph.Info(value);
  return info != nullptr && info->type == DataType::float32 && info->dims && !info->dims->empty() &&
         info->dims->front() == 1;
}

/// For each node the value that alone goes on behind it; "" where several do.
std::vector<std::string> ValuesThatGoOn(const Graph& graph) {
  std::map<std::string, size_t> last_read;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& input : graph.nodes[i].inputs) last_read[input] = i;
  }
  for (const std::string& output : graph.outputs) last_read[output] = graph.nodes.size();
  std::set<std::string> live(graph.inputs.begin(), graph.inputs.end());
  std::vector<std::string> alone;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    live.insert(node.outputs.begin(), node.outputs.end());
    std::erase_if(live, [&](const std::string& value) {
      const auto read = last_read.find(value);
      return read == last_read.end() || read->second <= i;
    });
    const bool one = live.size() == 1 && CanBeCutAt(graph, *live.begin());
    alone.push_back(one ? *live.begin() : "");
  }
  return alone;
}

/// Nodes first to end - 1 of the graph.
Block MakeBlock(const Graph& graph, size_t first, size_t end, const std::string& input,
                const std::set<std::string>& layers) {
  Block block;
  block.graph.inputs = {input};
  const auto know = [&](const std::string& value) {
    if (const ValueInfo* info = graph.Info(value)) block.graph.values[value] = *info;
    if (const Tensor* constant = graph.Constant(value)) {
      block.graph.initializers.emplace(value, *constant);
    }
  };
  know(input);
  for (size_t i = first; i < end; ++i) {
    const Node& node = graph.nodes[i];
    block.graph.nodes.push_back(node);
    for (const std::string& value : node.inputs) know(value);
    for (const std::string& value : node.outputs) know(value);
    if (layers.contains(node.Label())) block.layers.push_back(node.Label());
  }
  return block;
}

}  // namespace

std::vector<Block> CutIntoBlocks(const Graph& graph, const std::set<std::string>& layers) {
  const std::vector<std::string> alone = ValuesThatGoOn(graph);
  std::vector<Block> blocks;
  std::string input = graph.inputs.at(0);
  size_t first = 0;
  bool has_layer = false;
  size_t end = 0;  // of the block, as far as it may be cut behind its layers; 0: nowhere yet
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (layers.contains(graph.nodes[i].Label())) {
      if (end > first) {
        Block& block = blocks.emplace_back(MakeBlock(graph, first, end, input, layers));
        input = alone[end - 1];
        block.graph.outputs = {input};
        first = end;
      }
      has_layer = true;
      end = 0;
    }
    if (has_layer && !alone[i].empty()) end = i + 1;
  }
  if (first == graph.nodes.size()) return blocks;
  Block& rest = blocks.emplace_back(MakeBlock(graph, first, graph.nodes.size(), input, layers));
  for (const std::string& output : graph.outputs) {
    if (rest.graph.Producer(output)) rest.graph.outputs.push_back(output);
  }
  return blocks;
}

}  // namespace lutra::converter::train
