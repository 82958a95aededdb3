#include "tests/converter/executor/gradient_cases.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

using Attributes = std::map<std::string, Attribute>;

/// Shuffled odd multiples of gap / 2 around `middle`: no two are closer than a gap, and none is
/// closer than half of one to the middle, so that no finite difference steps over a kink.
Tensor Distinct(Int64s dims, uint32_t seed, float gap = 0.125f, float middle = 0) {
  Tensor tensor(DataType::float32, std::move(dims));
  const auto values = tensor.as<float>();
  const float first = -0.5f * static_cast<float>(values.size() - values.size() % 2) + 0.5f;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = middle + gap * (first + static_cast<float>(i));
  }
  std::mt19937 generator(seed);
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[generator() % i]);
  return tensor;
}

/// In [lo, lo + 2).
Tensor Above(float lo, Int64s dims, uint32_t seed) {
  Tensor tensor = Random(std::move(dims), seed);
  for (float& x : tensor.as<float>()) x += lo + 1;
  return tensor;
}

class Cases {
 public:
  /// By all inputs that are float32.
  GradientCase& Add(const std::string& op, std::vector<Tensor> inputs, Attributes attributes = {}) {
    std::vector<size_t> by;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].type() == DataType::float32) by.push_back(i);
    }
    return AddBy(std::move(by), op, std::move(inputs), std::move(attributes));
  }
  /// By the first input alone.
  GradientCase& AddByFirst(const std::string& op, std::vector<Tensor> inputs,
                           Attributes attributes = {}) {
    return AddBy({0}, op, std::move(inputs), std::move(attributes));
  }
  GradientCase& AddBy(std::vector<size_t> by, const std::string& op, std::vector<Tensor> inputs,
                      Attributes attributes) {
    return cases_.emplace_back(GradientCase{MakeNode(op, {}, {"y"}, std::move(attributes)),
                                            std::move(inputs), std::move(by)});
  }
  /// The last case once more, in NHWC.
  void AgainInNhwc() {
    GradientCase nhwc = cases_.back();
    nhwc.node.layout = Layout::nhwc;
    nhwc.inputs[0] = FromNchw(nhwc.inputs[0]);
    cases_.push_back(std::move(nhwc));
  }
  /// The last case once more, with a clamp.
  void AgainClamped(float lo, float hi) {
    GradientCase clamped = cases_.back();
    clamped.node.clamp = Clamp{lo, hi};
    cases_.push_back(std::move(clamped));
  }
  std::vector<GradientCase> Take() { return std::move(cases_); }

 private:
  std::vector<GradientCase> cases_;
};

void AddUnary(Cases& cases) {
  const Tensor x = Distinct({3, 5}, 1, 0.25f), positive = Above(0.6f, {3, 5}, 2);
  for (const char* op : {"Abs",         "Relu",     "Neg",      "LeakyRelu",
                         "Elu",         "Celu",     "Selu",     "ThresholdedRelu",
                         "HardSigmoid", "Gelu",     "Softplus", "Clip",
                         "Silu",        "Sigmoid",  "Softsign", "Mish",
                         "Exp",         "Erf",      "Tanh",     "Sin",
                         "Cos",         "Identity", "Dropout"}) {
    cases.Add(op, {x});
  }
  for (const char* op : {"Log", "Sqrt", "Reciprocal"}) cases.Add(op, {positive});
  cases.Add("Reciprocal", {Above(-3, {4}, 3)});
  cases.Add("HardSwish", {Distinct({4, 5}, 4, 0.5f)});
  cases.Add("HardSigmoid", {Distinct({3, 5}, 5, 0.5f)}, {{"alpha", 0.4f}, {"beta", 0.35f}});
  cases.Add("LeakyRelu", {x}, {{"alpha", 0.3f}});
  cases.Add("Elu", {x}, {{"alpha", 1.5f}});
  cases.Add("Celu", {x}, {{"alpha", 0.7f}});
  cases.Add("Swish", {x}, {{"alpha", 1.7f}});
  cases.Add("Selu", {x}, {{"alpha", 1.5f}, {"gamma", 0.8f}});
  cases.Add("ThresholdedRelu", {x}, {{"alpha", 0.5f}});
  cases.Add("Gelu", {x}, {{"approximate", std::string("tanh")}});
  cases.AddByFirst("Clip", {x, Scalar(-1), Scalar(0.75f)});
  cases.AddByFirst("Clip", {x, Tensor(), Scalar(0.75f)});
  cases.Add("Cast", {x}, {{"to", static_cast<int64_t>(DataType::float32)}});
  cases.Add("Tanh", {x});
  cases.AgainClamped(-0.5f, 0.6f);
}

