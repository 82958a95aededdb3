#include "converter/graph/check_finite.h"

#include <cmath>
#include <cstdio>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "converter/error.h"
#include "converter/graph/operator_table.h"

namespace lutra::converter {
namespace {

constexpr char kCure[] = "export the network again from a checkpoint whose numbers are finite";

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Inf" : "Inf";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

/// " at [2, 0, 1]"; nothing for a scalar.
std::string PlaceText(const Tensor& tensor, size_t element) {
  std::string text;
  for (size_t axis = tensor.rank(); axis-- > 0;) {
    const auto length = static_cast<size_t>(tensor.dims()[axis]);
    text.insert(0, std::to_string(element % length) + (text.empty() ? "" : ", "));
    element /= length;
  }
  return text.empty() ? "" : " at [" + text + "]";
}

double At(const Tensor& tensor, size_t element) {
  switch (tensor.type()) {
    case DataType::float32:
      return static_cast<double>(tensor.as<float>()[element]);
    case DataType::float64:
      return tensor.as<double>()[element];
    case DataType::float16:
      return static_cast<double>(ToFloat(tensor.as<Float16>()[element]));
    case DataType::bfloat16:
      return static_cast<double>(ToFloat(tensor.as<BFloat16>()[element]));
    default:
      return 0;
  }
}

/// What float32, in which Lutra computes, makes of it.
bool IsFinite(double value) { return std::isfinite(static_cast<float>(value)); }

template <typename Test>
std::optional<size_t> First(const Tensor& tensor, const Test& test) {
  if (!IsFloating(tensor.type())) return std::nullopt;
  for (size_t i = 0; i < tensor.elements(); ++i) {
    if (test(At(tensor, i))) return i;
  }
  return std::nullopt;
}

/// Adding a mask of 0 and minus infinity is no calculation that the other operand survives: what
/// counts is who reads the sum.
bool AddsMask(const Node& node) { return node.op == "Add" || node.op == "Sub" || node.op == "Sum"; }

class Checker {
 public:
  Checker(const Graph& graph, const Origins& origins) : graph_(graph), origins_(origins) {}

  void Run() {
    for (const Node& node : graph_.nodes) {
      for (const std::string& input : node.inputs) {
        const Tensor* constant = graph_.Constant(input);
        if (constant == nullptr || !seen_.insert(input).second) continue;
        Check(input, *constant, "initializer '" + input + "'");
      }
      for (const auto& [name, attribute] : node.attributes) CheckAttribute(node, name, attribute);
      if (node.op == "BatchNormalization" && node.domain.empty()) CheckBatchNorm(graph_, node);
    }
    for (const std::string& output : graph_.outputs) {
      const Tensor* constant = graph_.Constant(output);
      const auto nan = constant == nullptr ? std::nullopt : FirstNan(*constant);
      if (nan) Refuse("initializer '" + output + "'", output, *constant, *nan, "it is an output");
    }
  }

 private:
  /// `name` is what messages call the tensor, which is, or becomes, `value`.
  void Check(const std::string& value, const Tensor& tensor, const std::string& name) {
    const std::optional<size_t> element = FirstNotFinite(tensor);
    if (!element) return;
    const std::optional<size_t> nan = FirstNan(tensor);
    const bool negative = At(tensor, *element) < 0;
    const Node* reader = nan ? Reader(value) : Calculator(value, negative);
    if (reader == nullptr) return;
    Refuse(name, value, tensor, nan.value_or(*element), NodeText(*reader) + " calculates with it");
  }

  [[noreturn]] void Refuse(const std::string& name, const std::string& value, const Tensor& tensor,
                           size_t element, const std::string& why) const {
    const double number = At(tensor, element);
    std::string message = name + " " + ElementText(tensor, element);
    const auto origin = origins_.find(value);
    if (origin != origins_.end()) message += ", computed by " + origin->second;
    if (std::isfinite(number)) message += ", which float32 cannot hold";
    throw Error(message + "; " + why + ": " + kCure);
  }

  void CheckAttribute(const Node& node, const std::string& name, const Attribute& attribute) {
    const std::string what = NodeText(node) + ": attribute '" + name + "'";
    std::vector<float> numbers;
    if (const float* value = std::get_if<float>(&attribute)) numbers = {*value};
    if (const auto* values = std::get_if<std::vector<float>>(&attribute)) numbers = *values;
    if (const Tensor* tensor = std::get_if<Tensor>(&attribute)) Check(node.Label(), *tensor, what);
    for (const float number : numbers) {
      if (std::isfinite(number)) continue;
      throw Error(what + " is " + NumberText(static_cast<double>(number)) + ": " + kCure);
    }
  }

  const std::vector<size_t>& ReadersOf(const std::string& value) {
    if (readers_.empty()) {
      for (size_t i = 0; i < graph_.nodes.size(); ++i) {
        for (const std::string& input : graph_.nodes[i].inputs) readers_[input].push_back(i);
      }
    }
    return readers_[value];
  }

