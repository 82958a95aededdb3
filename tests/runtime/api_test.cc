// Every status code with its message, options and sized structs, rows, files.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "runtime/harness.h"
#include "schema/container.h"
#include "schema/golden.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

/// y = table(x); with a golden check that holds if `golden`.
Bytes SmallModel(bool golden = false, uint32_t crc_error = 0, bool batchable = true) {
  Random random(71);
  const auto table = random.Int8s(256);
  ModelBuilder b;
  const auto x = b.Input("x", {1, 40}, {0.1F, 0});
  const auto y = b.Int8({1, 40}, {0.1F, 0});
  schema::LookupT lookup;
  lookup.table = b.BlobOf(table);
  b.Add(lookup, {x}, {y});
  b.Output("y", y);
  b.model().name = "small";
  b.model().batchable = batchable;
  if (golden) {
    std::vector<int8_t> values(40);
    FillGoldenInput(99, 0, schema::TensorType::int8, values.size(), values.data());
    for (int8_t& q : values) q = table[static_cast<size_t>(q + 128)];
    auto check = std::make_unique<schema::GoldenCheckT>();
    check->seed = 99;
    check->output_crc = {Crc32c(values.data(), values.size()) ^ crc_error};
    b.model().golden = std::move(check);
  }
  return b.Finish();
}

struct Result {
  lutra_status status;
  std::string message;
  bool operator==(const Result&) const = default;
};

Result OpenBytes(const Bytes& file, const lutra_options* options = nullptr) {
  lutra_error error;
  lutra_error_init(&error);
  auto* model = reinterpret_cast<lutra_model*>(&error);  // must become NULL
  const lutra_status status =
      lutra_model_open_buffer(file.data(), file.size(), options, &model, &error);
  if (status == LUTRA_OK) {
    CHECK(error.code == LUTRA_OK);
    lutra_model_close(model);
  } else {
    CHECK(model == nullptr);
    CHECK(error.code == status);
    // The same answer before anything is opened.
    lutra_memory memory = {};
    memory.struct_size = sizeof(memory);
    CHECK(lutra_requirements(file.data(), file.size(), options, &memory, nullptr) == status);
  }
  return {status, error.message};
}

Result OpenPath(const std::string& path) {
  lutra_error error;
  lutra_error_init(&error);
  lutra_model* model = nullptr;
  const lutra_status status = lutra_model_open_file(path.c_str(), nullptr, &model, &error);
  lutra_model_close(model);
  return {status, error.message};
}

void FixChecksum(Bytes& file) {
  const uint32_t crc = FileChecksum(file.data(), file.size());
  std::memcpy(file.data() + kChecksumOffset, &crc, sizeof(crc));
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a damaged or foreign file gives the status of what is wrong") {
  const Bytes good = SmallModel();
  CHECK(OpenBytes(good).status == LUTRA_OK);
  CHECK(OpenBytes(Bytes(200, 7)).status == LUTRA_NOT_A_MODEL);
  CHECK(OpenBytes(Bytes(3, 7)).status == LUTRA_NOT_A_MODEL);
  CHECK(OpenBytes(Bytes(good.begin(), good.end() - 1)).status == LUTRA_TRUNCATED);
  Bytes damaged = good;
  damaged.back() ^= 1;
  CHECK(OpenBytes(damaged).status == LUTRA_CHECKSUM);
  Bytes newer = good;
  newer[10] = 99;
  CHECK(OpenBytes(newer).status == LUTRA_VERSION_TOO_NEW);
  Bytes longer = good;
  longer.push_back(0);
  CHECK(OpenBytes(longer).status == LUTRA_MALFORMED);
  Bytes header = good;
  header[40] = 1;
  FixChecksum(header);
  CHECK(OpenBytes(header).status == LUTRA_MALFORMED);
  CHECK(OpenBytes(Bytes()).status != LUTRA_OK);
}

TEST_CASE("a model past a limit is LUTRA_LIMIT") {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 1 << 27}, {0.1F, 0});
  const auto y = b.Int8({1, 1 << 27}, {0.1F, 0});
  schema::LookupT lookup;
  lookup.table = b.BlobOf(std::vector<int8_t>(256));
  b.Add(lookup, {x}, {y});
  b.Output("y", y);
  const Result result = OpenBytes(b.Finish());
  CHECK(result.status == LUTRA_LIMIT);
  CHECK(!result.message.empty());
}

