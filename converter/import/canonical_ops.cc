#include "converter/import/canonical_ops.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "converter/graph/resize_mode.h"

namespace lutra::converter::importing {
namespace {

/// Before opset 7 the second operand was aligned with an axis of the first; since then it is
/// aligned with the last dimensions, as in numpy.
std::string OldBroadcast(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 7) return "";
  const bool aligned = node.Int("broadcast", 0) != 0 && node.Has("axis");
  int64_t axis = node.Int("axis", 0);
  node.attributes.erase("broadcast");
  node.attributes.erase("axis");
  if (!aligned) return "";
  const int64_t rank_a = canonical.Rank(node.Input(0));
  const int64_t rank_b = canonical.Rank(node.Input(1));
  if (rank_a < 0 || rank_b < 0) return "broadcasting with 'axis' (opset 6) needs known ranks";
  if (axis < 0) axis += rank_a;
  const int64_t missing = rank_a - axis - rank_b;
  if (missing <= 0) return "";
  std::vector<int64_t> axes(static_cast<size_t>(missing));
  for (int64_t i = 0; i < missing; ++i) axes[static_cast<size_t>(i)] = rank_b + i;
  Node unsqueeze;
  unsqueeze.op = "Unsqueeze";
  unsqueeze.inputs = {node.inputs[1],
                      canonical.AddConstant(node, "axes", Tensor::Of({missing}, axes))};
  unsqueeze.outputs = {canonical.FreshName(node.Label() + "_aligned")};
  node.inputs[1] = unsqueeze.outputs[0];
  canonical.graph().nodes.push_back(std::move(unsqueeze));
  return "";
}

/// Before opset 7 a slope per channel was a plain vector.
std::string PRelu(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 7 || canonical.Rank(node.Input(1)) != 1) return "";
  node.attributes["broadcast"] = int64_t{1};
  node.attributes["axis"] = int64_t{1};
  return OldBroadcast(canonical, node, opset);
}

std::string Gemm(Canonicalizer&, Node& node, int64_t) {
  node.attributes.erase("broadcast");
  return "";
}

std::string BatchNormalization(Canonicalizer&, Node& node, int64_t opset) {
  const char* training =
      "is in training mode: export with model.eval(), or training=TrainingMode.EVAL";
  if (opset < 7 && node.Int("is_test", 0) == 0) return training;
  if (opset < 9 && node.Int("spatial", 1) == 0) return "spatial=0 is not supported";
  if (node.Int("training_mode", 0) != 0) return training;
  for (const char* name : {"is_test", "spatial", "training_mode", "momentum", "consumed_inputs"}) {
    node.attributes.erase(name);
  }
  // Only training fills the other outputs; exporters left names for them nonetheless.
  node.outputs.resize(std::min<size_t>(node.outputs.size(), 1));
  return "";
}

/// Of ratio 0 it drops nothing in training mode either.
std::string Dropout(Canonicalizer& canonical, Node& node, int64_t) {
  const Tensor* ratio = canonical.graph().Constant(node.Input(1));
  const bool drops = ratio == nullptr || ratio->elements() != 1 || ratio->ToFloats()[0] != 0;
  if (const std::string& mode = node.Input(2); !mode.empty() && drops) {
    const Tensor* training = canonical.graph().Constant(mode);
    if (training == nullptr) return "training_mode is computed: export in inference mode";
    const std::vector<int64_t> values = training->ToInts();
    if (values.empty() || values[0] != 0) {
      return "is in training mode: export with model.eval(), or training=TrainingMode.EVAL";
    }
  }
  node.attributes.clear();
  node.inputs.resize(std::min<size_t>(node.inputs.size(), 1));
  return "";
}

std::string Cast(Canonicalizer&, Node& node, int64_t) {
  // Both speak of 8-bit floating types only.
  node.attributes.erase("saturate");
  node.attributes.erase("round_mode");
  return "";
}

