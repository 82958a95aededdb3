// Reshape in ToNhwc. A Reshape splits and joins dimensions in groups: [N, C, H, W] -> [N, g, C / g,
// H W] has the groups N -> N, C -> g, C / g and H, W -> H W. Groups may stand in any order as long
// as the dimensions of each lie together and in ONNX's order: then the holder can be reshaped as it
// is, which is how a channel shuffle passes through without a single Transpose.
//
// Where they do not, a flattening that only feeds Gemm may leave the elements in the holder's order
// and permute the rows of the weights. Otherwise the groups are brought together by a Transpose.
#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "converter/executor/float_executor.h"
#include "converter/passes/layout.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

struct Group {
  std::vector<size_t> from, to;  // dimensions of more than one element, in ONNX's order
};

std::vector<size_t> BigDims(const Dims& dims) {
  std::vector<size_t> result;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) result.push_back(i);
  }
  return result;
}

/// The smallest groups; both shapes hold the same, non-zero, number of elements.
std::vector<Group> FindGroups(const Dims& from, const Dims& to) {
  const std::vector<size_t> big_from = BigDims(from), big_to = BigDims(to);
  std::vector<Group> groups;
  size_t i = 0, k = 0;
  while (i < big_from.size()) {
    Group group{{big_from[i]}, {big_to[k]}};
    int64_t product_from = from[big_from[i++]], product_to = to[big_to[k++]];
    while (product_from != product_to) {
      if (product_from < product_to) {
        group.from.push_back(big_from[i]);
        product_from *= from[big_from[i++]];
      } else {
        group.to.push_back(big_to[k]);
        product_to *= to[big_to[k++]];
      }
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

/// Original dimensions of more than one element in the order in which the holder has them.
std::vector<size_t> HolderOrder(const Dims& dims, const Perm& perm) {
  std::vector<size_t> order = BigDims(dims);
  std::ranges::sort(order, [&](size_t a, size_t b) { return perm[a] < perm[b]; });
  return order;
}

void SortByHolder(std::vector<Group>& groups, const Perm& perm) {
  const auto first = [&](const Group& group) {
    int64_t position = perm[group.from[0]];
    for (const size_t dim : group.from) position = std::min(position, perm[dim]);
    return position;
  };
  std::ranges::sort(groups, {}, first);
}

/// The permutation that brings each group together: ones in front, groups in the given order.
Perm Gathered(const Dims& dims, const std::vector<Group>& groups) {
  Perm perm(dims.size());
  int64_t position = 0;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) perm[i] = position++;
  }
  for (const Group& group : groups) {
    for (const size_t dim : group.from) perm[dim] = position++;
  }
  return perm;
}

/// Order of the result's dimensions in its holder. A leading 1 is the batch and stays in front;
/// another 1 stands behind the dimension that is before it in the original.
std::vector<size_t> ResultOrder(const Dims& to, const std::vector<Group>& groups) {
  std::vector<size_t> order;
  if (!to.empty() && to[0] == 1) order.push_back(0);
  for (const Group& group : groups) order.insert(order.end(), group.to.begin(), group.to.end());
  for (size_t i = 1; i < to.size(); ++i) {
    if (to[i] == 1) order.insert(std::ranges::find(order, i - 1) + 1, i);
  }
  return order;
}

}  // namespace

