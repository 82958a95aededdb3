// Layers whose weights are zero in whole blocks (kernels/sparse.h): the product that skips them
// against the dense one, against Winograd's where it suits, and against codes of 4, 6 and 2 bits
// whose tables have entries up to 64, 32 and 32, in turn in one process on one thread.
//
//   sparse_bench [ROW]          default: the best row
//
// Times are medians of one run, but for the dense product's as parts of it: below 1 is faster.
#include <cstdio>
#include <string>

#include "bench/layer.h"

namespace lutra::kernels {
namespace {

/// Square images and kernels, "same" padding. Linear layers are images of one pixel.
constexpr Layer kLayers[] = {
    {"", "linear 1024-1024", 1, 1024, 1024, 1, 1, 1},
    {"", "linear 4096-1024", 1, 4096, 1024, 1, 1, 1},
    {"", "linear 4096-4096", 1, 4096, 4096, 1, 1, 1},
    {"", "56 1x1 128-128", 56, 128, 128, 1, 1, 1},
    {"", "14 1x1 64-384", 14, 64, 384, 1, 1, 1},
    {"", "7 1x1 320-1280", 7, 320, 1280, 1, 1, 1},
    {"", "28 3x3 64-64", 28, 64, 64, 3, 1, 1},
    {"", "14 3x3 256-256", 14, 256, 256, 3, 1, 1},
    {"", "8 3x3 64-64", 8, 64, 64, 3, 1, 1},
    {"", "28 3x3/2 64-128", 28, 64, 128, 3, 2, 1},
};

constexpr uint32_t kKeepPercents[] = {75, 70, 50, 40, 25, 10};

constexpr WeightForm kCodes[] = {{.bits = 4, .table_channels = 0, .largest = 64},
                                 {.bits = 6, .table_channels = 0, .largest = 32},
                                 {.bits = 2, .table_channels = 0, .largest = 32}};

int Main(int argc, char** argv) {
  const Row* row = argc > 1 ? FindRow(argv[1]) : &BestRow();
  if (row == nullptr || !row->available()) {
    std::fprintf(stderr, "sparse_bench: row %s is not available on this machine\n", argv[1]);
    return 1;
  }
  std::printf("row %s, one thread\n%-18s %9s |", row->name, "layer", "dense us");
  for (const uint32_t percent : kKeepPercents) std::printf("  %3u %%", percent);
  std::printf(" of the blocks kept | winograd  4 bits  6 bits  2 bits\n");
  std::mt19937 random(1);
  for (const Layer& l : kLayers) {
    std::vector<OurLayer> layers;
    layers.emplace_back(*row, l, LayerWeights{.form = {}, .winograd = false}, random);
    for (const uint32_t percent : kKeepPercents) {
      layers.emplace_back(*row, l, LayerWeights{.form = {}, .keep_percent = percent}, random);
    }
    layers.emplace_back(*row, l, LayerWeights(), random);
    for (const WeightForm& form : kCodes) {
      layers.emplace_back(*row, l, LayerWeights{.form = form}, random);
    }
    std::vector<Times> times(layers.size());
    const double once = Seconds([&] { layers[0].Run(); });
    const int repeats = std::clamp(static_cast<int>(0.15 / once), 10, 500);
    for (int r = 0; r < repeats; ++r) {
      for (size_t i = 0; i < layers.size(); ++i) {
        times[i].seconds.push_back(Seconds([&] { layers[i].Run(); }));
      }
    }
    const double dense = times[0].Median();
    std::printf("%-18s %9.1f |", l.name, dense * 1e6);
    const size_t winograd = std::size(kKeepPercents) + 1;
    for (size_t i = 1; i < winograd; ++i) std::printf("  %5.2f", times[i].Median() / dense);
    std::printf("                    |");
    if (layers[winograd].UsesWinograd()) {
      std::printf("  %7.2f", times[winograd].Median() / dense);
    } else {
      std::printf("  %7s", "-");
    }
    for (size_t i = winograd + 1; i < layers.size(); ++i) {
      std::printf("  %6.2f", times[i].Median() / dense);
    }
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace lutra::kernels

int main(int argc, char** argv) { return lutra::kernels::Main(argc, argv); }
