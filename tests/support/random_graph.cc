#include "support/random_graph.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <vector>

#include "converter/error.h"
#include "converter/passes/passes.h"

namespace lutra::test {
namespace {

using converter::Attribute;
using converter::DataType;
using converter::Graph;
using converter::Node;
using converter::Tensor;
using Dims = std::vector<int64_t>;

constexpr int64_t kMostElements = 6000;

class Builder {
 public:
  explicit Builder(RandomNumbers& random) : random_(random) {}

  Graph Build();

 private:
  // Pieces of a graph.
  std::string Fresh() { return "v" + std::to_string(names_++); }
  std::string Constant(Tensor tensor);
  std::string Scalar(float value) { return Constant(Tensor::Of({}, std::vector{value})); }
  std::string Floats(const Dims& dims, float low, float high);
  std::string Ints(Dims values);
  Node& Add(const std::string& op, std::vector<std::string> inputs, size_t outputs = 1);
  std::string Through(const std::string& op, std::vector<std::string> inputs) {
    return Add(op, std::move(inputs)).outputs[0];
  }
  const Dims& DimsOf(const std::string& value) const { return *graph_.Info(value)->dims; }

  // What an operator may be applied to.
  const std::string& Pick() { return values_[random_.Below(values_.size())]; }
  std::string PickOfRank(size_t least, size_t most);
  /// The value through Tanh, or through Abs and + 0.5, for functions that need bounds.
  std::string Small(const std::string& value) { return Through("Tanh", {value}); }
  std::string Positive(const std::string& value) {
    return Through("Add", {Through("Abs", {value}), Scalar(0.5F)});
  }

  // Families; each appends what it makes, or nothing where it finds nothing to work on.
  void Convolution();
  void Pool();
  void GlobalPool();
  void Resize();
  void Blocks();
  void Product();
  void Unary();
  void UnaryWithParameters();
  void Binary();
  void BinaryOfTwo();
  void Reduce();
  void Softmax();
  void Transpose();
  void Slice();
  void Split();
  void Pad();
  void Concat();
  void Reshape();
  void Gather();

  void Window(Node& node, size_t axes, bool dilated);

  RandomNumbers& random_;
  Graph graph_;
  std::vector<std::string> values_;
  size_t names_ = 0;
};

std::string Builder::Constant(Tensor tensor) {
  const std::string name = "c" + std::to_string(names_++);
  graph_.initializers[name] = std::move(tensor);
  return name;
}

std::string Builder::Floats(const Dims& dims, float low, float high) {
  std::vector<float> values(converter::ElementCount(dims));
  for (float& value : values) value = random_.Real(low, high);
  return Constant(Tensor::Of(dims, std::move(values)));
}

std::string Builder::Ints(Dims values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant(Tensor::Of({count}, std::move(values)));
}

Node& Builder::Add(const std::string& op, std::vector<std::string> inputs, size_t outputs) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  for (size_t i = 0; i < outputs; ++i) node.outputs.push_back(Fresh());
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back();
}

std::string Builder::PickOfRank(size_t least, size_t most) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    const std::string& value = Pick();
    const size_t rank = DimsOf(value).size();
    if (rank >= least && rank <= most) return value;
  }
  return "";
}

/// Kernel, strides, dilations and pads of so many spatial axes; pads stay below the kernel.
void Builder::Window(Node& node, size_t axes, bool dilated) {
  Dims kernel, strides, dilations, pads(2 * axes);
  for (size_t i = 0; i < axes; ++i) {
    kernel.push_back(random_.Between(1, 4));
    strides.push_back(random_.OneIn(3) ? random_.Between(1, 3) : 1);
    dilations.push_back(dilated && random_.OneIn(3) ? random_.Between(1, 3) : 1);
    for (const size_t side : {i, axes + i}) pads[side] = random_.Between(0, kernel.back() - 1);
  }
  node.attributes["kernel_shape"] = kernel;
  node.attributes["strides"] = strides;
  if (dilated) node.attributes["dilations"] = dilations;
  node.attributes["pads"] = pads;
}

