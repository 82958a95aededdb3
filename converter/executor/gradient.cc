#include "converter/executor/gradient.h"

#include <dnnl.hpp>
#include <exception>
#include <new>

namespace lutra::converter::executor {
namespace {

const Tensor& Present(const std::vector<const Tensor*>& tensors, size_t i, const char* what) {
  if (i < tensors.size() && tensors[i] != nullptr) return *tensors[i];
  throw Error(std::string(what) + " " + std::to_string(i) + " is missing");
}

/// The gradient by what the clamp was applied to.
Tensor ThroughClamp(const Clamp& clamp, const Tensor& result, const Tensor& gradient) {
  Tensor before = gradient;
  const auto y = result.as<float>();
  const auto g = before.as<float>();
  for (size_t i = 0; i < g.size(); ++i) {
    if (!(y[i] > clamp.lo && y[i] < clamp.hi)) g[i] = 0;
  }
  return before;
}

Gradients RunRow(const Operator& row, const GradientCall& call) {
  if (!call.node.clamp || call.gradients[0] == nullptr) return row.gradient.run(call);
  const Tensor before = ThroughClamp(*call.node.clamp, call.Result(), call.Of());
  GradientCall inner = call;
  inner.gradients[0] = &before;
  return row.gradient.run(inner);
}

}  // namespace

const Tensor& GradientCall::Input(size_t i) const { return Present(inputs, i, "input"); }
const Tensor& GradientCall::Result(size_t i) const { return Present(results, i, "result"); }
const Tensor& GradientCall::Of(size_t result) const {
  return Present(gradients, result, "the gradient of result");
}

std::string WhyNoGradient(const Node& node) {
  const Operator* row = FindOperator(node);
  if (row != nullptr && row->gradient.run != nullptr) return "";
  return "operator " + (node.domain.empty() ? node.op : node.domain + "." + node.op) +
         " has no gradient";
}

bool GradientReadsInputs(const Node& node) {
  const Operator* row = FindOperator(node);
  return row != nullptr && row->gradient.reads_inputs;
}

bool GradientReadsResults(const Node& node) {
  const Operator* row = FindOperator(node);
  return node.clamp.has_value() || (row != nullptr && row->gradient.reads_results);
}

Gradients ExecuteGradient(const GradientCall& call) {
  const auto fail = [&](const std::string& why) {
    throw Error("gradient of node '" + call.node.Label() + "' (" + call.node.op + "): " + why);
  };
  if (const std::string why = WhyNoGradient(call.node); !why.empty()) fail(why);
  try {
    return RunRow(*FindOperator(call.node), call);
  } catch (const dnnl::error& error) {
    fail(error.status == dnnl_out_of_memory ? "there is not enough memory for it"
                                            : "its shapes cannot be computed with");
  } catch (const std::bad_alloc&) {
    fail("there is not enough memory for it");
  } catch (const Error& error) {
    fail(error.what());
  }
  return {};
}

}  // namespace lutra::converter::executor
