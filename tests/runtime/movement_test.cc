// Transpose, Slice, Pad, Concat (also in place and nested) and Reshape, for every element size.
#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <type_traits>

#include "runtime/harness.h"
#include "schema/limits.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

using Shape = ModelBuilder::Shape;
using Index = std::vector<int>;

size_t Elements(const Shape& shape) {
  size_t count = 1;
  for (const int32_t d : shape) count *= static_cast<size_t>(d);
  return count;
}

size_t Flat(const Shape& shape, const Index& index) {
  size_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    flat = flat * static_cast<size_t>(shape[d]) + static_cast<size_t>(index[d]);
  }
  return flat;
}

/// The operator's output for plain tensors of this type.
template <typename T, typename Options>
std::vector<T> Moved(schema::TensorType type, const Options& options, const Shape& in,
                     const Shape& out, const std::vector<T>& values, size_t batch) {
  ModelBuilder b;
  const auto x = b.TypedInput("x", type, in);
  const auto y = b.Typed(type, out);
  b.Add(Options(options), {x}, {y});
  b.Output("y", y);
  return FromBytes<T>(RunEverywhere(b.Finish(), {ToBytes(values)}, batch)[0]);
}

/// Runs one operator on int8, float, int16 and int64 with batch 2; element `index` of every output
/// sample must be what source(index) of its input sample says, or the pad value where it gives an
/// empty index.
template <typename Options>
void CheckMove(const Options& options, const Shape& in, const Shape& out,
               const std::function<Index(const Index&)>& source) {
  Random random(31);
  const size_t batch = 2;
  const auto q = random.Int8s(batch * Elements(in));
  const auto f = random.Floats(batch * Elements(in));
  ModelBuilder bi;
  const auto xi = bi.Input("x", in, {0.1F, 3});
  const auto yi = bi.Int8(out, {0.1F, 3});
  bi.Add(Options(options), {xi}, {yi});
  bi.Output("y", yi);
  const auto got_q = FromBytes<int8_t>(RunEverywhere(bi.Finish(), {ToBytes(q)}, batch)[0]);
  ModelBuilder bf;
  const auto xf = bf.FloatInput("x", in);
  const auto yf = bf.Float(out);
  bf.Add(Options(options), {xf}, {yf});
  bf.Output("y", yf);
  const auto got_f = FromBytes<float>(RunEverywhere(bf.Finish(), {ToBytes(f)}, batch)[0]);
  std::vector<int16_t> s;
  std::vector<int64_t> l;
  for (size_t i = 0; i < batch * Elements(in); ++i) {
    s.push_back(static_cast<int16_t>(random.Int(-32768, 32767)));
    l.push_back(int64_t{random.Int(-32768, 32767)} << 40 | random.Int(0, 65535));
  }
  Options wide(options);
  if constexpr (std::is_same_v<Options, schema::PadT>) {
    wide.float_value = 0;
    wide.int_value = 0;
    wide.wide_value = -30000;
  }
  const auto got_s = Moved(schema::TensorType::int16, wide, in, out, s, batch);
  const auto got_l = Moved(schema::TensorType::int64, wide, in, out, l, batch);
  REQUIRE(got_q.size() == batch * Elements(out));

  size_t wrong = 0;
  Index index(out.size(), 0);
  for (size_t i = 0; i < Elements(out); ++i) {
    size_t rest = i;
    for (size_t d = out.size(); d-- > 0;) {
      index[d] = static_cast<int>(rest % static_cast<size_t>(out[d]));
      rest /= static_cast<size_t>(out[d]);
    }
    const Index from = source(index);
    for (size_t sample = 0; sample < batch; ++sample) {
      const size_t at = sample * Elements(out) + i;
      const size_t in_at = from.empty() ? 0 : sample * Elements(in) + Flat(in, from);
      wrong += got_q[at] != (from.empty() ? int8_t{-77} : q[in_at]) ? 1 : 0;
      wrong += got_f[at] != (from.empty() ? -7.5F : f[in_at]) ? 1 : 0;
      wrong += got_s[at] != (from.empty() ? int16_t{-30000} : s[in_at]) ? 1 : 0;
      wrong += got_l[at] != (from.empty() ? int64_t{-30000} : l[in_at]) ? 1 : 0;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Transpose") {
  const Shape in = {1, 3, 4, 5};
  for (const std::vector<uint8_t>& permutation :
       {std::vector<uint8_t>{0, 1, 2, 3}, {0, 3, 1, 2}, {0, 2, 3, 1}, {0, 1, 3, 2}, {0, 3, 2, 1}}) {
    schema::TransposeT options;
    options.permutation = permutation;
    Shape out;
    for (const uint8_t p : permutation) out.push_back(in[p]);
    CheckMove(options, in, out, [&](const Index& index) {
      Index from(4);
      for (size_t d = 0; d < 4; ++d) from[permutation[d]] = index[d];
      return from;
    });
  }
}

TEST_CASE("Slice with every kind of step") {
  struct Case {
    std::vector<int32_t> begin, step;
    Shape out;
  };
  for (const Case& c : {Case{{0, 1, 0, 2}, {1, 1, 1, 1}, {1, 3, 6, 5}},
                        Case{{0, 0, 1, 0}, {1, 2, 3, 1}, {1, 2, 2, 9}},
                        Case{{0, 3, 5, 8}, {1, -1, -2, -3}, {1, 4, 3, 3}},
                        Case{{0, 0, 0, 4}, {1, 1, 1, 1}, {1, 4, 6, 1}}}) {
    schema::SliceT options;
    options.begin = c.begin;
    options.step = c.step;
    CheckMove(options, {1, 4, 6, 9}, c.out, [&](const Index& index) {
      Index from(4);
      for (size_t d = 0; d < 4; ++d) from[d] = c.begin[d] + index[d] * c.step[d];
      return from;
    });
  }
}

TEST_CASE("Pad: constant with cropping, reflect, edge") {
  struct Case {
    schema::PadKind kind;
    std::vector<int32_t> before, after;
  };
  const Shape in = {1, 5, 4, 3};
  for (const Case& c : {Case{schema::PadKind::constant, {0, 1, 2, 0}, {0, 2, 0, 3}},
                        Case{schema::PadKind::constant, {0, -2, 1, 0}, {0, 1, -3, 0}},
                        Case{schema::PadKind::reflect, {0, 3, 2, 2}, {0, 4, 3, 0}},
                        Case{schema::PadKind::edge, {0, 6, 0, 1}, {0, 1, 5, 2}}}) {
    CAPTURE(static_cast<int>(c.kind));
    schema::PadT options;
    options.kind = c.kind;
    options.before = c.before;
    options.after = c.after;
    if (c.kind == schema::PadKind::constant) {
      options.int_value = -77;
      options.float_value = -7.5F;
    }
    Shape out(4);
    for (size_t d = 0; d < 4; ++d) out[d] = in[d] + c.before[d] + c.after[d];
    CheckMove(options, in, out, [&](const Index& index) {
      Index from(4);
      for (size_t d = 0; d < 4; ++d) {
        int i = index[d] - c.before[d];
        const int last = in[d] - 1;
        if (c.kind == schema::PadKind::reflect) i = i < 0 ? -i : i > last ? 2 * last - i : i;
        if (c.kind == schema::PadKind::edge) i = std::min(std::max(i, 0), last);
        if (i < 0 || i > last) return Index();
        from[d] = i;
      }
      return from;
    });
  }
}

TEST_CASE("Reshape keeps the order") {
  CheckMove(schema::ReshapeT(), {1, 3, 4, 5}, {1, 60}, [](const Index& index) {
    return Index{0, index[1] / 20, index[1] / 5 % 4, index[1] % 5};
  });
}

TEST_CASE("Reshape over its own input moves nothing and keeps the values") {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 4, 6}, {0.1F, 0});
  const auto t = b.Int8({1, 4, 6}, {0.1F, 0});
  const auto r = b.Int8({1, 24}, {0.1F, 0});
  schema::LookupT negate;
  std::vector<int8_t> table;
  for (int q = -128; q < 128; ++q) table.push_back(static_cast<int8_t>(q == -128 ? 127 : -q));
  negate.table = b.BlobOf(table);
  b.Add(schema::LookupT(negate), {x}, {t});
  b.Add(schema::ReshapeT(), {t}, {r});
  b.Output("y", r);
  b.PlaceTensors();
  b.tensor(r).arena_offset = b.tensor(t).arena_offset;
  Random random(1);
  const auto input = random.Int8s(3 * 24, -127, 127);
  std::vector<int8_t> expected;
  for (const int8_t q : input) expected.push_back(static_cast<int8_t>(-q));
  CHECK(FromBytes<int8_t>(RunEverywhere(b.Finish(), {ToBytes(input)}, 3)[0]) == expected);
}