/// Opset 23 may divide by the scale in another type than the scale's own.
std::string QuantizeLinear(Canonicalizer&, Node& node, int64_t) {
  const auto precision = static_cast<DataType>(node.Int("precision", 0));
  node.attributes.erase("precision");
  if (precision == DataType::undefined || precision == DataType::float32) return "";
  return "'precision' asks for a division in another type than float32, which is not supported";
}

/// x * sigmoid(alpha * x), of opset 24.
std::string Swish(Canonicalizer& canonical, Node& node, int64_t) {
  const std::string x = node.Input(0);
  const auto add = [&](const char* op, std::vector<std::string> inputs) {
    Node part;
    part.op = op;
    part.inputs = std::move(inputs);
    part.outputs = {canonical.FreshName(node.Label() + "_" + op)};
    canonical.graph().nodes.push_back(part);
    return part.outputs[0];
  };
  std::string scaled = x;
  if (const float alpha = node.Float("alpha", 1.0F); alpha != 1) {
    scaled =
        add("Mul",
            {x, canonical.AddConstant(node, "alpha", Tensor::Of({}, std::vector<float>{alpha}))});
  }
  node.op = "Mul";
  node.inputs = {x, add("Sigmoid", {scaled})};
  node.attributes.clear();
  return "";
}

std::string Slice(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 10) return "";
  if (!node.Has("starts") || !node.Has("ends")) return "lacks 'starts' or 'ends'";
  canonical.AttributeToInput(node, "starts", 1);
  canonical.AttributeToInput(node, "ends", 2);
  canonical.AttributeToInput(node, "axes", 3);
  return "";
}

std::string Pad(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 11) return "";
  if (!node.Has("pads")) return "lacks 'pads'";
  canonical.AttributeToInput(node, "pads", 1);
  if (const float value = node.Float("value", 0.0F); value != 0.0F) {
    node.inputs.push_back(
        canonical.AddConstant(node, "value", Tensor::Of({}, std::vector<float>{value})));
  }
  node.attributes.erase("value");
  return "";
}

std::string Clip(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 11) return "";
  node.inputs.resize(3);
  size_t index = 1;
  for (const char* bound : {"min", "max"}) {
    if (node.Has(bound)) {
      node.inputs[index] = canonical.AddConstant(
          node, bound, Tensor::Of({}, std::vector<float>{node.Float(bound, 0.0F)}));
      node.attributes.erase(bound);
    }
    ++index;
  }
  return "";
}

std::string AxesToInput(Canonicalizer& canonical, Node& node, int64_t) {
  canonical.AttributeToInput(node, "axes", 1);  // no such attribute in the newer form
  return "";
}

std::string Split(Canonicalizer& canonical, Node& node, int64_t) {
  canonical.AttributeToInput(node, "split", 1);
  if (node.Input(1).empty() && !node.Has("num_outputs")) {
    node.attributes["num_outputs"] = static_cast<int64_t>(node.outputs.size());
  }
  return "";
}

std::string TopK(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 10) return "";
  if (!node.Has("k")) return "lacks 'k'";
  node.inputs.resize(2);
  node.inputs[1] =
      canonical.AddConstant(node, "k", Tensor::Of({1}, std::vector<int64_t>{node.Int("k", 0)}));
  node.attributes.erase("k");
  return "";
}

/// Upsample and the first Resize read source pixel floor(x / scale), which is "asymmetric".
std::string Resize(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 11) return "";
  const bool upsample = node.op == "Upsample";
  if (upsample && opset < 9) {
    if (!node.Has("scales")) return "lacks 'scales'";
    const auto* scales = std::get_if<std::vector<float>>(&node.attributes["scales"]);
    if (scales == nullptr) return "'scales' is not a list of floats";
    const auto count = static_cast<int64_t>(scales->size());
    node.inputs.resize(2);
    node.inputs[1] = canonical.AddConstant(node, "scales", Tensor::Of({count}, *scales));
    node.attributes.erase("scales");
  }
  node.op = "Resize";
  node.inputs = {node.Input(0), "", node.Input(1)};
  if (node.String("mode", "nearest") == "bilinear") node.attributes["mode"] = std::string("linear");
  node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  // ONNX's example of the first Resize, and ONNX Runtime, shrink by the pixel behind instead.
  node.attributes["nearest_mode"] = std::string(upsample ? "floor" : kCeilToShrink);
  return "";
}

