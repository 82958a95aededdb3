// Block-sparse weights: every row that this machine runs, told the number of blocks to keep,
// against the reference, which multiplies all weights.
#include "kernels/sparse.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/gemm_case.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

/// Every block but `percent` of them becomes zero, which is code 0 of coded weights; counts what is
/// left.
void KeepBlocks(IntCase& c, uint32_t percent, std::mt19937& random) {
  GemmProblem& p = c.problem;
  p.form.blocks = 0;
  for (size_t group = 0; group < p.groups; ++group) {
    size_t of_group = 0;
    for (size_t band = 0; band < p.n; band += 16) {
      size_t of_band = 0;
      for (size_t block = 0; block < p.k; block += 4) {
        const bool keep = random() % 100 < percent;
        bool kept = false;  // random weights may all be zero
        for (size_t n = band; n < std::min(band + 16, p.n); ++n) {
          for (size_t k = block; k < std::min(block + 4, p.k); ++k) {
            const size_t at = (group * p.n + n) * p.k + k;
            if (!keep) {
              c.weights[at] = 0;
              for (size_t bit = at * p.form.bits; !c.codes.empty() && bit < (at + 1) * p.form.bits;
                   ++bit) {
                c.codes[bit / 8] &= static_cast<uint8_t>(~(1U << bit % 8));
              }
            }
            kept = kept || c.weights[at] != 0;
          }
        }
        of_band += kept ? 1 : 0;
      }
      of_group += std::max<size_t>(of_band, 1);
    }
    p.form.blocks = std::max(p.form.blocks, of_group);
  }
}

void CheckRows(const IntCase& c) {
  const auto expected = RunCase(*FindRow("reference"), c);
  for (const Row* row : SimdRows()) {
    for (size_t threads : {size_t{1}, size_t{3}}) {
      INFO(std::string(row->name), " threads ", threads, ": ", Describe(c.problem));
      CHECK(RunCase(*row, c, threads) == expected);
    }
  }
}

/// None, few, half, all.
constexpr uint32_t kPercents[] = {0, 10, 50, 100};

TEST_CASE("every row but the reference skips blocks") {
  for (const Row* row : SimdRows()) CHECK(row->int_gemm.skips_blocks);
  CHECK_FALSE(FindRow("reference")->int_gemm.skips_blocks);
}

TEST_CASE("dense rows at the edges of bands, blocks, tiles of rows and lists in L1") {
  std::mt19937 random(kSeed);
  for (size_t m : {1, 2, 3, 5, 6, 7, 12, 13, 25}) {
    for (size_t n : {1, 4, 8, 15, 16, 17, 31, 33, 64, 67}) {
      for (size_t k : {1, 3, 4, 5, 8, 31, 70}) {
        GemmProblem p = Dense(m, n, k);
        p.left_zero_point = static_cast<int32_t>(k * 37 % 256) - 128;
        p.output.zero_point = static_cast<int32_t>(n % 256) - 128;
        for (uint32_t percent : kPercents) {
          IntCase c = MakeIntCase(p, random);
          KeepBlocks(c, percent, random);
          CheckRows(c);
        }
      }
    }
  }
  for (size_t k : {1023, 1024, 1025, 4100}) {  // 256 blocks stay in L1
    for (size_t m : {1, 13}) {
      for (uint32_t percent : kPercents) {
        IntCase c = MakeIntCase(Dense(m, 37, k), random);
        KeepBlocks(c, percent, random);
        CheckRows(c);
      }
    }
  }
}

TEST_CASE("one block, at each end of the list") {
  std::mt19937 random(kSeed);
  for (size_t block : {0, 1, 8}) {
    for (size_t band : {0, 2}) {
      IntCase c = MakeIntCase(Dense(7, 37, 33), random);
      std::fill(c.weights.begin(), c.weights.end(), int8_t{0});
      c.weights[std::min<size_t>(band * 16 + 15, 36) * 33 + std::min<size_t>(block * 4 + 3, 32)] =
          -128;
      c.problem.form.blocks = 3;  // of three bands one each
      CheckRows(c);
    }
  }
}

TEST_CASE("epilogues, zero points of the left operand, strides and groups of unequal sparsity") {
  std::mt19937 random(kSeed);
  for (Epilogue epilogue : {Epilogue::requantize, Epilogue::dynamic, Epilogue::raw}) {
    for (int32_t left_zero_point : {-128, 0, 127}) {
      for (size_t groups : {1, 3}) {
        for (size_t k : {5, 64, 1031}) {
          GemmProblem p = Dense(7, 21, k);
          p.groups = groups;
          p.left_stride = groups * k + 5;
          p.out_stride = groups * p.n + 11;
          p.epilogue = epilogue;
          p.left_zero_point = left_zero_point;
          p.clamp = {-40.0F, 50.0F};
          IntCase c = MakeIntCase(p, random);
          const size_t first_group = p.n * k;
          std::fill_n(c.weights.begin(), groups > 1 ? first_group : 0, int8_t{0});
          KeepBlocks(c, 40, random);
          CheckRows(c);
        }
      }
    }
  }
}

