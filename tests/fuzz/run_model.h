// What all tests of hostile models do with a file's bytes: what a careful program does with a model
// it does not trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lutra/lutra.h"

namespace lutra::test {

enum class FuzzResult : uint8_t { refused, too_large, ran };

/// One way of running a model.
struct FuzzRun {
  const char* row = nullptr;
  size_t threads = 1;
  size_t batch = 1;
  uint64_t seed = 0;  ///< of the inputs' values; 0: all zero
};

/// lutra_requirements, then open, one run, a look at the outputs, close; a model that needs more
/// than 64 MB is left alone. Aborts when the API contradicts itself (a model that passed cannot be
/// opened, unless coded weights do not decode, or run). *known: what lutra_requirements returned.
/// *outputs: the native bytes of all outputs, one after another.
FuzzResult RunModel(const uint8_t* bytes, size_t size, const FuzzRun& run,
                    lutra_status* known = nullptr, std::vector<uint8_t>* outputs = nullptr);

/// On every row that this machine can run, with 1 to 3 threads and a batch of 1 to 3 that `seed`
/// chooses as it does the inputs. Aborts when a row's outputs are not those of the reference.
FuzzResult RunModelEverywhere(const uint8_t* bytes, size_t size, uint64_t seed);

}  // namespace lutra::test
