// The sweep of ToNhwc over the graph, and the spatial operators.
#include "converter/passes/layout.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "converter/executor/float_executor.h"
#include "converter/graph/operator_table.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// A permutation that only moves dimensions of one element changes no order in memory.
bool KeepsMemoryOrder(const Dims& dims, const Perm& axes) {
  int64_t last = -1;
  for (const int64_t axis : axes) {
    if (dims[static_cast<size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

}  // namespace

Perm IdentityPerm(size_t rank) {
  Perm perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  return perm;
}

Perm ChannelsLast(size_t rank) {
  Perm perm = IdentityPerm(rank);
  perm[1] = static_cast<int64_t>(rank) - 1;
  for (size_t i = 2; i < rank; ++i) perm[i] = static_cast<int64_t>(i) - 1;
  return perm;
}

Dims Permuted(const Dims& dims, const Perm& perm) {
  Dims result(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) result[static_cast<size_t>(perm[i])] = dims[i];
  return result;
}

Tensor Permuted(const Tensor& tensor, const Perm& perm) {
  Node transpose;
  transpose.op = "Transpose";
  transpose.outputs = {"constant"};
  transpose.attributes["perm"] = Permuted(IdentityPerm(perm.size()), perm);
  return std::move(executor::ExecuteNode(transpose, {tensor})[0]);
}

Perm WithoutDims(const Perm& perm, const std::vector<bool>& removed) {
  Perm result;
  for (size_t i = 0; i < perm.size(); ++i) {
    if (removed[i]) continue;
    int64_t position = perm[i];
    for (size_t k = 0; k < perm.size(); ++k) position -= removed[k] && perm[k] < perm[i] ? 1 : 0;
    result.push_back(position);
  }
  return result;
}

LayoutRewriter::LayoutRewriter(Graph& graph) : graph_(graph), original_(graph.values) {}

void LayoutRewriter::Run() {
  StartInputs();
  original_nodes_ = std::exchange(graph_.nodes, {});
  for (size_t i = 0; i < original_nodes_.size(); ++i) {
    for (const std::string& input : original_nodes_[i].inputs) readers_[input].push_back(i);
  }
  for (const Node& node : original_nodes_) Rewrite(node);
  FinishOutputs();
  graph_.nodes = std::move(nodes_);
}

/// An input that reaches a spatial operator through others that do not care is channels last from
/// the start: so the Transpose stands right behind it, where a caller's copy can do its work.
void LayoutRewriter::StartInputs() {
  std::set<std::string> wanted;
  for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
    if (Is(*node, kSpatial)) {
      wanted.insert(node->Input(0));
    } else if (IsElementwise(*node) || node->op == "Concat" || node->op == "Split" ||
               node->op == "Slice" || node->op == "Pad") {
      const bool passes_on = std::ranges::any_of(
          node->outputs, [&](const std::string& output) { return wanted.contains(output); });
      if (passes_on) wanted.insert(node->inputs.begin(), node->inputs.end());
    }
  }
  for (const std::string& input : graph_.inputs) {
    const Dims* dims = OriginalDims(input);
    if (dims == nullptr || dims->size() < 3 || !wanted.contains(input)) continue;
    const Perm perm = ChannelsLast(dims->size());
    forms_[input] = {As(input, perm), perm};
    made_[{input, IdentityPerm(dims->size())}] = input;
  }
}

void LayoutRewriter::FinishOutputs() {
  for (const std::string& output : graph_.outputs) {
    if (const std::string plain = Plain(output); plain != output) {
      // A Transpose that came to nothing: the value exists already, under another name.
      Node identity;
      identity.op = "Identity";
      identity.inputs = {plain};
      identity.outputs = {output};
      Emit(std::move(identity));
      made_[{output, FormOf(output).perm}] = output;
      forms_.erase(output);
    }
  }
}

void LayoutRewriter::Rewrite(const Node& node) {
  const bool done = (node.domain.empty() &&
                     (RewriteSpatial(node) || RewriteTranspose(node) || RewriteReshape(node) ||
                      RewriteScrambledGemm(node) || RewriteSlice(node) || RewritePad(node) ||
                      RewriteReduce(node) || RewriteGather(node) || RewriteAxis(node))) ||
                    RewriteElementwise(node);
  if (!done) RewritePlain(node);
}

bool LayoutRewriter::RewriteSpatial(const Node& node) {
  const Dims* x = OriginalDims(node.Input(0));
  const Dims* y = node.outputs.empty() ? nullptr : OriginalDims(node.outputs[0]);
  if (x == nullptr || y == nullptr || x->size() < 3 || node.layout == Layout::nhwc) return false;
  // What normalizes channels is as good at either place of theirs: it takes what comes.
  const bool follows =
      node.op == "BatchNormalization" && FormOf(node.inputs[0]).perm == ChannelsLast(x->size());
  if (!Is(node, kSpatial) && !follows) return false;
  // Indices of MaxPool count in ONNX's order; a Resize of channels is no spatial one.
  if (std::ranges::count_if(node.outputs, [](const auto& name) { return !name.empty(); }) != 1) {
    return false;
  }
  if (node.op == "Resize" && ((*x)[0] != (*y)[0] || (*x)[1] != (*y)[1])) return false;
  const Perm perm = ChannelsLast(x->size());
  Node rewritten = node;
  rewritten.layout = Layout::nhwc;
  rewritten.inputs[0] = As(node.inputs[0], perm);
  for (size_t i = 1; i < node.inputs.size(); ++i) rewritten.inputs[i] = Plain(node.inputs[i]);
  rewritten.outputs = {Define(node.outputs[0], perm)};
  Emit(std::move(rewritten));
  return true;
}

void LayoutRewriter::RewritePlain(Node node) {
  for (std::string& input : node.inputs) input = Plain(input);
  Emit(std::move(node));
}

Form LayoutRewriter::FormOf(const std::string& value) const {
  const auto found = forms_.find(value);
  if (found != forms_.end()) return found->second;
  const Dims* dims = OriginalDims(value);
  return {value, IdentityPerm(dims == nullptr ? 0 : dims->size())};
}

const Dims* LayoutRewriter::OriginalDims(const std::string& value) const {
  if (const Tensor* constant = graph_.Constant(value)) return &constant->dims();
  const auto found = original_.find(value);
  return found == original_.end() || !found->second.dims ? nullptr : &*found->second.dims;
}

std::string LayoutRewriter::As(const std::string& value, const Perm& perm) {
  const Form form = FormOf(value);
  if (form.perm == perm) return form.value;
  auto& made = made_[{value, perm}];
  if (!made.empty()) return made;
  if (const Tensor* constant = graph_.Constant(value)) {
    return made = AddInitializer(graph_, value + "_permuted", Permuted(*constant, perm));
  }
  // Holder dimension perm[i] comes from the present holder's form.perm[i].
  Perm axes(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) axes[static_cast<size_t>(perm[i])] = form.perm[i];
  const Dims& dims = *OriginalDims(value);
  const Dims from = Permuted(dims, form.perm), to = Permuted(dims, perm);
  const bool plain = perm == IdentityPerm(perm.size());
  const bool port = std::ranges::find(graph_.inputs, form.value) != graph_.inputs.end() ||
                    (plain && graph_.IsOutput(value));
  const std::string name = plain && graph_.IsOutput(value)
                               ? value
                               : graph_.FreshName(value + (plain ? "_nchw" : "_nhwc"));
  Node node;
  node.op = "Transpose";
  node.outputs = {name};
  node.inputs = {form.value};
  if (!port && KeepsMemoryOrder(from, axes)) {
    node.op = "Reshape";
    node.inputs.push_back(AddInitializer(graph_, name + "_shape", ReshapeTarget(from, to)));
  } else {
    node.attributes["perm"] = axes;
  }
  graph_.values[name] = {original_[value].type, to};
  Emit(std::move(node));
  return made = name;
}

std::string LayoutRewriter::Plain(const std::string& value) {
  if (value.empty()) return value;
  return As(value, IdentityPerm(FormOf(value).perm.size()));
}

std::string LayoutRewriter::Integers(const std::string& stem, Dims values) {
  const auto count = static_cast<int64_t>(values.size());
  return AddInitializer(graph_, stem, Tensor::Of({count}, std::move(values)));
}

std::string LayoutRewriter::Define(const std::string& value, const Perm& perm) {
  if (value.empty()) return value;
  const bool plain = perm == IdentityPerm(perm.size());
  // An output of the graph keeps its name for the form that ONNX gives it.
  std::string name = !plain && graph_.IsOutput(value) ? graph_.FreshName(value + "_nhwc") : value;
  const ValueInfo& info = original_[value];
  graph_.values[name] = {info.type,
                         info.dims ? std::optional(Permuted(*info.dims, perm)) : std::nullopt};
  forms_[value] = {name, perm};
  return name;
}

void ToNhwc(Graph& graph) {
  LayoutRewriter(graph).Run();
  RemoveDeadCode(graph);
}

}  // namespace lutra::converter::passes
