// Hostile files, made from a golden one: every truncation and every single flipped bit.
// With the checksum kept each must be refused. With the checksum repaired each must be refused, or
// open and run one inference on every row this machine has without touching memory that is not its
// own (which the sanitizer build watches). What a sound program would do to protect itself is done
// here too: a model that asks for more than 64 MB is not opened (lutra_requirements).
//
//   damage_golden FILE      one test of CTest for each file, so that they run beside each other
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "fuzz/run_model.h"
#include "schema/validate.h"
#include "schema/writer.h"

namespace lutra {
namespace {

using Bytes = std::vector<uint8_t>;
using test::FuzzResult;

/// How often each FuzzResult came.
struct Tally {
  size_t refused = 0, too_large = 0, ran = 0;

  void Add(FuzzResult result) {
    ++(result == FuzzResult::refused ? refused : result == FuzzResult::ran ? ran : too_large);
  }
};

void Want(bool condition, const char* what, size_t at) {
  if (condition) return;
  std::fprintf(stderr, "%s, at %zu\n", what, at);
  std::exit(1);
}

/// Memory of the exact size, so that the sanitizer sees any read past the end.
std::unique_ptr<uint8_t[]> ExactCopy(const Bytes& file) {
  std::unique_ptr<uint8_t[]> bytes(new uint8_t[file.size()]);
  if (!file.empty()) std::memcpy(bytes.get(), file.data(), file.size());
  return bytes;
}

FuzzResult Try(const Bytes& file, size_t at) {
  const auto bytes = ExactCopy(file);
  ModelView view;
  Status status = OpenContainer(bytes.get(), file.size(), &view);
  if (status.ok()) status = Validate(view);
  FuzzResult result = FuzzResult::refused;
  for (size_t r = 0; lutra_row_name(r) != nullptr && result != FuzzResult::too_large; ++r) {
    if (lutra_row_available(lutra_row_name(r)) == 0) continue;
    lutra_status known = LUTRA_OK;
    result = test::RunModel(bytes.get(), file.size(), {.row = lutra_row_name(r)}, &known);
    Want(static_cast<int>(known) == static_cast<int>(status.code()),
         "the C API and the schema refuse with two codes", at);
    if (result == FuzzResult::refused) break;
  }
  return result;
}

bool Refused(const Bytes& file) {
  const auto bytes = ExactCopy(file);
  ModelView view;
  return !OpenContainer(bytes.get(), file.size(), &view).ok();
}

Tally Truncate(const Bytes& file) {
  Tally tally;
  for (size_t size = 0; size < file.size(); ++size) {
    Bytes shorter(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    Want(Refused(shorter), "a truncated file is opened", size);
    RepairChecksum(shorter);
    Want(Refused(shorter), "a truncated file is opened, its checksum repaired", size);
    // A cut whose header agrees with it: the total size is repaired too.
    if (size >= 64) {
      const uint64_t total = size;
      std::memcpy(shorter.data() + 24, &total, sizeof total);
      RepairChecksum(shorter);
      tally.Add(Try(shorter, size));
    }
  }
  return tally;
}

Tally FlipBits(const Bytes& file) {
  Tally tally;
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    Bytes changed = file;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1U << bit % 8));
    Want(Refused(changed), "a file of a wrong checksum is opened", bit);
    RepairChecksum(changed);
    tally.Add(Try(changed, bit));
  }
  return tally;
}

}  // namespace
}  // namespace lutra

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: damage_golden FILE\n");
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  const lutra::Bytes file{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  lutra::Want(!file.empty() && lutra::Try(file, 0) == lutra::FuzzResult::ran,
              "the file is absent or unsound", 0);
  const lutra::Tally cut = lutra::Truncate(file);
  const lutra::Tally flipped = lutra::FlipBits(file);
  std::printf(
      "%zu truncations (with a repaired header %zu refused, %zu ran); %zu bit flips, all refused "
      "with the checksum kept; repaired: %zu refused, %zu ran on every row, %zu asked for more "
      "than "
      "64 MB\n",
      file.size(), cut.refused, cut.ran, file.size() * 8, flipped.refused, flipped.ran,
      flipped.too_large);
  // Weights and tables make up much of the files: many flips must remain legal models.
  lutra::Want(flipped.ran > file.size(), "too few damaged files ran", flipped.ran);
  lutra::Want(flipped.refused > file.size(), "too few damaged files were refused", flipped.refused);
  return 0;
}
