#include "operator_networks.h"

#include <functional>

namespace lutra::converter::test {
namespace {

using Dims = std::vector<int64_t>;
using Attributes = NetworkBuilder::Attributes;

class Collection {
 public:
  /// `build` returns the output's name.
  void Add(const std::string& name, const Dims& dims,
           const std::function<std::string(NetworkBuilder&)>& build) {
    NetworkBuilder network(name, dims);
    const std::string output = build(network);
    network.Output(output);
    networks.push_back(std::move(network));
  }

  void Unary(const std::string& op, const Attributes& attributes = {}) {
    Add(op, {1, 4, 5, 7}, [&](NetworkBuilder& n) { return n.Add(op, {"x"}, attributes); });
  }

  struct ConvCase {
    Dims x, w;
    Attributes attributes;
    bool bias = true;
    std::string activation = {};
  };
  void Conv(const std::string& name, const ConvCase& conv) {
    Add(name, conv.x, [&](NetworkBuilder& n) {
      std::vector<std::string> inputs = {"x", n.Random(conv.w, 0.2)};
      if (conv.bias) inputs.push_back(n.Random({conv.w[0]}));
      const std::string y = n.Add("Conv", inputs, conv.attributes);
      if (conv.activation == "Clip") {
        return n.Add("Clip", {y, n.Floats({}, {0.0F}), n.Floats({}, {1.5F})});
      }
      return conv.activation.empty() ? y : n.Add(conv.activation, {y});
    });
  }

