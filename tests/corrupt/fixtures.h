// Small sound models, each around one family of operators, for a case to damage.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "support/model_builder.h"

namespace lutra::test {

using Edit = std::function<void(ModelBuilder&)>;

/// x int8 [1,4,4,2] -> operator 0, Conv 3x3 with padding 1 -> y int8 [1,4,4,3] (tensors 0 and 1).
inline std::vector<uint8_t> ConvModel(const Edit& edit) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 4, 4, 2}, {0.5F, 3});
  const auto y = b.Int8({1, 4, 4, 3}, {0.25F, -1});
  schema::ConvT conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.IntWeights(std::vector<int8_t>(3 * 9 * 2, 5), {1, 2, 3}, {0.5F, 0.25F, 1.0F});
  b.Add(std::move(conv), {x}, {y});
  b.Output("y", y);
  b.PlaceTensors();
  edit(b);
  return b.Finish();
}

/// One operator of any kind from int8 x [shape] to int8 y [shape], both of scale 0.5 and zero point
/// 0 (tensors 0 and 1).
template <typename Options>
std::vector<uint8_t> Int8Model(
    Options options, ModelBuilder::Shape in, ModelBuilder::Shape out,
    const Edit& edit = [](ModelBuilder&) {}) {
  ModelBuilder b;
  const auto x = b.Input("x", std::move(in), {0.5F, 0});
  const auto y = b.Int8(std::move(out), {0.5F, 0});
  b.Add(std::move(options), {x}, {y});
  b.Output("y", y);
  edit(b);
  return b.Finish();
}

/// The same with float32 tensors.
template <typename Options>
std::vector<uint8_t> FloatModel(
    Options options, ModelBuilder::Shape in, ModelBuilder::Shape out,
    const Edit& edit = [](ModelBuilder&) {}) {
  ModelBuilder b;
  const auto x = b.FloatInput("x", std::move(in));
  const auto y = b.Float(std::move(out));
  b.Add(std::move(options), {x}, {y});
  b.Output("y", y);
  edit(b);
  return b.Finish();
}

/// The same with plain tensors of any type.
template <typename Options>
std::vector<uint8_t> TypedModel(
    Options options, schema::TensorType in_type, ModelBuilder::Shape in,
    schema::TensorType out_type, ModelBuilder::Shape out, const Edit& edit = [](ModelBuilder&) {}) {
  ModelBuilder b;
  const auto x = b.TypedInput("x", in_type, std::move(in));
  const auto y = b.Typed(out_type, std::move(out));
  b.Add(std::move(options), {x}, {y});
  b.Output("y", y);
  edit(b);
  return b.Finish();
}

/// x float32 [2,5] -> TopK -> values [2,3], indices int64 [2,3] (tensors 0, 1 and 2).
inline std::vector<uint8_t> TopKModel(const Edit& edit) {
  ModelBuilder b;
  const auto x = b.FloatInput("x", {2, 5});
  const auto values = b.Float({2, 3});
  const auto indices = b.Typed(schema::TensorType::int64, {2, 3});
  b.Add(schema::TopKT{}, {x}, {values, indices});
  b.Output("values", values);
  b.Output("indices", indices);
  b.PlaceTensors();
  edit(b);
  return b.Finish();
}

/// x and a second input z, both int8 of scale 0.5 and zero point 0 (tensors 0, 1) -> y (tensor 2).
template <typename Options>
std::vector<uint8_t> PairModel(
    Options options, ModelBuilder::Shape a, ModelBuilder::Shape b_shape, ModelBuilder::Shape out,
    const Edit& edit = [](ModelBuilder&) {}) {
  ModelBuilder b;
  const auto x = b.Input("x", std::move(a), {0.5F, 0});
  const auto z = b.Input("z", std::move(b_shape), {0.5F, 0});
  const auto y = b.Int8(std::move(out), {0.5F, 0});
  b.Add(std::move(options), {x, z}, {y});
  b.Output("y", y);
  edit(b);
  return b.Finish();
}

/// x [1,8] -> Reshape -> a [1,8] -> Reshape -> b [1,8] -> Reshape -> y [1,8]: tensors 0..3 at arena
/// offsets 0, 64, 128, 192 of 256.
inline std::vector<uint8_t> ChainModel(const Edit& edit) {
  ModelBuilder b;
  ModelBuilder::Id last = b.Input("x", {1, 8}, {0.5F, 0});
  for (int i = 0; i < 3; ++i) {
    const auto next = b.Int8({1, 8}, {0.5F, 0});
    schema::PadT pad;  // adds nothing; unlike Reshape it may not share memory
    pad.before = pad.after = {0, 0};
    b.Add(std::move(pad), {last}, {next});
    last = next;
  }
  b.Output("y", last);
  b.PlaceTensors();
  edit(b);
  return b.Finish();
}

/// Two tables of x [1,2,2,4] written side by side into the concat's output [1,2,2,8]: tensors 1 and
/// 2 are parts of tensor 3; operators 0, 1 Lookup, 2 Concat.
inline std::vector<uint8_t> InPlaceConcatModel(const Edit& edit) {
  ModelBuilder b;
  const Quant quant{0.5F, 0};
  const auto x = b.Input("x", {1, 2, 2, 4}, quant);
  const auto left = b.Int8({1, 2, 2, 4}, quant);
  const auto right = b.Int8({1, 2, 2, 4}, quant);
  const auto whole = b.Int8({1, 2, 2, 8}, quant);
  schema::LookupT lookup;
  lookup.table = b.BlobOf(std::vector<int8_t>(256, 1));
  b.Add(schema::LookupT(lookup), {x}, {left});
  b.Add(schema::LookupT(lookup), {x}, {right});
  schema::ConcatT concat;
  concat.axis = 3;
  b.Add(std::move(concat), {left, right}, {whole});
  b.Output("y", whole);
  b.Inside(left, whole, 0);
  b.Inside(right, whole, 4);
  b.PlaceTensors();
  edit(b);
  return b.Finish();
}

}  // namespace lutra::test