bool LayoutRewriter::RewriteReshape(const Node& node) {
  if (node.op != "Reshape") return false;
  const Dims* from = OriginalDims(node.Input(0));
  const Dims* to = OriginalDims(node.outputs[0]);
  if (from == nullptr || to == nullptr || ElementCount(*from) == 0) return false;
  Form form = FormOf(node.Input(0));
  if (form.perm == IdentityPerm(from->size())) return false;
  std::vector<Group> groups = FindGroups(*from, *to);
  SortByHolder(groups, form.perm);
  std::vector<size_t> joined;
  for (const Group& group : groups)
    joined.insert(joined.end(), group.from.begin(), group.from.end());
  if (joined != HolderOrder(*from, form.perm)) {
    if (Scramble(node, form)) return true;
    // One group holds everything but ones: that is ONNX's own order.
    const bool flat = groups.size() == 1;
    form.perm = flat ? IdentityPerm(from->size()) : Gathered(*from, groups);
    form.value = As(node.Input(0), form.perm);
  }
  const std::vector<size_t> order = ResultOrder(*to, groups);
  Perm perm(to->size());
  Dims dims(to->size());
  for (size_t i = 0; i < order.size(); ++i) {
    perm[order[i]] = static_cast<int64_t>(i);
    dims[i] = (*to)[order[i]];
  }
  Node rewritten = node;
  rewritten.attributes.clear();
  rewritten.outputs = {Define(node.outputs[0], perm)};
  rewritten.inputs = {form.value, AddInitializer(graph_, rewritten.outputs[0] + "_shape",
                                                 ReshapeTarget(Permuted(*from, form.perm), dims))};
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::OnlyFeedsGemm(const std::string& value) const {
  std::vector<std::string> todo = {value};
  std::unordered_set<std::string> seen = {value};
  while (!todo.empty()) {
    const std::string name = std::move(todo.back());
    todo.pop_back();
    const auto readers = readers_.find(name);
    if (graph_.IsOutput(name) || readers == readers_.end()) return false;
    for (const size_t index : readers->second) {
      const Node& node = original_nodes_[index];
      if (node.op == "Gemm" && node.domain.empty() && node.inputs[0] == name) {
        const Tensor* weights = graph_.Constant(node.Input(1));
        if (node.Int("transA", 0) != 0 || weights == nullptr || node.Input(2) == name) return false;
        continue;
      }
      const bool of_one = std::ranges::all_of(node.inputs, [&](const std::string& input) {
        return input.empty() || input == name || ScalarConstant(graph_, input).has_value();
      });
      if (!IsElementwise(node) || !of_one) return false;
      if (seen.insert(node.outputs[0]).second) todo.push_back(node.outputs[0]);
    }
  }
  return true;
}

/// [N, C, H, W] -> [N, C H W] in the holder's order.
bool LayoutRewriter::Scramble(const Node& node, const Form& form) {
  const Dims& from = *OriginalDims(node.Input(0));
  const Dims& to = *OriginalDims(node.outputs[0]);
  if (to.size() != 2 || from[0] != to[0] || form.perm[0] != 0) return false;
  if (!OnlyFeedsGemm(node.outputs[0])) return false;
  Dims sample = from;
  sample[0] = 1;
  Tensor indices(DataType::int64, sample);
  std::iota(indices.as<int64_t>().begin(), indices.as<int64_t>().end(), 0);
  scrambled_[node.outputs[0]] = Permuted(indices, form.perm).ToInts();
  const std::string name = graph_.FreshName(node.outputs[0] + "_nhwc");
  graph_.values[name] = {original_[node.outputs[0]].type, to};
  forms_[node.outputs[0]] = {name, IdentityPerm(2)};
  Node rewritten = node;
  rewritten.outputs = {name};
  rewritten.inputs = {form.value, AddInitializer(graph_, name + "_shape",
                                                 ReshapeTarget(Permuted(from, form.perm), to))};
  Emit(std::move(rewritten));
  return true;
}

bool LayoutRewriter::RewriteScrambledGemm(const Node& node) {
  const auto found = scrambled_.find(node.Input(0));
  if (node.op != "Gemm" || found == scrambled_.end()) return false;
  Node gather;
  gather.op = "Gather";
  gather.attributes["axis"] = int64_t{node.Int("transB", 0) != 0 ? 1 : 0};
  gather.outputs = {node.inputs[1]};
  const Tensor rows = Tensor::Of({static_cast<int64_t>(found->second.size())}, Dims(found->second));
  Node rewritten = node;
  rewritten.inputs[0] = FormOf(node.inputs[0]).value;
  rewritten.inputs[1] = AddInitializer(
      graph_, node.inputs[1] + "_nhwc",
      std::move(executor::ExecuteNode(gather, {*graph_.Constant(node.inputs[1]), rows})[0]));
  if (rewritten.inputs.size() > 2) rewritten.inputs[2] = Plain(rewritten.inputs[2]);
  Emit(std::move(rewritten));
  return true;
}

}  // namespace lutra::converter::passes
