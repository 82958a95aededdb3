// See run_model.h.
#include "fuzz/run_model.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/port_type.h"
#include "schema/container.h"
#include "support/random_numbers.h"

namespace lutra::test {
namespace {

constexpr size_t kMostBytes = 64U << 20;

void Want(bool condition, const char* what, const lutra_error& error) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", what, error.message);
  std::abort();
}

/// Any bytes for integers, 0 and 1 for bools. Floats of all magnitudes and subnormal ones, but
/// finite.
std::vector<uint8_t> MakeInput(const lutra_port& port, size_t batch, RandomNumbers* random) {
  const size_t element_bytes = ElementBytes(ToTensorType(port.native_type));
  std::vector<uint8_t> bytes(port.elements * batch * element_bytes);
  if (random == nullptr) return bytes;
  for (size_t i = 0; i < bytes.size(); i += element_bytes) {
    uint64_t bits = random->Bits();
    if (port.native_type == LUTRA_FLOAT32 && (bits & 0x7F800000U) == 0x7F800000U) {
      bits &= ~uint64_t{0x40000000U};
    }
    if (port.native_type == LUTRA_FLOAT16 && (bits & 0x7C00U) == 0x7C00U)
      bits &= ~uint64_t{0x4000U};
    if (port.native_type == LUTRA_BOOL) bits &= 1;
    std::memcpy(bytes.data() + i, &bits, element_bytes);
  }
  return bytes;
}

void Run(const lutra_model* model, const lutra_options& options, uint64_t seed,
         std::vector<uint8_t>* outputs) {
  lutra_error error;
  lutra_error_init(&error);
  RandomNumbers random(seed);
  lutra_context* context = nullptr;
  Want(lutra_context_create(model, &options, &context, &error) == LUTRA_OK, "create", error);
  for (size_t i = 0; i < lutra_model_input_count(model); ++i) {
    lutra_port port;
    lutra_port_init(&port);
    Want(lutra_model_input(model, i, &port, &error) == LUTRA_OK, "input", error);
    const auto input = MakeInput(port, options.batch, seed == 0 ? nullptr : &random);
    // Borrowed, so that floats arrive as they are; then copied, which is another way in.
    Want(lutra_context_borrow_input(context, i, input.data(), input.size(), &error) == LUTRA_OK,
         "borrow input", error);
    Want(lutra_context_set_input(context, i, port.native_type, input.data(), input.size(),
                                 &error) == LUTRA_OK,
         "set input", error);
  }
  Want(lutra_context_run(context, &error) == LUTRA_OK, "run", error);
  for (size_t i = 0; i < lutra_model_output_count(model); ++i) {
    const void* data = nullptr;
    size_t bytes = 0;
    Want(lutra_context_output_data(context, i, &data, &bytes, &error) == LUTRA_OK, "output", error);
    const auto* begin = static_cast<const uint8_t*>(data);
    if (outputs != nullptr) outputs->insert(outputs->end(), begin, begin + bytes);
  }
  lutra_context_destroy(context);
}

bool HasCodedBlob(const uint8_t* bytes, size_t size) {
  ModelView view;
  if (!OpenContainer(bytes, size, &view).ok()) return false;
  for (size_t i = 0; i < view.model->blobs()->size(); ++i) {
    if (!view.IsRaw(i)) return true;
  }
  return false;
}

}  // namespace

FuzzResult RunModel(const uint8_t* bytes, size_t size, const FuzzRun& run, lutra_status* known,
                    std::vector<uint8_t>* outputs) {
  lutra_options options;
  lutra_options_init(&options);
  options.row = run.row;
  options.threads = run.threads;
  options.batch = run.batch;
  lutra_memory need;
  lutra_memory_init(&need);
  lutra_error error;
  lutra_error_init(&error);
  const lutra_status status = lutra_requirements(bytes, size, &options, &need, &error);
  if (known != nullptr) *known = status;
  if (status != LUTRA_OK) return FuzzResult::refused;
  if (need.model_bytes > kMostBytes || need.context_bytes > kMostBytes - need.model_bytes) {
    return FuzzResult::too_large;
  }
  lutra_model* model = nullptr;
  const lutra_status opened = lutra_model_open_buffer(bytes, size, &options, &model, &error);
  // Whether entropy-coded weights decode is known only now.
  if (opened == LUTRA_MALFORMED || opened == LUTRA_TRUNCATED) {
    Want(HasCodedBlob(bytes, size), "open", error);
    return FuzzResult::refused;
  }
  Want(opened == LUTRA_OK, "open", error);
  Run(model, options, run.seed, outputs);
  lutra_model_close(model);
  return FuzzResult::ran;
}

FuzzResult RunModelEverywhere(const uint8_t* bytes, size_t size, uint64_t seed) {
  RandomNumbers random(seed);
  FuzzRun run{.row = "reference", .batch = 1 + random.Below(3), .seed = seed};
  lutra_status known = LUTRA_OK;
  std::vector<uint8_t> expected;
  FuzzResult result = RunModel(bytes, size, run, &known, &expected);
  if (known == LUTRA_INVALID_ARGUMENT && run.batch > 1) {  // an operator may mix samples
    run.batch = 1;
    result = RunModel(bytes, size, run, &known, &expected);
  }
  if (result != FuzzResult::ran) return result;
  for (size_t i = 0; lutra_row_name(i) != nullptr; ++i) {
    run.row = lutra_row_name(i);
    run.threads = 1 + random.Below(3);
    if (lutra_row_available(run.row) == 0) continue;
    std::vector<uint8_t> outputs;
    const FuzzResult again = RunModel(bytes, size, run, &known, &outputs);
    if (again == FuzzResult::too_large) continue;  // rows pack differently
    if (again == FuzzResult::ran && outputs == expected) continue;
    std::fprintf(stderr, "row %s with %zu threads, batch %zu: %s\n", run.row, run.threads,
                 run.batch,
                 again == FuzzResult::ran ? "other outputs than the reference row" : "refused");
    std::abort();
  }
  return result;
}

}  // namespace lutra::test
