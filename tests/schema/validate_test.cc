// What Validate accepts: each rule at its boundary. What it refuses has a file and an exact message
// in tests/corrupt.
#include "schema/validate.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "schema/limits.h"
#include "support/aligned_bytes.h"
#include "support/model_builder.h"

namespace lutra {
namespace {

using test::ModelBuilder;
using Shape = ModelBuilder::Shape;

void ExpectOk(ModelBuilder& b) {
  const Status status = test::OpenAndValidate(b.Finish());
  CHECK_MESSAGE(status.ok(), status.message());
}

void ExpectError(ModelBuilder& b, const std::string& message) {
  const Status status = test::OpenAndValidate(b.Finish());
  CHECK(std::string(status.message()) == message);
}

/// One operator between int8 (or float) tensors of one quantization.
template <typename Options>
Status OneOperator(Options options, Shape in, Shape out, bool is_float = false,
                   bool batchable = true) {
  ModelBuilder b;
  const auto x =
      is_float ? b.FloatInput("x", std::move(in)) : b.Input("x", std::move(in), {0.5F, 7});
  const auto y = is_float ? b.Float(std::move(out)) : b.Int8(std::move(out), {0.5F, 7});
  b.Add(std::move(options), {x}, {y});
  b.Output("y", y);
  b.model().batchable = batchable;
  return test::OpenAndValidate(b.Finish());
}

schema::PoolT MaxPool(uint16_t kernel, uint16_t stride, uint16_t pad, uint16_t dilation = 1) {
  schema::PoolT pool;
  pool.kernel_h = pool.kernel_w = kernel;
  pool.stride_h = pool.stride_w = stride;
  pool.dilation_h = pool.dilation_w = dilation;
  pool.pad_top = pool.pad_left = pool.pad_bottom = pool.pad_right = pad;
  return pool;
}

TEST_CASE("Pools round down or up") {
  CHECK(OneOperator(MaxPool(2, 2, 0), {1, 5, 5, 3}, {1, 2, 2, 3}).ok());
  CHECK(OneOperator(MaxPool(2, 2, 0), {1, 5, 5, 3}, {1, 3, 3, 3}).ok());
  CHECK(!OneOperator(MaxPool(2, 2, 0), {1, 4, 4, 3}, {1, 3, 3, 3}).ok());
  // 1-D, and windows that reach into the padding on both sides.
  schema::PoolT line;
  line.kernel_w = 3;
  line.pad_left = line.pad_right = 2;
  CHECK(OneOperator(std::move(line), {1, 1, 4}, {1, 3, 4}).ok());
  // Rounding up would start the last window in the padding: 4 + 2 positions, windows of 2 at 0, 3.
  CHECK(OneOperator(MaxPool(2, 3, 1), {1, 4, 4, 1}, {1, 2, 2, 1}).ok());
  CHECK(!OneOperator(MaxPool(2, 3, 1), {1, 4, 4, 1}, {1, 3, 3, 1}).ok());
  // Dilation 2 over 3 pixels with padding 1: every window has a pixel; the first reads -1 and 1.
  CHECK(OneOperator(MaxPool(2, 1, 1, 2), {1, 3, 3, 1}, {1, 3, 3, 1}).ok());
  // Dilation 3 over 2 pixels with padding 2: the window at -1 reads -1 and 2, both outside.
  CHECK(!OneOperator(MaxPool(2, 1, 2, 3), {1, 2, 2, 1}, {1, 3, 3, 1}).ok());
}

TEST_CASE("Codebooks need not hold 0, but then an older runtime must not read them") {
  const auto version_of = [](std::vector<int8_t> tables, uint32_t channels) {
    ModelBuilder b;
    const auto x = b.Input("x", {1, 2}, {0.5F, 7});
    const auto y = b.Int8({1, 32}, {0.5F, 7});
    schema::LinearT linear;
    linear.weights =
        b.WithCodebook(b.IntWeights(std::vector<int8_t>(64, 1), std::vector<int32_t>(32, 0),
                                    std::vector<float>(32, 0.01F), {}, 1),
                       tables, channels);
    b.Add(std::move(linear), {x}, {y});
    b.Output("y", y);
    ExpectOk(b);
    return b.model().min_runtime_version;
  };
  CHECK(version_of({0, 32}, 0) == 2);
  CHECK(version_of({-32, 0, 0, 5}, 16) == 2);
  CHECK(version_of({-32, 32}, 0) == 4);
  CHECK(version_of({-32, 0, -7, 7}, 16) == 4);
}

TEST_CASE("Scales of groups count in the largest sum, and older runtimes must not read them") {
  // 8192 weights of 7 times the scale of their group, times inputs of at most 255.
  const auto open = [](uint8_t group_scale) {
    ModelBuilder b;
    const auto x = b.Input("x", {1, 8192}, {0.5F, -128});
    const auto y = b.Int8({1, 1}, {0.5F, 7});
    schema::LinearT linear;
    linear.weights = b.IntWeights(std::vector<int8_t>(8192, 7), {0}, {0.01F}, {}, 4);
    std::vector<uint8_t> params(8);
    const float multiplier = 0.01F;
    std::memcpy(params.data() + 4, &multiplier, sizeof(multiplier));
    params.insert(params.end(), 8192 / 64, group_scale);
    linear.weights->params = b.Blob(std::move(params));
    linear.weights->group = 64;
    b.Add(std::move(linear), {x}, {y});
    b.Output("y", y);
    const Status status = test::OpenAndValidate(b.Finish());
    CHECK(b.model().min_runtime_version == 8);
    return status.ok();
  };
  // 8192 * 7 * 146 * 255 = 2134917120, and for 147 it is 2149539840; 2^31 lies between.
  CHECK(open(146));
  CHECK(!open(147));
}

TEST_CASE("Averages list the counts that occur") {
  // 3x3 with padding 1 over 3x3: 4, 6 and 9 pixels; with padding counted always 9, except beyond
  // the padded image when rounding up.
  const auto average = [](std::vector<uint32_t> counts, bool include, uint16_t stride) {
    schema::PoolT pool = MaxPool(3, stride, 1);
    pool.kind = schema::PoolKind::average;
    pool.count_include_pad = include;
    pool.multipliers.assign(counts.size(), 0.1F);
    pool.counts = std::move(counts);
    return pool;
  };
  CHECK(OneOperator(average({4, 6, 9}, false, 1), {1, 3, 3, 2}, {1, 3, 3, 2}).ok());
  CHECK(!OneOperator(average({4, 9}, false, 1), {1, 3, 3, 2}, {1, 3, 3, 2}).ok());
  CHECK(OneOperator(average({9}, true, 1), {1, 3, 3, 2}, {1, 3, 3, 2}).ok());
  // Width 4 padded to 6, stride 2, rounded up: windows at 0, 2, and 4, which has 2 positions left.
  CHECK(OneOperator(average({4, 6, 9}, true, 2), {1, 4, 4, 2}, {1, 3, 3, 2}).ok());
  CHECK(!OneOperator(average({6, 9}, true, 2), {1, 4, 4, 2}, {1, 3, 3, 2}).ok());
  CHECK(OneOperator(average({}, true, 2), {1, 4, 4, 2}, {1, 3, 3, 2}, true).ok());
}

TEST_CASE("Reductions keep or drop their axes") {
  const auto reduce = [](std::vector<uint8_t> axes) {
    schema::ReduceT options;
    options.axes = std::move(axes);
    options.multiplier = 0.25F;
    return options;
  };
  CHECK(OneOperator(reduce({1, 2}), {1, 2, 3, 4}, {1, 1, 1, 4}).ok());
  CHECK(OneOperator(reduce({1, 2}), {1, 2, 3, 4}, {1, 4}).ok());
  CHECK(!OneOperator(reduce({1, 2}), {1, 2, 3, 4}, {1, 1, 4}).ok());
  CHECK(OneOperator(reduce({0, 1}), {2, 3}, {1}, false, false).ok());
  CHECK(!OneOperator(reduce({2, 1}), {1, 2, 3, 4}, {1, 4}).ok());
}

TEST_CASE("Slices run in both directions to the last element") {
  const auto slice = [](int32_t begin, int32_t step) {
    schema::SliceT options;
    options.begin = {0, begin};
    options.step = {1, step};
    return options;
  };
  CHECK(OneOperator(slice(4, -2), {1, 5}, {1, 3}).ok());
  CHECK(!OneOperator(slice(3, -2), {1, 5}, {1, 3}).ok());
  CHECK(OneOperator(slice(0, 4), {1, 5}, {1, 2}).ok());
  CHECK(!OneOperator(slice(1, 4), {1, 5}, {1, 2}).ok());
  CHECK(OneOperator(slice(2, INT32_MIN), {1, 5}, {1, 1}).ok());
}

TEST_CASE("Pads reflect up to the last element and crop down to one") {
  const auto pad = [](schema::PadKind kind, int32_t before, int32_t after) {
    schema::PadT options;
    options.kind = kind;
    options.before = {0, before};
    options.after = {0, after};
    return options;
  };
  CHECK(OneOperator(pad(schema::PadKind::reflect, 2, 2), {1, 3}, {1, 7}).ok());
  CHECK(!OneOperator(pad(schema::PadKind::reflect, 2, 3), {1, 3}, {1, 8}).ok());
  CHECK(OneOperator(pad(schema::PadKind::constant, -1, -1), {1, 3}, {1, 1}).ok());
  CHECK(!OneOperator(pad(schema::PadKind::constant, -2, -1), {1, 3}, {1, 1}).ok());
  CHECK(!OneOperator(pad(schema::PadKind::edge, -1, 0), {1, 3}, {1, 2}).ok());
  CHECK(OneOperator(pad(schema::PadKind::edge, 9, 0), {1, 3}, {1, 12}).ok());
}

/// Linear [1,k] -> [1,1]; returns the message.
std::string LinearMessage(size_t k, int8_t weight, int32_t bias, int zero_point,
                          std::vector<int8_t> weight_zero_points = {}, int bits = 8) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, static_cast<int32_t>(k)}, {0.5F, zero_point});
  const auto y = b.Int8({1, 1}, {0.5F, 0});
  schema::LinearT linear;
  linear.weights =
      b.IntWeights(std::vector<int8_t>(k, weight), {bias}, {0.5F}, weight_zero_points, bits);
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  return test::OpenAndValidate(b.Finish()).message();
}

