// Activations that exporters write as several nodes: x times a gate of x. SiLU, HardSwish, GELU in
// both forms, Mish; and the HardSigmoid that is written as clip(x + 3, 0, 6) / 6.
//
// The factors of a product come in any order and nesting, so the product is flattened first: a set
// of factors and one constant. Constants may have been rounded to float16 by the exporter.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "converter/passes/connections.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

bool Near(double value, double expected) {
  return std::fabs(value - expected) <= 1e-3 * std::fabs(expected);
}

const Node* Computing(const Connections& connections, const std::string& value,
                      std::string_view op) {
  const std::optional<size_t> producer = connections.Producer(value);
  if (!producer) return nullptr;
  const Node& node = connections.node(*producer);
  return node.op == op && node.domain.empty() && !node.clamp ? &node : nullptr;
}

struct Product {
  double constant = 1;
  std::vector<std::string> factors;
  size_t nodes = 0;  ///< that it was read from

  /// Takes out `value`, `times` times; false when it is not there as often.
  bool Remove(const std::string& value, int times = 1) {
    if (std::ranges::count(factors, value) < times) return false;
    for (; times > 0; --times) factors.erase(std::ranges::find(factors, value));
    return true;
  }
};

bool IsProduct(const Connections& connections, const Node& node) {
  if (!node.domain.empty() || node.clamp || node.inputs.size() != 2) return false;
  return node.op == "Mul" ||
         (node.op == "Div" && ScalarConstant(connections.graph(), node.inputs[1]));
}

void Multiply(const Connections& connections, const std::string& value, Product& product);

void MultiplyNode(const Connections& connections, const Node& node, Product& product) {
  ++product.nodes;
  Multiply(connections, node.inputs[0], product);
  if (node.op == "Mul") {
    Multiply(connections, node.inputs[1], product);
  } else {
    product.constant /= static_cast<double>(*ScalarConstant(connections.graph(), node.inputs[1]));
  }
}

void Multiply(const Connections& connections, const std::string& value, Product& product) {
  constexpr size_t kMaxFactors = 8, kMaxNodes = 16;
  if (const std::optional<float> constant = ScalarConstant(connections.graph(), value)) {
    product.constant *= static_cast<double>(*constant);
    return;
  }
  const std::optional<size_t> producer = connections.Producer(value);
  if (producer && product.factors.size() < kMaxFactors && product.nodes < kMaxNodes &&
      connections.OnlyConsumer(value) && IsProduct(connections, connections.node(*producer))) {
    MultiplyNode(connections, connections.node(*producer), product);
  } else {
    product.factors.push_back(value);
  }
}

Product Flatten(const Connections& connections, const std::string& value) {
  Product product;
  Multiply(connections, value, product);
  return product;
}

/// The other operand of an Add with this constant.
std::optional<std::string> PlusConstant(const Connections& connections, const std::string& value,
                                        double term) {
  const Node* add = Computing(connections, value, "Add");
  if (add == nullptr || add->inputs.size() != 2) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const std::optional<float> constant = ScalarConstant(connections.graph(), add->inputs[i]);
    if (constant && Near(static_cast<double>(*constant), term)) return add->inputs[1 - i];
  }
  return std::nullopt;
}

/// The product is constant * x^power, with or without Pow.
bool IsPower(const Connections& connections, Product product, const std::string& x, int power,
             double constant) {
  if (!Near(product.constant, constant)) return false;
  if (product.factors.size() == 1) {
    const Node* pow = Computing(connections, product.factors[0], "Pow");
    return pow != nullptr && pow->Input(0) == x &&
           ScalarConstant(connections.graph(), pow->Input(1)) == static_cast<float>(power);
  }
  return product.Remove(x, power) && product.factors.empty();
}

/// A function of x that, times x and `constant`, is a known activation.
struct Gate {
  std::string op, x;
  double constant = 1;
  const char* approximate = nullptr;  // of Gelu
};

std::optional<Gate> SigmoidGate(const Connections& connections, const std::string& value) {
  if (const Node* node = Computing(connections, value, "Sigmoid"))
    return Gate{"Silu", node->Input(0)};
  if (const Node* node = Computing(connections, value, "HardSigmoid")) {
    const bool standard = Near(static_cast<double>(node->Float("alpha", 0.2F)), 1.0 / 6) &&
                          node->Float("beta", 0.5F) == 0.5F;
    if (standard) return Gate{"HardSwish", node->Input(0)};
  }
  if (const Node* node = Computing(connections, value, "Tanh")) {
    if (const Node* inner = Computing(connections, node->Input(0), "Softplus")) {
      return Gate{"Mish", inner->Input(0)};
    }
  }
  return std::nullopt;
}

