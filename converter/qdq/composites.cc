#include "converter/qdq/composites.h"

#include <set>
#include <string_view>

#include "converter/qdq/proto.h"

namespace lutra::converter::qdq {
namespace {

class Composer {
 public:
  Composer(const std::string& stem, const std::function<std::string(const std::string&)>& fresh,
           onnx::GraphProto& graph)
      : stem_(stem), fresh_(fresh), graph_(graph) {}

  std::string Scalar(float value) { return AddScalar(graph_, fresh_(stem_ + "_factor"), value); }
  std::string Add(const std::string& op, const std::vector<std::string>& inputs) {
    std::string output = fresh_(stem_ + "_part");
    AddNode(graph_, op, inputs, output);
    return output;
  }

  std::string HardSigmoid(const std::string& x) {
    std::string output = fresh_(stem_ + "_part");
    onnx::NodeProto& node = AddNode(graph_, "HardSigmoid", {x}, output);
    AddAttribute(node, "alpha", 1.0F / 6);
    AddAttribute(node, "beta", 0.5F);
    return output;
  }

  /// (1 + y) / 2
  std::string HalfOfOnePlus(const std::string& y) {
    return Add("Mul", {Add("Add", {y, Scalar(1)}), Scalar(0.5F)});
  }

  /// (1 + erf(x / sqrt(2))) / 2
  std::string NormalDistribution(const std::string& x) {
    return HalfOfOnePlus(Add("Erf", {Add("Mul", {x, Scalar(0.70710678F)})}));
  }

  /// (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  std::string NormalDistributionByTanh(const std::string& x) {
    const std::string cube = Add("Mul", {Add("Mul", {x, x}), x});
    const std::string sum = Add("Add", {x, Add("Mul", {cube, Scalar(0.044715F)})});
    return HalfOfOnePlus(Add("Tanh", {Add("Mul", {sum, Scalar(0.79788456F)})}));
  }

 private:
  const std::string stem_;
  const std::function<std::string(const std::string&)>& fresh_;
  onnx::GraphProto& graph_;
};

}  // namespace

bool IsComposite(const Node& node) {
  static const std::set<std::string_view> kOps = {"Silu", "Swish", "HardSwish", "Gelu", "Mish"};
  return kOps.contains(node.op);
}

void AddComposite(const Node& node, const std::string& x, const std::string& y,
                  const std::function<std::string(const std::string&)>& fresh,
                  onnx::GraphProto& graph) {
  Composer compose(node.Label(), fresh, graph);
  std::string gate;
  if (node.op == "Silu") {
    gate = compose.Add("Sigmoid", {x});
  } else if (node.op == "Swish") {
    gate = compose.Add("Sigmoid",
                       {compose.Add("Mul", {x, compose.Scalar(node.Float("alpha", 1.0F))})});
  } else if (node.op == "HardSwish") {
    gate = compose.HardSigmoid(x);
  } else if (node.op == "Mish") {
    gate = compose.Add("Tanh", {compose.Add("Softplus", {x})});
  } else if (node.String("approximate", "none") == "tanh") {
    gate = compose.NormalDistributionByTanh(x);
  } else {
    gate = compose.NormalDistribution(x);
  }
  AddNode(graph, "Mul", {x, gate}, y);
}

}  // namespace lutra::converter::qdq
