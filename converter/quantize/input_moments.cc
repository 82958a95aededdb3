#include "converter/quantize/input_moments.h"

#include <algorithm>

#include "converter/executor/float_executor.h"
#include "converter/executor/matrix.h"
#include "converter/graph/product.h"
#include "converter/quantize/weight_matrix.h"

namespace lutra::converter::quantize {
namespace {

// Several times as many patches as unknowns settle the moments; below the second number, more than
// a small layer needs are cheap.
constexpr size_t kPatchesPerEntry = 4;
constexpr size_t kFewestPatches = 2048;

// Patches of a layer wait until there are this many numbers (1 MB), or rows, of them: one product
// of matrices then takes them all.
constexpr size_t kWaitingNumbers = size_t{1} << 18;
constexpr size_t kMostWaitingRows = 256;

// Rows of the sums that one product of matrices makes: what lies below the diagonal is wasted.
constexpr int64_t kTile = 256;

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
  if (!ProductOf(node)->convolves) {
    p.k = p.channels = static_cast<size_t>(in.back());
    for (size_t d = 0; d + 1 < in.size(); ++d) p.in_w *= in[d];
    p.out_w = p.in_w;
    p.constant = ProductOf(node)->takes_bias ? 1.0F : 0.0F;
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

// patches^T patches, [k + 1][k + 1], the upper triangle and some of the lower.
void AddProducts(const executor::ConstMatrix& patches, float* sums) {
  const int64_t size = patches.columns;
  for (int64_t first = 0; first < size; first += kTile) {
    const int64_t rows = std::min(kTile, size - first), columns = size - first;
    executor::AddProduct(1, patches.Columns(first, rows).Turned(), patches.Columns(first, columns),
                         {sums + first * size + first, rows, columns, size});
  }
}

void AddSquares(std::span<const float> patch, float* squares, float* constants) {
  for (size_t i = 0; i < patch.size(); ++i) {
    squares[i] += patch[i] * patch[i];
    constants[i] += patch[i] * patch.back();
  }
}

size_t ProductBytes(const Patches& patches) {
  return patches.groups * (patches.k + 1) * (patches.k + 1) * sizeof(float);
}

// Of which layers there is room for products.
std::set<std::string> LayersWithProducts(const std::map<std::string, Patches>& layers,
                                         size_t most_bytes) {
  std::vector<std::pair<size_t, std::string>> by_length;
  for (const auto& [label, patches] : layers) by_length.emplace_back(patches.k, label);
  std::ranges::sort(by_length);
  std::set<std::string> result;
  for (const auto& [k, label] : by_length) {
    const size_t bytes = ProductBytes(layers.at(label));
    if (bytes > most_bytes) break;
    most_bytes -= bytes;
    result.insert(label);
  }
  return result;
}

}  // namespace

struct MomentsCollector::Layer {
  std::string label;
  Patches patches;
  InputMoments moments = {};
  size_t most_rows = 0, rows = 0;   // of each group that wait
  std::vector<float> waiting = {};  // [group][most_rows][k + 1]

  Layer(std::string name, const Patches& geometry, bool products)
      : label(std::move(name)), patches(geometry) {
    moments.k = patches.k;
    moments.groups = patches.groups;
    const size_t numbers = moments.groups * moments.size();
    most_rows = 1;
    if (products) {
      moments.sums.assign(numbers * moments.size(), 0.0F);
      most_rows = std::clamp<size_t>(kWaitingNumbers / numbers, 1, kMostWaitingRows);
    } else {
      moments.squares.assign(numbers, 0.0F);
      moments.constants.assign(numbers, 0.0F);
    }
    waiting.resize(numbers * most_rows);
  }

  void AddSample(std::span<const float> image, size_t sample, size_t samples) {
    const auto positions = static_cast<size_t>(patches.out_h * patches.out_w);
    const size_t wanted = std::max(kFewestPatches, kPatchesPerEntry * patches.k);
    const size_t count = std::min(positions, (wanted + samples - 1) / samples);
    for (size_t i = 0; i < count; ++i) {
      // Samples look at shifted positions, so that together they see all of them.
      const size_t position = (i * positions / count + sample) % positions;
      for (size_t g = 0; g < patches.groups; ++g) {
        ReadPatch(patches, image, static_cast<int64_t>(position), g,
                  waiting.data() + (g * most_rows + rows) * moments.size());
      }
      if (++rows == most_rows) Flush();
    }
  }

  void Flush() {
    const size_t size = moments.size();
    for (size_t g = 0; g < patches.groups; ++g) {
      const float* const first = waiting.data() + g * most_rows * size;
      if (moments.HasProducts()) {
        const auto columns = static_cast<int64_t>(size);
        AddProducts({first, static_cast<int64_t>(rows), columns, columns},
                    moments.sums.data() + g * size * size);
        continue;
      }
      for (size_t row = 0; row < rows; ++row) {
        AddSquares({first + row * size, size}, moments.squares.data() + g * size,
                   moments.constants.data() + g * size);
      }
    }
    rows = 0;
  }
};

MomentsCollector::MomentsCollector(const Graph& graph, const std::set<std::string>& labels,
                                   size_t samples, size_t most_bytes)
    : samples_(samples) {
  std::map<std::string, Patches> layers;
  for (const Node& node : graph.nodes) {
    if (labels.contains(node.Label())) layers[node.Label()] = PatchesOf(graph, node);
  }
  const std::set<std::string> products = LayersWithProducts(layers, most_bytes);
  for (const Node& node : graph.nodes) {
    const auto layer = layers.find(node.Label());
    if (layer == layers.end()) continue;
    readers_.emplace(node.inputs[0], std::make_unique<Layer>(layer->first, layer->second,
                                                             products.contains(layer->first)));
  }
}

MomentsCollector::~MomentsCollector() = default;

void MomentsCollector::Observe(const std::string& value, const Tensor& tensor, size_t sample) {
  const auto [begin, end] = readers_.equal_range(value);
  for (auto reader = begin; reader != end; ++reader) {
    reader->second->AddSample(tensor.as<float>(), sample, samples_);
  }
}

std::map<std::string, InputMoments> MomentsCollector::Take() {
  std::map<std::string, InputMoments> result;
  for (const auto& [value, layer] : readers_) {
    layer->Flush();
    result[layer->label] = std::move(layer->moments);
  }
  readers_.clear();
  return result;
}

std::map<std::string, InputMoments> CollectMoments(const Graph& graph,
                                                   const std::set<std::string>& labels,
                                                   const data::Dataset& data,
                                                   const Progress& progress) {
  MomentsCollector collector(graph, labels, data.size());
  executor::FloatExecutor executor(graph);
  const std::string& input = graph.inputs[0];
  for (size_t i = 0; i < data.size(); ++i) {
    executor.Run({{input, data::AsInput(data.Get(i), *graph.Info(input)->dims)}},
                 [&](const std::string& value, const Tensor& tensor) {
                   collector.Observe(value, tensor, i);
                 });
    if (progress) progress("rounding", i + 1, data.size());
  }
  return collector.Take();
}

}  // namespace lutra::converter::quantize