TEST_CASE("The proof that sums fit int32 is exact") {
  // Largest sum: bias + k * w * (127 - z) for positive weights.
  CHECK(LinearMessage(3, 100, INT32_MAX - 3 * 100 * 130, -3).empty());
  CHECK(!LinearMessage(3, 100, INT32_MAX - 3 * 100 * 130 + 1, -3).empty());
  // Smallest sum: bias - k * w * (z + 128).
  CHECK(LinearMessage(3, 100, INT32_MIN + 3 * 100 * 125, -3).empty());
  CHECK(!LinearMessage(3, 100, INT32_MIN + 3 * 100 * 125 - 1, -3).empty());
  // Every width, at its most negative value against the largest zero point: |w - zw| = 2^(b-1) +
  // 127.
  for (int bits = 2; bits <= 8; ++bits) {
    INFO(bits);
    const int w = -(1 << (bits - 1));
    const int32_t most = 5 * (127 - w) * 128;  // at q = -128
    const auto weight = static_cast<int8_t>(w);
    CHECK(LinearMessage(5, weight, INT32_MAX - most, 0, {127}, bits).empty());
    CHECK(!LinearMessage(5, weight, INT32_MAX - most + 1, 0, {127}, bits).empty());
  }
  // Long rows, past one run of the summing loop: 2^31 / (127 * 128) = 132104.06.
  CHECK(LinearMessage(132104, 127, 0, 0).empty());
  CHECK(!LinearMessage(132105, 127, 0, 0).empty());
}