void Builder::Convolution() {
  const std::string x = PickOfRank(3, 4);
  if (x.empty()) return;
  const Dims dims = DimsOf(x);
  const int64_t channels = dims[1];
  int64_t groups = 1, out = random_.Between(1, 24);
  if (random_.OneIn(3)) {  // depthwise
    groups = channels;
    out = channels * (random_.OneIn(3) ? random_.Between(2, 3) : 1);
  } else if (random_.OneIn(3)) {
    groups = random_.Between(1, channels);
    while (channels % groups != 0) --groups;
    out = groups * random_.Between(1, 8);
  }
  Node node;
  Window(node, dims.size() - 2, true);
  if (random_.OneIn(3)) {  // Winograd's case
    node.attributes["kernel_shape"] = Dims(dims.size() - 2, 3);
    node.attributes["strides"] = node.attributes["dilations"] = Dims(dims.size() - 2, 1);
    node.attributes["pads"] = Dims(2 * (dims.size() - 2), random_.Between(0, 1));
  }
  Dims weights = {out, channels / groups};
  const Dims kernel = node.Ints("kernel_shape");
  weights.insert(weights.end(), kernel.begin(), kernel.end());
  std::vector<std::string> inputs = {x, Floats(weights, -0.5F, 0.5F)};
  if (!random_.OneIn(3)) inputs.push_back(Floats({out}, -1, 1));
  Node& conv = Add("Conv", inputs);
  conv.attributes = node.attributes;
  conv.attributes["group"] = groups;
}

void Builder::Pool() {
  const std::string x = PickOfRank(3, 4);
  if (x.empty()) return;
  const bool average = random_.OneIn(2);
  Node& pool = Add(average ? "AveragePool" : "MaxPool", {x});
  Window(pool, DimsOf(x).size() - 2, !average);
  if (average) pool.attributes["count_include_pad"] = random_.Between(0, 1);
  if (random_.OneIn(4)) pool.attributes["ceil_mode"] = int64_t{1};
}

void Builder::GlobalPool() {
  const std::string x = PickOfRank(4, 4);
  if (!x.empty()) Add(random_.OneIn(2) ? "GlobalAveragePool" : "GlobalMaxPool", {x});
}

void Builder::Resize() {
  const std::string x = PickOfRank(4, 4);
  if (x.empty()) return;
  Dims sizes = DimsOf(x);
  for (const size_t axis : {2U, 3U}) sizes[axis] = random_.Between(1, 2 * sizes[axis] + 1);
  const bool linear = random_.OneIn(2);
  Node& resize = Add("Resize", {x, "", "", Ints(sizes)});
  resize.attributes["mode"] = std::string(linear ? "linear" : "nearest");
  static const char* const kModes[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                       "asymmetric"};
  resize.attributes["coordinate_transformation_mode"] =
      std::string(kModes[random_.Below(std::size(kModes))]);
}

void Builder::Blocks() {
  const std::string x = PickOfRank(4, 4);
  if (x.empty()) return;
  Node& node = Add(random_.OneIn(2) ? "DepthToSpace" : "SpaceToDepth", {x});
  node.attributes["blocksize"] = random_.Between(1, 3);
  if (node.op == "DepthToSpace" && random_.OneIn(2)) node.attributes["mode"] = std::string("CRD");
}

void Builder::Product() {
  const std::string x = PickOfRank(2, 4);
  if (x.empty()) return;
  const Dims dims = DimsOf(x);
  const int64_t k = dims.back(), n = random_.Between(1, 40);
  if (dims.size() == 2 && random_.OneIn(2)) {
    const bool transposed = random_.OneIn(2);
    const Dims weights = transposed ? Dims{n, k} : Dims{k, n};
    std::vector<std::string> inputs = {x, Floats(weights, -0.5F, 0.5F)};
    if (!random_.OneIn(3)) inputs.push_back(Floats({n}, -1, 1));
    Node& gemm = Add("Gemm", inputs);
    gemm.attributes["transB"] = int64_t{transposed};
    if (random_.OneIn(3)) gemm.attributes["alpha"] = 0.75F;
  } else if (dims.size() > 2 && random_.OneIn(2)) {  // of two activations
    Dims swap = {0, 1, 2, 3};
    swap.resize(dims.size());
    std::swap(swap[dims.size() - 1], swap[dims.size() - 2]);
    Node& turned = Add("Transpose", {x});
    turned.attributes["perm"] = swap;
    const std::string b = turned.outputs[0];
    Add("MatMul", {x, b});
  } else {
    Add("MatMul", {x, Floats({k, n}, -0.5F, 0.5F)});
  }
}