void AddBinary(Cases& cases) {
  const std::pair<Int64s, Int64s> shapes[] = {{{2, 3, 4}, {2, 3, 4}},
                                              {{2, 3, 4}, {4}},
                                              {{2, 3, 4}, {3, 1}},
                                              {{4}, {2, 3, 4}},
                                              {{2, 1, 4}, {3, 1}},
                                              {{2, 3}, {}},
                                              {{}, {2, 3}},
                                              {{1}, {2, 3}},
                                              {{1, 1}, {3}},
                                              {{2, 5, 1}, {1, 4}},
                                              {{2, 3, 1, 2}, {1, 3, 1}},
                                              {{}, {}}};
  for (const auto& [a, b] : shapes) {
    const Tensor x = Distinct(a, 11), y = Distinct(b, 12, 0.125f, 0.0625f);
    for (const char* op : {"Add", "Sub", "Mul", "Max", "Min"}) cases.Add(op, {x, y});
    cases.Add("Div", {x, Above(1.5f, b, 13)});
    cases.AddByFirst("Pow", {Above(0.5f, a, 14), Above(0.5f, b, 15)});
    if (BroadcastShape(a, b) == a) cases.Add("PRelu", {x, y});
  }
  const Tensor x = Distinct({2, 3, 4}, 16);
  cases.AddByFirst("Pow", {x, Scalar(2)});
  cases.AddByFirst("Pow", {x, As(DataType::int64, {4}, {0, 1, 2, 3})});
  const std::vector<Tensor> three = {Distinct({3, 4}, 17, 0.5f), Distinct({3, 1}, 18, 0.5f, 0.125f),
                                     Distinct({4}, 19, 0.5f, -0.125f)};
  for (const char* op : {"Sum", "Mean", "Max", "Min"}) {
    cases.Add(op, three);
    cases.Add(op, {x});
  }
  // Sums and products of multiples of 1/16 lie at least 1/32 beside these bounds.
  cases.Add("Add", {x, Distinct({2, 3, 4}, 20)});
  cases.AgainClamped(-0.96875f, 1.03125f);
  cases.Add("Max", three);
  cases.AgainClamped(-0.3f, 0.4f);
}

void AddConv(Cases& cases) {
  const struct {
    Int64s x, w;
    Attributes attributes;
  } shapes[] = {
      {{2, 3, 7}, {4, 3, 3}, {{"pads", Int64s{2, 0}}, {"strides", Int64s{2}}}},
      {{2, 3, 5, 4}, {4, 3, 1, 1}, {}},
      {{1, 3, 5, 4}, {4, 3, 1, 1}, {{"strides", Int64s{2, 2}}}},
      {{1, 3, 7, 6}, {8, 3, 3, 2}, {{"pads", Int64s{1, 0, 2, 1}}, {"strides", Int64s{2, 3}}}},
      {{2, 6, 7, 7}, {6, 1, 3, 3}, {{"group", int64_t{6}}, {"dilations", Int64s{2, 3}}}},
      {{1, 16, 5, 5},
       {16, 1, 3, 3},
       {{"group", int64_t{16}}, {"pads", Int64s{1, 1, 1, 1}}, {"strides", Int64s{2, 1}}}},
      {{2, 4, 5, 5}, {8, 1, 3, 3}, {{"group", int64_t{4}}, {"pads", Int64s{1, 1, 1, 1}}}},
      {{1, 4, 5, 5}, {6, 2, 3, 3}, {{"group", int64_t{2}}}},
      {{1, 17, 4, 3}, {19, 17, 3, 3}, {{"auto_pad", std::string("SAME_LOWER")}}},
      {{2, 1, 6, 5}, {5, 1, 5, 5}, {}},
      {{1, 2, 4, 5, 4}, {3, 2, 2, 3, 2}, {{"pads", Int64s{0, 1, 1, 0, 0, 1}}}},
  };
  for (const auto& [x, w, attributes] : shapes) {
    cases.Add("Conv", {Random(x, 21), Random(w, 22), Random({w[0]}, 23)}, attributes);
    cases.AgainInNhwc();
    cases.Add("Conv", {Random(x, 24), Random(w, 25)}, attributes);
    cases.AgainInNhwc();
  }
  cases.Add("Conv", {Random({1, 2, 4, 4}, 26), Random({3, 2, 2, 2}, 27), Random({3}, 28)});
  cases.AgainClamped(-0.5f, 1);
  cases.AgainInNhwc();
  const Tensor x = Random({2, 4, 4, 3}, 31), w = Random({4, 3, 3, 2}, 32);
  cases.Add("ConvTranspose", {x, w, Random({3}, 33)});
  cases.AgainInNhwc();
  cases.Add(
      "ConvTranspose", {x, w},
      {{"strides", Int64s{2, 3}}, {"pads", Int64s{1, 0, 0, 1}}, {"output_padding", Int64s{1, 2}}});
  cases.AgainInNhwc();
  cases.Add("ConvTranspose", {x, w, Random({6}, 34)},
            {{"group", int64_t{2}}, {"dilations", Int64s{2, 1}}});
  cases.AgainInNhwc();
}

