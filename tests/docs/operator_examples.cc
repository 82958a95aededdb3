#include "docs/operator_examples.h"

#include <map>
#include <string>
#include <utility>

namespace lutra::converter::test {
namespace {

using Dims = std::vector<int64_t>;

/// What the row does not say of an example.
struct Particulars {
  std::map<std::string, Attribute> attributes = {};
  /// Inputs that are constants, by number.
  std::map<size_t, Tensor> constants = {};
  size_t outputs = 1;
  Dims x = {1, 4, 6, 6};
  DataType integers = DataType::int64;
};

/// All ones, but for what decides shapes (Ints).
Tensor Ones(const Dims& dims) {
  return Tensor::Of(dims, std::vector<float>(ElementCount(dims), 1.0F));
}

Tensor Ints(const Dims& values) {
  return Tensor::Of({static_cast<int64_t>(values.size())}, values);
}

Tensor Number(float value) { return Tensor::Of({}, std::vector<float>{value}); }
Tensor Integer(int64_t value) { return Tensor::Of({}, Dims{value}); }

const std::map<std::string_view, Particulars>& AllParticulars() {
  static const Dims kSquare = {2, 2};
  static const Attribute kWindow = kSquare;
  static const std::map<std::string_view, Particulars> kAll = {
      {"PRelu", {{}, {{1, Ones({4, 1, 1})}}}},
      {"Clip", {{}, {{1, Number(0)}, {2, Number(6)}}}},
      {"Cast", {{{"to", static_cast<int64_t>(DataType::int32)}}}},
      {"BitShift", {{{"direction", std::string("LEFT")}}, {}, 1, {1, 4, 6, 6}, DataType::uint8}},
      {"Conv", {{}, {{1, Ones({8, 4, 3, 3})}}}},
      {"ConvTranspose", {{}, {{1, Ones({4, 8, 3, 3})}}}},
      {"Gemm", {{}, {{1, Ones({24, 8})}}, 1, {1, 24}}},
      {"MaxPool", {{{"kernel_shape", kWindow}}}},
      {"AveragePool", {{{"kernel_shape", kWindow}}}},
      {"LpPool", {{{"kernel_shape", kWindow}}}},
      {"MaxUnpool", {{{"kernel_shape", kWindow}}}},
      {"TopK", {{}, {{1, Ints({2})}}, 2}},
      {"CumSum", {{}, {{1, Integer(1)}}}},
      {"BatchNormalization",
       {{}, {{1, Ones({4})}, {2, Ones({4})}, {3, Ones({4})}, {4, Ones({4})}}}},
      {"InstanceNormalization", {{}, {{1, Ones({4})}, {2, Ones({4})}}}},
      {"GroupNormalization", {{{"num_groups", int64_t{2}}}, {{1, Ones({4})}, {2, Ones({4})}}}},
      {"LayerNormalization", {{}, {{1, Ones({6})}}}},
      {"RMSNormalization", {{}, {{1, Ones({6})}}}},
      {"LRN", {{{"size", int64_t{3}}}}},
      {"Reshape", {{}, {{1, Ints({1, -1})}}}},
      {"Squeeze", {{}, {{1, Ints({2})}}, 1, {1, 4, 1, 6}}},
      {"Unsqueeze", {{}, {{1, Ints({1})}}}},
      {"Transpose", {{{"perm", Dims{0, 3, 1, 2}}}}},
      {"Slice", {{}, {{1, Ints({1})}, {2, Ints({3})}, {3, Ints({1})}}}},
      {"Split", {{{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}}, {}, 2}},
      {"Concat", {{{"axis", int64_t{1}}}}},
      {"DepthToSpace", {{{"blocksize", int64_t{2}}}}},
      {"SpaceToDepth", {{{"blocksize", int64_t{2}}}}},
      {"Expand", {{}, {{1, Ints({1, 4, 6, 6})}}, 1, {1, 4, 1, 6}}},
      {"Tile", {{}, {{1, Ints({1, 1, 2, 1})}}}},
      {"Pad", {{}, {{1, Ints({0, 0, 1, 1, 0, 0, 1, 1})}}}},
      {"Gather", {{{"axis", int64_t{1}}}, {{1, Ints({0, 3, 1})}}}},
      {"GatherND", {{}, {{1, Tensor::Of({1, 1}, Dims{0})}}}},
      {"ScatterND", {{}, {{1, Tensor::Of({1, 1}, Dims{0})}}}},
      {"Compress", {{}, {{1, Ints({1, 0, 1}).Cast(DataType::boolean)}}}},
      {"ReverseSequence",
       {{{"batch_axis", int64_t{0}}, {"time_axis", int64_t{1}}}, {{1, Ints({3})}}}},
      {"Resize", {{}, {{2, Tensor::Of({4}, std::vector<float>{1, 1, 2, 2})}}}},
      {"Range", {{}, {{0, Number(0)}, {1, Number(4)}, {2, Number(1)}}}},
      {"EyeLike", {{}, {}, 1, {4, 4}}},
      {"OneHot", {{}, {{1, Number(5)}, {2, Ints({0, 1})}}}},
      {"ConstantOfShape", {{}, {{0, Ints({2, 2})}}}},
      {"LSTM",
       {{{"hidden_size", int64_t{4}}},
        {{1, Ones({1, 16, 4})}, {2, Ones({1, 16, 4})}},
        1,
        {3, 1, 4}}},
      {"GRU",
       {{{"hidden_size", int64_t{4}}},
        {{1, Ones({1, 12, 4})}, {2, Ones({1, 12, 4})}},
        1,
        {3, 1, 4}}},
      {"RNN",
       {{{"hidden_size", int64_t{4}}}, {{1, Ones({1, 4, 4})}, {2, Ones({1, 4, 4})}}, 1, {3, 1, 4}}},
  };
  return kAll;
}

DataType TypeOf(const InputSlot& slot, DataType integers) {
  switch (slot.type) {
    case 'i':
      return integers;
    case 'b':
      return DataType::boolean;
    case 'q':
      return DataType::int8;
    default:
      return DataType::float32;
  }
}

}  // namespace

Graph ExampleOf(const OperatorRow& row) {
  const auto found = AllParticulars().find(row.name);
  const Particulars particulars = found == AllParticulars().end() ? Particulars() : found->second;
  Graph graph;
  Node node;
  node.op = row.name;
  node.domain = row.domain;
  node.attributes = particulars.attributes;
  const std::vector<InputSlot> slots = InputSlots(row);
  for (size_t i = 0; i < slots.size(); ++i) {
    std::string name = "x" + std::to_string(i);
    if (const auto constant = particulars.constants.find(i);
        constant != particulars.constants.end()) {
      graph.values[name] = {constant->second.type(), constant->second.dims()};
      graph.initializers[name] = constant->second;
    } else if (slots[i].optional) {
      name.clear();
    } else {
      graph.values[name] = {TypeOf(slots[i], particulars.integers), particulars.x};
      graph.inputs.push_back(name);
    }
    node.inputs.push_back(std::move(name));
  }
  while (node.inputs.back().empty()) node.inputs.pop_back();
  if (slots.back().repeats && !node.inputs.back().empty()) {
    // Once more, so that there is something to combine.
    graph.values["more"] = {TypeOf(slots.back(), particulars.integers), particulars.x};
    graph.inputs.emplace_back("more");
    node.inputs.emplace_back("more");
  }
  for (size_t i = 0; i < particulars.outputs; ++i) {
    node.outputs.push_back("y" + std::to_string(i));
  }
  graph.outputs = node.outputs;
  graph.nodes = {std::move(node)};
  return graph;
}

}  // namespace lutra::converter::test
