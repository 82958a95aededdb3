// The stated memory need is exact, and a run allocates nothing. This program counts every
// allocation of the process by wrapping malloc and operator new.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <new>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace {

std::atomic<size_t> g_allocations{0};
/// The allocation, counted from now on, that fails; 0: none.
std::atomic<size_t> g_failing{0};

[[maybe_unused]] bool Fails() {
  ++g_allocations;
  return g_failing != 0 && --g_failing == 0;
}

}  // namespace

// The C library's own entry points, so that allocations of any code are seen. Sanitizers bring
// their own malloc; there only operator new is counted.
#if defined(__has_feature)
#define LUTRA_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LUTRA_SANITIZED 1
#else
#define LUTRA_SANITIZED 0
#endif
#if !LUTRA_SANITIZED
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* pointer, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) { return Fails() ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return Fails() ? nullptr : __libc_calloc(count, bytes); }
void* realloc(void* pointer, size_t bytes) {
  return Fails() ? nullptr : __libc_realloc(pointer, bytes);
}
int posix_memalign(void** out, size_t alignment, size_t bytes) {
  *out = Fails() ? nullptr : __libc_memalign(alignment, bytes);
  return *out == nullptr ? 12 : 0;
}
}
#else
void* operator new(size_t bytes) {
  ++g_allocations;
  return malloc(bytes);
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ++g_allocations;
  return malloc(bytes);
}
// Not inline: g++ would see free() called on what operator new returned, and warn.
[[gnu::noinline]] void operator delete(void* pointer) noexcept { free(pointer); }
[[gnu::noinline]] void operator delete(void* pointer, size_t) noexcept { free(pointer); }
#endif

namespace lutra::test {
namespace {

/// One operator of every family, so that every plan and every work space is in the count.
Bytes MixedModel() {
  Random random(51);
  ModelBuilder b;
  const Quant q = {0.1F, 2};
  const auto x = b.Input("x", {1, 16, 16, 8}, q);
  const auto c1 = b.Int8({1, 16, 16, 24}, q);
  schema::ConvT conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weights = b.IntWeights(random.Int8s(24 * 72, -7, 7), std::vector<int32_t>(24, 5),
                              std::vector<float>(24, 0.02F), {}, 4);
  b.Add(std::move(conv), {x}, {c1});
  const auto c2 = b.Int8({1, 16, 16, 24}, q);
  schema::ConvT depthwise;
  depthwise.groups = 24;
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.pad_top = depthwise.pad_left = depthwise.pad_bottom = depthwise.pad_right = 1;
  depthwise.weights = b.IntWeights(random.Int8s(24 * 9, -127, 127), std::vector<int32_t>(24, 5),
                                   std::vector<float>(24, 0.005F));
  b.Add(std::move(depthwise), {c1}, {c2});
  const auto sum = b.Int8({1, 16, 16, 24}, q);
  schema::BinaryT add;
  add.multiplier_a = add.multiplier_b = 1 << 20;
  add.multiplier = 0x1p-20F;
  b.Add(std::move(add), {c1, c2}, {sum});
  const auto pooled = b.Int8({1, 8, 8, 24}, q);
  schema::PoolT pool;
  pool.kind = schema::PoolKind::average;
  pool.kernel_h = pool.kernel_w = pool.stride_h = pool.stride_w = 2;
  pool.counts = {4};
  pool.multipliers = {0.25F};
  b.Add(std::move(pool), {sum}, {pooled});
  const auto padded = b.Int8({1, 10, 10, 24}, q);
  schema::PadT pad;
  pad.kind = schema::PadKind::reflect;
  pad.before = pad.after = {0, 1, 1, 0};
  b.Add(std::move(pad), {pooled}, {padded});
  const auto joined = b.Int8({1, 10, 10, 48}, q);
  schema::ConcatT concat;
  concat.axis = 3;
  b.Add(std::move(concat), {padded, padded}, {joined});
  const auto matrix = b.Int8({1, 100, 48}, q);
  b.Add(schema::ReshapeT(), {joined}, {matrix});
  const auto product = b.Int8({1, 100, 100}, q);
  schema::MatMulT matmul;
  matmul.transpose_b = true;
  matmul.multiplier = 0.001F;
  b.Add(std::move(matmul), {matrix, matrix}, {product});
  const auto real = b.Float({1, 100, 100});
  b.Add(schema::DequantizeT(), {product}, {real});
  const auto soft = b.Float({1, 100, 100});
  b.Add(schema::SoftmaxT(), {real}, {soft});
  const auto dense = b.Float({1, 100, 10});
  schema::LinearT linear;
  linear.compute = schema::Compute::dynamic;
  linear.weights = b.ScaledWeights(random.Int8s(1000, -127, 127), std::vector<float>(10, 0.5F),
                                   std::vector<float>(10, 0.01F));
  b.Add(std::move(linear), {soft}, {dense});
  const auto mean = b.Float({1, 10});
  schema::ReduceT reduce;
  reduce.axes = {1};
  b.Add(std::move(reduce), {dense}, {mean});
  b.Output("y", mean);
  return b.Finish();
}

/// An allocator that remembers what it gave.
struct CountingAllocator {
  std::map<void*, size_t> live;
  size_t largest = 0;
  size_t calls = 0;
  bool fail = false;

