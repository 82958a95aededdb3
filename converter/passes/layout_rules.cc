// Operators of ToNhwc that take their input in any order and rename their axes.
#include <algorithm>

#include "converter/graph/operator_table.h"
#include "converter/graph/shape.h"
#include "converter/passes/layout.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

bool IsReduce(const Node& node) { return node.op.starts_with("Reduce"); }

Dims Mapped(const Node& node, const Dims& axes, const Perm& perm) {
  Dims result;
  for (const int64_t axis : axes) {
    result.push_back(perm[AxisOf(node, axis, perm.size())]);
  }
  return result;
}

}  // namespace

bool IsElementwise(const Node& node) { return Is(node, kPointwise) && node.outputs.size() == 1; }

Perm LayoutRewriter::CommonPerm(const std::vector<std::string>& values, size_t rank) const {
  Perm best = IdentityPerm(rank);
  if (rank < 3) {
    for (const std::string& value : values) {
      const Perm perm = FormOf(value).perm;
      if (perm.size() == rank && perm != best) return perm;
    }
    return best;
  }
  const Perm channels_last = ChannelsLast(rank);
  for (const std::string& value : values) {
    const Perm perm = FormOf(value).perm;
    if (perm.size() != rank || graph_.Constant(value) != nullptr) continue;
    if (perm == channels_last) return perm;
    if (best == IdentityPerm(rank)) best = perm;
  }
  return best;
}

std::string LayoutRewriter::PermutedConstant(const std::string& value, const Perm& perm) {
  const Tensor& constant = *graph_.Constant(value);
  if (constant.elements() == 1 || perm == IdentityPerm(perm.size())) return value;
  Dims dims(perm.size() - constant.rank(), 1);
  dims.insert(dims.end(), constant.dims().begin(), constant.dims().end());
  auto& made = made_[{value, perm}];
  if (made.empty()) {
    made = AddInitializer(graph_, value + "_permuted", Permuted(constant.Reshaped(dims), perm));
  }
  return made;
}

bool LayoutRewriter::RewriteTranspose(const Node& node) {
  if (node.op != "Transpose" || node.clamp || OriginalDims(node.Input(0)) == nullptr) return false;
  const Form form = FormOf(node.Input(0));
  const size_t rank = form.perm.size();
  Dims axes = node.Ints("perm");
  if (axes.empty()) {
    axes = IdentityPerm(rank);
    std::ranges::reverse(axes);
  }
  if (axes.size() != rank) Fail(node, "perm does not match its input");
  // Output dimension i is input dimension axes[i], which lies at form.perm[axes[i]].
  Perm perm;
  for (const int64_t axis : axes) {
    perm.push_back(form.perm[AxisOf(node, axis, rank)]);
  }
  forms_[node.outputs[0]] = {form.value, perm};
  return true;
}

