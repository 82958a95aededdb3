// See golden_models.h.
#include "golden/golden_models.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

using schema::TensorType;

ModelBuilder::Id Cast(ModelBuilder& b, ModelBuilder::Id from, TensorType to) {
  const auto result = b.Typed(to, b.tensor(from).shape);
  b.Add(schema::CastT{}, {from}, {result});
  return result;
}

schema::PadT Padding(std::vector<int32_t> before, std::vector<int32_t> after) {
  schema::PadT pad;
  pad.before = std::move(before);
  pad.after = std::move(after);
  return pad;
}

ModelBuilder::Id LastOf(ModelBuilder& b, ModelBuilder::Id from, int32_t count) {
  const auto result = b.Float({1, count});
  schema::SliceT slice;
  slice.begin = {0, b.tensor(from).shape[1] - count};
  slice.step = {1, 1};
  b.Add(std::move(slice), {from}, {result});
  return result;
}

}  // namespace

std::vector<uint8_t> TypedModel(const std::vector<uint32_t>& output_crc) {
  ModelBuilder b;
  b.model().batchable = false;  // so that Concat may take constants
  const auto i64 = b.TypedInput("i64", TensorType::int64, {1, 3, 4});
  const auto turned = b.Typed(TensorType::int64, {1, 4, 3});
  schema::TransposeT transpose;
  transpose.permutation = {0, 2, 1};
  b.Add(std::move(transpose), {i64}, {turned});
  const auto large =
      b.ConstantTyped<int64_t>(TensorType::int64, {1, 4, 2},
                               {(int64_t{1} << 40) + 3, -(int64_t{1} << 40) - 200, INT32_MAX,
                                INT32_MIN, 65535, 32768, -129, (int64_t{1} << 53) - 1});
  const auto joined = b.Typed(TensorType::int64, {1, 4, 5});
  schema::ConcatT concat;
  concat.axis = 2;
  b.Add(std::move(concat), {turned, large}, {joined});
  b.Output("i64_i32", Cast(b, joined, TensorType::int32));
  b.Output("i64_i16", Cast(b, joined, TensorType::int16));
  b.Output("i64_u8", Cast(b, joined, TensorType::uint8));
  b.Output("i64_f32", Cast(b, joined, TensorType::float32));

  const auto f16 = b.TypedInput("f16", TensorType::float16, {1, 2, 6});
  const auto wide = b.Typed(TensorType::float16, {1, 3, 8});
  auto halves = Padding({0, 1, 1}, {0, 0, 1});
  halves.float_value = -1.5F;
  b.Add(std::move(halves), {f16}, {wide});
  b.Output("f16_f32", Cast(b, wide, TensorType::float32));
  b.Output("f16_i8", Cast(b, wide, TensorType::int8));
  b.Output("f16", wide).preferred = TensorType::float16;

  const auto i32 = b.TypedInput("i32", TensorType::int32, {1, 5, 2});
  const auto framed = b.Typed(TensorType::int32, {1, 5, 4});
  auto ends = Padding({0, 0, 0}, {0, 0, 2});
  ends.wide_value = -70000;
  b.Add(std::move(ends), {i32}, {framed});
  b.Output("i32_i64", Cast(b, framed, TensorType::int64));
  b.Output("i32_f32", Cast(b, framed, TensorType::float32));

  const auto i16 = b.TypedInput("i16", TensorType::int16, {1, 6, 3});
  const auto some = b.Typed(TensorType::int16, {1, 3, 3});
  schema::SliceT slice;
  slice.begin = {0, 5, 0};
  slice.step = {1, -2, 1};
  b.Add(std::move(slice), {i16}, {some});
  const auto flat = b.Typed(TensorType::int16, {1, 9});
  b.Add(schema::ReshapeT{}, {some}, {flat});
  b.Output("i16_u8", Cast(b, flat, TensorType::uint8));
  b.Output("i16_f16", Cast(b, flat, TensorType::float16)).preferred = TensorType::float16;

  const auto u8 = b.TypedInput("u8", TensorType::uint8, {1, 9});
  b.Output("u8_i8", Cast(b, u8, TensorType::int8));

  const auto flags = b.TypedInput("flags", TensorType::bool_, {1, 9});
  const auto more = b.Typed(TensorType::bool_, {1, 12});
  auto set = Padding({0, 3}, {0, 0});
  set.wide_value = 1;
  b.Add(std::move(set), {flags}, {more});
  const auto counted = Cast(b, more, TensorType::int64);
  const auto two = b.Typed(TensorType::int64, {1, 13});
  auto beside = Padding({0, 0}, {0, 1});
  beside.wide_value = 2;
  b.Add(std::move(beside), {counted}, {two});
  b.Output("flags_i64", two);
  b.Output("flags_f32", Cast(b, more, TensorType::float32));
  b.Output("i64_bool_f32", Cast(b, Cast(b, two, TensorType::bool_), TensorType::float32));

  // Reals beyond every integer, halves between halves, zeros of both signs.
  const auto x = b.FloatInput("x", {1, 9});
  const auto extremes =
      b.ConstantFloat({1, 12}, {3e9F, -3e9F, 70000.5F, -129.75F, 255.5F, 1e-7F, 0x1.002p0F,
                                0x1.006p0F, 0x1.0020008p0F, 0.0F, -0.0F, -0.25F});
  const auto reals = b.Float({1, 21});
  schema::ConcatT append;
  append.axis = 1;
  b.Add(std::move(append), {x, extremes}, {reals});
  b.Output("f32_i8", Cast(b, reals, TensorType::int8));
  b.Output("f32_u8", Cast(b, reals, TensorType::uint8));
  b.Output("f32_i16", Cast(b, reals, TensorType::int16));
  b.Output("f32_i64", Cast(b, reals, TensorType::int64));
  b.Output("f32_f16", Cast(b, LastOf(b, reals, 9), TensorType::float16)).preferred =
      TensorType::float16;
  b.Output("f32_bool_f32", Cast(b, Cast(b, reals, TensorType::bool_), TensorType::float32));
  return FinishGolden(b, "golden typed", output_crc);
}

}  // namespace lutra::test