TEST_CASE("files: the path and the reason are named") {
  char folder[] = "/tmp/lutra_api_test_XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/model.lutra";
  const auto write = [&](const Bytes& bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  };
  CHECK(OpenPath(path) == Result{LUTRA_IO, "cannot open \"" + path + "\": no such file"});
  CHECK(OpenPath(folder).status == LUTRA_IO);
  const std::string pipe = std::string(folder) + "/pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);  // nobody writes to it: must not wait
  CHECK(OpenPath(pipe) == Result{LUTRA_IO, "cannot read \"" + pipe + "\": not a regular file"});
  CHECK(OpenPath("/dev/zero").status == LUTRA_IO);
  std::remove(pipe.c_str());
  CHECK(Contains(OpenPath(folder).message, "not a regular file"));
  write(SmallModel());
  CHECK(OpenPath(path).status == LUTRA_OK);
  write(Bytes());
  CHECK(OpenPath(path).status == LUTRA_NOT_A_MODEL);
  CHECK(Contains(OpenPath(path).message, path));
  write(Bytes(100, 1));
  CHECK(OpenPath(path).status == LUTRA_NOT_A_MODEL);
  std::remove(path.c_str());
  rmdir(folder);
  CHECK(lutra_model_open_file(nullptr, nullptr, nullptr, nullptr) == LUTRA_INVALID_ARGUMENT);
}

TEST_CASE("rows are forced by option and environment; unknown and unavailable ones say so") {
  const Bytes file = SmallModel();
  unsetenv("LUTRA_CPU");
  lutra_options options;
  lutra_options_init(&options);
  options.row = "sse2";
  Result result = OpenBytes(file, &options);
  CHECK(result.status == LUTRA_ROW_UNKNOWN);
  CHECK(Contains(result.message, "no row is named \"sse2\""));
  for (size_t i = 0; const char* name = lutra_row_name(i); ++i) {
    CHECK(Contains(result.message, name));
  }
  size_t unavailable = 0;
  for (const char* name :
       {"reference", "sse4", "avx2", "avx512", "avx512vnni", "avxvnni", "neon", "neon_dotprod"}) {
    CAPTURE(name);
    options.row = name;
    result = OpenBytes(file, &options);
    if (lutra_row_available(name) != 0) {
      CHECK(result.status == LUTRA_OK);
      lutra_model* model = nullptr;
      REQUIRE(lutra_model_open_buffer(file.data(), file.size(), &options, &model, nullptr) ==
              LUTRA_OK);
      CHECK(std::string(lutra_model_row(model)) == name);
      lutra_model_close(model);
    } else {
      ++unavailable;
      CHECK(result.status == LUTRA_ROW_UNAVAILABLE);
      CHECK(Contains(result.message, "row \"" + std::string(name) + "\" is not available"));
    }
  }
  CHECK(unavailable >= 2);  // no CPU has the rows of two architectures
  setenv("LUTRA_CPU", "nonsense", 1);
  result = OpenBytes(file);
  CHECK(result.status == LUTRA_ROW_UNKNOWN);
  CHECK(Contains(result.message, "LUTRA_CPU"));
  options.row = "reference";  // the option wins
  CHECK(OpenBytes(file, &options).status == LUTRA_OK);
  setenv("LUTRA_CPU", "reference", 1);
  lutra_model* model = nullptr;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, nullptr) == LUTRA_OK);
  CHECK(std::string(lutra_model_row(model)) == "reference");
  lutra_model_close(model);
  unsetenv("LUTRA_CPU");
  CHECK(lutra_row_available("nonsense") == 0);
  CHECK(lutra_row_available(nullptr) == 0);
  CHECK(lutra_row_available("reference") == 1);
}

