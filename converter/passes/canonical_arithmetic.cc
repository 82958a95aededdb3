// Sums, means and extrema of any number of values -> operators of two; reductions and
// normalizations that are a formula of others -> that formula. Each is ONNX's own definition of the
// operator.
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "converter/passes/expansion.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// Node::Input names over which a reduction goes, and its own attributes, for a part of it.
std::vector<std::string> Over(const Node& node, const std::string& value) {
  if (node.Input(1).empty()) return {value};
  return {value, node.Input(1)};
}

/// ((a op b) op c) ...
std::string Folded(Expansion& expansion, const std::string& op) {
  const std::vector<std::string> inputs = expansion.node().inputs;
  std::string result = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) result = expansion.Add(op, {result, inputs[i]});
  return result;
}

void Variadic(Expansion& expansion) {
  const Node& node = expansion.node();
  const size_t count = node.inputs.size();
  if (count == 1) {
    expansion.Add("Identity", node.inputs);
  } else if (node.op == "Mean") {
    const std::string sum = Folded(expansion, "Add");
    expansion.Add("Div", {sum, expansion.Float(static_cast<float>(count))});
  } else {
    Folded(expansion, node.op == "Sum" ? "Add" : node.op);
  }
}

void ReduceL1(Expansion& expansion) {
  const Node& node = expansion.node();
  const std::string absolute = expansion.Add("Abs", {node.Input(0)});
  expansion.Add("ReduceSum", Over(node, absolute), node.attributes);
}

void ReduceSumSquare(Expansion& expansion) {
  const Node& node = expansion.node();
  const std::string square = expansion.Add("Mul", {node.Input(0), node.Input(0)});
  expansion.Add("ReduceSum", Over(node, square), node.attributes);
}

void ReduceLogSum(Expansion& expansion) {
  const Node& node = expansion.node();
  const std::string sum = expansion.Add("ReduceSum", Over(node, node.Input(0)), node.attributes);
  expansion.Add("Log", {sum});
}

/// log(sum(exp(x))) without overflow: -logsoftmax's normalizer, max(x) + log(sum(exp(x - max(x)))).
void ReduceLogSumExp(Expansion& expansion) {
  const Node& node = expansion.node();
  std::map<std::string, Attribute> keep = node.attributes;
  keep["keepdims"] = int64_t{1};
  const std::string kept = expansion.Add("ReduceMax", Over(node, node.Input(0)), keep);
  const std::string below = expansion.Add("Sub", {node.Input(0), kept});
  const std::string exponentials = expansion.Add("Exp", {below});
  const std::string sum = expansion.Add("ReduceSum", Over(node, exponentials), node.attributes);
  const std::string logarithm = expansion.Add("Log", {sum});
  const bool keeps = node.Int("keepdims", 1) != 0;
  const std::string largest =
      keeps ? kept : expansion.Add("ReduceMax", Over(node, node.Input(0)), node.attributes);
  expansion.Add("Add", {logarithm, largest});
}

/// x / |x| over one axis.
void LpNormalization(Expansion& expansion) {
  const Node& node = expansion.node();
  const std::string axis = expansion.Ints({node.Int("axis", -1)});
  const bool l1 = node.Int("p", 2) == 1;
  const std::string magnitude = l1 ? expansion.Add("Abs", {node.Input(0)}) : node.Input(0);
  const std::string norm = expansion.Add(l1 ? "ReduceSum" : "ReduceL2", {magnitude, axis});
  expansion.Add("Div", {node.Input(0), norm});
}