/// Before opset 13 the dimensions from `axis` on were one: Flatten, operator along the last
/// dimension, Reshape back. Where the shapes make that no change the passes drop it again.
std::string FlatSoftmax(Canonicalizer& canonical, Node& node, int64_t opset) {
  if (opset >= 13) return "";
  const int64_t axis = node.Int("axis", 1);
  const int64_t rank = canonical.Rank(node.Input(0));
  if (axis == -1 || (rank > 0 && axis == rank - 1)) {
    node.attributes["axis"] = axis;
    return "";
  }
  Node shape;
  shape.op = "Shape";
  shape.inputs = {node.Input(0)};
  shape.outputs = {canonical.FreshName(node.Label() + "_shape")};
  Node flatten;
  flatten.op = "Flatten";
  flatten.attributes["axis"] = axis;
  flatten.inputs = {node.Input(0)};
  flatten.outputs = {canonical.FreshName(node.Label() + "_flat")};
  Node reshape;
  reshape.op = "Reshape";
  reshape.outputs = node.outputs;
  reshape.attributes["allowzero"] = int64_t{1};  // a dimension of the shape that is 0 is meant
  node.inputs = {flatten.outputs[0]};
  node.outputs = {canonical.FreshName(node.Label() + "_rows")};
  node.attributes["axis"] = int64_t{-1};
  reshape.inputs = {node.outputs[0], shape.outputs[0]};
  auto& nodes = canonical.graph().nodes;
  nodes.push_back(std::move(shape));
  nodes.push_back(std::move(flatten));
  nodes.push_back(std::exchange(node, std::move(reshape)));
  return "";
}

std::string Scatter(Canonicalizer&, Node& node, int64_t) {
  node.op = "ScatterElements";
  return "";
}

}  // namespace

CanonicalRule FindCanonicalRule(std::string_view op) {
  static const std::map<std::string_view, CanonicalRule> kRules = {
      {"Add", OldBroadcast},
      {"Sub", OldBroadcast},
      {"Mul", OldBroadcast},
      {"Div", OldBroadcast},
      {"Pow", OldBroadcast},
      {"And", OldBroadcast},
      {"Or", OldBroadcast},
      {"Xor", OldBroadcast},
      {"Equal", OldBroadcast},
      {"Greater", OldBroadcast},
      {"Less", OldBroadcast},
      {"PRelu", PRelu},
      {"Gemm", Gemm},
      {"Dropout", Dropout},
      {"BatchNormalization", BatchNormalization},
      {"Cast", Cast},
      {"QuantizeLinear", QuantizeLinear},
      {"Swish", Swish},
      {"Slice", Slice},
      {"Pad", Pad},
      {"Clip", Clip},
      {"Squeeze", AxesToInput},
      {"Unsqueeze", AxesToInput},
      {"ReduceSum", AxesToInput},
      {"ReduceMean", AxesToInput},
      {"ReduceMax", AxesToInput},
      {"ReduceMin", AxesToInput},
      {"ReduceProd", AxesToInput},
      {"ReduceL1", AxesToInput},
      {"ReduceL2", AxesToInput},
      {"ReduceLogSum", AxesToInput},
      {"ReduceSumSquare", AxesToInput},
      {"ReduceLogSumExp", AxesToInput},
      {"Split", Split},
      {"TopK", TopK},
      {"Resize", Resize},
      {"Upsample", Resize},
      {"Softmax", FlatSoftmax},
      {"LogSoftmax", FlatSoftmax},
      {"Hardmax", FlatSoftmax},
      {"Scatter", Scatter},
  };
  const auto found = kRules.find(op);
  return found == kRules.end() ? nullptr : found->second;
}

}  // namespace lutra::converter::importing
