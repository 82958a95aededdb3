#include "converter/passes/rewrite.h"

#include <algorithm>
#include <utility>

namespace lutra::converter::passes {

const std::vector<int64_t>* KnownDims(const Graph& graph, const std::string& value) {
  if (const Tensor* constant = graph.Constant(value)) return &constant->dims();
  const ValueInfo* info = graph.Info(value);
  if (info == nullptr || !info->dims) return nullptr;
  const bool known = std::ranges::all_of(*info->dims, [](int64_t dim) { return dim >= 0; });
  return known ? &*info->dims : nullptr;
}

std::optional<float> ScalarConstant(const Graph& graph, const std::string& value) {
  const Tensor* constant = graph.Constant(value);
  if (constant == nullptr || constant->elements() != 1) return std::nullopt;
  return constant->ToFloats()[0];
}

std::optional<std::vector<int64_t>> ConstantInts(const Graph& graph, const std::string& value) {
  const Tensor* constant = graph.Constant(value);
  if (constant == nullptr) return std::nullopt;
  return constant->ToInts();
}

std::string AddInitializer(Graph& graph, const std::string& stem, Tensor tensor) {
  std::string name = graph.FreshName(stem);
  graph.values[name] = {tensor.type(), tensor.dims()};
  graph.initializers.emplace(name, std::move(tensor));
  return name;
}

Tensor ReshapeTarget(const std::vector<int64_t>& from, std::vector<int64_t> to) {
  if (!to.empty()) to[0] = !from.empty() && from[0] == to[0] ? 0 : -1;
  const auto rank = static_cast<int64_t>(to.size());
  return Tensor::Of({rank}, std::move(to));
}

}  // namespace lutra::converter::passes
