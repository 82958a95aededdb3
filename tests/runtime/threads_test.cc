// Many contexts on one model, the pools, fork, the floating-point environment. Also run under tsan.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <thread>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#include <cfenv>

#include "runtime/harness.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

/// Three convolutions, each with work for several threads, and small operators between them.
Bytes Network() {
  Random random(61);
  ModelBuilder b;
  const Quant q = {0.1F, -5};
  ModelBuilder::Id x = b.Input("x", {1, 24, 24, 32}, q);
  for (int layer = 0; layer < 3; ++layer) {
    const auto y = b.Int8({1, 24, 24, 32}, q);
    schema::ConvT conv;
    conv.kernel_h = conv.kernel_w = 3;
    conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
    conv.weights = b.IntWeights(random.Int8s(32 * 288, -127, 127), std::vector<int32_t>(32, 70),
                                std::vector<float>(32, 0.0008F));
    b.Add(std::move(conv), {x}, {y});
    const auto sum = b.Int8({1, 24, 24, 32}, q);
    schema::BinaryT add;
    add.multiplier_a = add.multiplier_b = 1 << 20;
    add.multiplier = 0x1p-21F;
    b.Add(std::move(add), {x, y}, {sum});
    x = sum;
  }
  b.Output("y", x);
  return b.Finish();
}

struct Open {
  explicit Open(const Bytes& bytes) : file(bytes) {
    lutra_error_init(&error);
    REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, &error) == LUTRA_OK);
  }
  ~Open() { lutra_model_close(model); }
  Bytes file;
  lutra_error error;
  lutra_model* model = nullptr;
};

Bytes RunContext(lutra_context* context, const std::vector<int8_t>& input) {
  REQUIRE(lutra_context_set_input(context, 0, LUTRA_INT8, input.data(), input.size(), nullptr) ==
          LUTRA_OK);
  REQUIRE(lutra_context_run(context, nullptr) == LUTRA_OK);
  Bytes output(input.size());
  REQUIRE(lutra_context_get_output(context, 0, LUTRA_INT8, output.data(), output.size(), nullptr) ==
          LUTRA_OK);
  return output;
}

