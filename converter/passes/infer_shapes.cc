// Types and shapes of all values, for the input shapes that the graph states.
//
// The executor is the one place that knows what shape each operator gives, so it is asked: a node
// is run alone, its constant inputs as they are and its computed ones as zeros of their shape. That
// costs little for what a network has few of. Products of tensors and functions of elements, which
// it has most of, have rules for their shapes here instead.
// Inputs that decide on the shape of the result (the target of a Reshape, the limits of a Slice)
// must be known for that; exporters compute them from Shape, so what follows from known shapes is
// evaluated on the way.
#include "converter/passes/infer_shapes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "converter/executor/float_executor.h"
#include "converter/executor/signature.h"
#include "converter/graph/operator_table.h"
#include "converter/graph/shape.h"
#include "converter/graph/window.h"
#include "converter/passes/layout.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {
namespace {

/// Values that shape arithmetic computes are small; larger constants are the folding's business.
constexpr size_t kShapeElements = 4096;

class ShapeInference {
 public:
  ShapeInference(Graph& graph, uint64_t most_elements) : graph_(graph), left_(most_elements) {}

  void Run() {
    for (const std::string& input : graph_.inputs) CheckInput(input);
    for (const Node& node : graph_.nodes) {
      if (!Known(node)) Infer(node);
    }
  }

 private:
  void CheckInput(const std::string& input) const {
    const ValueInfo* info = graph_.Info(input);
    if (info != nullptr && info->dims && KnownDims(graph_, input) != nullptr) {
      try {
        CheckResult(*info->dims);
      } catch (const Error&) {
        throw Error("input '" + input + "' of " + DimsText(*info->dims) +
                    " is too large: 2^28 elements and 2^26 along one dimension are the most");
      }
      return;
    }
    const std::string shape = info != nullptr && info->dims ? DimsText(*info->dims) : "not stated";
    throw Error("input '" + input + "' has dimensions that are not fixed (" + shape +
                "): give them with --input-shape");
  }

  bool Known(const Node& node) const {
    // A shape computed on the way is known, but its value is needed too.
    return std::ranges::all_of(node.outputs, [&](const std::string& output) {
      if (output.empty()) return true;
      const ValueInfo* info = graph_.Info(output);
      return info != nullptr && info->dims && info->type == DataType::float32;
    });
  }

  const Tensor* Constant(const std::string& value) const {
    if (const Tensor* constant = graph_.Constant(value)) return constant;
    const auto found = evaluated_.find(value);
    return found == evaluated_.end() ? nullptr : &found->second;
  }

  void Infer(const Node& node) {
    if (node.op == "Shape" && node.domain.empty()) {
      const ValueInfo* info = graph_.Info(node.Input(0));
      if (KnownDims(graph_, node.Input(0)) == nullptr) return SetUnknown(node, DataType::int64);
      // Shape looks at nothing but the dimensions; zeros of one byte are the smallest such tensor.
      Spend(node, ElementCount(*info->dims));
      const Tensor zeros(DataType::uint8, *info->dims);
      return SetResults(node, executor::ExecuteNode(node, {zeros}), true);
    }
    if (!InputsKnown(node)) return SetUnknown(node, DataType::undefined);
    if (InferProduct(node) || InferPool(node) || InferElementwise(node)) return;
    std::vector<Tensor> inputs;
    bool constant = true;
    for (const std::string& input : node.inputs) {
      if (input.empty()) {
        inputs.emplace_back();
      } else if (const Tensor* known = Constant(input)) {
        inputs.push_back(*known);
      } else {
        constant = false;
        const ValueInfo& info = *graph_.Info(input);
        Spend(node, ElementCount(*info.dims));
        inputs.emplace_back(info.type, *info.dims);
      }
    }
    SetResults(node, executor::ExecuteNode(node, inputs), constant);
  }

  bool InputsKnown(const Node& node) const {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const std::string& input = node.inputs[i];
      if (input.empty() || Constant(input) != nullptr) continue;
      if (RoleOf(node, i) == Role::shape || KnownDims(graph_, input) == nullptr) return false;
    }
    return true;
  }