void AddMatmul(Cases& cases) {
  for (const auto& [m, k, n] : {std::array{3, 4, 5}, {1, 4, 3}, {3, 1, 2}, {3, 4, 1}, {1, 1, 1}}) {
    for (const bool trans_a : {false, true}) {
      for (const bool trans_b : {false, true}) {
        const Tensor a = Random(trans_a ? Int64s{k, m} : Int64s{m, k}, 41);
        const Tensor b = Random(trans_b ? Int64s{n, k} : Int64s{k, n}, 42);
        const Attributes attributes = {{"transA", int64_t{trans_a}}, {"transB", int64_t{trans_b}}};
        cases.Add("Gemm", {a, b}, attributes);
        cases.Add("Gemm", {a, b, Random({n}, 43)}, attributes);
        Attributes scaled = attributes;
        scaled.insert({{"alpha", 0.5f}, {"beta", 1.5f}});
        cases.Add("Gemm", {a, b, Random({m, 1}, 44)}, scaled);
      }
    }
  }
  const Tensor a = Random({3, 4}, 41), b = Random({4, 5}, 42);
  for (const Int64s& c : {Int64s{1, 5}, {3, 1}, {3, 5}, {1}, {}}) {
    cases.Add("Gemm", {a, b, Random(c, 43)});
  }
  cases.AgainClamped(-0.25f, 0.25f);
  const std::pair<Int64s, Int64s> factors[] = {{{3, 4}, {4, 5}},
                                               {{4}, {4, 5}},
                                               {{3, 4}, {4}},
                                               {{4}, {4}},
                                               {{2, 3, 4}, {4, 5}},
                                               {{2, 3, 4}, {2, 4, 5}},
                                               {{3, 4}, {2, 4, 5}},
                                               {{2, 3, 1, 4}, {4}},
                                               {{4}, {2, 4, 3}},
                                               {{2, 3, 4}, {1, 4, 5}},
                                               {{2, 1, 3, 4}, {3, 4, 2}}};
  for (const auto& [left, right] : factors) {
    cases.Add("MatMul", {Random(left, 45), Random(right, 46)});
  }
}