void Builder::Unary() {
  static const char* const kAny[] = {
      "Relu",     "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Selu",  "Softplus",
      "Softsign", "Abs",     "Neg",  "Floor",     "Ceil",        "Round", "Sign",
      "Erf",      "Sin",     "Cos",  "Gelu",      "Mish",        "Silu",  "Identity"};
  static const char* const kSmall[] = {"Exp", "Sinh", "Cosh", "Tan", "Asin", "Acos", "Atan"};
  static const char* const kPositive[] = {"Log", "Sqrt", "Reciprocal"};
  const std::string x = Pick();
  switch (random_.Below(5)) {
    case 0:
      Add(kSmall[random_.Below(std::size(kSmall))], {Small(x)});
      break;
    case 1:
      Add(kPositive[random_.Below(std::size(kPositive))], {Positive(x)});
      break;
    default: {
      const std::string op = kAny[random_.Below(std::size(kAny))];
      Node& node = Add(op, {x});
      if (op == "Gelu") {
        node.attributes["approximate"] = std::string(random_.OneIn(2) ? "tanh" : "none");
      }
      break;
    }
  }
}

void Builder::UnaryWithParameters() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  switch (random_.Below(7)) {
    case 0: {
      const std::string lo = Floats({}, -2, 0), hi = Floats({}, 0, 3);
      Add("Clip", {x, lo, hi});
      break;
    }
    case 1:
      Add("LeakyRelu", {x}).attributes["alpha"] = random_.Real(0, 0.5F);
      break;
    case 2:
      Add("Elu", {x}).attributes["alpha"] = random_.Real(0.5F, 2);
      break;
    case 3:
      Add("Celu", {x}).attributes["alpha"] = random_.Real(0.5F, 2);
      break;
    case 4:
      Add("ThresholdedRelu", {x}).attributes["alpha"] = random_.Real(0, 1);
      break;
    case 5:
      Add("Pow", {random_.OneIn(2) ? Positive(x) : x, Scalar(2)});
      break;
    default: {
      Dims slopes(dims.size() - 1, 1);
      slopes[0] = dims[1];
      Add("PRelu", {x, Floats(slopes, -0.5F, 0.5F)});
      break;
    }
  }
}

void Builder::Binary() {
  static const char* const kOps[] = {"Add", "Sub", "Mul", "Div", "Min", "Max"};
  const std::string op = kOps[random_.Below(std::size(kOps))];
  const std::string x = Pick();
  Dims dims = DimsOf(x);
  if (random_.OneIn(4)) {
    dims.clear();
  } else {
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d == 0 || random_.OneIn(2)) dims[d] = 1;
    }
  }
  const bool divides = op == "Div";
  const std::string constant = Floats(dims, divides ? 0.5F : -2.0F, 2.0F);
  const bool first = !divides && random_.OneIn(3);
  Add(op, first ? std::vector{constant, x} : std::vector{x, constant});
}

void Builder::BinaryOfTwo() {
  static const char* const kOps[] = {"Add", "Add", "Sub", "Mul", "Div", "Min", "Max", "Pow"};
  const std::string op = kOps[random_.Below(std::size(kOps))];
  std::string a = Pick(), b = Pick();
  for (int attempt = 0; attempt < 6 && DimsOf(a) != DimsOf(b); ++attempt) b = Pick();
  if (op == "Div") b = Positive(b);
  if (op == "Pow") {
    a = Positive(Small(a));
    b = Small(b);
  }
  Add(op, {a, b});
}

void Builder::Reduce() {
  static const char* const kOps[] = {"ReduceMean", "ReduceSum",  "ReduceMax",
                                     "ReduceMin",  "ReduceProd", "ReduceL2"};
  const std::string op = kOps[random_.Below(std::size(kOps))];
  std::string x = Pick();
  const auto rank = static_cast<int64_t>(DimsOf(x).size());
  Dims axes;
  for (int64_t axis = 1; axis < rank; ++axis) {
    if (random_.OneIn(2)) axes.push_back(random_.OneIn(3) ? axis - rank : axis);
  }
  if (axes.empty()) axes.push_back(rank - 1);
  const bool keep = random_.OneIn(2) || axes.size() + 2 > static_cast<size_t>(rank);
  if (op == "ReduceProd") x = Small(x);
  Add(op, {x, Ints(axes)}).attributes["keepdims"] = int64_t{keep};
}

