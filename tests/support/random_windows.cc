// Operators whose outputs are sums or maxima of many products or pixels, and Resize.
#include <iterator>

#include "support/random_graph_builder.h"

namespace lutra::test {

/// Kernel, strides, dilations and pads of so many spatial axes; pads stay below the kernel.
void RandomGraphBuilder::Window(Node& node, size_t axes, bool dilated) {
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

void RandomGraphBuilder::Convolution() {
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
  const auto dense = [&](const Dims& kernel, int64_t pad) {  // no strides, no dilations
    node.attributes["kernel_shape"] = kernel;
    node.attributes["strides"] = node.attributes["dilations"] = Dims(kernel.size(), 1);
    node.attributes["pads"] = Dims(2 * kernel.size(), pad);
  };
  if (groups == channels && random_.OneIn(6)) {
    dense(Dims(dims.begin() + 2, dims.end()), 0);  // the whole image: many taps
  } else if (random_.OneIn(3)) {
    dense(Dims(dims.size() - 2, 3), random_.Between(0, 1));
  }
  AddConv(x, out, groups, node);
}

/// Conv with the window's attributes, random weights and, mostly, a bias.
void RandomGraphBuilder::AddConv(const std::string& x, int64_t out, int64_t groups,
                                 const Node& window) {
  Dims weights = {out, DimsOf(x)[1] / groups};
  const Dims kernel = window.Ints("kernel_shape");
  weights.insert(weights.end(), kernel.begin(), kernel.end());
  std::vector<std::string> inputs = {x, Floats(weights, -0.5F, 0.5F)};
  if (!random_.OneIn(3)) inputs.push_back(Floats({out}, -1, 1));
  Node& conv = Add("Conv", inputs);
  conv.attributes = window.attributes;
  conv.attributes["group"] = groups;
}

/// What Winograd's algorithm is for: 3x3 windows over 16 or 32 channels and at least 8x8 pixels.
void RandomGraphBuilder::Winograd() {
  const std::string x = PickOfRank(4, 4);
  if (x.empty() || DimsOf(x)[1] % 16 != 0 || DimsOf(x)[2] * DimsOf(x)[3] < 64) return;
  Node window;
  window.attributes["kernel_shape"] = Dims{3, 3};
  window.attributes["pads"] = Dims{1, 1, 1, 1};
  AddConv(x, random_.Between(1, 24), 1, window);
}

void RandomGraphBuilder::Pool() {
  const std::string x = PickOfRank(3, 4);
  if (x.empty()) return;
  const bool average = random_.OneIn(2);
  Node& pool = Add(average ? "AveragePool" : "MaxPool", {x});
  Window(pool, DimsOf(x).size() - 2, !average);
  if (average) pool.attributes["count_include_pad"] = random_.Between(0, 1);
  if (random_.OneIn(4)) pool.attributes["ceil_mode"] = int64_t{1};
}

void RandomGraphBuilder::GlobalPool() {
  const std::string x = PickOfRank(4, 4);
  if (!x.empty()) Add(random_.OneIn(2) ? "GlobalAveragePool" : "GlobalMaxPool", {x});
}

void RandomGraphBuilder::Resize() {
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

void RandomGraphBuilder::Blocks() {
  const std::string x = PickOfRank(4, 4);
  if (x.empty()) return;
  Node& node = Add(random_.OneIn(2) ? "DepthToSpace" : "SpaceToDepth", {x});
  node.attributes["blocksize"] = random_.Between(1, 3);
  if (node.op == "DepthToSpace" && random_.OneIn(2)) node.attributes["mode"] = std::string("CRD");
}

/// A sum that does not fit one block of a product.
void RandomGraphBuilder::LongProduct() {
  const std::string x = Pick();
  const auto k = static_cast<int64_t>(converter::ElementCount(DimsOf(x)));
  if (k < 700) return;
  const std::string flat = Through("Flatten", {x});
  Add("Gemm", {flat, Floats({k, random_.Between(1, 20)}, -0.1F, 0.1F)});
}

void RandomGraphBuilder::Product() {
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

}  // namespace lutra::test