  std::vector<NetworkBuilder> networks;
};

void AddConvolutions(Collection& all) {
  const Dims same = {1, 1, 1, 1};
  all.Conv("Conv 3x3", {{1, 8, 9, 11}, {16, 8, 3, 3}, {{"pads", same}}});
  all.Conv("Conv 3x3, 64 channels", {{1, 64, 12, 12}, {32, 64, 3, 3}, {{"pads", same}}});
  all.Conv("Conv 1x1", {{1, 24, 7, 5}, {10, 24, 1, 1}, {}});
  all.Conv("Conv 5x5, no bias, Relu", {{1, 3, 16, 16}, {8, 3, 5, 5}, {}, false, "Relu"});
  all.Conv("Conv, stride 2, uneven pads, Clip",
           {{1, 6, 11, 13},
            {12, 6, 3, 3},
            {{"strides", Dims{2, 2}}, {"pads", Dims{0, 1, 2, 1}}},
            true,
            "Clip"});
  all.Conv("Conv, dilation 2",
           {{1, 6, 12, 12}, {7, 6, 3, 3}, {{"dilations", Dims{2, 2}}, {"pads", Dims{2, 2, 2, 2}}}});
  all.Conv("Conv, 4 groups",
           {{1, 16, 8, 8}, {12, 4, 3, 3}, {{"group", int64_t{4}}, {"pads", same}}});
  all.Conv("Conv, depthwise",
           {{1, 20, 10, 10}, {20, 1, 3, 3}, {{"group", int64_t{20}}, {"pads", same}}});
  all.Conv("Conv, depthwise 5x5, stride 2, Relu",
           {{1, 18, 11, 11},
            {18, 1, 5, 5},
            {{"group", int64_t{18}}, {"strides", Dims{2, 2}}, {"pads", Dims{2, 2, 2, 2}}},
            true,
            "Relu"});
  all.Conv("Conv, depthwise, multiplier 2",
           {{1, 6, 8, 8}, {12, 1, 3, 3}, {{"group", int64_t{6}}, {"pads", same}}});
  all.Conv("Conv 1-D", {{1, 5, 30}, {9, 5, 4}, {{"strides", Dims{2}}, {"pads", Dims{1, 2}}}});
}

void AddProducts(Collection& all) {
  all.Add("Gemm", {1, 100}, [](NetworkBuilder& n) {
    return n.Add("Gemm", {"x", n.Random({100, 31}, 0.2), n.Random({31})});
  });
  all.Add("Gemm, transB, alpha, beta, Relu", {1, 64}, [](NetworkBuilder& n) {
    const std::string y = n.Add("Gemm", {"x", n.Random({10, 64}), n.Random({10})},
                                {{"transB", int64_t{1}}, {"alpha", 0.25F}, {"beta", 2.0F}});
    return n.Add("Relu", {y});
  });
  all.Add("Gemm of a flattened image", {1, 6, 4, 5}, [](NetworkBuilder& n) {
    // The pooling makes the image channels last, so the weights' columns move.
    const std::string pooled = n.Add("MaxPool", {"x"}, {{"kernel_shape", Dims{2, 2}}});
    const std::string flat = n.Add("Flatten", {pooled});
    return n.Add("Gemm", {flat, n.Random({72, 12}, 0.2), n.Random({12})});
  });
  all.Add("MatMul with weights, rank 3", {1, 9, 40}, [](NetworkBuilder& n) {
    return n.Add("MatMul", {"x", n.Random({40, 17}, 0.2)});
  });
  all.Add("MatMul of two tensors", {1, 16, 12}, [](NetworkBuilder& n) {
    const std::string b = n.Add("Relu", {n.Half(1)});
    n.Output(b);
    const std::string turned = n.Add("Transpose", {b}, {{"perm", Dims{0, 2, 1}}});
    return n.Add("MatMul", {n.Half(0), turned});
  });
}

void AddArithmetic(Collection& all) {
  for (const std::string op : {"Add", "Sub", "Mul"}) {
    all.Add(op, {1, 8, 6, 6}, [&](NetworkBuilder& n) {
      const std::string b = n.Add("Relu", {n.Half(1)});
      n.Output(b);
      return n.Add(op, {n.Half(0), b});
    });
    all.Add(op + " with a row of constants", {1, 8, 6, 6}, [&](NetworkBuilder& n) {
      return n.Add(op, {"x", n.Random({1, 8, 1, 1})});
    });
  }
  all.Add("Add, Relu", {1, 8, 6, 6}, [&](NetworkBuilder& n) {
    const std::string b = n.Add("Abs", {n.Half(1)});
    n.Output(b);
    return n.Add("Relu", {n.Add("Add", {n.Half(0), b})});
  });
  all.Add("Mul, broadcast over an image", {1, 8, 6, 6}, [&](NetworkBuilder& n) {
    const std::string b = n.Add("GlobalMaxPool", {n.Half(1)});
    return n.Add("Mul", {n.Half(0), b});
  });
  all.Add("Div by a row of constants", {1, 3, 6, 6}, [&](NetworkBuilder& n) {
    return n.Add("Div", {"x", n.Floats({1, 3, 1, 1}, {0.3F, -2.0F, 7.5F})});
  });
}

void AddPools(Collection& all) {
  const Dims x = {1, 5, 11, 13};
  const auto pool = [&](const std::string& name, const std::string& op,
                        const Attributes& attributes) {
    all.Add(name, x, [&](NetworkBuilder& n) { return n.Add(op, {"x"}, attributes); });
  };
  const Dims three = {3, 3}, two = {2, 2}, ones = {1, 1, 1, 1};
  pool("MaxPool", "MaxPool", {{"kernel_shape", three}, {"strides", two}, {"pads", ones}});
  pool("MaxPool, ceil_mode", "MaxPool",
       {{"kernel_shape", two}, {"strides", two}, {"ceil_mode", int64_t{1}}});
  pool("AveragePool", "AveragePool", {{"kernel_shape", three}, {"pads", ones}});
  pool("AveragePool, count_include_pad", "AveragePool",
       {{"kernel_shape", three},
        {"strides", two},
        {"pads", ones},
        {"count_include_pad", int64_t{1}}});
  pool("AveragePool, ceil_mode", "AveragePool",
       {{"kernel_shape", two}, {"strides", two}, {"ceil_mode", int64_t{1}}});
  pool("GlobalAveragePool", "GlobalAveragePool", {});
  pool("GlobalMaxPool", "GlobalMaxPool", {});
  pool("ReduceMean, one axis", "ReduceMean", {{"axes", Dims{2}}});
  pool("ReduceMax, one axis", "ReduceMax", {{"axes", Dims{3}}, {"keepdims", int64_t{0}}});
  all.Add("ReduceSum", x, [](NetworkBuilder& n) { return n.Add("ReduceSum", {"x", n.Ints({1})}); });
}

void AddResizes(Collection& all) {
  const auto resize = [&](const std::string& name, const std::vector<float>& scales,
                          const Attributes& attributes) {
    all.Add(name, {1, 4, 5, 6}, [&](NetworkBuilder& n) {
      return n.Add("Resize", {"x", "", n.Floats({4}, scales)}, attributes);
    });
  };
  resize("Resize nearest", {1, 1, 2, 2},
         {{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}});
  resize("Resize linear, half_pixel", {1, 1, 2, 2}, {{"mode", "linear"}});
  resize("Resize linear, align_corners", {1, 1, 3, 2},
         {{"mode", "linear"}, {"coordinate_transformation_mode", "align_corners"}});
  resize("Resize linear, smaller", {1, 1, 0.6F, 0.5F},
         {{"mode", "linear"}, {"coordinate_transformation_mode", "asymmetric"}});
}

void AddTables(Collection& all) {
  for (const std::string op : {"Relu", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Selu", "Softplus",
                               "Softsign", "Exp", "Erf", "Abs", "Neg", "Floor", "Sin", "Cos"}) {
    all.Unary(op);
  }
  all.Unary("LeakyRelu", {{"alpha", 0.1F}});
  all.Unary("HardSwish", {});
  const Dims x = {1, 4, 5, 7};
  all.Add("SiLU", x, [](NetworkBuilder& n) {
    return n.Add("Mul", {"x", n.Add("Sigmoid", {"x"})});
  });
  all.Add("GELU", x, [](NetworkBuilder& n) {
    const std::string inner = n.Add("Div", {"x", n.Floats({}, {1.4142135F})});
    const std::string one = n.Add("Add", {n.Add("Erf", {inner}), n.Floats({}, {1.0F})});
    return n.Add("Mul", {n.Add("Mul", {"x", one}), n.Floats({}, {0.5F})});
  });
  all.Add("Mish", x, [](NetworkBuilder& n) {
    return n.Add("Mul", {"x", n.Add("Tanh", {n.Add("Softplus", {"x"})})});
  });
  all.Add("Clip", x, [](NetworkBuilder& n) {
    return n.Add("Clip", {"x", n.Floats({}, {-1.0F}), n.Floats({}, {0.75F})});
  });
  all.Add("PRelu", x, [](NetworkBuilder& n) {
    return n.Add("PRelu", {"x", n.Floats({1}, {0.3F})});
  });
  all.Add("Pow", x, [](NetworkBuilder& n) { return n.Add("Pow", {"x", n.Floats({}, {2.0F})}); });
  all.Add("Mul by a scalar", x, [](NetworkBuilder& n) {
    return n.Add("Mul", {"x", n.Floats({}, {-0.3F})});
  });
}

void AddSoftmaxes(Collection& all) {
  // A Softmax that ends a network stays float.
  for (const std::string op : {"Softmax", "LogSoftmax"}) {
    for (const int64_t axis : {1, 2}) {
      all.Add(op + ", axis " + std::to_string(axis), {1, 12, 10}, [&](NetworkBuilder& n) {
        const std::string y = n.Add(op, {"x"}, {{"axis", axis}});
        return n.Add("Slice", {y, n.Ints({1}), n.Ints({9}), n.Ints({2})});
      });
    }
  }
}

void AddMoves(Collection& all) {
  const Dims x = {1, 8, 6, 6};
  all.Add("Concat", x, [](NetworkBuilder& n) {
    const std::string b = n.Add("Relu", {"x"});
    n.Output(b);
    return n.Add("Concat", {"x", b}, {{"axis", int64_t{1}}});
  });
  all.Add("Transpose", x, [](NetworkBuilder& n) {
    return n.Add("Transpose", {n.Half(0)}, {{"perm", Dims{0, 2, 3, 1}}});
  });
  all.Add("Pad", x, [](NetworkBuilder& n) {
    return n.Add("Pad", {"x", n.Ints({0, 0, 1, 2, 0, 0, 2, 1}), n.Floats({}, {0.5F})});
  });
  all.Add("DepthToSpace", x, [](NetworkBuilder& n) {
    return n.Add("DepthToSpace", {"x"}, {{"blocksize", int64_t{2}}});
  });
  all.Add("Gather", x, [](NetworkBuilder& n) {
    return n.Add("Gather", {"x", n.Ints({0, 2, 4})}, {{"axis", int64_t{2}}});
  });
  all.Add("Reshape", x, [](NetworkBuilder& n) {
    return n.Add("Reshape", {"x", n.Ints({1, 4, 72})});
  });
}

}  // namespace

std::vector<NetworkBuilder> OperatorNetworks() {
  Collection all;
  AddConvolutions(all);
  AddProducts(all);
  AddArithmetic(all);
  AddPools(all);
  AddResizes(all);
  AddTables(all);
  AddSoftmaxes(all);
  AddMoves(all);
  return std::move(all.networks);
}

}  // namespace lutra::converter::test