  /// Conv, Gemm and MatMul of float32.
  bool InferProduct(const Node& node) {
    if (!node.domain.empty()) return false;
    if (node.op != "Conv" && node.op != "Gemm" && node.op != "MatMul") return false;
    std::vector<DataType> types;
    for (const std::string& input : node.inputs) types.push_back(TypeOf(input));
    if (const std::string why = executor::WhyInputsRefused(node, types); !why.empty())
      Fail(node, why);
    // A constant need not be listed among the values.
    const Dims& a = *KnownDims(graph_, node.inputs[0]);
    const Dims& b = *KnownDims(graph_, node.inputs[1]);
    Dims dims;
    if (node.op == "Conv") {
      dims = ConvDims(node, a, b);
    } else if (node.op == "Gemm") {
      dims = GemmDims(node, a, b);
    } else {
      dims = MatMulDims(node, a, b);
    }
    try {
      CheckResult(dims);
    } catch (const Error& error) {
      Fail(node, error.what());
    }
    graph_.values[node.outputs[0]] = {types[0], dims};
    return true;
  }

  /// A few bytes of a file can ask for windows that take minutes to walk.
  bool InferPool(const Node& node) {
    if (!Is(node, kPool)) return false;
    const DataType type = TypeOf(node.inputs[0]);
    if (const std::string why = executor::WhyInputsRefused(node, std::span(&type, 1));
        !why.empty()) {
      Fail(node, why);
    }
    const Dims& x = *KnownDims(graph_, node.inputs[0]);
    if (x.size() < 3) Fail(node, "an input of " + DimsText(x) + " has no spatial axis");
    const int64_t channels = node.layout == Layout::nhwc ? x.back() : x[1];
    const Dims dims = node.op.starts_with("Global")
                          ? WithSpatial(node, x, channels, Dims(x.size() - 2, 1))
                          : WindowDims(node, x, channels, {}, node.Int("ceil_mode", 0) != 0);
    const DataType types[] = {type, DataType::int64};  // the second: where the maxima lie
    for (size_t i = 0; i < node.outputs.size() && i < std::size(types); ++i) {
      if (!node.outputs[i].empty()) graph_.values[node.outputs[i]] = {types[i], dims};
    }
    return true;
  }

  /// Of the inputs' shapes, broadcast; the type is that of the same node on one element. Where all
  /// inputs are known so is the result, and it may be needed.
  bool InferElementwise(const Node& node) {
    if (!IsElementwise(node) || node.op == "FakeQuantize" || node.inputs.empty()) return false;
    if (std::ranges::all_of(node.inputs, [&](const std::string& input) {
          return input.empty() || Constant(input) != nullptr;
        })) {
      return false;
    }
    Dims dims;
    std::vector<Tensor> elements;
    for (const std::string& input : node.inputs) {
      if (input.empty()) {
        elements.emplace_back();
        continue;
      }
      const Dims& one = *KnownDims(graph_, input);
      elements.emplace_back(TypeOf(input), Dims(one.size(), 1));
      const bool limit = node.op == "Clip" && elements.size() > 1;
      if (!limit) dims = Broadcast(node, dims, one);
    }
    if (node.op == "PRelu" && dims != *KnownDims(graph_, node.inputs[0])) return false;
    const Tensor result = executor::ExecuteNode(node, elements).at(0);
    graph_.values[node.outputs[0]] = {result.type(), dims};
    return true;
  }

  static Dims Broadcast(const Node& node, const Dims& a, const Dims& b) {
    try {
      const Dims dims = BroadcastShape(a, b);
      CheckResult(dims);
      return dims;
    } catch (const Error& error) {
      Fail(node, error.what());
    }
  }

  DataType TypeOf(const std::string& value) const {
    if (const Tensor* constant = Constant(value)) return constant->type();
    const ValueInfo* info = graph_.Info(value);
    return info == nullptr ? DataType::undefined : info->type;
  }

