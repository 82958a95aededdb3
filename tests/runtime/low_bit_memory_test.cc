// Weights of 1 to 7 bits stay at their bits in memory: the stated need says so for every row, and
// the peak of a process that loads and runs a large 4-bit model shows that nothing else is there.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "runtime/harness.h"
#include "support/model_builder.h"

#if defined(__has_feature)
#define LUTRA_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LUTRA_SANITIZED 1
#else
#define LUTRA_SANITIZED 0
#endif

namespace lutra::test {
namespace {

/// One linear layer. codebook: one table; else linear.
Bytes LinearModel(int n, int k, int bits, bool codebook) {
  Random random(5);
  ModelBuilder b;
  const auto x = b.Input("x", {1, k}, {0.1F, 3});
  const auto y = b.Int8({1, n}, {0.1F, 0});
  schema::LinearT linear;
  linear.compute = schema::Compute::integer;
  const auto channels = static_cast<size_t>(n);
  const int top = (1 << (bits - 1)) - 1;
  linear.weights =
      b.IntWeights(random.Int8s(channels * static_cast<size_t>(k), -top, top),
                   std::vector<int32_t>(channels), std::vector<float>(channels, 0.001F), {}, bits);
  if (codebook) {
    std::vector<int8_t> table(size_t{1} << bits);
    // No zero, of which whole blocks would not be kept.
    for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<int8_t>(1 + i / 2);
    linear.weights = b.WithCodebook(std::move(linear.weights), table);
  }
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

lutra_memory Need(const Bytes& file, const lutra_options& options) {
  lutra_memory memory = {};
  memory.struct_size = sizeof(memory);
  REQUIRE(lutra_requirements(file.data(), file.size(), &options, &memory, nullptr) == LUTRA_OK);
  return memory;
}

// What a row packs besides the weights themselves (tables, padding of tiles, a block of decoded
// weights for each thread) is its own affair and does not grow with the layer. So the bounds are on
// what further channels cost, which is the same on every row: their weights' bits and 20 bytes for
// each channel's own numbers.
TEST_CASE("more channels of 1- to 7-bit weights need their bits and 20 bytes each, on every row") {
  const size_t n = 512, k = 1024;  // whole tiles and groups of every row
  for (int bits = 1; bits <= 7; ++bits) {
    for (const bool codebook : {false, true}) {
      if (bits == 1 && !codebook) continue;
      const Bytes file = LinearModel(n, k, bits, codebook);
      const Bytes twice = LinearModel(2 * n, k, bits, codebook);
      for (const std::string& row : AvailableRows()) {
        CAPTURE(bits);
        CAPTURE(codebook);
        CAPTURE(row);
        lutra_options options;
        lutra_options_init(&options);
        options.row = row.c_str();
        const lutra_memory need = Need(file, options);
        const lutra_memory more = Need(twice, options);
        const size_t packed = n * k * static_cast<size_t>(bits) / 8;
        const size_t grown = more.model_bytes - need.model_bytes;
        // The reference keeps 13 bytes a channel. 128: two pieces are rounded up to cache lines.
        CHECK(grown >= packed + n * 13 - 128);
        CHECK(grown <= packed + n * 20 + 128);
        // The outputs, once; no decoded weights, which would be n * k.
        CHECK(more.context_bytes - need.context_bytes <= n + 128);
        // And what does not grow is small beside the weights at 8 bits, 512 KB.
        CHECK(need.model_bytes <= packed + n * 20 + 16384);
        CHECK(need.context_bytes <= n * k / 8);
      }
    }
  }
}

/// "VmHWM" or "VmRSS" of this process in bytes.
size_t StatusBytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string name;
  size_t kilobytes = 0;
  while (status >> name) {
    if (name == key + ":" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

TEST_CASE("loading and running 32 M weights of 4 bits takes half a byte for each at the peak") {
  if (LUTRA_SANITIZED || StatusBytes("VmHWM") == 0) {
    MESSAGE("no peak to measure: a sanitizer's memory would count, or there is no /proc");
    return;
  }
  const int n = 4096, k = 8192;
  char path[] = "/tmp/lutra_low_bit_XXXXXX";
  const int descriptor = mkstemp(path);
  REQUIRE(descriptor >= 0);
  close(descriptor);
  // A child writes the file, for the builder's vectors would be this process's peak.
  const pid_t child = fork();
  if (child == 0) {
    const Bytes file = LinearModel(n, k, 4, true);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()),
               static_cast<std::streamsize>(file.size()));
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  Bytes file(static_cast<size_t>(stream.tellg()));
  stream.seekg(0);
  stream.read(reinterpret_cast<char*>(file.data()), static_cast<std::streamsize>(file.size()));
  std::remove(path);

  const std::vector<int8_t> input(k, 1);
  lutra_options options;
  lutra_options_init(&options);
  const lutra_memory need = Need(file, options);
  const size_t before = StatusBytes("VmHWM");
  CHECK(before <= StatusBytes("VmRSS") + (1 << 20));  // no earlier peak hides one of the load
  const std::vector<Bytes> outputs = RunOnce(file, {ToBytes(input)}, options);
  CHECK(outputs[0].size() == n);
  const size_t grown = StatusBytes("VmHWM") - before;
  const size_t weights = static_cast<size_t>(n) * k;
  MESSAGE("peak grew by ", grown, " bytes for ", weights, " weights, stated need ",
          need.model_bytes + need.context_bytes);
  CHECK(grown >= weights / 2 - (1 << 20));  // the measurement sees the packed weights
  CHECK(grown <= need.model_bytes + need.context_bytes + (1 << 20));
  CHECK(grown <= weights * 6 / 10);
}

}  // namespace
}  // namespace lutra::test