TEST_CASE("convolutions: windows, strides, padding, channels that no block divides") {
  std::mt19937 random(kSeed);
  for (int32_t kernel : {1, 3}) {
    for (int32_t stride : {1, 2}) {
      for (size_t channels : {3, 8, 20}) {
        for (uint32_t percent : kPercents) {
          GemmProblem p;
          p.left = LeftKind::patches;
          Window& w = p.window;
          w.batch = 2;
          w.in_h = w.in_w = 9;
          w.kernel_h = w.kernel_w = kernel;
          w.stride_h = w.stride_w = stride;
          w.pad_top = w.pad_left = kernel / 2;
          w.out_h = w.out_w = (9 + 2 * (kernel / 2) - kernel) / stride + 1;
          w.in_pixel_stride = 2 * channels;
          p.groups = 2;
          p.m = w.batch * static_cast<size_t>(w.out_h) * static_cast<size_t>(w.out_w);
          p.n = 19;
          p.k = static_cast<size_t>(kernel * kernel) * channels;
          p.channels = channels;
          p.out_stride = 2 * p.n;
          p.left_zero_point = -128;
          IntCase c = MakeIntCase(p, random);
          KeepBlocks(c, percent, random);
          CheckRows(c);
        }
      }
    }
  }
}

TEST_CASE("codes of all widths become block-sparse int8") {
  std::mt19937 random(kSeed);
  for (size_t bits = 1; bits <= 7; ++bits) {
    for (size_t table_channels : {0, 1, 16}) {
      for (bool tables : {true, false}) {
        if (!tables && (bits == 1 || table_channels != 0)) continue;
        GemmProblem p = Dense(7, 48, 45);
        p.left_zero_point = 17;
        p.groups = 2;
        p.left_stride = 90;
        p.out_stride = 96;
        p.form.bits = bits;
        p.form.table_channels = table_channels;
        p.form.largest = tables ? 64 : 1 << (bits - 1);
        IntCase c = MakeCodedCase(p, tables, random);
        // Code 0 is zero in every table.
        for (size_t table = 0; table < c.tables.size() >> bits; ++table) {
          c.tables[table << bits] = 0;
        }
        for (size_t i = 0; i < c.weights.size(); ++i) {
          if (CodeAt(c.codes.data(), bits, i) == 0) c.weights[i] = 0;
        }
        KeepBlocks(c, 30, random);
        CheckRows(c);
      }
    }
  }
}

TEST_CASE("more rows and channels than one task, for any number of threads") {
  std::mt19937 random(kSeed);
  for (const GemmProblem& p : {Dense(1201, 40, 300), Dense(3, 1200, 257), Dense(130, 130, 9)}) {
    IntCase c = MakeIntCase(p, random);
    KeepBlocks(c, 25, random);
    const auto expected = RunCase(*FindRow("reference"), c);
    for (const Row* row : SimdRows()) {
      for (size_t threads = 1; threads <= 9; threads += 2) {
        INFO(std::string(row->name), " threads ", threads, ": ", Describe(c.problem));
        CHECK(RunCase(*row, c, threads) == expected);
      }
    }
  }
}

TEST_CASE("the extremes are exact: the largest sums of the blocks that are kept") {
  for (int8_t left : {int8_t{-128}, int8_t{127}}) {
    for (int8_t weight : {int8_t{-128}, int8_t{127}}) {
      GemmProblem p = Dense(13, 20, 2200);
      p.epilogue = Epilogue::raw;
      p.left_zero_point = left < 0 ? 127 : -128;
      std::mt19937 random(kSeed);
      IntCase c = MakeIntCase(p, random);
      std::fill(c.left.begin(), c.left.end(), left);
      std::fill(c.weights.begin(), c.weights.end(), weight);
      std::fill(c.bias.begin(), c.bias.end(), 12345);
      KeepBlocks(c, 50, random);
      CheckRows(c);
    }
  }
}

TEST_CASE("counting blocks: at least one of a band, and no further than asked") {
  // 20 channels are two bands, 10 elements three blocks. Zero but for (3, 9), (17, 0), (17, 5).
  const auto weight_of = [](size_t n, size_t k) {
    return (n == 3 && k == 9) || (n == 17 && (k == 0 || k == 5)) ? 1 : 0;
  };
  CHECK(CountKeptBlocks(20, 10, 6, weight_of) == 3);
  CHECK(CountKeptBlocks(16, 10, 6, [](size_t, size_t) { return 0; }) == 1);
  CHECK(CountKeptBlocks(33, 10, 9, [](size_t, size_t) { return 0; }) == 3);
  CHECK(CountKeptBlocks(20, 10, 6, [](size_t, size_t) { return -1; }) == 6);
  size_t asked = 0;
  CHECK(CountKeptBlocks(1600, 1000, 10, [&asked](size_t, size_t) { return ++asked; }) > 10);
  CHECK(asked <= 12);
}

TEST_CASE("packed bytes are those of the kept blocks, their places and the channels' terms") {
  for (const Row* row : SimdRows()) {
    WeightForm form;
    form.blocks = 1000;
    // 64 weights and 2 bytes of each block, 20 bytes of a channel, 4 of a band; cache lines.
    const size_t bytes = row->int_gemm.packed_bytes(256, 1024, form);
    CHECK(bytes >= 1000 * 66 + 256 * 20 + 17 * 4);
    CHECK(bytes <= 1000 * 66 + 256 * 20 + 17 * 4 + 128);
  }
}

}  // namespace
}  // namespace lutra::kernels