TEST_CASE("Operators that share their weights share a budget of steps") {
  // 2^27 + 64 for each of some 70,000 bytes, at 65,792 for each operator: 2,100 of them.
  const auto chain = [](size_t operators) {
    ModelBuilder b;
    auto value = b.Input("x", {1, 256}, {0.5F, 0});
    const auto weights = b.IntWeights(std::vector<int8_t>(256 * 256, 1), std::vector<int32_t>(256),
                                      std::vector<float>(256, 0.01F));
    for (size_t i = 0; i < operators; ++i) {
      const auto next = b.Int8({1, 256}, {0.5F, 0});
      schema::LinearT linear;
      linear.weights = std::make_unique<schema::WeightsT>(*weights);
      b.Add(std::move(linear), {value}, {next});
      value = next;
    }
    b.Output("y", value);
    return test::OpenAndValidate(b.Finish());
  };
  CHECK(chain(1900).ok());
  const Status refused = chain(2300);
  CHECK(refused.code() == Code::limit);
  CHECK(std::string(refused.message()).find("checking the model takes more than 13") !=
        std::string::npos);
}

TEST_CASE("Dynamic sums fit for every zero point a row can get") {
  const auto dynamic = [](int32_t k) {
    ModelBuilder b;
    const auto x = b.FloatInput("x", {1, k});
    const auto y = b.Float({1, 1});
    schema::LinearT linear;
    linear.compute = schema::Compute::dynamic;
    linear.weights =
        b.ScaledWeights(std::vector<int8_t>(static_cast<size_t>(k), 127), {0.0F}, {1.0F});
    b.Add(std::move(linear), {x}, {y});
    b.Output("y", y);
    return test::OpenAndValidate(b.Finish()).ok();
  };
  CHECK(dynamic(66311));  // 66311 * 127 * 255 = 2147481735
  CHECK(!dynamic(66312));
}