void AddPool(Cases& cases) {
  const Attribute kernel = Int64s{3, 2}, one = int64_t{1};
  const std::pair<Int64s, Attributes> shapes[] = {
      {{1, 2, 7, 5}, {{"kernel_shape", kernel}}},
      {{2, 3, 4, 4}, {{"kernel_shape", Int64s{2, 2}}, {"strides", Int64s{2, 2}}}},
      {{1, 2, 7, 7}, {{"kernel_shape", kernel}, {"dilations", Int64s{2, 3}}}},
      {{1, 2, 7, 6},
       {{"kernel_shape", kernel}, {"strides", Int64s{2, 3}}, {"pads", Int64s{2, 0, 1, 1}}}},
      {{1, 2, 7, 6},
       {{"kernel_shape", Int64s{2, 3}}, {"strides", Int64s{3, 4}}, {"ceil_mode", one}}},
      {{1, 3, 8, 6},
       {{"kernel_shape", kernel},
        {"strides", Int64s{2, 3}},
        {"pads", Int64s{1, 0, 2, 1}},
        {"ceil_mode", one}}},
      {{1, 2, 6, 5}, {{"kernel_shape", kernel}, {"auto_pad", std::string("SAME_UPPER")}}},
      {{2, 3, 9}, {{"kernel_shape", Int64s{3}}, {"strides", Int64s{2}}, {"pads", Int64s{1, 1}}}},
      {{1, 2, 4, 3, 4}, {{"kernel_shape", Int64s{2, 3, 2}}, {"strides", Int64s{1, 1, 2}}}},
  };
  for (const auto& [dims, attributes] : shapes) {
    cases.Add("MaxPool", {Distinct(dims, 51)}, attributes);
    cases.AgainInNhwc();
    cases.Add("AveragePool", {Random(dims, 52)}, attributes);
    cases.AgainInNhwc();
    Attributes counting = attributes;
    counting["count_include_pad"] = one;
    cases.Add("AveragePool", {Random(dims, 53)}, counting);
    cases.AgainInNhwc();
  }
  for (const Int64s& dims : {Int64s{2, 3, 4, 5}, {2, 3, 7}, {1, 5, 1, 1}, {1, 2, 2, 3, 4}}) {
    cases.Add("GlobalAveragePool", {Random(dims, 54)});
    cases.AgainInNhwc();
    cases.Add("GlobalMaxPool", {Distinct(dims, 55)});
    cases.AgainInNhwc();
  }
}

void AddMovement(Cases& cases) {
  const Tensor x = Random({2, 3, 4}, 61);
  cases.Add("Reshape", {x, Ints({0, -1})});
  cases.Add("Flatten", {x}, {{"axis", int64_t{2}}});
  cases.Add("Squeeze", {Random({2, 1, 3, 1}, 62)});
  cases.Add("Squeeze", {Random({2, 1, 3, 1}, 62), Ints({-1})});
  cases.Add("Unsqueeze", {x, Ints({0, -1})});
  cases.Add("Transpose", {x});
  cases.Add("Transpose", {x}, {{"perm", Int64s{1, 2, 0}}});
  cases.Add("Expand", {Random({3, 1}, 63), Ints({2, 1, 4})});
  cases.Add("Expand", {x, Ints({1, 1})});
  cases.Add("Concat", {x, Random({2, 1, 4}, 64), Random({2, 2, 4}, 65)}, {{"axis", int64_t{1}}});
  cases.Add("Concat", {x, Random({2, 3, 2}, 66)}, {{"axis", int64_t{-1}}});
  cases.Add("Split", {x}, {{"axis", int64_t{1}}}).node.outputs = {"y", "z"};
  cases.Add("Split", {x, Ints({1, 0, 3})}, {{"axis", int64_t{2}}}).node.outputs = {"y", "z", "u"};
  cases.Add("Slice", {x, Ints({1, 0}), Ints({3, -1}), Ints({1, 2})});
  cases.Add("Slice", {x, Ints({-1, 3}), Ints({-9, 0}), Ints({1, 2}), Ints({-1, -2})});
  cases.Add("Slice", {x, Ints({0, 0, 0}), Ints({2, 3, 9}), Ints({0, 1, 2}), Ints({1, 2, 3})});
  cases.Add("Tile", {Random({2, 3}, 67), Ints({2, 3})});
  const Tensor deep = Random({1, 8, 2, 3}, 68), wide = Random({2, 3, 4, 2}, 69);
  const std::pair<std::string, Attribute> two = {"blocksize", int64_t{2}};
  cases.Add("DepthToSpace", {deep}, {two});
  cases.AgainInNhwc();
  cases.Add("DepthToSpace", {deep}, {two, {"mode", std::string("CRD")}});
  cases.AgainInNhwc();
  cases.Add("SpaceToDepth", {wide}, {two});
  cases.AgainInNhwc();
  cases.AddByFirst("Pad", {x, Ints({0, 1, 2, 1, 0, 1}), Scalar(3)});
  cases.Add("Pad", {x, Ints({1, -1, 2, -1}), Tensor(), Ints({2, 1})});
  for (const char* mode : {"edge", "reflect", "wrap"}) {
    cases.Add("Pad", {x, Ints({1, 2, 3, 0, 1, 2})}, {{"mode", std::string(mode)}});
  }
  cases.Add("Gather", {x, As(DataType::int64, {2, 2}, {0, 2, -1, 0})}, {{"axis", int64_t{1}}});
  cases.Add("Gather", {x, As(DataType::int64, {}, {1})});
}

