// Layers of which enough blocks of weights (16 output channels x 4 elements) are zero: they are
// kept and multiplied without them, and give the bytes of the reference, which multiplies all.
#include <doctest/doctest.h>

#include <algorithm>

#include "runtime/harness.h"
#include "runtime/hooks.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

struct Layer {
  const char* name;
  int size, channels, out_channels;  ///< size 0: a linear layer
  int kernel = 1, groups = 1;
  int bits = 8;
  bool codebook = false;
};

constexpr Layer kLayers[] = {
    {"linear", 0, 256, 200},
    {"1x1", 9, 64, 48},
    {"3x3", 6, 20, 35, 3},
    {"3x3 that suits Winograd", 10, 32, 32, 3},
    {"3x3, groups", 6, 24, 40, 3, 2},
    {"linear, 4 bits", 0, 256, 200, 1, 1, 4},
    {"1x1, codebook of 3 bits", 9, 64, 48, 1, 1, 3, true},
    {"1x1, codebook of 8 bits", 9, 64, 48, 1, 1, 8, true},
};

size_t OfRow(const Layer& l) {
  return static_cast<size_t>(l.kernel * l.kernel * l.channels / l.groups);
}

/// Weights as values or indices, of which every block but each `keep_every`th is zero, counted in
/// each group from its first channel on.
std::vector<int8_t> Weights(const Layer& l, size_t keep_every) {
  Random random(7);
  const int top = (1 << (l.bits - 1)) - 1;
  const size_t n = static_cast<size_t>(l.out_channels), k = OfRow(l);
  std::vector<int8_t> values = random.Int8s(n * k, l.codebook ? 0 : -top, top);
  for (size_t row = 0; row < n; ++row) {
    const size_t band = row % (n / static_cast<size_t>(l.groups)) / 16;
    for (size_t i = 0; i < k; ++i) {
      if ((band + i / 4) % keep_every != 0) values[row * k + i] = 0;
    }
  }
  return values;
}

Bytes Model(const Layer& l, size_t keep_every, bool zero_points = false) {
  ModelBuilder b;
  const size_t n = static_cast<size_t>(l.out_channels);
  const std::vector<int8_t> zeros(zero_points ? n : 0, 1);
  auto weights = b.IntWeights(Weights(l, keep_every), std::vector<int32_t>(n, 100),
                              std::vector<float>(n, 0.001F), zeros, l.bits);
  if (l.codebook) {
    std::vector<int8_t> table(size_t{1} << l.bits);
    for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<int8_t>(i / 2);
    weights = b.WithCodebook(std::move(weights), table);
  }
  const Quant in = {0.1F, 3}, out = {0.1F, -2};
  if (l.size == 0) {
    const auto x = b.Input("x", {1, l.channels}, in);
    const auto y = b.Int8({1, l.out_channels}, out);
    schema::LinearT linear;
    linear.weights = std::move(weights);
    b.Add(std::move(linear), {x}, {y});
    b.Output("y", y);
    return b.Finish();
  }
  const auto x = b.Input("x", {1, l.size, l.size, l.channels}, in);
  const auto y = b.Int8({1, l.size, l.size, l.out_channels}, out);
  schema::ConvT conv;
  conv.groups = static_cast<uint32_t>(l.groups);
  conv.kernel_h = conv.kernel_w = static_cast<uint16_t>(l.kernel);
  const auto pad = static_cast<uint16_t>(l.kernel / 2);
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = pad;
  conv.weights = std::move(weights);
  b.Add(std::move(conv), {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

/// What a row makes of the only operator; checks that it takes the memory that was stated.
OperatorInfo Prepared(const Bytes& file, const std::string& row) {
  lutra_options options;
  lutra_options_init(&options);
  options.row = row.c_str();
  lutra_memory need = {};
  need.struct_size = sizeof(need);
  REQUIRE(lutra_requirements(file.data(), file.size(), &options, &need, nullptr) == LUTRA_OK);
  lutra_model* model = nullptr;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, nullptr) == LUTRA_OK);
  const OperatorInfo info = DescribeOperator(model, 0);
  lutra_model_close(model);
  CHECK(info.packed_bytes <= need.model_bytes);
  return info;
}

TEST_CASE("a layer with one block of eight left is sparse, as exact, and smaller in memory") {
  for (const Layer& l : kLayers) {
    INFO(std::string(l.name));
    Random random(3);
    const size_t pixels = static_cast<size_t>(std::max(1, l.size * l.size));
    const std::vector<int8_t> x = random.Int8s(2 * pixels * static_cast<size_t>(l.channels));
    const Bytes file = Model(l, 8);
    RunEverywhere(file, {ToBytes(x)}, 2);
    const size_t weights = OfRow(l) * static_cast<size_t>(l.out_channels);
    for (const std::string& row : AvailableRows()) {
      CAPTURE(row);
      const OperatorInfo info = Prepared(file, row);
      if (row == "reference") {
        CHECK(std::string(info.kernel) == "gemm");
        continue;
      }
      CHECK(std::string(info.kernel) == "sparse");
      // A block of eight with 2 bytes for its place, in bands of 16 channels whose shares differ by
      // a block; 20 bytes for each channel.
      const size_t bands = static_cast<size_t>((l.out_channels / l.groups + 15) / 16 * l.groups);
      const size_t blocks = bands * ((OfRow(l) + 3) / 4 / 8 + 1);
      CHECK(info.packed_bytes <= blocks * 66 + bands * (16 * 20 + 8) + 256 * l.groups);
      CHECK(info.packed_bytes < weights);
    }
  }
}

TEST_CASE("layers with too few blocks of zeros, or with zero points, stay as they are") {
  for (const Layer& l : kLayers) {
    INFO(std::string(l.name));
    for (const std::string& row : AvailableRows()) {
      CAPTURE(row);
      CHECK(std::string(Prepared(Model(l, 1), row).kernel) != "sparse");
      if (l.bits == 8 && !l.codebook) {
        CHECK(std::string(Prepared(Model(l, 8, true), row).kernel) != "sparse");
      }
      // Half of the blocks: as int8 no smaller than 4 bits and fewer.
      if (l.bits < 5) CHECK(std::string(Prepared(Model(l, 2), row).kernel) != "sparse");
    }
  }
}

}  // namespace
}  // namespace lutra::test
