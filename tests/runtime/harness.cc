#include "runtime/harness.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <thread>

namespace lutra::test {

std::vector<std::string> AvailableRows() {
  std::vector<std::string> rows;
  for (size_t i = 0; const char* name = lutra_row_name(i); ++i) {
    if (lutra_row_available(name) != 0) rows.emplace_back(name);
  }
  REQUIRE(!rows.empty());
  REQUIRE(rows.back() == "reference");
  return rows;
}

std::vector<Bytes> RunOnce(const Bytes& file, const std::vector<Bytes>& inputs,
                           const lutra_options& options) {
  lutra_error error;
  lutra_error_init(&error);
  lutra_model* model = nullptr;
  const lutra_status opened =
      lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error);
  REQUIRE_MESSAGE(opened == LUTRA_OK, std::string(error.message));
  lutra_context* context = nullptr;
  const lutra_status created = lutra_context_create(model, &options, &context, &error);
  REQUIRE_MESSAGE(created == LUTRA_OK, std::string(error.message));
  REQUIRE(lutra_model_input_count(model) == inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const lutra_status set =
        lutra_context_borrow_input(context, i, inputs[i].data(), inputs[i].size(), &error);
    REQUIRE_MESSAGE(set == LUTRA_OK, std::string(error.message));
  }
  // Twice: what a run leaves behind must not change the next one.
  std::vector<Bytes> outputs[2];
  for (std::vector<Bytes>& result : outputs) {
    REQUIRE(lutra_context_run(context, &error) == LUTRA_OK);
    for (size_t i = 0; i < lutra_model_output_count(model); ++i) {
      const void* data = nullptr;
      size_t bytes = 0;
      REQUIRE(lutra_context_output_data(context, i, &data, &bytes, &error) == LUTRA_OK);
      const auto* begin = static_cast<const uint8_t*>(data);
      result.emplace_back(begin, begin + bytes);
    }
  }
  CHECK(outputs[0] == outputs[1]);
  lutra_context_destroy(context);
  lutra_model_close(model);
  return outputs[0];
}

namespace {

void RunSamplesApart(const Bytes& file, const std::vector<Bytes>& inputs, size_t batch,
                     const lutra_options& options, const std::vector<Bytes>& expected) {
  for (size_t sample = 0; sample < batch; ++sample) {
    std::vector<Bytes> one;
    for (const Bytes& input : inputs) {
      const size_t bytes = input.size() / batch;
      const auto begin = input.begin() + static_cast<ptrdiff_t>(sample * bytes);
      one.emplace_back(begin, begin + static_cast<ptrdiff_t>(bytes));
    }
    const std::vector<Bytes> outputs = RunOnce(file, one, options);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const size_t bytes = outputs[i].size();
      REQUIRE(expected[i].size() == bytes * batch);
      CHECK(std::memcmp(expected[i].data() + sample * bytes, outputs[i].data(), bytes) == 0);
    }
  }
}

}  // namespace

std::vector<Bytes> RunEverywhere(const Bytes& file, const std::vector<Bytes>& inputs,
                                 size_t batch) {
  lutra_options options;
  lutra_options_init(&options);
  options.batch = batch;
  options.row = "reference";
  const std::vector<Bytes> expected = RunOnce(file, inputs, options);
  for (const std::string& row : AvailableRows()) {
    CAPTURE(row);
    options.row = row.c_str();
    for (const size_t threads : {1, 2}) {
      CAPTURE(threads);
      options.threads = threads;
      CHECK(RunOnce(file, inputs, options) == expected);
    }
    options.threads = 3;
    options.parallel_for = &ThreadPerCall;
    CHECK(RunOnce(file, inputs, options) == expected);
    options.parallel_for = nullptr;
    options.threads = 1;
    if (batch > 1) {
      options.batch = 1;
      RunSamplesApart(file, inputs, batch, options, expected);
      options.batch = batch;
    }
  }
  return expected;
}

void ThreadPerCall(void*, void (*fn)(void* arg, size_t i), void* arg, size_t n) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < n; ++i) threads.emplace_back([=] { fn(arg, i); });
  for (std::thread& thread : threads) thread.join();
}

std::vector<int8_t> Random::Int8s(size_t count, int low, int high) {
  std::vector<int8_t> values(count);
  for (int8_t& value : values) value = static_cast<int8_t>(Int(low, high));
  return values;
}

std::vector<float> Random::Floats(size_t count, float low, float high) {
  std::vector<float> values(count);
  for (float& value : values) {
    value = low + (high - low) * static_cast<float>(Next() & 0xFFFFU) / 65535.0F;
  }
  return values;
}

int8_t Requantize(int64_t acc, float multiplier, int zero_point, int lo, int hi) {
  const float scaled = static_cast<float>(acc) * multiplier;
  const float clamped = std::min(std::max(scaled, static_cast<float>(lo - zero_point)),
                                 static_cast<float>(hi - zero_point));
  return static_cast<int8_t>(zero_point + static_cast<int>(std::nearbyint(clamped)));
}

}  // namespace lutra::test