TEST_CASE("Concat along every axis") {
  Random random(32);
  const size_t batch = 2;
  for (size_t axis = 1; axis < 4; ++axis) {
    CAPTURE(axis);
    Shape shapes[3] = {{1, 3, 4, 5}, {1, 3, 4, 5}, {1, 3, 4, 5}};
    Shape out = {1, 3, 4, 5};
    for (size_t i = 0; i < 3; ++i) shapes[i][axis] = static_cast<int32_t>(i + 1);
    out[axis] = 6;
    ModelBuilder b;
    std::vector<ModelBuilder::Id> ids;
    std::vector<Bytes> inputs;
    for (size_t i = 0; i < 3; ++i) {
      ids.push_back(b.Input("x" + std::to_string(i), shapes[i], {0.1F, 0}));
      inputs.push_back(ToBytes(random.Int8s(batch * Elements(shapes[i]))));
    }
    const auto y = b.Int8(out, {0.1F, 0});
    schema::ConcatT concat;
    concat.axis = static_cast<uint8_t>(axis);
    b.Add(std::move(concat), ids, {y});
    b.Output("y", y);
    const auto got = FromBytes<int8_t>(RunEverywhere(b.Finish(), inputs, batch)[0]);
    // outer blocks of 1, 2 and 3 slices in turn.
    size_t inner = 1;
    for (size_t d = axis + 1; d < 4; ++d) inner *= static_cast<size_t>(out[d]);
    std::vector<int8_t> expected;
    const size_t outer = batch * Elements(out) / (6 * inner);
    for (size_t o = 0; o < outer; ++o) {
      for (size_t i = 0; i < 3; ++i) {
        const size_t run = (i + 1) * inner;
        const auto values = FromBytes<int8_t>(inputs[i]);
        expected.insert(expected.end(), values.begin() + static_cast<ptrdiff_t>(o * run),
                        values.begin() + static_cast<ptrdiff_t>((o + 1) * run));
      }
    }
    CHECK(got == expected);
  }
}