TEST_CASE("Operators that share weights are bounded by steps, not by bytes") {
  // Half a million weights, read by 400 operators: more than 2^27 steps + 64 per byte.
  ModelBuilder b;
  const auto x = b.Input("x", {1, 512}, {0.5F, 0});
  const auto weights = b.IntWeights(std::vector<int8_t>(512 * 1024, 1),
                                    std::vector<int32_t>(1024, 0), std::vector<float>(1024, 0.1F));
  for (int i = 0; i < 400; ++i) {
    const auto y = b.Int8({1, 1024}, {0.5F, 0});
    schema::LinearT linear;
    linear.weights = std::make_unique<schema::WeightsT>(*weights);
    b.Add(std::move(linear), {x}, {y});
    b.Output("y" + std::to_string(i % 256), y);
    if (i >= 256) b.model().outputs.pop_back();
  }
  const Status status = test::OpenAndValidate(b.Finish());
  CHECK(status.code() == Code::limit);
}

TEST_CASE("Memory is reused once a tensor is dead, and not before") {
  // x -> a -> b -> y; b may lie on x, y on a.
  ModelBuilder b;
  const auto x = b.Input("x", {1, 100}, {0.5F, 0});
  std::vector<ModelBuilder::Id> ids = {x};
  for (int i = 0; i < 3; ++i) {
    ids.push_back(b.Int8({1, 100}, {0.5F, 0}));
    schema::LookupT lookup;
    lookup.table = b.BlobOf(std::vector<int8_t>(256, 5));
    b.Add(std::move(lookup), {ids[static_cast<size_t>(i)]}, {ids[static_cast<size_t>(i) + 1]});
  }
  b.Output("y", ids[3]);
  b.PlaceTensors();
  b.tensor(ids[2]).arena_offset = 0;
  b.tensor(ids[3]).arena_offset = 128;
  b.model().arena_bytes = 228;
  ExpectOk(b);
  // Overlap by one byte of alignment: a at 64 touches x's last bytes.
  b.tensor(ids[1]).arena_offset = 64;
  ExpectError(b, "tensor 1: overlaps tensor 0 in the arena while both are needed");
}

TEST_CASE("A persistent tensor is read before and after it is written, and never shared") {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 4}, {0.5F, 0});
  const auto state = b.Int8({1, 4}, {0.5F, 0});
  b.tensor(state).lifetime = schema::Lifetime::persistent;
  const auto sum = b.Int8({1, 4}, {0.5F, 0});
  const auto y = b.Int8({1, 4}, {0.5F, 0});
  schema::BinaryT add;
  add.multiplier_a = add.multiplier_b = 1;
  add.multiplier = 1.0F;
  b.Add(schema::BinaryT(add), {x, state}, {sum});
  b.Add(schema::ReshapeT{}, {sum}, {state});
  b.Add(schema::BinaryT(add), {sum, state}, {y});
  b.Output("y", y);
  ExpectOk(b);
  b.tensor(y).arena_offset = b.tensor(state).arena_offset;
  ExpectError(b, "tensor 3: overlaps tensor 1 in the arena while both are needed");
}