TEST_CASE("options are checked") {
  const Bytes file = SmallModel();
  lutra_options options;
  const auto open = [&] { return OpenBytes(file, &options); };
  lutra_options_init(&options);
  options.threads = 0;
  CHECK(open() == Result{LUTRA_INVALID_ARGUMENT, "0 threads: from 1 to 64 are possible"});
  options.threads = 65;
  CHECK(open().status == LUTRA_INVALID_ARGUMENT);
  lutra_options_init(&options);
  options.batch = 4097;
  CHECK(open() == Result{LUTRA_INVALID_ARGUMENT, "batch 4097: from 1 to 4096 are possible"});
  lutra_options_init(&options);
  options.struct_size = 0;
  CHECK(open() ==
        Result{LUTRA_INVALID_ARGUMENT, "options.struct_size is 0: call lutra_options_init first"});
  lutra_options_init(&options);
  lutra_allocator half;
  lutra_allocator_init(&half);
  options.allocator = &half;
  CHECK(open() == Result{LUTRA_INVALID_ARGUMENT, "the allocator lacks a function"});

  // A program of a later version, with and without using its new field.
  struct {
    lutra_options known;
    void* later;
  } later = {};
  lutra_options_init(&later.known);
  later.known.struct_size = sizeof(later);
  CHECK(OpenBytes(file, &later.known).status == LUTRA_OK);
  later.later = &later;
  CHECK(OpenBytes(file, &later.known).status == LUTRA_INVALID_ARGUMENT);
  // A program of an earlier version: what lies behind its struct is not read.
  lutra_options_init(&options);
  options.struct_size = offsetof(lutra_options, memory);
  options.memory = reinterpret_cast<void*>(64);
  CHECK(open().status == LUTRA_OK);
}

TEST_CASE("an error struct of an older program is filled within its size") {
  const Bytes file(100, 1);
  lutra_error error;
  std::memset(&error, 0x5A, sizeof(error));
  error.struct_size = offsetof(lutra_error, message) + 8;
  lutra_model* model = nullptr;
  CHECK(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, &error) ==
        LUTRA_NOT_A_MODEL);
  CHECK(std::string(error.message) == "not a L");
  CHECK(error.message[8] == 0x5A);
}

TEST_CASE("NULL objects and pointers give LUTRA_INVALID_ARGUMENT") {
  lutra_error error;
  lutra_error_init(&error);
  lutra_model* model = nullptr;
  lutra_context* context = nullptr;
  lutra_port port = {};
  port.struct_size = sizeof(port);
  lutra_memory memory = {};
  memory.struct_size = sizeof(memory);
  size_t size = 0;
  const void* data = nullptr;
  const auto is_invalid = [&](lutra_status status) {
    const bool filled = error.code == LUTRA_INVALID_ARGUMENT && error.message[0] != '\0';
    lutra_error_init(&error);
    return status == LUTRA_INVALID_ARGUMENT && filled;
  };
  CHECK(is_invalid(lutra_model_open_buffer(nullptr, 10, nullptr, &model, &error)));
  CHECK(is_invalid(lutra_model_open_buffer("x", 1, nullptr, nullptr, &error)));
  CHECK(is_invalid(lutra_model_open_file(nullptr, nullptr, &model, &error)));
  CHECK(is_invalid(lutra_model_input(nullptr, 0, &port, &error)));
  CHECK(is_invalid(lutra_model_output(nullptr, 0, &port, &error)));
  CHECK(is_invalid(lutra_model_find_input(nullptr, "x", &size, &error)));
  CHECK(is_invalid(lutra_model_find_output(nullptr, "x", &size, &error)));
  CHECK(is_invalid(lutra_context_create(nullptr, nullptr, &context, &error)));
  CHECK(is_invalid(lutra_context_set_input(nullptr, 0, LUTRA_INT8, "x", 1, &error)));
  CHECK(is_invalid(lutra_context_borrow_input(nullptr, 0, "x", 1, &error)));
  CHECK(is_invalid(lutra_context_run(nullptr, &error)));
  CHECK(is_invalid(lutra_context_get_output(nullptr, 0, LUTRA_INT8, &size, 1, &error)));
  CHECK(is_invalid(lutra_context_output_data(nullptr, 0, &data, &size, &error)));
  CHECK(is_invalid(lutra_context_verify(nullptr, &error)));
  const Bytes file = SmallModel();
  CHECK(is_invalid(lutra_requirements(file.data(), file.size(), nullptr, nullptr, &error)));
  memory.struct_size = 0;
  CHECK(is_invalid(lutra_requirements(file.data(), file.size(), nullptr, &memory, &error)));
  lutra_model_close(nullptr);
  lutra_context_destroy(nullptr);
  lutra_context_reset(nullptr);
  lutra_error_init(nullptr);
  lutra_options_init(nullptr);
  CHECK(lutra_model_input_count(nullptr) == 0);
  CHECK(lutra_model_output_count(nullptr) == 0);
}

