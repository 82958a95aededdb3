// TopK against a stable sort of the whole row, int8 and float, and what the golden model lacks:
// NaN, infinities, parts of concatenations.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

template <typename T>
struct Result {
  std::vector<T> values;
  std::vector<int64_t> indices;
};

template <typename T>
Result<T> Expected(const std::vector<T>& in, size_t length, size_t k, bool smallest) {
  Result<T> result;
  for (size_t row = 0; row < in.size() / length; ++row) {
    std::vector<int64_t> order(length);
    std::iota(order.begin(), order.end(), 0);
    const auto at = [&](int64_t i) { return in[row * length + static_cast<size_t>(i)]; };
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      return smallest ? at(i) < at(j) : at(i) > at(j);
    });
    for (size_t i = 0; i < k; ++i) {
      result.values.push_back(at(order[i]));
      result.indices.push_back(order[i]);
    }
  }
  return result;
}

template <typename T>
void CheckTopK(const std::vector<T>& in, int32_t rows, int32_t length, int32_t k, bool smallest) {
  CAPTURE(length);
  CAPTURE(k);
  ModelBuilder b;
  const bool int8 = std::is_same_v<T, int8_t>;
  const ModelBuilder::Shape from = {1, rows, length}, to = {1, rows, k};
  const auto x = int8 ? b.Input("x", from, {0.25F, 9}) : b.FloatInput("x", from);
  const auto values = int8 ? b.Int8(to, {0.25F, 9}) : b.Float(to);
  const auto indices = b.Typed(schema::TensorType::int64, to);
  schema::TopKT top_k;
  top_k.smallest = smallest;
  b.Add(std::move(top_k), {x}, {values, indices});
  b.Output("values", values);
  b.Output("indices", indices);
  const size_t batch = in.size() / static_cast<size_t>(rows * length);
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(in)}, batch);
  const Result<T> expected =
      Expected(in, static_cast<size_t>(length), static_cast<size_t>(k), smallest);
  CHECK(FromBytes<T>(outputs[0]) == expected.values);
  CHECK(FromBytes<int64_t>(outputs[1]) == expected.indices);
}

TEST_CASE("TopK: ties go to the smaller index") {
  Random random(61);
  for (const bool smallest : {false, true}) {
    for (const auto& [length, k] : {std::pair{1, 1}, {2, 1}, {7, 7}, {300, 5}, {1000, 999}}) {
      const size_t count = 2 * 6 * static_cast<size_t>(length);
      CheckTopK(random.Int8s(count, -20, 20), 6, length, k, smallest);
      std::vector<float> floats;
      for (size_t i = 0; i < count; ++i) {
        floats.push_back(static_cast<float>(random.Int(-30, 30)) / 4);
      }
      CheckTopK(floats, 6, length, k, smallest);
    }
  }
  CheckTopK(random.Int8s(200 * 4000), 200, 4000, 3, false);  // enough for several threads
}

TEST_CASE("TopK: NaN stands above infinity, and zeros are equal") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> in = {-0.0F, nan, 0.0F, kInfinity, -kInfinity, nan};
  for (const bool smallest : {false, true}) {
    ModelBuilder b;
    const auto x = b.FloatInput("x", {1, 6});
    const auto values = b.Float({1, 6});
    const auto indices = b.Typed(schema::TensorType::int64, {1, 6});
    schema::TopKT top_k;
    top_k.smallest = smallest;
    b.Add(std::move(top_k), {x}, {values, indices});
    b.Output("indices", indices);
    const auto outputs = RunEverywhere(b.Finish(), {ToBytes(in)});
    const std::vector<int64_t> expected =
        smallest ? std::vector<int64_t>{4, 0, 2, 3, 1, 5} : std::vector<int64_t>{1, 5, 3, 0, 2, 4};
    CHECK(FromBytes<int64_t>(outputs[0]) == expected);
  }
}

TEST_CASE("TopK: both outputs may lie inside concatenations") {
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, 3, 4});
  const auto more = b.FloatInput("more", {1, 3, 1});
  const auto values = b.Float({1, 3, 2}), copy = b.Float({1, 3, 1}), whole = b.Float({1, 3, 3});
  const auto indices = b.Typed(schema::TensorType::int64, {1, 3, 2});
  const auto twice = b.Typed(schema::TensorType::int64, {1, 3, 2});
  b.Add(schema::TopKT{}, {x}, {values, indices});
  schema::UnaryT identity;
  identity.kind = schema::UnaryKind::identity;
  b.Add(std::move(identity), {more}, {copy});
  schema::ConcatT concat;
  concat.axis = 2;
  b.Add(schema::ConcatT(concat), {values, copy}, {whole});
  b.Inside(values, whole, 0);
  b.Inside(copy, whole, 8);
  b.Add(schema::ConcatT(concat), {indices}, {twice});
  b.Inside(indices, twice, 0);
  b.Output("whole", whole);
  b.Output("indices", twice);
  const std::vector<float> in = {1, 4, 2, 3, 9, 8, 7, 6, 0, 0, 5, 0}, rest = {-1, -2, -3};
  const auto outputs = RunEverywhere(b.Finish(), {ToBytes(in), ToBytes(rest)});
  CHECK(FromBytes<float>(outputs[0]) == std::vector<float>{4, 3, -1, 9, 8, -2, 5, 0, -3});
  CHECK(FromBytes<int64_t>(outputs[1]) == std::vector<int64_t>{1, 3, 0, 1, 2, 0});
}

}  // namespace
}  // namespace lutra::test