  /// The first node that reads the value; null: none.
  const Node* Reader(const std::string& value) {
    const std::vector<size_t>& readers = ReadersOf(value);
    return readers.empty() ? nullptr : &graph_.nodes[readers.front()];
  }

  struct Infinite {
    std::string value;
    bool negative;
    const Node* adds;  ///< the node that added it to something; null: only moved so far
  };

  /// The first node that calculates with an infinite value; null: it is only moved, or chosen from.
  const Node* Calculator(const std::string& value, bool negative) {
    std::unordered_set<std::string> reached = {value};
    std::vector<Infinite> todo = {{value, negative, nullptr}};
    while (!todo.empty()) {
      const Infinite at = std::move(todo.back());
      todo.pop_back();
      if (at.adds != nullptr && graph_.IsOutput(at.value)) return at.adds;
      for (const size_t index : ReadersOf(at.value)) {
        const Node& node = graph_.nodes[index];
        if (Calculates(node, at)) return &node;
        if (!Is(node, kPassesInfinity) && !AddsMask(node)) continue;
        const bool flips = node.op == "Neg" || (node.op == "Sub" && node.Input(1) == at.value);
        for (const std::string& output : node.outputs) {
          if (!reached.insert(output).second) continue;
          todo.push_back({output, at.negative != flips, AddsMask(node) ? &node : at.adds});
        }
      }
    }
    return nullptr;
  }

  static bool Calculates(const Node& node, const Infinite& at) {
    if (!node.domain.empty()) return true;
    if (node.op == "Clip") return node.Input(at.negative ? 1 : 2) != at.value;
    if (Is(node, kExponentiates) && !at.negative) return true;
    return !Is(node, kTakesInfinity) && !Is(node, kPassesInfinity) && !AddsMask(node);
  }

  const Graph& graph_;
  const Origins& origins_;
  std::unordered_map<std::string, std::vector<size_t>> readers_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::string ElementText(const Tensor& tensor, size_t element) {
  return "is " + NumberText(At(tensor, element)) + PlaceText(tensor, element);
}

std::optional<size_t> FirstNan(const Tensor& tensor) {
  if (tensor.type() == DataType::float32) {
    bool found = false;
    for (const float x : tensor.as<float>()) found |= x != x;
    if (!found) return std::nullopt;
  }
  return First(tensor, [](double x) { return std::isnan(x); });
}

std::optional<size_t> FirstNotFinite(const Tensor& tensor) {
  if (tensor.type() == DataType::float32) {
    // Most of a network: x * 0 is 0 for numbers only, and a sum of zeros is quick to take.
    float sum = 0;
    for (const float x : tensor.as<float>()) sum += x * 0.0F;
    if (sum == 0) return std::nullopt;
  }
  return First(tensor, [](double x) { return !IsFinite(x); });
}

void RefuseNan(const std::string& value, const Tensor& tensor, const std::string& source) {
  const std::optional<size_t> nan = FirstNan(tensor);
  if (!nan) return;
  throw Error("value '" + value + "' " + ElementText(tensor, *nan) + " for sample " + source);
}

void CheckFinite(const Graph& graph, const Origins& origins) { Checker(graph, origins).Run(); }

void CheckBatchNorm(const Graph& graph, const Node& node) {
  const Tensor* parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    parameters[i] = graph.Constant(node.Input(i + 1));
    if (parameters[i] == nullptr || parameters[i]->elements() != parameters[0]->elements()) return;
  }
  const double epsilon = static_cast<double>(node.Float("epsilon", 1e-5F));
  for (size_t c = 0; c < parameters[0]->elements(); ++c) {
    double p[4];
    for (size_t i = 0; i < 4; ++i) p[i] = At(*parameters[i], c);
    const auto refuse = [&](size_t i, const std::string& why) {
      throw Error("initializer '" + node.Input(i + 1) + "' is " + NumberText(p[i]) +
                  PlaceText(*parameters[i], c) + ", and " + NodeText(node) + " " + why + ": " +
                  kCure);
    };
    if (!(p[3] + epsilon > 0)) {
      refuse(3, "divides by the square root of it plus epsilon " + NumberText(epsilon));
    }
    const double scale = p[0] / std::sqrt(p[3] + epsilon), shift = p[1] - p[2] * scale;
    const std::string over =
        "which float32 cannot hold ('" + node.Input(4) + "' there is " + NumberText(p[3]) + ")";
    if (!IsFinite(scale)) refuse(0, "makes a factor of " + NumberText(scale) + " of it, " + over);
    if (!IsFinite(shift)) refuse(2, "makes an offset of " + NumberText(shift) + " of it, " + over);
  }
}

}  // namespace lutra::converter
