// Convolution and linear layers of real networks: our kernel and oneDNN's int8 primitive in one
// process, in turn, on one thread; and our speed as a part of what the row's dot primitive reaches
// on registers alone.
//
//   gemm_bench [ROW [NETWORK]]          default: the best row, all networks
//
// The last columns are the same layer with codes of 4 and 2 bits, whose tables have entries up to
// 64 and 32 as the converter's do, in turn with the others.
//
// "best" and "median" are over the repetitions of one run. GMAC/s counts the multiply-adds of the
// plain way, also where Winograd's products (a "w" after the layer) take fewer; they may pass the
// peak. On AVX2 without VNNI oneDNN saturates
// (its results are wrong for large weights), so there it is a peer in speed only.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <random>
#include <string>
#include <vector>

#include "bench/dot_peak.h"
#include "bench/layer.h"

/// Of the OpenMP library that oneDNN brings along, if it does.
extern "C" void omp_set_num_threads(int threads) __attribute__((weak));

namespace lutra::kernels {
namespace {

/// Square images and kernels, "same" padding. Linear layers are images of one pixel.
constexpr Layer kLayers[] = {
    {"resnet18", "conv1 7x7/2", 224, 3, 64, 7, 2, 1},
    {"resnet18", "56 3x3 64-64", 56, 64, 64, 3, 1, 4},
    {"resnet18", "56 3x3/2 64-128", 56, 64, 128, 3, 2, 1},
    {"resnet18", "56 1x1/2 64-128", 56, 64, 128, 1, 2, 1},
    {"resnet18", "28 3x3 128-128", 28, 128, 128, 3, 1, 3},
    {"resnet18", "28 3x3/2 128-256", 28, 128, 256, 3, 2, 1},
    {"resnet18", "28 1x1/2 128-256", 28, 128, 256, 1, 2, 1},
    {"resnet18", "14 3x3 256-256", 14, 256, 256, 3, 1, 3},
    {"resnet18", "14 3x3/2 256-512", 14, 256, 512, 3, 2, 1},
    {"resnet18", "14 1x1/2 256-512", 14, 256, 512, 1, 2, 1},
    {"resnet18", "7 3x3 512-512", 7, 512, 512, 3, 1, 3},
    {"resnet18", "fc 512-1000", 1, 512, 1000, 1, 1, 1},
    {"mobilenetv2", "conv1 3x3/2", 224, 3, 32, 3, 2, 1},
    {"mobilenetv2", "112 1x1 32-16", 112, 32, 16, 1, 1, 1},
    {"mobilenetv2", "112 1x1 16-96", 112, 16, 96, 1, 1, 1},
    {"mobilenetv2", "56 1x1 96-24", 56, 96, 24, 1, 1, 1},
    {"mobilenetv2", "56 1x1 24-144", 56, 24, 144, 1, 1, 2},
    {"mobilenetv2", "28 1x1 32-192", 28, 32, 192, 1, 1, 3},
    {"mobilenetv2", "14 1x1 64-384", 14, 64, 384, 1, 1, 4},
    {"mobilenetv2", "14 1x1 384-64", 14, 384, 64, 1, 1, 3},
    {"mobilenetv2", "7 1x1 160-960", 7, 160, 960, 1, 1, 3},
    {"mobilenetv2", "7 1x1 320-1280", 7, 320, 1280, 1, 1, 1},
    {"mobilenetv2", "fc 1280-1000", 1, 1280, 1000, 1, 1, 1},
    {"vggcifar", "32 3x3 3-64", 32, 3, 64, 3, 1, 1},
    {"vggcifar", "32 3x3 64-64", 32, 64, 64, 3, 1, 1},
    {"vggcifar", "16 3x3 128-128", 16, 128, 128, 3, 1, 1},
    {"vggcifar", "8 3x3 256-256", 8, 256, 256, 3, 1, 1},
    {"vggcifar", "fc 4096-512", 1, 4096, 512, 1, 1, 1},
    {"alexnet", "8 11x11/4 3-64", 32, 3, 64, 11, 4, 1},
    {"alexnet", "4 5x5 64-192", 4, 64, 192, 5, 1, 1},
    {"alexnet", "2 3x3 192-384", 2, 192, 384, 3, 1, 1},
    {"alexnet", "2 3x3 384-256", 2, 384, 256, 3, 1, 1},
    {"alexnet", "2 3x3 256-256", 2, 256, 256, 3, 1, 1},
    {"alexnet", "fc 256-4096", 1, 256, 4096, 1, 1, 1},
    {"alexnet", "fc 4096-4096", 1, 4096, 4096, 1, 1, 1},
};

/// u8 activations, s8 weights, s8 output, one scale per channel; formats of oneDNN's choice.
class OneDnnLayer {
 public:
  explicit OneDnnLayer(const Layer& l) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    const auto any = memory::format_tag::any;
    const memory::dim out = OutSize(l);
    const memory::desc src({1, l.channels, l.size, l.size}, memory::data_type::u8, any);
    const memory::desc weights({l.out_channels, l.channels, l.kernel, l.kernel},
                               memory::data_type::s8, any);
    const memory::desc dst({1, l.out_channels, out, out}, memory::data_type::s8, any);
    const memory::dims strides{l.stride, l.stride};
    const memory::dims pad{Pad(l), Pad(l)};
    // At the right and bottom: what the output size leaves.
    const memory::dim rest = (out - 1) * l.stride + l.kernel - l.size - Pad(l);
    const memory::dims pad_end{rest, rest};
    dnnl::primitive_attr attr;
    using Conv = dnnl::convolution_forward;
#if DNNL_VERSION_MAJOR >= 3
    attr.set_scales_mask(DNNL_ARG_WEIGHTS, 1);
    scale_ = memory({{l.out_channels}, memory::data_type::f32, memory::format_tag::x}, engine_);
    arguments_[DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS] = scale_;
    const Conv::primitive_desc pd(engine_, dnnl::prop_kind::forward_inference,
                                  dnnl::algorithm::convolution_direct, src, weights, dst, strides,
                                  pad, pad_end, attr);
#else
    attr.set_output_scales(2, std::vector<float>(static_cast<size_t>(l.out_channels), 0.001F));
    const Conv::primitive_desc pd(
        {dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, dst,
         strides, pad, pad_end},
        attr, engine_);
#endif
    arguments_[DNNL_ARG_SRC] = memory(pd.src_desc(), engine_);
    arguments_[DNNL_ARG_WEIGHTS] = memory(pd.weights_desc(), engine_);
    arguments_[DNNL_ARG_DST] = memory(pd.dst_desc(), engine_);
    primitive_ = Conv(pd);
  }
  void Run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory scale_;
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

int Main(int argc, char** argv) {
  const Row* row = argc > 1 ? FindRow(argv[1]) : &BestRow();
  if (row == nullptr || !row->available()) {
    std::fprintf(stderr, "gemm_bench: row %s is not available on this machine\n", argv[1]);
    return 1;
  }
  if (omp_set_num_threads != nullptr) omp_set_num_threads(1);
  const std::string only = argc > 2 ? argv[2] : "";
  const double peak = DotPeak::Measure(row->name);
  std::printf("row %s, peak of its dot primitive %.1f GMAC/s, one thread\n", row->name, peak / 1e9);
  std::printf("%-12s %-18s %9s | %9s %9s %8s %6s | %9s %9s | %-11s | %9s %6s | %9s %6s\n",
              "network", "layer", "MMAC", "best us", "median", "GMAC/s", "peak%", "oneDNN us",
              "median", "ours/oneDNN", "4 bits us", "/int8", "2 bits us", "/int8");
  std::mt19937 random(1);
  for (size_t i = 0; i < std::size(kLayers); ++i) {
    const Layer& l = kLayers[i];
    if (!only.empty() && only != l.network) continue;
    OurLayer ours(*row, l, {}, random);
    OurLayer nibbles(*row, l, {{.bits = 4, .table_channels = 0, .largest = 64}}, random);
    OurLayer crumbs(*row, l, {{.bits = 2, .table_channels = 0, .largest = 32}}, random);
    OneDnnLayer onednn(l);
    Times our_times, onednn_times, nibble_times, crumb_times;
    const double once = Seconds([&] { ours.Run(); });
    const int repeats = std::clamp(static_cast<int>(0.15 / once), 10, 500);
    for (int r = 0; r < repeats; ++r) {
      our_times.seconds.push_back(Seconds([&] { ours.Run(); }));
      onednn_times.seconds.push_back(Seconds([&] { onednn.Run(); }));
      nibble_times.seconds.push_back(Seconds([&] { nibbles.Run(); }));
      crumb_times.seconds.push_back(Seconds([&] { crumbs.Run(); }));
    }
    const double speed = Macs(l) / our_times.Best();
    std::printf(
        "%-12s %-18s%s %8.2f | %9.1f %9.1f %8.1f %6.1f | %9.1f %9.1f | %11.2f | %9.1f %6.2f | "
        "%9.1f %6.2f\n",
        l.network, l.name, ours.UsesWinograd() ? "w" : " ", Macs(l) / 1e6, our_times.Best() * 1e6,
        our_times.Median() * 1e6, speed / 1e9, 100 * speed / peak, onednn_times.Best() * 1e6,
        onednn_times.Median() * 1e6, our_times.Median() / onednn_times.Median(),
        nibble_times.Best() * 1e6, nibble_times.Median() / our_times.Median(),
        crumb_times.Best() * 1e6, crumb_times.Median() / our_times.Median());
  }
  return 0;
}

const DotPeak* first_peak = nullptr;

}  // namespace

DotPeak::DotPeak(const char* row, Loop loop, size_t macs_per_iteration)
    : row_(row), loop_(loop), macs_per_iteration_(macs_per_iteration), next_(first_peak) {
  first_peak = this;
}

double DotPeak::Measure(std::string_view row) {
  const DotPeak* peak = first_peak;
  while (peak != nullptr && row != peak->row_) peak = peak->next_;
  if (peak == nullptr) return 0;
  constexpr size_t kIterations = 20000;
  Times times;
  for (int i = 0; i < 500; ++i) {
    times.seconds.push_back(Seconds([&] { peak->loop_(kIterations); }));
  }
  return static_cast<double>(kIterations * peak->macs_per_iteration_) / times.Best();
}

}  // namespace lutra::kernels

int main(int argc, char** argv) { return lutra::kernels::Main(argc, argv); }