TEST_CASE("Nested in-place concats") {
  // c1 = [x0 | x1], c2 = [c1 | x2], all inside c2 (DenseNet).
  ModelBuilder b;
  const test::Quant quant{0.5F, 0};
  const auto x = b.Input("x", {1, 2, 2, 4}, quant);
  const auto part = [&] {
    const auto id = b.Int8({1, 2, 2, 4}, quant);
    schema::LookupT lookup;
    lookup.table = b.BlobOf(std::vector<int8_t>(256, 5));
    b.Add(std::move(lookup), {x}, {id});
    return id;
  };
  schema::ConcatT concat;
  concat.axis = 3;
  const auto x0 = part();
  const auto x1 = part();
  const auto c1 = b.Int8({1, 2, 2, 8}, quant);
  b.Add(schema::ConcatT(concat), {x0, x1}, {c1});
  const auto x2 = part();
  const auto c2 = b.Int8({1, 2, 2, 12}, quant);
  b.Add(schema::ConcatT(concat), {c1, x2}, {c2});
  b.Output("y", c2);
  b.Inside(x0, c2, 0);
  b.Inside(x1, c2, 4);
  b.Inside(c1, c2, 0);
  b.Inside(x2, c2, 8);
  ExpectOk(b);
  // One input is copied instead: it lies elsewhere.
  b.tensor(x1).inside = kNoIndex;
  b.tensor(x1).arena_offset = b.model().arena_bytes;
  b.model().arena_bytes += 64;
  ExpectOk(b);
  // x1's copy may not lie on the whole, which lives from x0 on.
  b.tensor(x1).arena_offset = b.tensor(c2).arena_offset;
  ExpectError(b, "tensor 2: overlaps tensor 5 in the arena while both are needed");
}

TEST_CASE("A reshape's output may share its input's place, another operator's may not") {
  const auto build = [](bool reshape) {
    ModelBuilder b;
    const auto x = b.Input("x", {1, 8}, {0.5F, 0});
    const auto a = b.Int8({1, 8}, {0.5F, 0});
    const auto y = b.Int8({1, 8}, {0.5F, 0});
    schema::LookupT lookup;
    lookup.table = b.BlobOf(std::vector<int8_t>(256, 5));
    b.Add(schema::LookupT(lookup), {x}, {a});
    if (reshape) {
      b.Add(schema::ReshapeT{}, {a}, {y});
    } else {
      b.Add(std::move(lookup), {a}, {y});
    }
    b.Output("y", y);
    b.PlaceTensors();
    b.tensor(y).arena_offset = b.tensor(a).arena_offset;
    return test::OpenAndValidate(b.Finish()).ok();
  };
  CHECK(build(true));
  CHECK(!build(false));
}

TEST_CASE("Batchable models keep samples apart") {
  const auto binary = [](Shape a, Shape constant, Shape out) {
    ModelBuilder b;
    const auto x = b.Input("x", std::move(a), {0.5F, 0});
    size_t count = 1;
    for (const int32_t d : constant) count *= static_cast<size_t>(d);
    const auto c = b.ConstantInt8(std::move(constant), {0.5F, 0}, std::vector<int8_t>(count, 1));
    const auto y = b.Int8(std::move(out), {0.5F, 0});
    schema::BinaryT add;
    add.multiplier_a = add.multiplier_b = 1;
    add.multiplier = 1.0F;
    b.Add(std::move(add), {x, c}, {y});
    b.Output("y", y);
    return test::OpenAndValidate(b.Finish()).ok();
  };
  CHECK(binary({2, 3}, {3}, {2, 3}));
  CHECK(binary({2, 3}, {1, 3}, {2, 3}));
  CHECK(!binary({2, 3}, {2, 3}, {2, 3}));
  CHECK(!binary({1, 3}, {2, 3}, {2, 3}));
  CHECK(!binary({3}, {1, 3}, {1, 3}));
  schema::SoftmaxT softmax;
  CHECK(OneOperator(schema::SoftmaxT(softmax), {2, 3}, {2, 3}, true).ok());
  CHECK(!OneOperator(schema::SoftmaxT(softmax), {3}, {3}, true).ok());
  CHECK(OneOperator(schema::SoftmaxT(softmax), {3}, {3}, true, false).ok());
}

}  // namespace
}  // namespace lutra