  static Dims ConvDims(const Node& node, const Dims& x, const Dims& w) {
    const int64_t groups = node.Int("group", 1);
    const bool nhwc = node.layout == Layout::nhwc;
    if (x.size() < 3 || w.size() != x.size() || groups < 1 || w[0] % groups != 0 ||
        (nhwc ? x.back() : x[1]) != w[1] * groups) {
      Fail(node, "weights of " + DimsText(w) + " and group " + std::to_string(groups) +
                     " do not fit an input of " + DimsText(x));
    }
    return WindowDims(node, x, w[0], Dims(w.begin() + 2, w.end()), false);
  }

  /// What windows of the node leave of x, with so many channels.
  static Dims WindowDims(const Node& node, const Dims& x, int64_t channels, const Dims& kernel,
                         bool ceil_mode) {
    const bool nhwc = node.layout == Layout::nhwc;
    const Dims spatial = nhwc ? Dims(x.begin() + 1, x.end() - 1) : Dims(x.begin() + 2, x.end());
    try {
      const Window window = WindowOf(node, kernel, spatial);
      const Dims result = WithSpatial(node, x, channels, WindowResult(window, spatial, ceil_mode));
      CheckResult(result);
      return result;
    } catch (const Error& error) {
      Fail(node, error.what());
    }
  }

  static Dims WithSpatial(const Node& node, const Dims& x, int64_t channels, Dims spatial) {
    spatial.insert(node.layout == Layout::nhwc ? spatial.end() : spatial.begin(), channels);
    spatial.insert(spatial.begin(), x[0]);
    return spatial;
  }

  static Dims GemmDims(const Node& node, const Dims& a, const Dims& b) {
    const bool trans_a = node.Int("transA", 0) != 0, trans_b = node.Int("transB", 0) != 0;
    if (a.size() != 2 || b.size() != 2 || a[trans_a ? 0 : 1] != b[trans_b ? 1 : 0]) {
      Fail(node, DimsText(a) + " cannot be multiplied by " + DimsText(b));
    }
    return {a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
  }

  static Dims MatMulDims(const Node& node, Dims a, Dims b) {
    const auto refuse = [&] {
      Fail(node, DimsText(a) + " cannot be multiplied by " + DimsText(b));
    };
    if (a.empty() || b.empty()) refuse();
    const bool row = a.size() == 1, column = b.size() == 1;
    if (row) a.insert(a.begin(), 1);
    if (column) b.push_back(1);
    if (a.back() != b[b.size() - 2]) refuse();
    const size_t batch = std::max(a.size(), b.size()) - 2;
    Dims dims;
    for (size_t i = 0; i < batch; ++i) {
      const int64_t from_a = i + a.size() < batch + 2 ? 1 : a[i + a.size() - batch - 2];
      const int64_t from_b = i + b.size() < batch + 2 ? 1 : b[i + b.size() - batch - 2];
      if (from_a != from_b && from_a != 1 && from_b != 1) refuse();
      dims.push_back(from_a == 1 ? from_b : from_a);
    }
    if (!row) dims.push_back(a[a.size() - 2]);
    if (!column) dims.push_back(b.back());
    return dims;
  }

  void Spend(const Node& node, uint64_t elements) {
    if (elements > left_) {
      Fail(node,
           "the values up to here hold too many elements to be computed: give the inputs "
           "smaller shapes");
    }
    left_ -= elements;
  }

  void SetUnknown(const Node& node, DataType type) {
    for (const std::string& output : node.outputs) {
      if (!output.empty()) graph_.values[output] = {type, std::nullopt};
    }
  }

  void SetResults(const Node& node, std::vector<Tensor> results, bool constant) {
    for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      Spend(node, results[i].elements());
      graph_.values[node.outputs[i]] = {results[i].type(), results[i].dims()};
      if (constant && results[i].elements() <= kShapeElements) {
        evaluated_.insert_or_assign(node.outputs[i], std::move(results[i]));
      }
    }
  }

  Graph& graph_;
  uint64_t left_;  ///< elements that may still be computed with
  std::map<std::string, Tensor> evaluated_;
};

}  // namespace

void InferShapes(Graph& graph, uint64_t most_elements) {
  ShapeInference(graph, most_elements).Run();
}

void InferShapes(Graph& graph) { InferShapes(graph, kMostShapeElements); }

}  // namespace lutra::converter::passes
