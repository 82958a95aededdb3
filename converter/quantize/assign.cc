// Second decision: scale and zero point of every int8 value. Values that are connected by
// operators without arithmetic form groups that share one pair.
#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/quantize/formats.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"

namespace lutra::converter::quantize {
namespace {

// An input of Concat that others read too keeps its own, finer scale when the joint one would be
// coarser than this.
constexpr double kCoarserInConcat = 2;

class Groups {
 public:
  explicit Groups(const std::set<std::string>& values) {
    for (const std::string& value : values) parent_[value] = value;
  }
  std::string Find(const std::string& value) {
    std::string root = value;
    while (parent_.at(root) != root) root = parent_.at(root);
    return parent_[value] = root;
  }
  void Fix(const std::string& value, QuantParams params) { fixed_[Find(value)] = params; }
  std::optional<QuantParams> Fixed(const std::string& value) {
    const auto found = fixed_.find(Find(value));
    return found == fixed_.end() ? std::nullopt : std::optional(found->second);
  }
  /// Unless both are fixed and differ.
  void Unite(const std::string& a, const std::string& b) {
    const std::string root = Find(a), other = Find(b);
    if (root == other) return;
    const std::optional<QuantParams> fixed_a = Fixed(a), fixed_b = Fixed(b);
    if (fixed_a && fixed_b && !(*fixed_a == *fixed_b)) return;
    parent_[other] = root;
    if (fixed_b) fixed_[root] = *fixed_b;
  }
  bool Knows(const std::string& value) const { return parent_.contains(value); }

 private:
  std::map<std::string, std::string> parent_;
  std::map<std::string, QuantParams> fixed_;  // by root
};

Range Clamped(Range range, const Clamp& clamp) {
  return {std::clamp(range.lo, static_cast<double>(std::min(clamp.lo, 0.0F)), 0.0),
          std::clamp(range.hi, 0.0, static_cast<double>(std::max(clamp.hi, 0.0F)))};
}

double Width(const Range& range) { return range.hi - range.lo; }

// A value written into a padded border must be representable as well.
void CoverPadValue(const Graph& graph, const Node& node, Range& range) {
  if (node.op != "Pad" || node.String("mode", "constant") != "constant") return;
  const Tensor* value = graph.Constant(node.Input(2));
  if (value == nullptr || value->elements() == 0) return;
  const double pad = static_cast<double>(value->ToFloats()[0]);
  if (std::isfinite(pad)) range = Union(range, {std::min(pad, 0.0), std::max(pad, 0.0)});
}

// The output and those inputs that lose nothing (or too little to pay for a requantization).
void UniteConcat(const Graph& graph, const Node& node, const std::map<std::string, Range>& ranges,
                 Groups& groups) {
  const std::vector<std::string> inputs = ActivationInputs(graph, node);
  const std::string& output = node.outputs[0];
  const bool all_fixed_alike = std::ranges::all_of(inputs, [&](const std::string& in) {
    return groups.Fixed(in) && *groups.Fixed(in) == *groups.Fixed(inputs[0]);
  });
  for (const std::string& input : inputs) {
    if (groups.Fixed(input) && !all_fixed_alike) continue;
    const bool shared = graph.Consumers(input).size() > 1;
    if (shared && Width(ranges.at(input)) * kCoarserInConcat < Width(ranges.at(output))) continue;
    groups.Unite(output, input);
  }
}

}  // namespace

void AssignActivations(const Graph& graph, const std::set<std::string>& values,
                       const std::map<std::string, Range>& ranges, Quantization& quantization) {
  Groups groups(values);
  std::map<std::string, Range> covered;
  for (const std::string& value : values) {
    const auto found = ranges.find(value);
    covered[value] = found == ranges.end() ? Range{} : found->second;
  }
  for (const Node& node : graph.nodes) {
    if (!quantization.IsInteger(node)) continue;
    Range& range = covered.at(node.outputs[0]);
    if (node.op == "Softmax") groups.Fix(node.outputs[0], ProbabilityParams(range.hi));
    if (node.clamp) range = Clamped(range, *node.clamp);
    CoverPadValue(graph, node, range);
  }
  for (const bool concat : {false, true}) {
    for (const Node& node : graph.nodes) {
      if (!quantization.IsInteger(node) || (node.op == "Concat") != concat) continue;
      if (IntegerFormOf(graph, node).form != IntegerForm::passive) continue;
      if (concat) {
        UniteConcat(graph, node, covered, groups);
        continue;
      }
      for (const std::string& output : node.outputs) {
        if (groups.Knows(output)) groups.Unite(node.inputs[0], output);
      }
    }
  }
  for (const State& state : graph.states) {
    if (groups.Knows(state.input) && groups.Knows(state.output)) {
      groups.Unite(state.input, state.output);
    }
  }
  std::map<std::string, Range> joint;
  for (const std::string& value : values) {
    Range& range = joint[groups.Find(value)];
    range = Union(range, covered.at(value));
  }
  for (const std::string& value : values) {
    const std::optional<QuantParams> fixed = groups.Fixed(value);
    quantization.activations[value] = fixed ? *fixed : ParamsOf(joint.at(groups.Find(value)));
  }
}

}  // namespace lutra::converter::quantize
