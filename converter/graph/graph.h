// The float graph every part of the converter works on: ONNX's own operators and names, in one
// canonical form (that of opset 18: what older opsets keep in attributes is an input here), so
// that a pass, the executor and the quantizer need to know one form only.
//
// Two things that ONNX lacks are fields of a node: a fused output clamp, and the layout of spatial
// operators.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter {

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>, Tensor>;

/// What is known of a value before anything runs. dims: -1 where unknown.
struct ValueInfo {
  DataType type = DataType::undefined;
  std::optional<std::vector<int64_t>> dims;  ///< nullopt: not even the rank
};

/// y = min(max(y, lo), hi) after the operator itself (fused Relu, Relu6, Clip).
struct Clamp {
  float lo = -__builtin_inff();
  float hi = __builtin_inff();
};

/// Layout of the activations of Conv, ConvTranspose, pooling, Resize and their like. The graph
/// starts in nchw; passes/layout.cc rewrites it to nhwc with explicit Transposes, which it cancels.
/// Conv weights stay OIHW in the graph whatever the layout.
enum class Layout : uint8_t { nchw, nhwc };

struct Node {
  std::string op;      ///< ONNX operator, default domain ("Conv")
  std::string domain;  ///< "" = ONNX
  std::string name;
  std::vector<std::string> inputs;  ///< value names; "" = optional input left out
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;
  std::optional<Clamp> clamp;
  Layout layout = Layout::nchw;

  /// Attribute by name, or `otherwise` when absent; throw Error when it is of another type.
  int64_t Int(std::string_view attribute, int64_t otherwise) const;
  float Float(std::string_view attribute, float otherwise) const;
  std::string String(std::string_view attribute, std::string otherwise) const;
  std::vector<int64_t> Ints(std::string_view attribute, std::vector<int64_t> otherwise = {}) const;
  bool Has(std::string_view attribute) const;
  /// Name of input i, "" when absent.
  const std::string& Input(size_t i) const;
  /// How messages call it: the name of its first output that is used, as reports do.
  const std::string& Label() const;
};

/// "node 'conv1' (Conv)".
std::string NodeText(const Node& node);
/// Throws Error that names the node.
[[noreturn]] void Fail(const Node& node, const std::string& why);

/// An input that holds in each run what an output had in the one before, and zeros in the first.
struct State {
  std::string input, output;
};

struct Graph {
  std::string name;
  std::vector<std::string> inputs;  ///< without initializers
  std::vector<std::string> outputs;
  /// Their inputs stand behind all others; neither they nor their outputs are ports of a model.
  std::vector<State> states;
  std::map<std::string, Tensor> initializers;
  std::map<std::string, ValueInfo> values;  ///< every value that something is known of
  std::vector<Node> nodes;                  ///< topological order
  /// 4 * elements over the floating initializers of the file it came from.
  uint64_t fp32_bytes = 0;

  const Tensor* Constant(const std::string& value) const;  ///< null when computed
  const ValueInfo* Info(const std::string& value) const;
  /// Index of the node that computes the value, or none for inputs and initializers.
  std::optional<size_t> Producer(const std::string& value) const;
  /// Nodes that read the value. A graph output counts in IsOutput, not here.
  std::vector<size_t> Consumers(const std::string& value) const;
  bool IsOutput(const std::string& value) const;
  /// Whether its elements are floating, as far as is known.
  bool IsReal(const std::string& value) const;
  /// Inputs that callers bring.
  size_t DataInputs() const { return inputs.size() - states.size(); }
  /// The state whose input or output the value is, or null.
  const State* StateOf(const std::string& value) const;
  /// A value name that is not taken, beginning with `stem`.
  std::string FreshName(const std::string& stem) const;
  void ReplaceUses(const std::string& from, const std::string& to);  ///< in nodes and outputs
  /// Brings nodes into topological order, keeping theirs where it is one. Throws Error on a cycle.
  void Sort();
  /// Throws Error on a dangling name, a node before its inputs, or a value computed twice.
  void Check() const;
};

}  // namespace lutra::converter