void Builder::Softmax() {
  const std::string x = Pick();
  const auto rank = static_cast<int64_t>(DimsOf(x).size());
  Add(random_.OneIn(4) ? "LogSoftmax" : "Softmax", {x}).attributes["axis"] =
      random_.OneIn(2) ? int64_t{-1} : random_.Between(1, rank - 1);
}

void Builder::Transpose() {
  const std::string x = Pick();
  Dims perm;
  for (size_t d = 0; d < DimsOf(x).size(); ++d) perm.push_back(static_cast<int64_t>(d));
  for (size_t d = perm.size() - 1; d > 1; --d) std::swap(perm[d], perm[1 + random_.Below(d)]);
  Add("Transpose", {x}).attributes["perm"] = perm;
}

void Builder::Slice() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  Dims starts, ends, axes, steps;
  for (size_t axis = 1; axis < dims.size(); ++axis) {
    if (random_.OneIn(2)) continue;
    const int64_t size = dims[axis];
    const int64_t begin = random_.Between(0, size - 1), end = random_.Between(begin + 1, size);
    const int64_t step = random_.OneIn(3) ? random_.Between(1, 3) : 1;
    const bool backwards = random_.OneIn(4);
    axes.push_back(static_cast<int64_t>(axis));
    starts.push_back(backwards ? end - 1 : begin);
    ends.push_back(backwards ? begin - 1 - size : end);
    steps.push_back(backwards ? -step : step);
  }
  if (axes.empty()) return;
  const std::string s = Ints(starts), e = Ints(ends), a = Ints(axes), t = Ints(steps);
  Add("Slice", {x, s, e, a, t});
}

void Builder::Split() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  const size_t axis = 1 + random_.Below(dims.size() - 1);
  if (dims[axis] < 2) return;
  const int64_t first = random_.Between(1, dims[axis] - 1);
  Add("Split", {x, Ints({first, dims[axis] - first})}, 2).attributes["axis"] =
      static_cast<int64_t>(axis);
}

void Builder::Pad() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  static const char* const kModes[] = {"constant", "reflect", "edge"};
  const std::string mode = kModes[random_.Below(std::size(kModes))];
  Dims pads(2 * dims.size());
  for (size_t d = 1; d < dims.size(); ++d) {
    for (const size_t side : {d, dims.size() + d}) {
      if (random_.OneIn(2)) continue;
      pads[side] = random_.Between(0, mode == "reflect" ? std::min<int64_t>(3, dims[d] - 1) : 3);
      if (mode == "constant" && random_.OneIn(5) && dims[d] > 2) pads[side] = -1;
    }
  }
  std::vector<std::string> inputs = {x, Ints(pads)};
  if (mode == "constant" && random_.OneIn(2)) inputs.push_back(Floats({}, -1, 1));
  Add("Pad", inputs).attributes["mode"] = mode;
}

void Builder::Concat() {
  const std::string first = Pick();
  const Dims dims = DimsOf(first);
  const size_t axis = random_.OneIn(2) ? 1 : 1 + random_.Below(dims.size() - 1);
  std::vector<std::string> parts = {first};
  for (int attempt = 0; attempt < 12 && parts.size() < 4; ++attempt) {
    const std::string& next = Pick();
    Dims other = DimsOf(next);
    if (other.size() != dims.size()) continue;
    other[axis] = dims[axis];
    if (other == dims) parts.push_back(next);
  }
  Add("Concat", parts).attributes["axis"] = static_cast<int64_t>(axis);
}