TEST_CASE("many threads with contexts of their own share one model") {
  Open open(Network());
  Random random(62);
  std::vector<std::vector<int8_t>> inputs;
  std::vector<Bytes> expected;
  for (int i = 0; i < 4; ++i) {
    inputs.push_back(random.Int8s(24 * 24 * 32));
    lutra_context* context = nullptr;
    REQUIRE(lutra_context_create(open.model, nullptr, &context, nullptr) == LUTRA_OK);
    expected.push_back(RunContext(context, inputs.back()));
    lutra_context_destroy(context);
  }
  CHECK(expected[0] != expected[1]);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      lutra_options options;
      lutra_options_init(&options);
      options.threads = 1 + i % 3;
      options.spin_us = i % 2 == 0 ? 0 : 20;
      for (int repeat = 0; repeat < 3; ++repeat) {
        lutra_context* context = nullptr;
        if (lutra_context_create(open.model, &options, &context, nullptr) != LUTRA_OK) {
          ++wrong;
          return;
        }
        for (size_t run = 0; run < 5; ++run) {
          const size_t pick = (i + run) % 4;
          lutra_context_set_input(context, 0, LUTRA_INT8, inputs[pick].data(), inputs[pick].size(),
                                  nullptr);
          lutra_context_run(context, nullptr);
          const void* data = nullptr;
          size_t bytes = 0;
          lutra_context_output_data(context, 0, &data, &bytes, nullptr);
          if (std::memcmp(data, expected[pick].data(), bytes) != 0) ++wrong;
        }
        lutra_context_destroy(context);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

struct CountingPool {
  std::atomic<size_t> calls{0}, at_once{0}, most{0};

  static void ParallelFor(void* self, void (*fn)(void* arg, size_t i), void* arg, size_t n) {
    auto& pool = *static_cast<CountingPool*>(self);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < n; ++i) {
      threads.emplace_back([&pool, fn, arg, i] {
        ++pool.calls;
        const size_t now = ++pool.at_once;
        size_t seen = pool.most;
        while (now > seen && !pool.most.compare_exchange_weak(seen, now)) {
        }
        fn(arg, i);
        --pool.at_once;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  /// A pool that has only one thread, and takes the calls backwards.
  static void Serial(void* self, void (*fn)(void* arg, size_t i), void* arg, size_t n) {
    static_cast<CountingPool*>(self)->calls += n;
    while (n-- > 0) fn(arg, n);
  }
};

TEST_CASE("a caller's pool is used, never by more than `threads` calls, and may be serial") {
  Open open(Network());
  Random random(63);
  const auto input = random.Int8s(24 * 24 * 32);
  lutra_context* plain = nullptr;
  REQUIRE(lutra_context_create(open.model, nullptr, &plain, nullptr) == LUTRA_OK);
  const Bytes expected = RunContext(plain, input);
  lutra_context_destroy(plain);
  for (const auto function : {&CountingPool::ParallelFor, &CountingPool::Serial}) {
    CountingPool pool;
    lutra_options options;
    lutra_options_init(&options);
    options.threads = 3;
    options.parallel_for = function;
    options.pool = &pool;
    lutra_context* context = nullptr;
    REQUIRE(lutra_context_create(open.model, &options, &context, nullptr) == LUTRA_OK);
    CHECK(RunContext(context, input) == expected);
    CHECK(pool.calls >= 6);  // three convolutions of 5.3 million multiply-adds, three calls each
    CHECK(pool.most <= 3);
    lutra_context_destroy(context);
  }
}

/// Runs `body` in a child of fork, which has 20 seconds; true if it said true.
template <typename Body>
bool TrueInChild(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

/// Without doctest, which a child must leave alone.
bool Gives(lutra_context* context, const std::vector<int8_t>& input, const Bytes& expected) {
  Bytes output(input.size());
  return lutra_context_set_input(context, 0, LUTRA_INT8, input.data(), input.size(), nullptr) ==
             LUTRA_OK &&
         lutra_context_run(context, nullptr) == LUTRA_OK &&
         lutra_context_get_output(context, 0, LUTRA_INT8, output.data(), output.size(), nullptr) ==
             LUTRA_OK &&
         output == expected;
}

TEST_CASE("a child of fork runs and destroys the contexts it got, and makes new ones") {
  Open open(Network());
  Random random(66);
  const std::vector<int8_t> input = random.Int8s(24 * 24 * 32);
  for (const size_t threads : {1, 2, 4}) {
    for (const uint32_t spin_us : {0U, 20U}) {
      CAPTURE(threads);
      CAPTURE(spin_us);
      lutra_options options;
      lutra_options_init(&options);
      options.threads = threads;
      options.spin_us = spin_us;
      lutra_context* context = nullptr;
      REQUIRE(lutra_context_create(open.model, &options, &context, nullptr) == LUTRA_OK);
      const auto in_child = [&](const Bytes& expected) {
        return TrueInChild([&] {
          if (!Gives(context, input, expected) || !Gives(context, input, expected)) return false;
          lutra_context_destroy(context);
#if !defined(__SANITIZE_THREAD__)  // which allows a child of fork no threads
          lutra_context* own = nullptr;
          if (lutra_context_create(open.model, &options, &own, nullptr) != LUTRA_OK) return false;
          if (!Gives(own, input, expected)) return false;
          // A child of the child: its parent's threads, again.
          const bool nested = TrueInChild([&] {
            const bool right = Gives(own, input, expected);
            lutra_context_destroy(own);
            return right;
          });
          lutra_context_destroy(own);
          if (!nested) return false;
#endif
          lutra_model_close(open.model);
          return true;
        });
      };
      lutra_context* plain = nullptr;
      REQUIRE(lutra_context_create(open.model, nullptr, &plain, nullptr) == LUTRA_OK);
      const Bytes expected = RunContext(plain, input);
      lutra_context_destroy(plain);
      CHECK(in_child(expected));  // before the first run
      CHECK(RunContext(context, input) == expected);
      CHECK(in_child(expected));  // right after one: workers are still falling asleep
      CHECK(RunContext(context, input) == expected);
      lutra_context_destroy(context);
    }
  }
}

TEST_CASE("a context that another thread runs during fork can be destroyed in the child") {
  Open open(Network());
  const std::vector<int8_t> input = Random(67).Int8s(24 * 24 * 32);
  lutra_options options;
  lutra_options_init(&options);
  options.threads = 3;
  lutra_context* context = nullptr;
  REQUIRE(lutra_context_create(open.model, &options, &context, nullptr) == LUTRA_OK);
  std::atomic<bool> stop{false}, right{true};
  std::atomic<int> runs{0};
  const Bytes expected = RunContext(context, input);
  std::thread runner([&] {
    while (!stop) {
      if (!Gives(context, input, expected)) right = false;
      ++runs;
    }
  });
  int good = 0;
  for (int i = 0; i < 20; ++i) {
    const int before = runs;
    while (runs == before) std::this_thread::yield();
    good += TrueInChild([&] {
      lutra_context_destroy(context);
      return true;
    });
  }
  stop = true;
  runner.join();
  CHECK(good == 20);
  CHECK(right);
  lutra_context_destroy(context);
}

#if defined(__x86_64__)
constexpr uint32_t kFlushAndTruncate = 0x1F80 | 0x8040 | 0x6000;  // FTZ, DAZ, round to zero
uint32_t ControlWord() { return _mm_getcsr() & ~0x3FU; }          // without the sticky flags
void SetControlWord(uint32_t word) { _mm_setcsr(word); }
constexpr uint32_t kDefault = 0x1F80;
#elif defined(__aarch64__)
constexpr uint64_t kFlushAndTruncate = (1U << 24) | (3U << 22);
uint64_t ControlWord() {
  uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
void SetControlWord(uint64_t word) { asm volatile("msr fpcr, %0" ::"r"(word)); }
constexpr uint64_t kDefault = 0;
#endif

#if defined(__x86_64__) || defined(__aarch64__)
/// y = x * 1e-30 * 1e15: subnormal in between, so flushing would give 0, and rounding shows.
Bytes SubnormalModel() {
  ModelBuilder b;
  const auto x = b.FloatInput("x", {1, 64});
  const auto small = b.ConstantFloat({1}, {1e-30F});
  const auto large = b.ConstantFloat({1}, {1e15F});
  const auto t = b.Float({1, 64});
  const auto y = b.Float({1, 64});
  schema::BinaryT mul;
  mul.kind = schema::BinaryKind::mul;
  b.Add(schema::BinaryT(mul), {x, small}, {t});
  b.Add(schema::BinaryT(mul), {t, large}, {y});
  b.Output("y", y);
  return b.Finish();
}

TEST_CASE("results do not depend on the caller's floating-point environment, which is kept") {
  const Bytes file = SubnormalModel();
  Random random(64);
  const Bytes input = ToBytes(random.Floats(64, 1e-12F, 2e-12F));
  lutra_options options;
  lutra_options_init(&options);
  for (const std::string& row : AvailableRows()) {
    CAPTURE(row);
    options.row = row.c_str();
    const auto expected = RunOnce(file, {input}, options);
    CHECK(FromBytes<float>(expected[0])[0] > 0.0F);
    SetControlWord(kFlushAndTruncate);
    const auto changed = RunOnce(file, {input}, options);
    const auto word = ControlWord();
    SetControlWord(kDefault);
    CHECK(word == kFlushAndTruncate);
    CHECK(changed == expected);
  }
}

TEST_CASE("worker threads and pools compute in the default environment too") {
  const Bytes file = Network();
  Random random(65);
  const Bytes input = ToBytes(random.Int8s(24 * 24 * 32));
  lutra_options options;
  lutra_options_init(&options);
  const auto expected = RunOnce(file, {input}, options);
  options.threads = 2;
  SetControlWord(kFlushAndTruncate);  // inherited by the workers that are created now
  const auto own_pool = RunOnce(file, {input}, options);
  options.parallel_for = &ThreadPerCall;
  const auto caller_pool = RunOnce(file, {input}, options);
  SetControlWord(kDefault);
  CHECK(own_pool == expected);
  CHECK(caller_pool == expected);
}
#endif

}  // namespace
}  // namespace lutra::test
