#include "converter/quantize/tails.h"

#include <algorithm>
#include <cmath>

#include "converter/quantize/curve_fit.h"
#include "converter/quantize/operators.h"

namespace lutra::converter::quantize {
namespace {

// Steps of the output. Rounding alone is half a step at most, and 0.29 in the mean square; with
// this on top at the worst place it stays below 0.32 everywhere.
constexpr double kMostCurveError = 0.25;
// The same of the channel with the largest factor: apart, a factor would itself be rounded to 8
// bits.
constexpr double kMostFactorError = 1;

const Node* OnlyReader(const Graph& graph, const Node& node) {
  const std::string& value = node.Label();
  if (node.outputs.size() != 1 || graph.IsOutput(value)) return nullptr;
  const std::vector<size_t> readers = graph.Consumers(value);
  return readers.size() == 1 ? &graph.nodes[readers[0]] : nullptr;
}

bool IsFactors(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.op != "Mul" || node.clamp) return false;
  const Tensor* constant = graph.Constant(node.inputs[1]);
  const ValueInfo* info = graph.Info(node.outputs[0]);
  if (constant == nullptr || info == nullptr || !info->dims || info->dims->empty()) return false;
  if (constant->rank() == 0 || constant->dims().back() != info->dims->back() ||
      static_cast<int64_t>(constant->elements()) != info->dims->back()) {
    return false;
  }
  return std::ranges::all_of(constant->ToFloats(),
                             [](float x) { return std::isnormal(x) && x > 0; });
}

}  // namespace

Tail TailBehind(const Graph& graph, const Node& product) {
  Tail tail;
  const Node* next = OnlyReader(graph, product);
  if (next == nullptr) return tail;
  if (!product.clamp && IntegerFormOf(graph, *next).form == IntegerForm::table &&
      next->op != "Relu" && next->op != "Clip") {
    tail.function = next;
    next = OnlyReader(graph, *next);
  }
  if (next != nullptr && IsFactors(graph, *next) &&
      !(tail.function != nullptr && tail.function->clamp)) {
    tail.factors = next;
  }
  return tail;
}

std::vector<float> FactorsOf(const Graph& graph, const Node& mul, size_t channels) {
  std::vector<float> factors = graph.Constant(mul.inputs[1])->ToFloats();
  factors.resize(channels, factors.back());
  return factors;
}

bool SuitsTail(const Graph& graph, const Node& product, const Tail& tail, const QuantParams& out) {
  const std::vector<float> factors = tail.factors == nullptr
                                         ? std::vector<float>{1}
                                         : graph.Constant(tail.factors->inputs[1])->ToFloats();
  const auto [least, largest] = std::ranges::minmax(factors);
  if (tail.function != nullptr) {
    const double error = FitCurve(graph, *tail.function, out, static_cast<double>(largest)).error;
    return error <= (tail.factors == nullptr ? kMostCurveError : kMostFactorError);
  }
  // A clamp before factors: at 0, or where it makes no difference to integers of any channel.
  const Clamp clamp = product.clamp.value_or(Clamp{});
  const float low = out.scale * static_cast<float>(-128 - out.zero_point);
  const float high = out.scale * static_cast<float>(127 - out.zero_point);
  return (clamp.lo == 0 || clamp.lo * least <= low) && (clamp.hi == 0 || clamp.hi * least >= high);
}

void SetTail(const Node& product, const Tail& tail, Quantization& quantization) {
  quantization.tails[product.Label()] = tail.last().Label();
  const Node* before = &product;
  for (const Node* node : {tail.function, tail.factors}) {
    if (node == nullptr) continue;
    quantization.activations.erase(before->Label());
    quantization.in_tails.insert(node->Label());
    before = node;
  }
}

void ChooseTails(const Graph& graph, Quantization& quantization) {
  for (const Node& product : graph.nodes) {
    if (!quantization.IsInteger(product) || !HasWeights(graph, product) ||
        IntegerFormOf(graph, product).form != IntegerForm::weights) {
      continue;
    }
    Tail tail = TailBehind(graph, product);
    const auto is_float = [&](const Node* node) {
      return node != nullptr && !quantization.IsInteger(*node);
    };
    if (is_float(tail.function)) continue;
    if (is_float(tail.factors)) tail.factors = nullptr;
    if (tail.function == nullptr && tail.factors == nullptr) continue;
    if (!SuitsTail(graph, product, tail, *quantization.Params(tail.last().Label()))) continue;
    SetTail(product, tail, quantization);
  }
}

}  // namespace lutra::converter::quantize
