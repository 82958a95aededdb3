// Hostile files, made from the golden ones: every truncation and every single flipped bit.
// With the checksum kept each must be refused. With the checksum repaired each must be refused, or
// open and run one inference on every row this machine has without touching memory that is not its
// own (which the sanitizer build watches). What a sound program would do to protect itself is done
// here too: a model that asks for more than 64 MB is not opened (lutra_requirements).
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>

#include "golden/golden_files.h"
#include "lutra/lutra.h"
#include "schema/validate.h"
#include "schema/writer.h"

namespace lutra {
namespace {

struct Tally {
  size_t refused = 0, too_large = 0, ran = 0;
};

/// Runs one sample of zero bytes; every status but a crash is fine.
void RunOnce(const lutra_model* model, const lutra_options& options) {
  lutra_context* context = nullptr;
  if (lutra_context_create(model, &options, &context, nullptr) != LUTRA_OK) return;
  for (size_t i = 0; i < lutra_model_input_count(model); ++i) {
    lutra_port port;
    std::memset(&port, 0, sizeof port);
    port.struct_size = sizeof port;
    REQUIRE(lutra_model_input(model, i, &port, nullptr) == LUTRA_OK);
    const size_t bytes = port.elements * (port.native_type == LUTRA_INT8 ? 1 : sizeof(float));
    const std::vector<uint8_t> zeros(bytes);
    REQUIRE(lutra_context_set_input(context, i, port.native_type, zeros.data(), bytes, nullptr) ==
            LUTRA_OK);
  }
  CHECK(lutra_context_run(context, nullptr) == LUTRA_OK);
  for (size_t i = 0; i < lutra_model_output_count(model); ++i) {
    const void* data = nullptr;
    size_t bytes = 0;
    CHECK(lutra_context_output_data(context, i, &data, &bytes, nullptr) == LUTRA_OK);
  }
  lutra_context_destroy(context);
}

void Try(const std::vector<uint8_t>& file, Tally* tally) {
  // Memory of the exact size, so that the sanitizer sees any read past the end.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[file.size()]);
  std::memcpy(bytes.get(), file.data(), file.size());
  ModelView view;
  Status status = OpenContainer(bytes.get(), file.size(), &view);
  if (status.ok()) status = Validate(view);
  bool opened = false;
  for (size_t r = 0; lutra_row_name(r) != nullptr; ++r) {
    if (lutra_row_available(lutra_row_name(r)) == 0) continue;
    lutra_options options;
    lutra_options_init(&options);
    options.row = lutra_row_name(r);
    lutra_memory need;
    std::memset(&need, 0, sizeof need);
    need.struct_size = sizeof need;
    const lutra_status known =
        lutra_requirements(bytes.get(), file.size(), &options, &need, nullptr);
    // The C API refuses exactly what the schema refuses, with its code.
    CHECK(static_cast<int>(known) == static_cast<int>(status.code()));
    if (known != LUTRA_OK) break;
    opened = true;
    if (need.model_bytes + need.context_bytes > (64U << 20)) {
      ++tally->too_large;
      return;
    }
    lutra_model* model = nullptr;
    REQUIRE(lutra_model_open_buffer(bytes.get(), file.size(), &options, &model, nullptr) ==
            LUTRA_OK);
    RunOnce(model, options);
    lutra_model_close(model);
  }
  ++(opened ? tally->ran : tally->refused);
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
            << ": " << file.size() << " truncations (with a repaired header " << cut.refused
            << " refused, " << cut.ran << " ran); " << file.size() * 8
            << " bit flips, all refused with the checksum kept; repaired: " << flipped.refused
            << " refused, " << flipped.ran << " ran on every row, " << flipped.too_large
            << " asked for more than 64 MB");
    // Weights and tables make up much of the files: many flips must remain legal models.
    CHECK(flipped.ran > file.size());
    CHECK(flipped.refused > file.size());
  }
  MESSAGE(cases << " cases");
}

}  // namespace
}  // namespace lutra