/// Every operator that may write into or read from a part of an in-place Concat, and the same graph
/// with dense tensors: the bytes must be the same.
Bytes InceptionBlock(bool in_place) {
  Random random(33);
  ModelBuilder b;
  const Quant quant = {0.1F, 4};
  const auto x = b.Input("x", {1, 6, 6, 8}, quant);
  const auto conv_out = b.Int8({1, 6, 6, 5}, quant);
  const auto depthwise_out = b.Int8({1, 6, 6, 8}, quant);
  const auto pool_out = b.Int8({1, 6, 6, 8}, quant);
  const auto table_out = b.Int8({1, 6, 6, 5}, quant);
  const auto inner = b.Int8({1, 6, 6, 13}, quant);
  const auto whole = b.Int8({1, 6, 6, 26}, quant);
  const auto sum = b.Int8({1, 6, 6, 5}, quant);
  const auto mean = b.Int8({1, 13}, quant);
  const auto flat = b.Int8({1, 180}, quant);
  const auto turned = b.Int8({1, 8, 6, 6}, quant);

  schema::ConvT conv;
  conv.weights = b.IntWeights(random.Int8s(5 * 8, -127, 127), std::vector<int32_t>(5, 100),
                              std::vector<float>(5, 0.004F));
  b.Add(std::move(conv), {x}, {conv_out});
  schema::ConvT depthwise;
  depthwise.groups = 8;
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.pad_top = depthwise.pad_left = depthwise.pad_bottom = depthwise.pad_right = 1;
  depthwise.weights = b.IntWeights(random.Int8s(8 * 9, -127, 127), std::vector<int32_t>(8, -50),
                                   std::vector<float>(8, 0.003F));
  b.Add(std::move(depthwise), {x}, {depthwise_out});
  schema::ConcatT channels;
  channels.axis = 3;
  b.Add(schema::ConcatT(channels), {conv_out, depthwise_out}, {inner});
  schema::PoolT pool;
  pool.kernel_h = pool.kernel_w = 3;
  pool.pad_top = pool.pad_left = pool.pad_bottom = pool.pad_right = 1;
  b.Add(std::move(pool), {depthwise_out}, {pool_out});
  schema::LookupT lookup;
  lookup.table = b.BlobOf(random.Int8s(256));
  b.Add(lookup, {conv_out}, {table_out});
  b.Add(schema::ConcatT(channels), {inner, pool_out, table_out}, {whole});
  schema::BinaryT add;
  add.multiplier_a = add.multiplier_b = 1 << 20;
  add.multiplier = 0x1p-21F;
  b.Add(std::move(add), {conv_out, table_out}, {sum});
  schema::ReduceT reduce;
  reduce.axes = {1, 2};
  reduce.multiplier = 1.0F / 36;
  b.Add(std::move(reduce), {inner}, {mean});
  b.Add(schema::ReshapeT(), {table_out}, {flat});
  schema::TransposeT transpose;
  transpose.permutation = {0, 3, 1, 2};
  b.Add(std::move(transpose), {pool_out}, {turned});
  b.Output("whole", whole);
  b.Output("sum", sum);
  b.Output("mean", mean);
  b.Output("flat", flat);
  b.Output("turned", turned);
  if (in_place) {
    b.Inside(inner, whole, 0);
    b.Inside(conv_out, whole, 0);
    b.Inside(depthwise_out, whole, 5);
    b.Inside(pool_out, whole, 13);
    b.Inside(table_out, whole, 21);
  }
  return b.Finish();
}

TEST_CASE("in-place Concat, nested, gives the bytes of the copied one") {
  Random random(34);
  for (const size_t batch : {size_t{1}, size_t{3}}) {
    const auto input = ToBytes(random.Int8s(batch * 6 * 6 * 8));
    CHECK(RunEverywhere(InceptionBlock(true), {input}, batch) ==
          RunEverywhere(InceptionBlock(false), {input}, batch));
  }
}

}  // namespace
}  // namespace lutra::test