/// clip(x + 3, 0, 6), which is 6 hard_sigmoid(x).
std::optional<std::string> SixHardSigmoid(const Connections& connections,
                                          const std::string& value) {
  const Node* clip = Computing(connections, value, "Clip");
  if (clip == nullptr || ScalarConstant(connections.graph(), clip->Input(1)) != 0.0F ||
      ScalarConstant(connections.graph(), clip->Input(2)) != 6.0F) {
    return std::nullopt;
  }
  return PlusConstant(connections, clip->Input(0), 3);
}

/// sqrt(2 / pi) (x + 0.044715 x^3), also written as sqrt(2 / pi) x (1 + 0.044715 x^2).
std::optional<std::string> TanhGeluArgument(const Connections& connections,
                                            const std::string& value) {
  constexpr double kCubic = 0.044715;
  Product product = Flatten(connections, value);
  if (!Near(product.constant, std::sqrt(2 / M_PI))) return std::nullopt;
  if (product.factors.size() == 1) {
    const Node* add = Computing(connections, product.factors[0], "Add");
    if (add == nullptr) return std::nullopt;
    for (size_t i = 0; i < 2; ++i) {
      const std::string& x = add->Input(i);
      if (IsPower(connections, Flatten(connections, add->Input(1 - i)), x, 3, kCubic)) return x;
    }
    return std::nullopt;
  }
  if (product.factors.size() != 2) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const std::string& x = product.factors[i];
    const auto square = PlusConstant(connections, product.factors[1 - i], 1);
    if (square && IsPower(connections, Flatten(connections, *square), x, 2, kCubic)) return x;
  }
  return std::nullopt;
}

std::optional<Gate> GeluGate(const Connections& connections, const std::string& value) {
  const auto inner = PlusConstant(connections, value, 1);
  if (!inner) return std::nullopt;
  if (const Node* erf = Computing(connections, *inner, "Erf")) {
    const Product argument = Flatten(connections, erf->Input(0));
    if (argument.factors.size() == 1 && Near(argument.constant, std::sqrt(0.5))) {
      return Gate{"Gelu", argument.factors[0], 0.5, "none"};
    }
  }
  if (const Node* tanh = Computing(connections, *inner, "Tanh")) {
    if (const auto x = TanhGeluArgument(connections, tanh->Input(0)))
      return Gate{"Gelu", *x, 0.5, "tanh"};
  }
  return std::nullopt;
}

std::optional<Gate> FindGate(const Connections& connections, const std::string& value) {
  if (auto gate = SigmoidGate(connections, value)) return gate;
  if (auto gate = GeluGate(connections, value)) return gate;
  if (auto x = SixHardSigmoid(connections, value)) return Gate{"HardSwish", *x, 1.0 / 6};
  return std::nullopt;
}

void Become(Connections& connections, size_t index, const std::string& op, const std::string& x,
            std::map<std::string, Attribute> attributes) {
  connections.Edit(index, [&](Node& node) {
    node.op = op;
    node.inputs = {x};
    node.attributes = std::move(attributes);
  });
}

bool FuseProduct(Connections& connections, size_t index) {
  Product product;
  MultiplyNode(connections, connections.node(index), product);
  if (product.factors.size() == 1 && Near(product.constant, 1.0 / 6)) {
    const auto x = SixHardSigmoid(connections, product.factors[0]);
    if (!x) return false;
    Become(connections, index, "HardSigmoid", *x, {{"alpha", 1.0F / 6}, {"beta", 0.5F}});
    return true;
  }
  if (product.factors.size() != 2) return false;
  for (size_t i = 0; i < 2; ++i) {
    const auto gate = FindGate(connections, product.factors[i]);
    if (!gate || gate->x != product.factors[1 - i] || !Near(product.constant, gate->constant)) {
      continue;
    }
    std::map<std::string, Attribute> attributes;
    if (gate->approximate != nullptr) attributes["approximate"] = std::string(gate->approximate);
    Become(connections, index, gate->op, gate->x, std::move(attributes));
    return true;
  }
  return false;
}

}  // namespace

void FuseGates(Graph& graph) {
  bool fused = false;
  Connections connections(graph);
  for (size_t i = 0; i < connections.size(); ++i) {
    if (IsProduct(connections, connections.node(i))) fused |= FuseProduct(connections, i);
  }
  connections.Finish();
  if (fused) RemoveDeadCode(graph);  // what is left of the gates would hide single uses
}

}  // namespace lutra::converter::passes
