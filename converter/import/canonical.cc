#include "converter/import/canonical.h"

#include <utility>

#include "converter/import/canonical_ops.h"

namespace lutra::converter::importing {
namespace {

/// Opset 6 differs from 7 in broadcasting and a few switches only, but what came before is another
/// language. Of that the operators are read whose first version was still valid in opset 6. (That
/// is history, which ends here: the table of operators knows the canonical form alone.)
bool UnchangedUntilOpset6(const std::string& op) {
  static const std::unordered_set<std::string> kOps = {
      "AveragePool",   "Constant",   "Conv",
      "ConvTranspose", "Flatten",    "Gather",
      "Identity",      "MaxPool",    "GlobalAveragePool",
      "GlobalMaxPool", "LogSoftmax", "Not",
      "Shape",         "Slice",      "Softmax",
      "Softplus",      "Softsign",   "Squeeze",
      "Transpose",     "Unsqueeze",  "ReduceMax",
      "ReduceMin",     "ReduceSum",  "ReduceMean"};
  return kOps.contains(op);
}

}  // namespace

std::string Canonicalizer::FreshName(const std::string& stem) {
  std::string name = stem;
  for (size_t number = 1; !taken_.insert(name).second; ++number) {
    name = stem + "_" + std::to_string(number);
  }
  return name;
}

std::string Canonicalizer::AddConstant(const Node& node, const std::string& what, Tensor tensor) {
  std::string name = FreshName(node.Label() + "_" + what);
  graph_.values[name] = {tensor.type(), tensor.dims()};
  graph_.initializers.emplace(name, std::move(tensor));
  return name;
}

void Canonicalizer::AttributeToInput(Node& node, const std::string& attribute, size_t index) {
  if (!node.Has(attribute)) return;
  const std::vector<int64_t> values = node.Ints(attribute);
  node.attributes.erase(attribute);
  if (node.inputs.size() <= index) node.inputs.resize(index + 1);
  node.inputs[index] =
      AddConstant(node, attribute, Tensor::Of({static_cast<int64_t>(values.size())}, values));
}

int64_t Canonicalizer::Rank(const std::string& value) const {
  const ValueInfo* info = graph_.Info(value);
  return info != nullptr && info->dims ? static_cast<int64_t>(info->dims->size()) : -1;
}

std::string Canonicalizer::Add(Node node, int64_t opset) {
  if (node.domain.empty()) {
    if (opset < 6 && !UnchangedUntilOpset6(node.op)) {
      return "opset " + std::to_string(opset) + " is too old: export with opset_version=18";
    }
    const CanonicalRule rule = FindCanonicalRule(node.op);
    if (rule != nullptr) {
      if (std::string reason = rule(*this, node, opset); !reason.empty()) return reason;
    }
  }
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  graph_.nodes.push_back(std::move(node));
  return "";
}

}  // namespace lutra::converter::importing