void AddResize(Cases& cases) {
  const Tensor x = Random({1, 2, 4, 5}, 71), scales = Tensor::Of({4}, Floats{1, 1, 1.5f, 2});
  const Tensor smaller = Ints({1, 2, 3, 2});
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    cases.AddByFirst("Resize", {x, Tensor(), scales}, {{"mode", std::string(mode)}});
    cases.AgainInNhwc();
    cases.AddByFirst("Resize", {x, Tensor(), Tensor(), smaller}, {{"mode", std::string(mode)}});
    cases.AddByFirst("Resize",
                     {x, Tensor::Of({8}, Floats{0, 0, 0.2f, -0.3f, 1, 1, 1.4f, 0.8f}), Tensor(),
                      Ints({1, 2, 5, 5})},
                     {{"mode", std::string(mode)},
                      {"coordinate_transformation_mode", std::string("tf_crop_and_resize")}});
  }
}

void AddReduce(Cases& cases) {
  const Tensor x = Distinct({2, 3, 4}, 81);
  const Attributes drop = {{"keepdims", int64_t{0}}};
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL1", "ReduceL2",
                         "ReduceLogSumExp", "ReduceMax", "ReduceMin"}) {
    cases.Add(op, {x});
    cases.Add(op, {x, Ints({1})});
    cases.Add(op, {x, Ints({-1, 0})}, drop);
    cases.Add(op, {x}, {{"noop_with_empty_axes", int64_t{1}}});
  }
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    cases.Add(op, {x});
    cases.Add(op, {x}, {{"axis", int64_t{0}}});
    cases.Add(op, {x}, {{"axis", int64_t{1}}});
  }
}

void AddNormalize(Cases& cases) {
  for (const Int64s& dims : {Int64s{2, 3, 4, 5}, {2, 5, 3}, {4, 3}}) {
    const int64_t c = dims[1];
    cases.AddBy(
        {0, 1, 2}, "BatchNormalization",
        {Random(dims, 91), Random({c}, 92), Random({c}, 93), Random({c}, 94), Above(0.5f, {c}, 95)},
        {{"epsilon", 0.01f}});
    if (dims.size() > 2) cases.AgainInNhwc();
  }
  const Tensor x = Random({2, 4, 3, 2}, 96);
  cases.Add("InstanceNormalization", {x, Random({4}, 97), Random({4}, 98)}, {{"epsilon", 0.01f}});
  cases.AgainInNhwc();
  for (const int64_t parameters : {2, 4}) {
    cases.Add("GroupNormalization", {x, Random({parameters}, 97), Random({parameters}, 98)},
              {{"num_groups", int64_t{2}}});
    cases.AgainInNhwc();
  }
  cases.Add("LayerNormalization", {x, Random({2}, 99), Random({2}, 100)}, {{"epsilon", 0.1f}});
  cases.Add("LayerNormalization", {x, Random({3, 2}, 99), Random({2}, 100)},
            {{"axis", int64_t{2}}});
  cases.Add("LayerNormalization", {x, Random({4, 1, 2}, 99)}, {{"axis", int64_t{1}}});
  cases.Add("RMSNormalization", {x, Random({3, 2}, 99)}, {{"axis", int64_t{2}}});
}

}  // namespace

std::vector<GradientCase> GradientCases() {
  Cases cases;
  AddUnary(cases);
  AddBinary(cases);
  AddConv(cases);
  AddMatmul(cases);
  AddPool(cases);
  AddMovement(cases);
  AddResize(cases);
  AddReduce(cases);
  AddNormalize(cases);
  return cases.Take();
}

}  // namespace lutra::converter::executor