/// x / (bias + alpha * mean of the squares of the neighbours among the channels)^beta, where the
/// neighbours beyond the first and the last channel count as 0: an average over a column of
/// channels.
void LocalResponse(Expansion& expansion) {
  const Node& node = expansion.node();
  const auto* dims = KnownDims(expansion.graph(), node.Input(0));
  if (dims == nullptr || dims->size() < 3 || ElementCount(*dims) == 0) {
    Fail(node, "its input is no image of a known shape");
  }
  const int64_t size = node.Int("size", 1);
  const auto rest = static_cast<int64_t>(ElementCount(std::span(*dims).subspan(2)));
  if (size < 1 || size > 2 * (*dims)[1]) Fail(node, "its size is out of range");
  const std::string square = expansion.Add("Mul", {node.Input(0), node.Input(0)});
  const Dims column = {(*dims)[0], 1, (*dims)[1], rest};
  const std::string mean = expansion.Add("AveragePool", {expansion.Reshape(square, *dims, column)},
                                         {{"kernel_shape", Dims{size, 1}},
                                          {"pads", Dims{(size - 1) / 2, 0, size / 2, 0}},
                                          {"count_include_pad", int64_t{1}}});
  const std::string scaled = expansion.Add(
      "Mul", {expansion.Reshape(mean, column, *dims), expansion.Float(node.Float("alpha", 1e-4F))});
  const std::string sum = expansion.Add("Add", {scaled, expansion.Float(node.Float("bias", 1))});
  const std::string power = expansion.Add("Pow", {sum, expansion.Float(node.Float("beta", 0.75F))});
  expansion.Add("Div", {node.Input(0), power});
}

/// (x - mean) / standard deviation over the axes, by default all but the channels.
void MeanVariance(Expansion& expansion) {
  // Of constants: a deviation of 0 gives 0. (ONNX's own definition; float32 keeps it beside 0
  // only.)
  constexpr float kBesideZero = 1e-9F;
  const Node& node = expansion.node();
  const std::string axes = expansion.Ints(node.Ints("axes", {0, 2, 3}));
  const std::string mean = expansion.Add("ReduceMean", {node.Input(0), axes});
  const std::string centered = expansion.Add("Sub", {node.Input(0), mean});
  const std::string square = expansion.Add("Mul", {centered, centered});
  const std::string variance = expansion.Add("ReduceMean", {square, axes});
  const std::string deviation = expansion.Add("Sqrt", {variance});
  expansion.Add("Div", {centered, expansion.Add("Add", {deviation, expansion.Float(kBesideZero)})});
}

/// (sum |x|^p)^(1/p) over the image.
void GlobalLpPool(Expansion& expansion) {
  const Node& node = expansion.node();
  const auto* dims = KnownDims(expansion.graph(), node.Input(0));
  const int64_t p = node.Int("p", 2);
  if (dims == nullptr || dims->size() < 3) Fail(node, "its input has no known shape of an image");
  if (p != 1 && p != 2) Fail(node, "its p is " + std::to_string(p) + "; 1 and 2 are executed");
  Dims axes;
  for (size_t d = 2; d < dims->size(); ++d) axes.push_back(static_cast<int64_t>(d));
  const std::string magnitude = p == 1 ? expansion.Add("Abs", {node.Input(0)}) : node.Input(0);
  expansion.Add(p == 1 ? "ReduceSum" : "ReduceL2", {magnitude, expansion.Ints(axes)});
}

using Rule = void (*)(Expansion&);

Rule FindRule(const Node& node) {
  static const std::map<std::string_view, Rule> kRules = {
      {"Sum", Variadic},
      {"Mean", Variadic},
      {"ReduceL1", ReduceL1},
      {"ReduceSumSquare", ReduceSumSquare},
      {"ReduceLogSum", ReduceLogSum},
      {"ReduceLogSumExp", ReduceLogSumExp},
      {"LpNormalization", LpNormalization},
      {"LRN", LocalResponse},
      {"MeanVarianceNormalization", MeanVariance},
      {"GlobalLpPool", GlobalLpPool}};
  const bool extremum = node.op == "Max" || node.op == "Min";
  if (extremum) return node.inputs.size() == 2 ? nullptr : Variadic;
  const auto found = kRules.find(node.op);
  return found == kRules.end() ? nullptr : found->second;
}

}  // namespace

void CanonicalArithmetic(Graph& graph) {
  Connections connections(graph);
  bool changed = false;
  for (size_t i = 0; i < connections.size(); ++i) {
    const Node& node = connections.node(i);
    const Rule rule = node.domain.empty() ? FindRule(node) : nullptr;
    const ValueInfo* info = node.outputs.empty() ? nullptr : graph.Info(node.outputs[0]);
    if (rule == nullptr || node.inputs.empty() || info == nullptr ||
        info->type != DataType::float32) {
      continue;
    }
    Expansion expansion(connections, i);
    rule(expansion);
    expansion.Finish();
    changed = true;
  }
  connections.Finish();
  if (changed) InferShapes(graph);
}

}  // namespace lutra::converter::passes
