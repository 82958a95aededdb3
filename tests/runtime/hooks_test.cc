// The hook around operators: what it sees, what it may overwrite, and persistent tensors.
#include "runtime/hooks.h"

#include <doctest/doctest.h>

#include <string>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

/// x -> Conv (in place in a Concat with x's table) -> Concat.
Bytes Model() {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 2, 2, 2}, {0.5F, 1});
  const auto c = b.Int8({1, 2, 2, 3}, {0.25F, -2});
  const auto t = b.Int8({1, 2, 2, 2}, {0.25F, -2});
  const auto y = b.Int8({1, 2, 2, 5}, {0.25F, -2});
  b.tensor(c).name = "conv_out";
  schema::ConvT conv;
  conv.weights = b.IntWeights({1, 0, 0, 1, 1, 1}, {0, 0, 0}, {1.0F, 1.0F, 1.0F});
  b.Add(std::move(conv), {x}, {c});
  schema::LookupT lookup;
  std::vector<int8_t> table;
  for (int q = -128; q < 128; ++q) table.push_back(static_cast<int8_t>(q));
  lookup.table = b.BlobOf(table);
  b.Add(lookup, {x}, {t});
  schema::ConcatT concat;
  concat.axis = 3;
  b.Add(std::move(concat), {c, t}, {y});
  b.Output("y", y);
  b.Inside(c, y, 0);
  b.Inside(t, y, 3);
  return b.Finish();
}

struct Seen {
  std::vector<std::string> types;
  std::vector<uint64_t> times;
  TensorAccess conv_output;
  std::vector<int8_t> conv_values;
  bool overwrite = false;
};

void Before(void* user, const OperatorEvent& event) {
  auto& seen = *static_cast<Seen*>(user);
  if (!seen.overwrite || event.index != 0) return;
  const TensorAccess input = event.Input(0);
  for (size_t i = 0; i < input.elements; ++i) static_cast<int8_t*>(input.data)[i] = 11;
}

void After(void* user, const OperatorEvent& event, uint64_t ns) {
  auto& seen = *static_cast<Seen*>(user);
  seen.types.emplace_back(event.Info().type);
  seen.times.push_back(ns);
  if (event.index != 0) return;
  seen.conv_output = event.Output(0);
  for (size_t p = 0; p < 4; ++p) {
    for (size_t c = 0; c < 3; ++c) {
      const auto* data = static_cast<const int8_t*>(seen.conv_output.data);
      seen.conv_values.push_back(data[p * seen.conv_output.pixel_stride + c]);
    }
  }
}

TEST_CASE("the hook sees every operator, its tensors and its time, and may overwrite inputs") {
  const Bytes file = Model();
  lutra_model* model = nullptr;
  lutra_context* context = nullptr;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, nullptr) == LUTRA_OK);
  REQUIRE(lutra_context_create(model, nullptr, &context, nullptr) == LUTRA_OK);
  CHECK(ModelOf(context) == model);
  const std::vector<int8_t> input = {1, 2, 3, 4, 5, 6, 7, 8};
  REQUIRE(lutra_context_set_input(context, 0, LUTRA_INT8, input.data(), 8, nullptr) == LUTRA_OK);
  Seen seen;
  SetHook(context, {&seen, nullptr, &After});
  REQUIRE(lutra_context_run(context, nullptr) == LUTRA_OK);
  CHECK(seen.types == std::vector<std::string>{"Conv", "Lookup", "Concat"});
  CHECK(seen.times.size() == 3);
  // q = -2 + (x0 - 1), (x1 - 1), (x0 - 1) + (x1 - 1)
  CHECK(seen.conv_values == std::vector<int8_t>{-2, -1, -1, 0, 1, 3, 2, 3, 7, 4, 5, 11});
  CHECK(std::string(seen.conv_output.name) == "conv_out");
  CHECK(seen.conv_output.type == LUTRA_INT8);
  CHECK(seen.conv_output.pixel_stride == 5);
  CHECK(seen.conv_output.elements == 12);
  CHECK(seen.conv_output.scale == 0.25F);
  CHECK(seen.conv_output.zero_point == -2);

  Seen isolated;
  isolated.overwrite = true;
  SetHook(context, {&isolated, &Before, &After});
  REQUIRE(lutra_context_run(context, nullptr) == LUTRA_OK);
  CHECK(isolated.conv_values == std::vector<int8_t>{8, 8, 18, 8, 8, 18, 8, 8, 18, 8, 8, 18});
  SetHook(context, {});
  REQUIRE(lutra_context_run(context, nullptr) == LUTRA_OK);
  CHECK(isolated.types.size() == 3);

  REQUIRE(OperatorCount(model) == 3);
  const OperatorInfo info = DescribeOperator(model, 0);
  CHECK(std::string(info.kernel) == "gemm");
  CHECK(std::string(info.row) == lutra_model_row(model));
  CHECK(std::string(info.output_name) == "conv_out");
  CHECK(info.weight_bytes == 6 + 24);
  CHECK(info.multiply_adds == 24);
  CHECK(info.packed_bytes > 0);
  CHECK(DescribeOperator(model, 1).weight_bytes == 256);
  CHECK(TensorCount(model) == 4);
  lutra_context_destroy(context);
  lutra_model_close(model);
}

/// sum = state + x, state = sum: counts over the runs.
Bytes Accumulator() {
  ModelBuilder b;
  const Quant q = {1.0F, 3};
  const auto x = b.Input("x", {1, 4}, q);
  const auto state = b.Int8({1, 4}, q);
  b.tensor(state).lifetime = schema::Lifetime::persistent;
  const auto sum = b.Int8({1, 4}, q);
  schema::BinaryT add;
  add.multiplier_a = add.multiplier_b = 1 << 20;
  add.multiplier = 0x1p-20F;
  b.Add(std::move(add), {state, x}, {sum});
  b.Add(schema::ReshapeT(), {sum}, {state});
  b.Output("sum", sum);
  return b.Finish();
}

TEST_CASE("persistent tensors begin at zero, keep their value between runs, and are reset") {
  const Bytes file = Accumulator();
  lutra_model* model = nullptr;
  lutra_context* context = nullptr;
  lutra_options options;
  lutra_options_init(&options);
  options.batch = 2;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, nullptr) == LUTRA_OK);
  REQUIRE(lutra_context_create(model, &options, &context, nullptr) == LUTRA_OK);
  const std::vector<int8_t> input = {3, 4, 5, 2, 13, 3, 0, 4};  // real 0 1 2 -1 10 0 -3 1
  REQUIRE(lutra_context_set_input(context, 0, LUTRA_INT8, input.data(), 8, nullptr) == LUTRA_OK);
  std::vector<int8_t> sum(8);
  const auto run = [&] {
    REQUIRE(lutra_context_run(context, nullptr) == LUTRA_OK);
    REQUIRE(lutra_context_get_output(context, 0, LUTRA_INT8, sum.data(), 8, nullptr) == LUTRA_OK);
    return sum;
  };
  CHECK(run() == input);
  CHECK(run() == std::vector<int8_t>{3, 5, 7, 1, 23, 3, -3, 5});
  CHECK(run() == std::vector<int8_t>{3, 6, 9, 0, 33, 3, -6, 6});
  lutra_context_reset(context);
  CHECK(run() == input);
  lutra_context_destroy(context);
  lutra_model_close(model);
}

}  // namespace
}  // namespace lutra::test