bool LayoutRewriter::RewriteElementwise(const Node& node) {
  if (!IsElementwise(node)) return false;
  const Dims* out = OriginalDims(node.outputs[0]);
  if (out == nullptr) return false;
  const size_t rank = out->size();
  const Perm perm = CommonPerm(node.inputs, rank);
  Dims scrambling;
  for (const std::string& input : node.inputs) {
    if (const auto found = scrambled_.find(input); found != scrambled_.end()) {
      scrambling = found->second;
    }
    const Dims* dims = input.empty() ? nullptr : OriginalDims(input);
    if (input.empty() || (dims != nullptr && (dims->size() == rank || dims->empty()))) continue;
    // Lower ranks broadcast: only constants can be brought to full rank here.
    if (graph_.Constant(input) == nullptr || dims->size() > rank) return false;
  }
  Node rewritten = node;
  for (std::string& input : rewritten.inputs) {
    if (input.empty()) continue;
    if (graph_.Constant(input) != nullptr) {
      input = PermutedConstant(input, perm);
    } else {
      input = OriginalDims(input)->size() == rank ? As(input, perm) : Plain(input);
    }
  }
  rewritten.outputs = {Define(node.outputs[0], perm)};
  if (!scrambling.empty()) scrambled_[node.outputs[0]] = scrambling;
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::RewriteAxis(const Node& node) {
  const OperatorRow* row = FindRow(node.domain, node.op);
  const Dims* x = OriginalDims(node.Input(0));
  if (row == nullptr || !row->axis || x == nullptr) return false;
  const size_t rank = x->size();
  const size_t data_inputs = node.op == "Concat" ? node.inputs.size() : 1;
  // Inference has not compared them where one depends on data.
  for (size_t i = 0; i < data_inputs; ++i) {
    const Dims* dims = OriginalDims(node.inputs[i]);
    if (dims == nullptr || dims->size() != rank) return false;
  }
  const Perm perm = CommonPerm(
      {node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(data_inputs)}, rank);
  if (perm == IdentityPerm(rank)) return false;
  const auto axis = AxisOf(node, node.Int("axis", *row->axis), rank);
  Node rewritten = node;
  rewritten.attributes["axis"] = perm[axis];
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    rewritten.inputs[i] = i < data_inputs ? As(node.inputs[i], perm) : Plain(node.inputs[i]);
  }
  Perm result = perm;
  if (node.op.starts_with("Arg") && node.Int("keepdims", 1) == 0) {
    std::vector<bool> removed(rank, false);
    removed[axis] = true;
    result = WithoutDims(perm, removed);
  }
  for (std::string& output : rewritten.outputs) output = Define(output, result);
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::RewriteSlice(const Node& node) {
  if (node.op != "Slice") return false;
  const Form form = FormOf(node.Input(0));
  if (form.perm == IdentityPerm(form.perm.size())) return false;
  const auto starts = ConstantInts(graph_, node.Input(1));
  if (!starts || graph_.Constant(node.Input(2)) == nullptr) return false;
  Dims axes = IdentityPerm(starts->size());
  if (!node.Input(3).empty()) {
    const auto given = ConstantInts(graph_, node.Input(3));
    if (!given) return false;
    axes = *given;
  }
  Node rewritten = node;
  rewritten.inputs.resize(std::max<size_t>(4, node.inputs.size()));
  rewritten.inputs[0] = form.value;
  rewritten.inputs[3] = Integers(node.Label() + "_axes", Mapped(node, axes, form.perm));
  rewritten.outputs = {Define(node.outputs[0], form.perm)};
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::RewritePad(const Node& node) {
  if (node.op != "Pad") return false;
  const Form form = FormOf(node.Input(0));
  const size_t rank = form.perm.size();
  if (form.perm == IdentityPerm(rank)) return false;
  const auto pads = ConstantInts(graph_, node.Input(1));
  if (!pads) return false;
  Dims axes = IdentityPerm(rank);
  if (!node.Input(3).empty()) {
    const auto given = ConstantInts(graph_, node.Input(3));
    if (!given) return false;
    axes = *given;
  }
  if (pads->size() != 2 * axes.size()) Fail(node, "pads do not match its axes");
  const Dims mapped = Mapped(node, axes, form.perm);
  Dims all(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    all[static_cast<size_t>(mapped[i])] = (*pads)[i];
    all[static_cast<size_t>(mapped[i]) + rank] = (*pads)[i + axes.size()];
  }
  Node rewritten = node;
  rewritten.inputs[0] = form.value;
  rewritten.inputs[1] = Integers(node.Label() + "_pads", all);
  if (rewritten.inputs.size() > 3) rewritten.inputs.resize(3);
  rewritten.outputs = {Define(node.outputs[0], form.perm)};
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::RewriteReduce(const Node& node) {
  if (!IsReduce(node)) return false;
  const Form form = FormOf(node.Input(0));
  const size_t rank = form.perm.size();
  const auto axes = ConstantInts(graph_, node.Input(1));
  if (form.perm == IdentityPerm(rank) || !axes || axes->empty()) return false;
  const Dims mapped = Mapped(node, *axes, form.perm);
  Perm result = form.perm;
  if (node.Int("keepdims", 1) == 0) {
    std::vector<bool> removed(rank, false);
    for (const int64_t axis : *axes) {
      removed[AxisOf(node, axis, rank)] = true;
    }
    result = WithoutDims(form.perm, removed);
  }
  Dims sorted = mapped;
  std::ranges::sort(sorted);
  Node rewritten = node;
  rewritten.inputs = {form.value, Integers(node.Label() + "_axes", sorted)};
  rewritten.outputs = {Define(node.outputs[0], result)};
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::RewriteGather(const Node& node) {
  if (node.op != "Gather") return false;
  const Form form = FormOf(node.Input(0));
  const size_t rank = form.perm.size();
  const Tensor* indices = graph_.Constant(node.Input(1));
  if (form.perm == IdentityPerm(rank) || indices == nullptr || indices->rank() > 1) return false;
  const auto axis = AxisOf(node, node.Int("axis", 0), rank);
  Perm result = form.perm;
  if (indices->rank() == 0) {
    std::vector<bool> removed(rank, false);
    removed[axis] = true;
    result = WithoutDims(form.perm, removed);
  }
  Node rewritten = node;
  rewritten.inputs[0] = form.value;
  rewritten.attributes["axis"] = form.perm[axis];
  rewritten.outputs = {Define(node.outputs[0], result)};
  Emit(std::move(rewritten));
  return true;
}

}  // namespace lutra::converter::passes
