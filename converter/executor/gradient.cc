#include "converter/executor/gradient.h"

#include <algorithm>
#include <dnnl.hpp>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

const Tensor& Present(const std::vector<const Tensor*>& tensors, size_t i, const char* what) {
  if (i < tensors.size() && tensors[i] != nullptr) return *tensors[i];
  throw Error(std::string(what) + " " + std::to_string(i) + " is missing");
}

/// As forward: rows that know only NCHW get it, and their first gradient goes back to NHWC.
Gradients RunInLayout(const Operator& row, const GradientCall& call) {
  if (!row.through_nchw || call.node.layout != Layout::nhwc) return row.gradient.run(call);
  Node nchw = call.node;
  nchw.layout = Layout::nchw;
  GradientCall inner{nchw,           call.inputs, call.results, call.input_dims,
                     call.gradients, call.wanted, call.cache};
  std::vector<std::unique_ptr<Tensor>> turned;
  for (auto* tensors : {&inner.inputs, &inner.results, &inner.gradients}) {
    if (tensors->empty() || tensors->front() == nullptr) continue;
    turned.push_back(std::make_unique<Tensor>(ToNchw(*tensors->front())));
    tensors->front() = turned.back().get();
  }
  Shape& dims = inner.input_dims.at(0);
  std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  Gradients gradients = row.gradient.run(inner);
  if (gradients[0].type() != DataType::undefined) gradients[0] = FromNchw(gradients[0]);
  return gradients;
}

Gradients RunRow(const Operator& row, const GradientCall& call) {
  if (!call.node.clamp || call.gradients[0] == nullptr) return RunInLayout(row, call);
  Tensor before = ThroughClamp(*call.node.clamp, call.Result(), call.Take());
  GradientCall inner = call;
  inner.gradients[0] = &before;
  inner.spent = {&before};
  return RunInLayout(row, inner);
}

/// As asked for: what is not wanted goes, what is wanted has to be there.
Gradients Wanted(const GradientCall& call, Gradients gradients) {
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!call.Wants(i)) {
      gradients[i] = Tensor();
    } else if (gradients[i].type() == DataType::undefined) {
      throw Error("input " + std::to_string(i) + " has no gradient");
    }
  }
  return gradients;
}

}  // namespace

const Tensor& GradientCall::Input(size_t i) const { return Present(inputs, i, "input"); }
const Tensor& GradientCall::Result(size_t i) const { return Present(results, i, "result"); }
const Tensor& GradientCall::Of(size_t result) const {
  return Present(gradients, result, "the gradient of result");
}

Tensor GradientCall::Take(size_t result) const {
  const Tensor& gradient = Of(result);
  if (result < spent.size() && spent[result] == &gradient) return std::move(*spent[result]);
  return gradient;
}

Tensor ThroughClamp(const Clamp& clamp, const Tensor& result, Tensor gradient) {
  const auto y = result.as<float>();
  const auto g = gradient.as<float>();
  const float lo = clamp.lo, hi = clamp.hi;
  // Without jumps, which would follow the signs of activations.
  for (size_t i = 0; i < g.size(); ++i) {
    const float dy = g[i], above = y[i] > lo ? dy : 0.0f;
    g[i] = y[i] < hi ? above : 0.0f;
  }
  return gradient;
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
    return Wanted(call, RunRow(*FindOperator(call.node), call));
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
