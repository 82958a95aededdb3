// The stored golden models: unchanged bytes, sound, complete, and the same outputs for ever. The
// expected outputs were computed by the naive evaluator; it is run again here, and every row of the
// runtime must give the same bytes.
#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>

#include "golden/golden_files.h"
#include "golden/naive.h"
#include "lutra/lutra.h"
#include "schema/limits.h"
#include "schema/validate.h"

namespace lutra {
namespace {

using test::GoldenFile;
using test::kGoldenFiles;
using test::ReadGolden;

TEST_CASE("Golden files are what they were") {
  for (const GoldenFile& golden : kGoldenFiles) {
    INFO(std::string(golden.name));
    const std::vector<uint8_t> file = ReadGolden(golden);
    CHECK(file.size() <= 8192);
    CHECK(Crc32c(file.data(), file.size()) == golden.crc);
    ModelView view;
    REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
    const Status status = Validate(view);
    CHECK_MESSAGE(status.ok(), status.message());
  }
}

TEST_CASE("Golden files use every operator and every kind of blob") {
  std::set<int> operators, kinds, widths, computes;
  bool constant_int8 = false, constant_float = false, persistent = false, part = false;
  bool zero_points = false, pixel_table = false;
  const auto weights = [&](const schema::Weights& w, schema::Compute compute) {
    kinds.insert(static_cast<int>(w.kind()));
    widths.insert(w.bits());
    computes.insert(static_cast<int>(compute));
    zero_points = zero_points || w.has_zero_points();
  };
  for (const GoldenFile& golden : kGoldenFiles) {
    const std::vector<uint8_t> file = ReadGolden(golden);
    const schema::Model& model = *schema::GetModel(file.data());
    for (const schema::Operator* op : *model.operators()) {
      operators.insert(static_cast<int>(op->options_type()));
      if (const auto* conv = op->options_as_Conv()) weights(*conv->weights(), conv->compute());
      if (const auto* fc = op->options_as_Linear()) weights(*fc->weights(), fc->compute());
    }
    for (const schema::Tensor* t : *model.tensors()) {
      const bool constant = t->lifetime() == schema::Lifetime::constant;
      constant_int8 = constant_int8 || (constant && t->type() == schema::TensorType::int8);
      constant_float = constant_float || (constant && t->type() == schema::TensorType::float32);
      persistent = persistent || t->lifetime() == schema::Lifetime::persistent;
      part = part || t->inside() != kNoIndex;
    }
    for (const schema::Port* port : *model.inputs()) {
      pixel_table = pixel_table || port->pixel_table() != kNoIndex;
    }
  }
  CHECK(operators.size() == static_cast<size_t>(schema::Options::MAX));
  CHECK(kinds.size() == static_cast<size_t>(schema::WeightKind::MAX) + 1);
  CHECK(computes.size() == static_cast<size_t>(schema::Compute::MAX) + 1);
  CHECK(widths.size() == 8);
  CHECK((constant_int8 && constant_float && persistent && part && zero_points && pixel_table));
}

TEST_CASE("The naive evaluation gives the stored sums") {
  for (const GoldenFile& golden : kGoldenFiles) {
    INFO(std::string(golden.name));
    const std::vector<uint8_t> file = ReadGolden(golden);
    ModelView view;
    REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
    const auto& check = *view.model->golden();
    if (golden.raw != nullptr) {
      // The naive evaluator reads raw weights: those of the same network.
      const std::vector<uint8_t> raw = ReadGolden({golden.raw, 0});
      const schema::GoldenCheck& same = *schema::GetModel(raw.data())->golden();
      CHECK(check.seed() == same.seed());
      CHECK(check.output_crc()->Get(0) == same.output_crc()->Get(0));
      continue;
    }
    const auto outputs = test::NaiveRun(view, check.seed());
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      const std::vector<uint8_t> bytes = outputs[i].Bytes();
      // An output that says nothing would agree with anything.
      CHECK(std::set<uint8_t>(bytes.begin(), bytes.end()).size() >= 3);
      CHECK(Crc32c(bytes.data(), bytes.size()) == check.output_crc()->Get(i));
    }
  }
}

TEST_CASE("Every row gives the stored sums, with one thread and with two") {
  size_t rows = 0;
  for (size_t r = 0; lutra_row_name(r) != nullptr; ++r) {
    if (lutra_row_available(lutra_row_name(r)) == 0) continue;
    ++rows;
    for (const GoldenFile& golden : kGoldenFiles) {
      const std::vector<uint8_t> file = ReadGolden(golden);
      for (size_t threads = 1; threads <= 2; ++threads) {
        INFO(std::string(golden.name)
             << " on " << lutra_row_name(r) << " with " << threads << " threads");
        lutra_options options;
        lutra_options_init(&options);
        options.row = lutra_row_name(r);
        options.threads = threads;
        lutra_error error;
        lutra_error_init(&error);
        lutra_model* model = nullptr;
        lutra_context* context = nullptr;
        REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) ==
                LUTRA_OK);
        REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
        for (int again = 0; again < 2; ++again) {
          const lutra_status status = lutra_context_verify(context, &error);
          CHECK_MESSAGE(status == LUTRA_OK, error.message);
        }
        lutra_context_destroy(context);
        lutra_model_close(model);
      }
    }
  }
  MESSAGE(rows << " rows");
  REQUIRE(rows >= 1);
}

}  // namespace
}  // namespace lutra