TEST_CASE("bytes that are not aligned to 8 are refused, not read") {
  const Bytes file = SmallModel();
  std::vector<uint64_t> storage(file.size() / 8 + 2);
  auto* shifted = reinterpret_cast<uint8_t*>(storage.data()) + 4;
  std::memcpy(shifted, file.data(), file.size());
  lutra_model* model = nullptr;
  CHECK(lutra_model_open_buffer(shifted, file.size(), nullptr, &model, nullptr) ==
        LUTRA_INVALID_ARGUMENT);
}

struct Session {
  explicit Session(const Bytes& bytes, size_t batch = 1) : file(bytes) {
    lutra_error_init(&error);
    lutra_options options;
    lutra_options_init(&options);
    options.batch = batch;
    REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, &error) == LUTRA_OK);
    REQUIRE(lutra_context_create(model, &options, &context, &error) == LUTRA_OK);
  }
  ~Session() {
    lutra_context_destroy(context);
    lutra_model_close(model);
  }
  Bytes file;
  lutra_error error;
  lutra_model* model = nullptr;
  lutra_context* context = nullptr;
};

TEST_CASE("run before every input was set") {
  Session s(SmallModel());
  CHECK(lutra_context_run(s.context, &s.error) == LUTRA_INPUT_NOT_SET);
  CHECK(Contains(s.error.message, "input \"x\" was not set"));
  CHECK(std::string(lutra_model_name(s.model)) == "small");
}

TEST_CASE("the golden check: holds, fails by name, is missing; any batch") {
  for (const size_t batch : {1, 3}) {
    Session good(SmallModel(true), batch);
    CHECK(lutra_context_verify(good.context, &good.error) == LUTRA_OK);
  }
  Session bad(SmallModel(true, 0x100));
  CHECK(lutra_context_verify(bad.context, &bad.error) == LUTRA_VERIFY_FAILED);
  CHECK(Contains(bad.error.message, "output \"y\""));
  Session none(SmallModel());
  CHECK(lutra_context_verify(none.context, &none.error) == LUTRA_NO_GOLDEN_CHECK);
  CHECK(std::string(none.error.message) == "the model \"small\" carries no golden check");
}

TEST_CASE("a model that mixes samples runs with batch 1 only") {
  const Bytes file = SmallModel(false, 0, false);
  lutra_options options;
  lutra_options_init(&options);
  options.batch = 2;
  lutra_error error;
  lutra_error_init(&error);
  lutra_memory memory = {};
  memory.struct_size = sizeof(memory);
  const std::string text = "batch 2: an operator of this model mixes samples, so only batch 1 runs";
  CHECK(lutra_requirements(file.data(), file.size(), &options, &memory, &error) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(error.message == text);
  lutra_model* model = nullptr;
  REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, nullptr) == LUTRA_OK);
  lutra_context* context = nullptr;
  lutra_error_init(&error);
  CHECK(lutra_context_create(model, &options, &context, &error) == LUTRA_INVALID_ARGUMENT);
  CHECK(error.message == text);
  lutra_model_close(model);
}

TEST_CASE("every status has a name of its own") {
  std::vector<std::string> names;
  for (const int code : {0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 20, 21, 30, 31, 32, 33, 40, 41}) {
    names.emplace_back(lutra_status_name(static_cast<lutra_status>(code)));
  }
  std::sort(names.begin(), names.end());
  CHECK(std::unique(names.begin(), names.end()) == names.end());
  int unknown = 63;  // not a constant: what another language may pass
  CHECK(std::string(lutra_status_name(static_cast<lutra_status>(unknown))) == "unknown");
}

TEST_CASE("the version of the library is that of its header, as text and as a number") {
  const int parts[] = {LUTRA_VERSION_MAJOR, LUTRA_VERSION_MINOR, LUTRA_VERSION_PATCH};
  CHECK(std::string(lutra_version()) ==
        std::to_string(parts[0]) + "." + std::to_string(parts[1]) + "." + std::to_string(parts[2]));
  CHECK(lutra_version_number() == LUTRA_VERSION_NUMBER);
  CHECK(LUTRA_VERSION_NUMBER == parts[0] * 1000000 + parts[1] * 1000 + parts[2]);
#if LUTRA_VERSION_NUMBER < 2000 || LUTRA_VERSION_MAJOR > 0 && LUTRA_VERSION_NUMBER < 1000000
#error "the number is for #if"
#endif
}

}  // namespace
}  // namespace lutra::test
