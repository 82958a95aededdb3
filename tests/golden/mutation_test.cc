// Hostile files, made from the golden ones: every truncation and every single flipped bit.
// With the checksum kept each must be refused. With the checksum repaired each must be refused, or
// open and run one inference on every row this machine has without touching memory that is not its
// own (which the sanitizer build watches). What a sound program would do to protect itself is done
// here too: a model that asks for more than 64 MB is not opened (lutra_requirements).
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "fuzz/run_model.h"
#include "golden/golden_files.h"
#include "schema/validate.h"
#include "schema/writer.h"

namespace lutra {
namespace {

using test::FuzzResult;
using Tally = std::map<FuzzResult, size_t>;

void Try(const std::vector<uint8_t>& file, Tally* tally) {
  // Memory of the exact size, so that the sanitizer sees any read past the end.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[file.size()]);
  std::memcpy(bytes.get(), file.data(), file.size());
  ModelView view;
  Status status = OpenContainer(bytes.get(), file.size(), &view);
  if (status.ok()) status = Validate(view);
  FuzzResult result = FuzzResult::refused;
  for (size_t r = 0; lutra_row_name(r) != nullptr && result != FuzzResult::too_large; ++r) {
    if (lutra_row_available(lutra_row_name(r)) == 0) continue;
    lutra_status known = LUTRA_OK;
    result = test::RunModel(bytes.get(), file.size(), {.row = lutra_row_name(r)}, &known);
    // The C API refuses exactly what the schema refuses, with its code.
    CHECK(static_cast<int>(known) == static_cast<int>(status.code()));
    if (result == FuzzResult::refused) break;
  }
  ++(*tally)[result];
}

bool Refused(const std::vector<uint8_t>& file) {
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[file.size()]);
  if (!file.empty()) std::memcpy(bytes.get(), file.data(), file.size());
  ModelView view;
  return !OpenContainer(bytes.get(), file.size(), &view).ok();
}

TEST_CASE("Every truncation and every bit flip is refused or harmless") {
  size_t cases = 0;
  for (const test::GoldenFile& golden : test::kGoldenFiles) {
    const std::vector<uint8_t> file = test::ReadGolden(golden);
    REQUIRE(!file.empty());
    Tally cut, flipped;
    for (size_t size = 0; size < file.size(); ++size) {
      std::vector<uint8_t> shorter(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
      REQUIRE(Refused(shorter));
      RepairChecksum(shorter);
      REQUIRE(Refused(shorter));
      // A cut whose header agrees with it: the total size is repaired too.
      if (size >= 64) {
        const uint64_t total = size;
        std::memcpy(shorter.data() + 24, &total, sizeof total);
        RepairChecksum(shorter);
        Try(shorter, &cut);
      }
    }
    for (size_t bit = 0; bit < file.size() * 8; ++bit) {
      std::vector<uint8_t> changed = file;
      changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1U << bit % 8));
      REQUIRE(Refused(changed));
      RepairChecksum(changed);
      Try(changed, &flipped);
    }
    cases += file.size() * 2 + file.size() * 16;
    MESSAGE(std::string(golden.name)
            << ": " << file.size() << " truncations (with a repaired header "
            << cut[FuzzResult::refused] << " refused, " << cut[FuzzResult::ran] << " ran); "
            << file.size() * 8 << " bit flips, all refused with the checksum kept; repaired: "
            << flipped[FuzzResult::refused] << " refused, " << flipped[FuzzResult::ran]
            << " ran on every row, " << flipped[FuzzResult::too_large]
            << " asked for more than 64 MB");
    // Weights and tables make up much of the files: many flips must remain legal models.
    CHECK(flipped[FuzzResult::ran] > file.size());
    CHECK(flipped[FuzzResult::refused] > file.size());
  }
  MESSAGE(cases << " cases");
}

}  // namespace
}  // namespace lutra