  static void* Allocate(void* user, size_t bytes, size_t alignment) {
    auto& self = *static_cast<CountingAllocator*>(user);
    ++self.calls;
    if (self.fail) return nullptr;
    void* pointer = nullptr;
    if (posix_memalign(&pointer, alignment, bytes) != 0) return nullptr;
    self.live[pointer] = bytes;
    return pointer;
  }
  static void Release(void* user, void* pointer, size_t bytes) {
    auto& self = *static_cast<CountingAllocator*>(user);
    REQUIRE(self.live.count(pointer) == 1);
    CHECK(self.live[pointer] == bytes);
    self.live.erase(pointer);
    free(pointer);
  }
  lutra_allocator Interface() { return {sizeof(lutra_allocator), this, &Allocate, &Release}; }
};

lutra_memory Require(const Bytes& file, const lutra_options& options) {
  lutra_error error;
  lutra_error_init(&error);
  lutra_memory memory = {};
  memory.struct_size = sizeof(memory);
  const lutra_status status =
      lutra_requirements(file.data(), file.size(), &options, &memory, &error);
  REQUIRE_MESSAGE(status == LUTRA_OK, std::string(error.message));
  return memory;
}

TEST_CASE("the stated need is what is allocated, in one piece each, for every row and option") {
  const Bytes file = MixedModel();
  lutra_error error;
  lutra_error_init(&error);
  for (const std::string& row : AvailableRows()) {
    for (const size_t threads : {1, 2, 4}) {
      for (const size_t batch : {1, 3}) {
        CAPTURE(row);
        CAPTURE(threads);
        CAPTURE(batch);
        CountingAllocator counting;
        const lutra_allocator allocator = counting.Interface();
        lutra_options options;
        lutra_options_init(&options);
        options.row = row.c_str();
        options.threads = threads;
        options.batch = batch;
        options.allocator = &allocator;
        const lutra_memory need = Require(file, options);
        CHECK(need.alignment == 64);
        CHECK(counting.calls == 0);
        lutra_model* model = nullptr;
        REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) ==
                LUTRA_OK);
        REQUIRE(counting.live.size() == 1);
        CHECK(counting.live.begin()->second == need.model_bytes);
        lutra_context* context = nullptr;
        REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
        REQUIRE(counting.live.size() == 2);
        CHECK(counting.live.at(context) == need.context_bytes);
        CHECK(need.arena_bytes < need.context_bytes);
        CHECK(counting.calls == 2);
        lutra_context_destroy(context);
        lutra_model_close(model);
        CHECK(counting.live.empty());
      }
    }
  }
}