void Builder::Reshape() {
  const std::string x = Pick();
  const Dims dims = DimsOf(x);
  const auto elements = static_cast<int64_t>(converter::ElementCount(dims));
  switch (random_.Below(4)) {
    case 0:
      Add("Flatten", {x});
      break;
    case 1:
      if (dims.size() < 5) Add("Unsqueeze", {x, Ints({random_.Between(1, 2)})});
      break;
    case 2:
      for (size_t axis = 1; axis < dims.size() && dims.size() > 2; ++axis) {
        if (dims[axis] != 1) continue;
        Add("Squeeze", {x, Ints({static_cast<int64_t>(axis)})});
        break;
      }
      break;
    default: {
      // Two or three factors of what there is.
      Dims target = {1};
      int64_t rest = elements;
      for (size_t factors = 1 + random_.Below(2); factors > 0; --factors) {
        int64_t factor = random_.Between(1, std::min<int64_t>(rest, 12));
        while (rest % factor != 0) --factor;
        target.push_back(factor);
        rest /= factor;
      }
      target.push_back(random_.OneIn(2) ? -1 : rest);
      Add("Reshape", {x, Ints(target)});
      break;
    }
  }
}

void Builder::Gather() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  const size_t axis = 1 + random_.Below(dims.size() - 1);
  // Evenly spaced, which is a slice.
  const int64_t step = random_.Between(1, 2), first = random_.Between(0, dims[axis] - 1);
  Dims indices;
  for (int64_t i = first; i < dims[axis]; i += step) indices.push_back(i);
  Add("Gather", {x, Ints(indices)}).attributes["axis"] = static_cast<int64_t>(axis);
}

Graph Builder::Build() {
  Dims input = {1};
  const size_t rank = random_.OneIn(4) ? 2 + random_.Below(2) : 4;
  for (size_t d = 1; d < rank; ++d) {
    input.push_back(random_.Between(1, rank == 2 ? 100 : rank == 3 ? 24 : 13));
  }
  if (rank == 4 && random_.OneIn(3)) input[1] = random_.Between(14, 40);  // channels
  graph_.name = "random";
  graph_.inputs = {"x"};
  graph_.values["x"] = {DataType::float32, input};
  values_ = {"x"};
  using Family = void (Builder::*)();
  static const Family kFamilies[] = {
      &Builder::Convolution, &Builder::Convolution, &Builder::Convolution,
      &Builder::Pool,        &Builder::GlobalPool,  &Builder::Resize,
      &Builder::Blocks,      &Builder::Product,     &Builder::Product,
      &Builder::Unary,       &Builder::Unary,       &Builder::UnaryWithParameters,
      &Builder::Binary,      &Builder::BinaryOfTwo, &Builder::BinaryOfTwo,
      &Builder::Reduce,      &Builder::Softmax,     &Builder::Transpose,
      &Builder::Slice,       &Builder::Split,       &Builder::Pad,
      &Builder::Concat,      &Builder::Reshape,     &Builder::Gather};
  const size_t wanted = 1 + random_.Below(14);
  for (size_t attempt = 0; attempt < 40 && values_.size() <= wanted; ++attempt) {
    const size_t before = graph_.nodes.size();
    const Graph kept = graph_;
    (this->*kFamilies[random_.Below(std::size(kFamilies))])();
    bool fits = graph_.nodes.size() > before;
    try {
      converter::passes::InferShapes(graph_);
    } catch (const converter::Error&) {
      fits = false;
    }
    for (size_t i = before; i < graph_.nodes.size() && fits; ++i) {
      for (const std::string& output : graph_.nodes[i].outputs) {
        const converter::ValueInfo* info = graph_.Info(output);
        fits = fits && info != nullptr && info->dims && info->dims->size() >= 2 &&
               std::all_of(info->dims->begin(), info->dims->end(),
                           [](int64_t d) { return d > 0 && d <= kMostElements; }) &&
               (*info->dims)[0] == 1 &&
               converter::ElementCount(*info->dims) <= static_cast<size_t>(kMostElements);
      }
    }
    if (!fits) {
      graph_ = kept;
      continue;
    }
    const std::vector<std::string>& made = graph_.nodes.back().outputs;
    values_.insert(values_.end(), made.begin(), made.end());
  }
  if (graph_.nodes.empty()) Add("Relu", {"x"});
  for (const Node& node : graph_.nodes) {
    for (const std::string& output : node.outputs) {
      if (graph_.Consumers(output).empty()) graph_.outputs.push_back(output);
    }
  }
  converter::passes::InferShapes(graph_);
  return graph_;
}

}  // namespace

Graph RandomGraph(RandomNumbers& random) { return Builder(random).Build(); }

}  // namespace lutra::test
