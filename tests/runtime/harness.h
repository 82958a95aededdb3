// Runs a model file in every way that must not matter: each row of this CPU, one and two threads of
// the library, a caller's pool, batches. All must give the same bytes, which tests then compare
// with naive expectations of their own.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lutra/lutra.h"

namespace lutra::test {

using Bytes = std::vector<uint8_t>;

template <typename T>
Bytes ToBytes(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename T>
std::vector<T> FromBytes(const Bytes& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// Names of the rows this CPU can run; at least "reference".
std::vector<std::string> AvailableRows();

/// Native inputs in, native outputs out, one row and thread count; checks every status.
std::vector<Bytes> RunOnce(const Bytes& file, const std::vector<Bytes>& inputs,
                           const lutra_options& options);

/// The outputs, the same for all rows and threads, for the batch as one run and sample by sample.
/// Inputs hold `batch` samples.
std::vector<Bytes> RunEverywhere(const Bytes& file, const std::vector<Bytes>& inputs,
                                 size_t batch = 1);

/// A parallel_for that runs every call on a thread of its own.
void ThreadPerCall(void* pool, void (*fn)(void* arg, size_t i), void* arg, size_t n);

/// Reproducible values: a linear congruential generator with a fixed seed.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed) {}
  uint32_t Next() {
    state_ = state_ * 1664525U + 1013904223U;
    return state_ >> 8;
  }
  int Int(int low, int high) {
    return low + static_cast<int>(Next() % static_cast<uint32_t>(high - low + 1));
  }
  std::vector<int8_t> Int8s(size_t count, int low = -128, int high = 127);
  std::vector<float> Floats(size_t count, float low = -2.0F, float high = 2.0F);

 private:
  uint32_t state_;
};

/// The requantization rule of docs/quantization.md, straight from its formula.
int8_t Requantize(int64_t acc, float multiplier, int zero_point, int lo = -128, int hi = 127);

}  // namespace lutra::test