TEST_CASE("caller memory of exactly the need works, one byte less is refused with the number") {
  const Bytes file = MixedModel();
  lutra_error error;
  lutra_error_init(&error);
  lutra_options options;
  lutra_options_init(&options);
  options.threads = 2;
  const lutra_memory need = Require(file, options);
  // Guards behind the blocks show that nothing is written past them.
  const auto allocate = [](size_t bytes) {
    void* pointer = nullptr;
    REQUIRE(posix_memalign(&pointer, 64, bytes + 64) == 0);
    std::memset(pointer, 0xA5, bytes + 64);
    return static_cast<uint8_t*>(pointer);
  };
  const auto guard_holds = [](const uint8_t* block, size_t bytes) {
    for (size_t i = 0; i < 64; ++i) {
      if (block[bytes + i] != 0xA5) return false;
    }
    return true;
  };
  uint8_t* model_block = allocate(need.model_bytes);
  uint8_t* context_block = allocate(need.context_bytes);
  lutra_model* model = nullptr;
  options.memory = model_block;
  options.memory_bytes = need.model_bytes - 1;
  CHECK(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) ==
        LUTRA_OUT_OF_MEMORY);
  CHECK(std::string(error.message) ==
        "the model needs " + std::to_string(need.model_bytes) + " bytes, options.memory has " +
            std::to_string(need.model_bytes - 1) + "; ask lutra_requirements");
  CHECK(model == nullptr);
  options.memory_bytes = need.model_bytes;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) == LUTRA_OK);
  lutra_context* context = nullptr;
  options.memory = context_block;
  options.memory_bytes = need.context_bytes - 1;
  CHECK(lutra_context_create(model, &options, &context, &error) == LUTRA_OUT_OF_MEMORY);
  options.memory = context_block + 8;
  options.memory_bytes = need.context_bytes;
  CHECK(lutra_context_create(model, &options, &context, &error) == LUTRA_INVALID_ARGUMENT);
  CHECK(std::string(error.message) == "options.memory is not aligned to 64 bytes");
  options.memory = context_block;
  REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
  const std::vector<int8_t> input(16 * 16 * 8, 5);
  REQUIRE(lutra_context_set_input(context, 0, LUTRA_INT8, input.data(), input.size(), &error) ==
          LUTRA_OK);
  REQUIRE(lutra_context_run(context, &error) == LUTRA_OK);
  CHECK(guard_holds(model_block, need.model_bytes));
  CHECK(guard_holds(context_block, need.context_bytes));
  lutra_context_destroy(context);
  lutra_model_close(model);
  free(model_block);
  free(context_block);
}

TEST_CASE("an allocator that returns NULL gives LUTRA_OUT_OF_MEMORY and leaks nothing") {
  const Bytes file = MixedModel();
  CountingAllocator counting;
  const lutra_allocator allocator = counting.Interface();
  lutra_error error;
  lutra_error_init(&error);
  lutra_options options;
  lutra_options_init(&options);
  options.allocator = &allocator;
  counting.fail = true;
  lutra_model* model = nullptr;
  CHECK(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) ==
        LUTRA_OUT_OF_MEMORY);
  CHECK(model == nullptr);
  counting.fail = false;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) == LUTRA_OK);
  counting.fail = true;
  lutra_context* context = nullptr;
  CHECK(lutra_context_create(model, &options, &context, &error) == LUTRA_OUT_OF_MEMORY);
  CHECK(context == nullptr);
  lutra_model_close(model);
  CHECK(counting.live.empty());
}

/// Needs, opens, creates with a thread of the library's, runs; nothing is left behind.
lutra_status WholeLife(const Bytes& file, const std::vector<int8_t>& input) {
  lutra_options options;
  lutra_options_init(&options);
  options.threads = 2;
  lutra_memory need;
  lutra_memory_init(&need);
  lutra_status status = lutra_requirements(file.data(), file.size(), &options, &need, nullptr);
  if (status != LUTRA_OK) return status;
  lutra_model* model = nullptr;
  status = lutra_model_open_buffer(file.data(), file.size(), &options, &model, nullptr);
  if (status != LUTRA_OK) return model == nullptr ? status : LUTRA_INVALID_ARGUMENT;
  lutra_context* context = nullptr;
  status = lutra_context_create(model, &options, &context, nullptr);
  if (status == LUTRA_OK) {
    status = lutra_context_set_input(context, 0, LUTRA_INT8, input.data(), input.size(), nullptr);
    if (status == LUTRA_OK) status = lutra_context_run(context, nullptr);
    lutra_context_destroy(context);
  } else if (context != nullptr) {
    status = LUTRA_INVALID_ARGUMENT;
  }
  lutra_model_close(model);
  return status;
}

