// A fuzz target without a fuzzing engine: runs every file of the named files and folders through it
// once, and then a few damaged forms of each, always the same. So each target is built with any
// compiler and run by the ordinary tests, and cannot rot.
//
//   TARGET FILE_OR_FOLDER...
//
// prints how many inputs it ran; none is status 1. A fault aborts.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "support/random_numbers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Some targets bring mutations of their own, which may ask for the engine's.
extern "C" [[gnu::weak]] size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                                        unsigned seed);

/// One to three bytes changed.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t) {
  static lutra::test::RandomNumbers random(1);
  if (size == 0) return 0;
  for (size_t changes = 1 + random.Below(3); changes > 0; --changes) {
    data[random.Below(size)] = static_cast<uint8_t>(random.Bits());
  }
  return size;
}

namespace {

using Bytes = std::vector<uint8_t>;

/// In memory of the exact size, so that a sanitizer sees reads past the end.
void RunOne(const Bytes& input) {
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[input.size()]);
  if (!input.empty()) std::memcpy(bytes.get(), input.data(), input.size());
  LLVMFuzzerTestOneInput(bytes.get(), input.size());
}

/// The input, its first half, and eight mutations.
size_t RunWithDamage(const Bytes& input, size_t number) {
  constexpr size_t kDamaged = 8, kMostBytes = 65536;
  RunOne(input);
  RunOne(Bytes(input.begin(), input.begin() + static_cast<ptrdiff_t>(input.size() / 2)));
  for (size_t i = 0; i < kDamaged; ++i) {
    Bytes damaged = input;
    damaged.resize(std::max(kMostBytes, input.size()));
    damaged.resize(LLVMFuzzerCustomMutator == nullptr
                       ? LLVMFuzzerMutate(damaged.data(), input.size(), damaged.size())
                       : LLVMFuzzerCustomMutator(damaged.data(), input.size(), damaged.size(),
                                                 static_cast<unsigned>(kDamaged * number + i)));
    RunOne(damaged);
  }
  return 2 + kDamaged;
}

Bytes Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0, inputs = 0;
  const auto run = [&](const std::filesystem::path& path) {
    inputs += RunWithDamage(Read(path), ++files);
  };
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      run(argv[i]);
      continue;
    }
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) run(path);
  }
  std::printf("%zu files, %zu inputs\n", files, inputs);
  return files == 0 ? 1 : 0;
}
