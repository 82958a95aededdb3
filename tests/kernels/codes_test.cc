// Coded weights: codes written bit by bit and looked up by the test give the int8 weights of an
// ordinary product on the reference row; every row, the reference too, must give its bytes from the
// codes.
#include <doctest/doctest.h>

#include <cstring>

#include "kernels/gemm_case.h"
#include "kernels/rows_under_test.h"

namespace lutra::kernels {
namespace {

void CheckCodes(const IntCase& coded) {
  IntCase plain = coded;
  plain.problem.form = WeightForm();
  const auto expected = RunCase(*FindRow("reference"), plain);
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (!row->available()) continue;
    for (size_t threads : {size_t{1}, size_t{3}}) {
      INFO(std::string(row->name), " threads ", threads, ": ", Describe(coded.problem));
      CHECK(RunCase(*row, coded, threads) == expected);
    }
  }
}

/// What a table may hold: what fits 16 bits twice, once, or not as sums of two products.
constexpr int32_t kLargest[] = {1, 32, 33, 64, 65, 127};

/// Two's complement.
int32_t LargestInteger(size_t bits) { return 1 << (bits - 1); }

TEST_CASE("codes of all widths, dense, at the edges of tiles, groups of units and blocks") {
  std::mt19937 random(kSeed);
  for (size_t bits = 1; bits <= 7; ++bits) {
    for (size_t m : {1, 2, 3, 4, 5, 13}) {
      for (size_t n : {1, 7, 8, 16, 17, 31, 33, 64, 65}) {
        for (size_t k : {1, 5, 31, 32, 33, 70}) {
          GemmProblem p = Dense(m, n, k);
          p.left_zero_point = static_cast<int32_t>(k * 37 % 256) - 128;
          p.form.bits = bits;
          p.form.largest = kLargest[(m + n + k) % std::size(kLargest)];
          CheckCodes(MakeCodedCase(p, true, random));
          if (bits == 1) continue;  // two's complement has at least 2
          p.form.largest = LargestInteger(bits);
          CheckCodes(MakeCodedCase(p, false, random));
        }
      }
    }
    for (size_t k : {511, 1024, 1025, 3079}) {
      for (size_t m : {1, 13}) {
        for (int32_t largest : kLargest) {
          GemmProblem p = Dense(m, 37, k);
          p.form = {.bits = bits, .table_channels = 16, .largest = largest};
          CheckCodes(MakeCodedCase(p, true, random));
        }
      }
    }
  }
}

TEST_CASE("tables of some channels each, groups, epilogues, zero points") {
  std::mt19937 random(kSeed);
  for (size_t bits = 1; bits <= 7; ++bits) {
    for (Epilogue epilogue : {Epilogue::requantize, Epilogue::dynamic, Epilogue::raw}) {
      for (bool weight_zero_points : {false, true}) {
        for (size_t m : {1, 6}) {
          GemmProblem p = Dense(m, 96, 45);
          p.groups = 2;
          p.left_stride = 2 * p.k + 5;
          p.out_stride = 2 * p.n + 3;
          p.epilogue = epilogue;
          p.weight_zero_points = weight_zero_points;
          p.left_zero_point = 17;
          p.form.bits = bits;
          for (size_t table_channels : {0, 1, 16, 32, 48}) {
            p.form.table_channels = table_channels;
            p.form.largest = kLargest[(bits + table_channels / 16) % std::size(kLargest)];
            CheckCodes(MakeCodedCase(p, true, random));
          }
        }
      }
    }
  }
}

/// Weights of 4 bits with random factors, of which every eighth is the largest or 0.
IntCase MakeRunCase(const GemmProblem& problem, std::mt19937& random) {
  IntCase c = MakeCodedCase(problem, false, random);
  const size_t runs = (problem.k + problem.form.run - 1) / problem.form.run;
  for (size_t i = 0; i < problem.n * runs; ++i) {
    const auto r = static_cast<uint32_t>(random());
    c.factors.push_back(static_cast<uint8_t>(r % 8 != 0 ? r >> 8 : (r >> 3 & 1U) * 255));
  }
  return c;
}

WeightForm RunForm(size_t run) { return {.bits = 4, .run = run, .largest = 8}; }

TEST_CASE("factors of runs: every sum is that of the weights times their factors") {
  std::mt19937 random(kSeed);
  for (size_t run : {32, 64, 128}) {
    for (size_t m : {1, 2, 4, 5, 13}) {
      for (size_t n : {1, 8, 17, 33, 70}) {
        for (size_t k : {1, 31, 32, 33, 65, 129, 1100}) {
          GemmProblem p = Dense(m, n, k);
          p.left_zero_point = static_cast<int32_t>(k * 37 % 256) - 128;
          p.epilogue = Epilogue::raw;
          p.form = RunForm(run);
          const IntCase c = MakeRunCase(p, random);
          for (size_t i = 0; const Row* row = RowAt(i); ++i) {
            if (!row->available()) continue;
            INFO(std::string(row->name), " run ", run, ": ", Describe(p));
            const auto out = RunCase(*row, c);
            for (size_t at = 0; at < m * n; ++at) {
              const size_t channel = at % n;
              int64_t sum = c.bias[channel];
              for (size_t j = 0; j < k; ++j) {
                const size_t runs = (k + run - 1) / run;
                sum += int64_t{c.left[at / n * k + j] - p.left_zero_point} *
                       c.weights[channel * k + j] * c.factors[channel * runs + j / run];
              }
              int32_t value = 0;
              std::memcpy(&value, out.data() + (kGuard + at) * 4, 4);
              REQUIRE(value == sum);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("factors of runs: all epilogues, threads and blocks of k give the reference's bytes") {
  std::mt19937 random(kSeed);
  for (Epilogue epilogue : {Epilogue::requantize, Epilogue::dynamic}) {
    for (size_t run : {32, 64, 128}) {
      for (size_t m : {1, 3, 4, 17}) {
        for (size_t k : {96, 1025, 3079}) {
          GemmProblem p = Dense(m, 75, k);
          p.epilogue = epilogue;
          p.left_stride = p.k + 5;
          p.out_stride = p.n + 3;
          p.left_zero_point = 17;
          p.form = RunForm(run);
          IntCase c = MakeRunCase(p, random);
          for (float& scale : c.scale) scale /= 128;
          const auto expected = RunCase(*FindRow("reference"), c);
          for (size_t i = 0; const Row* row = RowAt(i); ++i) {
            if (!row->available()) continue;
            for (size_t threads : {size_t{1}, size_t{3}}) {
              INFO(std::string(row->name), " run ", run, " threads ", threads, ": ", Describe(p));
              CHECK(RunCase(*row, c, threads) == expected);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("factors of runs: the extremes are exact") {
  for (int8_t left : {int8_t{-128}, int8_t{127}}) {
    for (size_t m : {1, 9}) {
      GemmProblem p = Dense(m, 20, 1100);
      p.epilogue = Epilogue::raw;
      p.form = RunForm(128);
      IntCase c;
      c.problem = p;
      c.left.assign(p.m * p.k, left);
      c.codes.assign(p.n * p.k / 2, 0x88);  // -8
      c.factors.assign(p.n * 9, 255);
      c.bias.assign(p.n, -77);
      c.scale.assign(p.n, 1.0F);
      for (size_t i = 0; const Row* row = RowAt(i); ++i) {
        if (!row->available()) continue;
        INFO(std::string(row->name));
        const auto out = RunCase(*row, c);
        for (size_t at = 0; at < p.m * p.n; ++at) {
          int32_t value = 0;
          std::memcpy(&value, out.data() + (kGuard + at) * 4, 4);
          REQUIRE(value == 1100 * left * -8 * 255 - 77);
        }
      }
    }
  }
}

TEST_CASE("convolutions with coded weights") {
  std::mt19937 random(kSeed);
  for (size_t bits = 1; bits <= 7; ++bits) {
    for (int32_t stride : {1, 2}) {
      for (size_t channels : {3, 16}) {
        GemmProblem p;
        p.left = LeftKind::patches;
        Window& w = p.window;
        w.batch = 2;
        w.in_h = w.in_w = 9;
        w.kernel_h = w.kernel_w = 3;
        w.stride_h = w.stride_w = stride;
        w.pad_top = w.pad_left = 1;
        w.out_h = w.out_w = (9 + 2 - 3) / stride + 1;
        w.in_pixel_stride = channels;
        p.m = w.batch * static_cast<size_t>(w.out_h) * static_cast<size_t>(w.out_w);
        p.n = 40;
        p.k = 9 * channels;
        p.channels = channels;
        p.out_stride = p.n;
        p.left_zero_point = -128;
        p.form = {.bits = bits, .table_channels = 16, .largest = stride == 1 ? 64 : 32};
        CheckCodes(MakeCodedCase(p, true, random));
      }
    }
  }
}

TEST_CASE("the extremes are exact: entries as large as the form says times the largest input") {
  for (int32_t largest : kLargest) {
    for (int sign : {-1, 1}) {
      for (int8_t left : {int8_t{-128}, int8_t{127}}) {
        for (size_t m : {1, 9}) {
          GemmProblem p = Dense(m, 20, 1100);
          p.epilogue = Epilogue::raw;
          p.form = {.bits = 2, .table_channels = 0, .largest = largest};
          IntCase c;
          c.problem = p;
          c.left.assign(p.m * p.k, left);
          c.codes.assign(p.n * p.k / 4, 0b11111111);
          c.tables = {0, 0, 0, static_cast<int8_t>(sign * largest)};
          c.weights.assign(p.n * p.k, c.tables[3]);
          c.zero_points.assign(p.n, 0);
          c.bias.assign(p.n, -77);
          c.scale.assign(p.n, 1.0F);
          const int32_t sum = 1100 * left * sign * largest - 77;
          for (size_t i = 0; const Row* row = RowAt(i); ++i) {
            if (!row->available()) continue;
            INFO(std::string(row->name), " largest ", largest);
            const auto out = RunCase(*row, c);
            for (size_t at = 0; at < p.m * p.n; ++at) {
              int32_t value = 0;
              std::memcpy(&value, out.data() + (kGuard + at) * 4, 4);
              REQUIRE(value == sum);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("packed codes take their bits: no byte more than padding, channel terms and tables") {
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (!row->available()) continue;
    for (size_t bits = 1; bits <= 7; ++bits) {
      for (const std::pair<size_t, size_t>& shape :
           {std::pair<size_t, size_t>{4096, 4096}, {64, 576}, {10, 84}}) {
        const size_t n = shape.first, k = shape.second;
        const WeightForm form = {.bits = bits, .table_channels = 0, .largest = 64};
        // Channels up to a multiple of 16 lanes, k to one of 32; per channel 20 bytes; a table of
        // at most 128 bytes; each of the three parts up to 64 bytes.
        const size_t padded = (n + 15) / 16 * 16 * ((k + 31) / 32 * 32) * bits / 8;
        const size_t bytes = row->int_gemm.packed_bytes(n, k, form);
        INFO(std::string(row->name), " ", bits, " bits ", n, " x ", k);
        CHECK(bytes >= n * k * bits / 8);
        CHECK(bytes <= padded + (n + 15) / 16 * 16 * 20 + 128 + 3 * 64);
      }
    }
  }
}

}  // namespace
}  // namespace lutra::kernels
