#include "converter/quantize/input_moments.h"

#include <algorithm>

#include "converter/executor/float_executor.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {
namespace {

// Several times as many patches as unknowns settle the moments; below the second number, more than
// a small layer needs are cheap.
constexpr size_t kPatchesPerEntry = 4;
constexpr size_t kFewestPatches = 2048;

// Geometry of a convolution over [N, H, W, C] or [N, W, C]; Gemm is a 1 x 1 one.
struct Patches {
  size_t k = 0, groups = 1, channels = 0;  // channels of one group
  float constant = 1;                      // the last entry
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;
  int64_t in_h = 1, in_w = 1, out_h = 1, out_w = 1;
};

Patches PatchesOf(const Graph& graph, const Node& node) {
  Patches p;
  const Tensor& weights = *graph.Constant(node.inputs[1]);
  const std::vector<int64_t>& in = *graph.Info(node.inputs[0])->dims;
  if (node.op != "Conv") {
    p.k = p.channels = static_cast<size_t>(in.back());
    for (size_t d = 0; d + 1 < in.size(); ++d) p.in_w *= in[d];
    p.out_w = p.in_w;
    p.constant = node.op == "MatMul" ? 0.0F : 1.0F;
    return p;
  }
  const std::vector<int64_t>& out = *graph.Info(node.outputs[0])->dims;
  const size_t axes = in.size() - 2, w = axes - 1;
  const std::vector<int64_t> ones(axes, 1), zeros(2 * axes, 0);
  const std::vector<int64_t> strides = node.Ints("strides", ones);
  const std::vector<int64_t> dilations = node.Ints("dilations", ones);
  const std::vector<int64_t> pads = node.Ints("pads", zeros);
  p.channels = static_cast<size_t>(weights.dims()[1]);
  p.groups = static_cast<size_t>(node.Int("group", 1));
  p.k = weights.elements() / static_cast<size_t>(weights.dims()[0]);
  p.kernel_w = weights.dims()[2 + w];
  p.stride_w = strides[w];
  p.dilation_w = dilations[w];
  p.pad_left = pads[w];
  p.in_w = in[1 + w];
  p.out_w = out[1 + w];
  if (axes == 2) {
    p.kernel_h = weights.dims()[2];
    p.stride_h = strides[0];
    p.dilation_h = dilations[0];
    p.pad_top = pads[0];
    p.in_h = in[1];
    p.out_h = out[1];
  }
  return p;
}

// The patch of one group at one output position, [kernel_h][kernel_w][channels], then the
// constant.
void ReadPatch(const Patches& p, std::span<const float> image, int64_t position, size_t group,
               float* patch) {
  const int64_t top = position / p.out_w * p.stride_h - p.pad_top;
  const int64_t left = position % p.out_w * p.stride_w - p.pad_left;
  const size_t pixel = p.channels * p.groups;
  for (int64_t y = 0; y < p.kernel_h; ++y) {
    for (int64_t x = 0; x < p.kernel_w; ++x, patch += p.channels) {
      const int64_t row = top + y * p.dilation_h, column = left + x * p.dilation_w;
      if (row < 0 || row >= p.in_h || column < 0 || column >= p.in_w) {
        std::fill_n(patch, p.channels, 0.0F);
        continue;
      }
      const auto at = static_cast<size_t>(row * p.in_w + column) * pixel + group * p.channels;
      std::copy_n(image.data() + at, p.channels, patch);
    }
  }
  *patch = p.constant;
}

void AddProducts(const std::vector<float>& patch, float* sums) {
  const size_t size = patch.size();
  for (size_t i = 0; i < size; ++i) {
    const float a = patch[i];
    if (a == 0) continue;
    float* row = sums + i * size;
    for (size_t j = i; j < size; ++j) row[j] += a * patch[j];
  }
}

void AddSquares(const std::vector<float>& patch, float* squares, float* constants) {
  for (size_t i = 0; i < patch.size(); ++i) {
    squares[i] += patch[i] * patch[i];
    constants[i] += patch[i] * patch.back();
  }
}

struct Watched {
  std::string label;
  Patches patches;
};

void AddSample(const Watched& layer, const Tensor& tensor, size_t sample, size_t samples,
               InputMoments& moments) {
  const Patches& p = layer.patches;
  const std::span<const float> image = tensor.as<float>();
  const auto positions = static_cast<size_t>(p.out_h * p.out_w);
  const size_t wanted = std::max(kFewestPatches, kPatchesPerEntry * p.k);
  const size_t count = std::min(positions, (wanted + samples - 1) / samples);
  std::vector<float> patch(p.k + 1);
  for (size_t i = 0; i < count; ++i) {
    // Samples look at shifted positions, so that together they see all of them.
    const size_t position = (i * positions / count + sample) % positions;
    for (size_t g = 0; g < p.groups; ++g) {
      ReadPatch(p, image, static_cast<int64_t>(position), g, patch.data());
      const size_t size = moments.size();
      if (moments.HasProducts()) {
        AddProducts(patch, moments.sums.data() + g * size * size);
      } else {
        AddSquares(patch, moments.squares.data() + g * size, moments.constants.data() + g * size);
      }
    }
  }
}

}  // namespace

std::map<std::string, InputMoments> CollectMoments(const Graph& graph,
                                                   const std::set<std::string>& labels,
                                                   const data::Dataset& data,
                                                   const Progress& progress) {
  std::map<std::string, InputMoments> result;
  std::multimap<std::string, Watched> readers;  // by input value
  for (const Node& node : graph.nodes) {
    if (!labels.contains(node.Label())) continue;
    const Patches patches = PatchesOf(graph, node);
    InputMoments moments{.k = patches.k, .groups = patches.groups};
    const size_t vectors = moments.groups * moments.size();
    if (patches.k <= kLongestOptimizedRow) {
      moments.sums.assign(vectors * moments.size(), 0.0F);
    } else {
      moments.squares.assign(vectors, 0.0F);
      moments.constants.assign(vectors, 0.0F);
    }
    result[node.Label()] = std::move(moments);
    readers.emplace(node.inputs[0], Watched{node.Label(), patches});
  }
  if (result.empty()) return result;
  executor::FloatExecutor executor(graph);
  const std::string& input = graph.inputs[0];
  for (size_t i = 0; i < data.size(); ++i) {
    const auto observe = [&](const std::string& value, const Tensor& tensor) {
      const auto [begin, end] = readers.equal_range(value);
      for (auto reader = begin; reader != end; ++reader) {
        AddSample(reader->second, tensor, i, data.size(), result.at(reader->second.label));
      }
    };
    executor.Run({{input, data::AsInput(data.Get(i), *graph.Info(input)->dims)}}, observe);
    if (progress) progress("rounding", i + 1, data.size());
  }
  return result;
}

}  // namespace lutra::converter::quantize
