// Random damage without a fuzzing engine: takes the sound ones of the files named on the command
// line, changes a few bytes, words or ranges again and again (with pieces of all of them), repairs
// the checksum and runs the result on every available row, which must agree.
//
//   mutate_models SEED COUNT FILE...
//
// prints the seed and the tally; the same seed gives the same mutations. With a sanitizer build it
// is a fuzzer that any compiler can build.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/run_model.h"
#include "lutra/lutra.h"
#include "schema/writer.h"

namespace {

using Bytes = std::vector<uint8_t>;
using Random = std::mt19937_64;

/// Values that break sums, products and comparisons.
constexpr uint32_t kSharp[] = {0,          1,          0x7F,       0x80,       0xFF,      0xFFFF,
                               0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x00800000};

size_t Below(Random& random, size_t bound) { return static_cast<size_t>(random() % bound); }

void Mutate(Random& random, const Bytes& other, Bytes* file) {
  if (file->size() < 8) return;
  const size_t at = Below(random, file->size() - 4);
  switch (random() % 6) {
    case 0:
      (*file)[at] = static_cast<uint8_t>(random());
      break;
    case 1:
      (*file)[at] = static_cast<uint8_t>((*file)[at] + (random() % 2 == 0 ? 1 : 255));
      break;
    case 2: {
      const uint32_t value = kSharp[Below(random, std::size(kSharp))];
      std::memcpy(file->data() + at, &value, random() % 2 == 0 ? 4 : 2);
      break;
    }
    case 3: {  // a piece of the file somewhere else in it
      const size_t from = Below(random, file->size() - 4);
      std::memmove(file->data() + at, file->data() + from,
                   std::min(Below(random, 64), file->size() - std::max(at, from)));
      break;
    }
    case 4:  // a piece of another file
      if (other.size() > at) {
        std::memcpy(file->data() + at, other.data() + at,
                    std::min(Below(random, 64), std::min(other.size(), file->size()) - at));
      }
      break;
    default:
      (*file)[at] = static_cast<uint8_t>((*file)[at] ^ (1U << random() % 8));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: mutate_models SEED COUNT FILE...\n");
    return 2;
  }
  const uint64_t seed = std::strtoull(argv[1], nullptr, 10);
  const uint64_t count = std::strtoull(argv[2], nullptr, 10);
  std::vector<Bytes> files;
  for (int i = 3; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    if (files.back().empty()) files.pop_back();
  }
  std::vector<const char*> rows;
  for (size_t r = 0; lutra_row_name(r) != nullptr; ++r) {
    if (lutra_row_available(lutra_row_name(r)) != 0) rows.push_back(lutra_row_name(r));
  }
  if (files.empty() || rows.empty()) {
    std::fprintf(stderr, "mutate_models: no file could be read\n");
    return 1;
  }

  // Sound files are damaged; the others lend pieces.
  std::vector<const Bytes*> sound;
  for (const Bytes& file : files) {
    if (lutra::test::RunModel(file.data(), file.size(), {.row = rows.back()}) ==
        lutra::test::FuzzResult::ran) {
      sound.push_back(&file);
    }
  }
  if (sound.empty()) {
    std::fprintf(stderr, "mutate_models: none of the files is a sound model\n");
    return 1;
  }

  Random random(seed);
  uint64_t tally[3] = {};
  for (uint64_t i = 0; i < count; ++i) {
    Bytes file = *sound[Below(random, sound.size())];
    const Bytes& other = files[Below(random, files.size())];
    for (size_t changes = 1 + Below(random, 3); changes > 0; --changes) {
      Mutate(random, other, &file);
    }
    lutra::RepairChecksum(file);
    const auto result = lutra::test::RunModelEverywhere(file.data(), file.size(), i);
    ++tally[static_cast<size_t>(result)];
  }
  std::printf("seed %" PRIu64 ", %zu files, %zu rows: %" PRIu64 " mutations, %" PRIu64
              " refused, %" PRIu64 " ran, %" PRIu64 " asked for more than 64 MB\n",
              seed, files.size(), rows.size(), count, tally[0], tally[2], tally[1]);
  return tally[2] > 0 ? 0 : 1;
}
