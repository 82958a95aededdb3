// 3x3 convolutions by Winograd's products, byte for byte against the reference's plain sums.
#include "kernels/winograd.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/gemm_case.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

struct Image {
  int32_t height, width;
  size_t channels;
};

/// A 3x3 convolution with `pad_begin` and `pad_end` at both ends of both axes.
GemmProblem Conv3x3(const Image& image, size_t n, int32_t pad_begin, int32_t pad_end) {
  GemmProblem p;
  p.left = LeftKind::patches;
  Window& w = p.window;
  w.in_h = image.height;
  w.in_w = image.width;
  w.out_h = image.height + pad_begin + pad_end - 2;
  w.out_w = image.width + pad_begin + pad_end - 2;
  w.kernel_h = w.kernel_w = 3;
  w.pad_top = w.pad_left = pad_begin;
  w.in_pixel_stride = image.channels;
  p.channels = image.channels;
  p.m = static_cast<size_t>(w.out_h) * static_cast<size_t>(w.out_w);
  p.n = n;
  p.k = 9 * image.channels;
  p.out_stride = n;
  return p;
}

/// The rows that have Winograd's products give the reference's bytes.
void CheckRows(const IntCase& c) {
  const auto expected = RunCase(*FindRow("reference"), c);
  for (const Row* row : SimdRows()) {
    if (row->int_winograd.run == nullptr) continue;
    for (size_t threads : {size_t{1}, size_t{3}}) {
      INFO(std::string(row->name), " threads ", threads, ": ", Describe(c.problem));
      CHECK(RunCase(row->int_winograd, c, threads) == expected);
    }
  }
}

TEST_CASE("rows that multiply 16-bit values have Winograd's products") {
  for (const char* name : {"sse4", "avx2", "avx512"}) {
    const Row* row = FindRow(name);
    CHECK((row == nullptr || row->int_winograd.run != nullptr));
  }
}

TEST_CASE("images whose edges cut tiles, every kind of padding, channels that cut vectors") {
  std::mt19937 random(kSeed);
  for (const Image& image : {Image{8, 8, 32}, Image{9, 8, 16}, Image{8, 13, 48}, Image{5, 3, 16},
                             Image{1, 1, 16}, Image{40, 7, 64}}) {
    for (size_t n : {1, 8, 15, 16, 17, 33, 64}) {
      for (int32_t pad_end : {0, 1, 2}) {
        GemmProblem p = Conv3x3(image, n, 1, pad_end);
        if (p.window.out_h < 1 || p.window.out_w < 1) continue;
        p.left_zero_point = static_cast<int32_t>(n * 37 % 256) - 128;
        p.output = {static_cast<int32_t>(n % 7) - 3, -120, 125};
        CheckRows(MakeIntCase(p, random));
      }
    }
  }
}

TEST_CASE("tasks that begin inside a row of tiles, batches, pixel strides, groups") {
  std::mt19937 random(kSeed);
  GemmProblem wide = Conv3x3({6, 230, 32}, 24, 1, 1);
  CheckRows(MakeIntCase(wide, random));
  GemmProblem batch = Conv3x3({7, 9, 64}, 20, 1, 1);
  batch.window.batch = 5;
  batch.m *= 5;
  batch.window.in_pixel_stride = 70;
  batch.out_stride = 23;
  CheckRows(MakeIntCase(batch, random));
  GemmProblem groups = Conv3x3({8, 8, 32}, 20, 0, 2);
  groups.groups = 3;
  groups.window.in_pixel_stride = 96;
  groups.out_stride = 60;
  CheckRows(MakeIntCase(groups, random));
}

TEST_CASE("with a curve behind the product") {
  std::mt19937 random(kSeed);
  for (const bool factors : {false, true}) {
    IntCase c = MakeIntCase(Conv3x3({9, 13, 32}, 21, 1, 1), random);
    AddCurve(c, factors, random);
    CheckRows(c);
  }
}

TEST_CASE("sums of extreme values, as 32-bit integers, up to the most channels") {
  std::mt19937 random(kSeed);
  for (size_t channels : {size_t{32}, kMostWinogradChannels}) {
    GemmProblem p = Conv3x3({4, 4, channels}, 3, 1, 1);
    p.epilogue = Epilogue::raw;
    p.left_zero_point = 127;
    CheckRows(MakeIntCase(p, random));
    for (int8_t value : {int8_t{-128}, int8_t{127}}) {
      IntCase c = MakeIntCase(p, random);
      std::fill(c.left.begin(), c.left.end(), int8_t{-128});
      std::fill(c.weights.begin(), c.weights.end(), value);
      std::fill(c.bias.begin(), c.bias.end(), 0);
      CheckRows(c);
    }
  }
}

TEST_CASE("what suits") {
  const auto suits = [](const GemmProblem& p) { return SuitsWinograd(p.window, p.channels); };
  const GemmProblem good = Conv3x3({8, 8, 32}, 16, 1, 1);
  CHECK(suits(good));
  CHECK_FALSE(suits(Conv3x3({7, 8, 32}, 16, 1, 1)));
  CHECK_FALSE(suits(Conv3x3({8, 8, 40}, 16, 1, 1)));
  CHECK_FALSE(suits(Conv3x3({8, 8, kMostWinogradChannels + 16}, 16, 1, 1)));
  GemmProblem other = good;
  other.window.stride_w = 2;
  CHECK_FALSE(suits(other));
  other = good;
  other.window.dilation_h = 2;
  CHECK_FALSE(suits(other));
  other = good;
  other.window.kernel_w = 1;
  CHECK_FALSE(suits(other));
}

}  // namespace
}  // namespace lutra::kernels