TEST_CASE("whichever allocation of the process fails, the status is LUTRA_OUT_OF_MEMORY") {
  if (LUTRA_SANITIZED) {
    MESSAGE("not here: a sanitizer brings its own malloc");
    return;
  }
  const Bytes file = MixedModel();
  const std::vector<int8_t> input(16 * 16 * 8, 5);
  REQUIRE(WholeLife(file, input) == LUTRA_OK);
  size_t failed = 0;
  lutra_status status = LUTRA_OUT_OF_MEMORY;
  for (size_t nth = 1; status != LUTRA_OK; ++nth) {
    g_failing = nth;
    status = WholeLife(file, input);
    const bool was_reached = g_failing == 0;
    g_failing = 0;
    CAPTURE(nth);
    if (was_reached) {
      CHECK(status == LUTRA_OUT_OF_MEMORY);
      ++failed;
    } else {
      CHECK(status == LUTRA_OK);
    }
    REQUIRE(nth < 1000);
  }
  MESSAGE(failed << " allocations failed in turn");
  CHECK(failed >= 4);  // validation's, the model, the context
}

TEST_CASE("setting inputs, running and reading outputs allocate nothing") {
  const Bytes file = MixedModel();
  lutra_error error;
  lutra_error_init(&error);
  for (const std::string& row : AvailableRows()) {
    for (const size_t threads : {1, 3}) {
      CAPTURE(row);
      CAPTURE(threads);
      lutra_options options;
      lutra_options_init(&options);
      options.row = row.c_str();
      options.threads = threads;
      options.batch = 2;
      lutra_model* model = nullptr;
      lutra_context* context = nullptr;
      REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, &error) ==
              LUTRA_OK);
      const size_t before_create = g_allocations;
      REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
      if (!LUTRA_SANITIZED) CHECK(g_allocations > before_create);  // the counter counts
      const std::vector<float> input(2 * 16 * 16 * 8, 0.7F);
      std::vector<float> output(20);
      const size_t before = g_allocations;
      lutra_status statuses[3] = {};
      for (int run = 0; run < 3; ++run) {
        statuses[0] = lutra_context_set_input(context, 0, LUTRA_FLOAT32, input.data(),
                                              input.size() * sizeof(float), &error);
        statuses[1] = lutra_context_run(context, &error);
        statuses[2] = lutra_context_get_output(context, 0, LUTRA_FLOAT32, output.data(),
                                               output.size() * sizeof(float), &error);
      }
      const size_t after = g_allocations;
      CHECK(after == before);
      for (const lutra_status status : statuses) CHECK(status == LUTRA_OK);
      lutra_context_destroy(context);
      lutra_model_close(model);
    }
  }
}

TEST_CASE("a file that asks for far more than there is is refused without being tried") {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 1 << 20, 1 << 10}, {0.1F, 0});
  const auto y = b.Int8({1, 1 << 20, 1 << 10}, {0.1F, 0});
  schema::LookupT lookup;
  lookup.table = b.BlobOf(std::vector<int8_t>(256));
  b.Add(lookup, {x}, {y});
  b.Output("y", y);
  const Bytes file = b.Finish();
  lutra_options options;
  lutra_options_init(&options);
  options.batch = 4096;
  const size_t before = g_allocations;
  const lutra_memory need = Require(file, options);
  CHECK(g_allocations - before < 20);
  CHECK(need.arena_bytes == size_t{4096} << 31);
  CHECK(need.context_bytes > need.arena_bytes);
}

}  // namespace
}  // namespace lutra::test
