// Structs of programs compiled with another header: shorter ones of older programs, behind which
// not a byte may be read or written, and longer ones of newer programs. And out-parameters after
// failures: NULL or zero, whatever failed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>

#include "runtime/c_program.h"
#include "runtime/harness.h"
#include "schema/container.h"
#include "support/model_builder.h"

namespace lutra::test {
namespace {

constexpr uint8_t kGuard = 0xA5;

/// y = table(x) over [1, 2, 3]; two inputs and outputs would show nothing more.
Bytes SmallModel(bool batchable = true, int32_t width = 3) {
  ModelBuilder b;
  const auto x = b.Input("x", {1, 2, width}, {0.5F, -3});
  const auto y = b.Int8({1, 2, width}, {0.25F, 7});
  schema::LookupT lookup;
  lookup.table = b.BlobOf(std::vector<int8_t>(256, 1));
  b.Add(lookup, {x}, {y});
  b.Output("y", y);
  b.model().batchable = batchable;
  return b.Finish();
}

struct Session {
  Session() {
    REQUIRE(lutra_model_open_buffer(file.data(), file.size(), nullptr, &model, nullptr) ==
            LUTRA_OK);
    REQUIRE(lutra_context_create(model, nullptr, &context, nullptr) == LUTRA_OK);
  }
  ~Session() {
    lutra_context_destroy(context);
    lutra_model_close(model);
  }
  void Run() {
    const int8_t input[6] = {1, 2, 3, 4, 5, 6};
    REQUIRE(lutra_context_set_input(context, 0, LUTRA_INT8, input, 6, nullptr) == LUTRA_OK);
    REQUIRE(lutra_context_run(context, nullptr) == LUTRA_OK);
  }
  Bytes file = SmallModel();
  lutra_model* model = nullptr;
  lutra_context* context = nullptr;
};

/// Room for a struct of any size, filled with guard bytes.
template <typename T>
struct Guarded {
  explicit Guarded(size_t struct_size) : size(struct_size) {
    std::memset(bytes, kGuard, sizeof(bytes));
    get()->struct_size = struct_size;
  }
  T* get() { return reinterpret_cast<T*>(bytes); }
  bool GuardHolds() const {
    return std::all_of(bytes + size, bytes + sizeof(bytes),
                       [](uint8_t byte) { return byte == kGuard; });
  }
  bool IsZero() const {
    return std::all_of(bytes + sizeof(size_t), bytes + size,
                       [](uint8_t byte) { return byte == 0; });
  }
  size_t size;
  alignas(64) uint8_t bytes[sizeof(T) + 128];
};

/// Fills structs of every size a program may have, also longer than this library's, and compares
/// with what a struct of the right size got.
template <typename T>
void CheckResultStruct(const std::function<lutra_status(T*)>& fill,
                       const std::function<lutra_status(T*)>& fail) {
  Guarded<T> whole(sizeof(T));
  REQUIRE(fill(whole.get()) == LUTRA_OK);
  for (size_t size = 2 * sizeof(size_t); size <= sizeof(T) + 64; size += 4) {
    CAPTURE(size);
    Guarded<T> part(size);
    CHECK(fill(part.get()) == LUTRA_OK);
    CHECK(part.GuardHolds());
    CHECK(part.get()->struct_size == size);
    const size_t known = std::min(size, sizeof(T)) - sizeof(size_t);
    CHECK(std::memcmp(part.bytes + sizeof(size_t), whole.bytes + sizeof(size_t), known) == 0);
    for (size_t i = sizeof(T); i < size; ++i) CHECK(part.bytes[i] == 0);
    Guarded<T> failed(size);
    CHECK(fail(failed.get()) != LUTRA_OK);
    CHECK(failed.GuardHolds());
    CHECK(failed.get()->struct_size == size);
    CHECK(failed.IsZero());
  }
  // A struct_size that nobody set: nothing is written.
  for (const size_t size : {size_t{0}, sizeof(size_t), size_t{4097}, SIZE_MAX}) {
    CAPTURE(size);
    Guarded<T> unset(sizeof(size_t));
    unset.get()->struct_size = size;
    CHECK(fill(unset.get()) == LUTRA_INVALID_ARGUMENT);
    CHECK(unset.GuardHolds());
  }
  CHECK(fill(nullptr) == LUTRA_INVALID_ARGUMENT);
}

TEST_CASE("results are written into as much of a struct as the caller has") {
  Session s;
  CheckResultStruct<lutra_memory>(
      [&](lutra_memory* out) {
        return lutra_requirements(s.file.data(), s.file.size(), nullptr, out, nullptr);
      },
      [&](lutra_memory* out) { return lutra_requirements("xxxxxxxx", 8, nullptr, out, nullptr); });
  for (const auto function : {&lutra_model_input, &lutra_model_output}) {
    CheckResultStruct<lutra_port>(
        [&](lutra_port* out) { return function(s.model, 0, out, nullptr); },
        [&](lutra_port* out) { return function(s.model, 1, out, nullptr); });
    CheckResultStruct<lutra_port>(
        [&](lutra_port* out) { return function(s.model, 0, out, nullptr); },
        [&](lutra_port* out) { return function(nullptr, 0, out, nullptr); });
  }
}

TEST_CASE("an error is written into as much of a struct as the caller has, and always ends") {
  constexpr size_t kMessageAt = offsetof(lutra_error, message);
  Guarded<lutra_error> whole(sizeof(lutra_error));
  const std::string path = "/nothing/" + std::string(300, 'x');  // a message that fills its room
  const auto fail = [&](lutra_error* error) {
    lutra_model* model = nullptr;
    return lutra_model_open_file(path.c_str(), nullptr, &model, error);
  };
  REQUIRE(fail(whole.get()) == LUTRA_IO);
  const std::string message = whole.get()->message;
  CHECK(message.size() == LUTRA_ERROR_MESSAGE_BYTES - 1);
  CHECK(whole.GuardHolds());
  for (size_t size = 0; size <= sizeof(lutra_error) + 64; ++size) {
    if (size > 0 && size < sizeof(size_t)) continue;  // cannot even hold its size
    CAPTURE(size);
    Guarded<lutra_error> part(std::max(size, sizeof(size_t)));
    part.get()->struct_size = size;
    CHECK(fail(part.get()) == LUTRA_IO);
    CHECK(part.GuardHolds());
    if (size <= kMessageAt) continue;
    CHECK(part.get()->code == LUTRA_IO);
    const size_t room = std::min<size_t>(size - kMessageAt, LUTRA_ERROR_MESSAGE_BYTES);
    CHECK(std::string(part.get()->message) == message.substr(0, room - 1));
  }
  Guarded<lutra_error> unset(sizeof(size_t));
  unset.get()->struct_size = SIZE_MAX;
  CHECK(fail(unset.get()) == LUTRA_IO);
  CHECK(unset.GuardHolds());
}

/// Opens with options cut to `size` bytes, with garbage behind.
lutra_status OpenWith(const Bytes& file, const lutra_options& options, size_t size) {
  Guarded<lutra_options> cut(size);
  std::memcpy(cut.bytes, &options, std::min(size, sizeof(options)));
  if (size > sizeof(options)) std::memset(cut.bytes + sizeof(options), 0, size - sizeof(options));
  cut.get()->struct_size = size;
  lutra_model* model = nullptr;
  const lutra_status status =
      lutra_model_open_buffer(file.data(), file.size(), cut.get(), &model, nullptr);
  lutra_model_close(model);
  return status;
}

TEST_CASE("options of older and newer programs: the rest has its default, or must be zero") {
  const Bytes file = SmallModel();
  lutra_options options;
  lutra_options_init(&options);
  options.row = "reference";
  for (const size_t size :
       {offsetof(lutra_options, allocator), offsetof(lutra_options, memory),
        offsetof(lutra_options, memory_bytes), offsetof(lutra_options, parallel_for),
        offsetof(lutra_options, pool), offsetof(lutra_options, spin_us), sizeof(lutra_options),
        sizeof(lutra_options) + 8, sizeof(lutra_options) + 64}) {
    CAPTURE(size);
    CHECK(OpenWith(file, options, size) == LUTRA_OK);
  }
  for (const size_t size : {size_t{0}, size_t{8}, size_t{4097}, SIZE_MAX}) {
    CAPTURE(size);
    lutra_options wrong = options;
    wrong.struct_size = size;
    lutra_model* model = nullptr;
    CHECK(lutra_model_open_buffer(file.data(), file.size(), &wrong, &model, nullptr) ==
          LUTRA_INVALID_ARGUMENT);
  }
  options.reserved = 1;
  CHECK(OpenWith(file, options, sizeof(options)) == LUTRA_INVALID_ARGUMENT);
  CHECK(OpenWith(file, options, offsetof(lutra_options, reserved)) == LUTRA_OK);
}

void* NoMemory(void*, size_t, size_t) { return nullptr; }
void Release(void*, void*, size_t) {}

TEST_CASE("an allocator has a size too") {
  const Bytes file = SmallModel();
  lutra_options options;
  lutra_options_init(&options);
  lutra_allocator allocator;
  lutra_allocator_init(&allocator);
  allocator.allocate = &NoMemory;
  allocator.release = &Release;
  options.allocator = &allocator;
  CHECK(OpenWith(file, options, sizeof(options)) == LUTRA_OUT_OF_MEMORY);
  allocator.struct_size = 0;
  CHECK(OpenWith(file, options, sizeof(options)) == LUTRA_INVALID_ARGUMENT);
  struct {
    lutra_allocator known;
    void* later;
  } newer = {allocator, nullptr};
  newer.known.struct_size = sizeof(newer);
  options.allocator = &newer.known;
  CHECK(OpenWith(file, options, sizeof(options)) == LUTRA_OUT_OF_MEMORY);
  newer.later = &newer;
  CHECK(OpenWith(file, options, sizeof(options)) == LUTRA_INVALID_ARGUMENT);
}

// A field appended later must not fall into what was padding, for then a struct of the same size
// would be two versions; and no field's width may hang on a compiler's flags.
template <typename T, typename... Fields>
constexpr bool IsPacked() {
  return sizeof(T) == (sizeof(Fields) + ...) && std::is_standard_layout_v<T> &&
         std::is_trivial_v<T>;
}
static_assert(IsPacked<lutra_error, size_t, int32_t, uint32_t, char[LUTRA_ERROR_MESSAGE_BYTES]>());
static_assert(IsPacked<lutra_allocator, size_t, void*, void*, void*>());
static_assert(IsPacked<lutra_options, size_t, void*, size_t, size_t, void*, void*, size_t, void*,
                       void*, uint32_t, uint32_t>());
static_assert(IsPacked<lutra_memory, size_t, size_t, size_t, size_t, size_t>());
static_assert(IsPacked<lutra_port, size_t, void*, int32_t, int32_t, int32_t, int32_t, float,
                       uint32_t, size_t, size_t, void*, size_t, void*>());
static_assert(std::is_same_v<lutra_status, int32_t> && std::is_same_v<lutra_type, int32_t>);

TEST_CASE("a C program compiled with -fshort-enums sees the same structs, and runs") {
  size_t layout[64] = {};
  const size_t count = c_program_layout(layout);
  const size_t expected[] = {LUTRA_LAYOUT};
  REQUIRE(count == std::size(expected));
  CHECK(std::equal(std::begin(expected), std::end(expected), layout));
  const Bytes file = SmallModel();
  char message[LUTRA_ERROR_MESSAGE_BYTES] = "";
  CHECK(c_program_run(file.data(), file.size(), message) == 6);
  CHECK(std::string(message) == "");
  const Bytes foreign(200, 7);
  CHECK(c_program_run(foreign.data(), foreign.size(), message) == -LUTRA_NOT_A_MODEL);
  CHECK(std::string(message) != "");
}

// ------------------------------ after failures

/// Every way in which opening fails that options or bytes alone can bring about.
struct Failure {
  const char* what;
  lutra_status status;
  Bytes file;
  lutra_options options;
};

std::vector<Failure> OpenFailures() {
  static const lutra_allocator no_memory = {sizeof(lutra_allocator), nullptr, &NoMemory, &Release};
  static const lutra_allocator no_function = {sizeof(lutra_allocator), nullptr, nullptr, nullptr};
  alignas(64) static uint8_t memory[128];
  const Bytes good = SmallModel();
  std::vector<Failure> failures;
  const auto add = [&](const char* what, lutra_status status) -> Failure& {
    failures.push_back({what, status, good, {}});
    lutra_options_init(&failures.back().options);
    return failures.back();
  };
  const auto repair = [](Bytes& file) {
    const uint32_t crc = FileChecksum(file.data(), file.size());
    std::memcpy(file.data() + kChecksumOffset, &crc, sizeof(crc));
  };
  add("foreign", LUTRA_NOT_A_MODEL).file = Bytes(200, 7);
  add("short", LUTRA_TRUNCATED).file.pop_back();
  add("damaged", LUTRA_CHECKSUM).file.back() ^= 1;
  add("newer", LUTRA_VERSION_TOO_NEW).file[10] = 99;
  Failure& header = add("header", LUTRA_MALFORMED);
  header.file[40] = 1;
  repair(header.file);
  add("limit", LUTRA_LIMIT).file = SmallModel(true, 1 << 27);
  add("no threads", LUTRA_INVALID_ARGUMENT).options.threads = 0;
  add("many threads", LUTRA_INVALID_ARGUMENT).options.threads = 65;
  add("large batch", LUTRA_INVALID_ARGUMENT).options.batch = 4097;
  add("no size", LUTRA_INVALID_ARGUMENT).options.struct_size = 0;
  add("reserved", LUTRA_INVALID_ARGUMENT).options.reserved = 1;
  add("half an allocator", LUTRA_INVALID_ARGUMENT).options.allocator = &no_function;
  add("unknown row", LUTRA_ROW_UNKNOWN).options.row = "sse2";
  const char* foreign = lutra_row_available("neon") != 0 ? "avx2" : "neon";
  add("row of another processor", LUTRA_ROW_UNAVAILABLE).options.row = foreign;
  add("no memory", LUTRA_OUT_OF_MEMORY).options.allocator = &no_memory;
  Failure& small = add("small memory", LUTRA_OUT_OF_MEMORY);
  small.options.memory = memory;
  small.options.memory_bytes = sizeof(memory);
  Failure& askew = add("memory that is not aligned", LUTRA_INVALID_ARGUMENT);
  askew.options.memory = memory + 8;
  askew.options.memory_bytes = sizeof(memory) - 8;
  return failures;
}

template <typename T>
T* Garbage() {
  return reinterpret_cast<T*>(uintptr_t{0x5A5A5A50});
}

TEST_CASE("after every failure of opening, the model is NULL and the need is zero") {
  for (const Failure& failure : OpenFailures()) {
    CAPTURE(failure.what);
    auto* model = Garbage<lutra_model>();
    CHECK(lutra_model_open_buffer(failure.file.data(), failure.file.size(), &failure.options,
                                  &model, nullptr) == failure.status);
    CHECK(model == nullptr);
    Guarded<lutra_memory> need(sizeof(lutra_memory));
    const lutra_status status = lutra_requirements(failure.file.data(), failure.file.size(),
                                                   &failure.options, need.get(), nullptr);
    if (status == LUTRA_OK) {  // nothing is allocated yet
      CHECK((failure.options.memory != nullptr || failure.options.allocator != nullptr));
    } else {
      CHECK(status == failure.status);
      CHECK(need.IsZero());
    }
  }
  auto* model = Garbage<lutra_model>();
  CHECK(lutra_model_open_buffer(nullptr, 8, nullptr, &model, nullptr) == LUTRA_INVALID_ARGUMENT);
  CHECK(model == nullptr);
  model = Garbage<lutra_model>();
  CHECK(lutra_model_open_file("/no such file", nullptr, &model, nullptr) == LUTRA_IO);
  CHECK(model == nullptr);
  model = Garbage<lutra_model>();
  CHECK(lutra_model_open_file(nullptr, nullptr, &model, nullptr) == LUTRA_INVALID_ARGUMENT);
  CHECK(model == nullptr);
  const Bytes apart = SmallModel(false);  // mixes samples
  lutra_options two;
  lutra_options_init(&two);
  two.batch = 2;
  Guarded<lutra_memory> need(sizeof(lutra_memory));
  CHECK(lutra_requirements(apart.data(), apart.size(), &two, need.get(), nullptr) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(need.IsZero());
  REQUIRE(lutra_model_open_buffer(apart.data(), apart.size(), nullptr, &model, nullptr) ==
          LUTRA_OK);
  auto* context = Garbage<lutra_context>();
  CHECK(lutra_context_create(model, &two, &context, nullptr) == LUTRA_INVALID_ARGUMENT);
  CHECK(context == nullptr);
  lutra_model_close(model);
}

TEST_CASE("after every failure of creating, the context is NULL") {
  Session s;
  size_t failed = 0;
  for (const Failure& failure : OpenFailures()) {
    CAPTURE(failure.what);
    auto* context = Garbage<lutra_context>();
    const lutra_status status = lutra_context_create(s.model, &failure.options, &context, nullptr);
    if (status == LUTRA_OK) {  // what is wrong with the bytes or the row is no matter here
      lutra_context_destroy(context);
      continue;
    }
    ++failed;
    CHECK(status == failure.status);
    CHECK(context == nullptr);
  }
  CHECK(failed == 9);
  auto* context = Garbage<lutra_context>();
  CHECK(lutra_context_create(nullptr, nullptr, &context, nullptr) == LUTRA_INVALID_ARGUMENT);
  CHECK(context == nullptr);
}

TEST_CASE("after every failed look-up, the index, the pointer and the size are zero") {
  Session s;
  for (const auto function : {&lutra_model_find_input, &lutra_model_find_output}) {
    for (const auto& [model, name] : {std::pair<const lutra_model*, const char*>{nullptr, "x"},
                                      {s.model, nullptr},
                                      {s.model, "nothing"},
                                      {s.model, ""}}) {
      size_t index = 77;
      CHECK(function(model, name, &index, nullptr) == LUTRA_INVALID_ARGUMENT);
      CHECK(index == 0);
    }
    CHECK(function(s.model, "x", nullptr, nullptr) == LUTRA_INVALID_ARGUMENT);
  }
  const auto data_of = [](const lutra_context* context, size_t index) {
    const void* data = Garbage<void>();
    size_t bytes = 77;
    CHECK(lutra_context_output_data(context, index, &data, &bytes, nullptr) ==
          LUTRA_INVALID_ARGUMENT);
    CHECK(data == nullptr);
    CHECK(bytes == 0);
  };
  data_of(nullptr, 0);
  data_of(s.context, 0);  // before the first run
  s.Run();
  data_of(s.context, 1);
  const void* data = Garbage<void>();
  CHECK(lutra_context_output_data(s.context, 0, &data, nullptr, nullptr) == LUTRA_INVALID_ARGUMENT);
  CHECK(data == nullptr);
  size_t bytes = 77;
  CHECK(lutra_context_output_data(s.context, 0, nullptr, &bytes, nullptr) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(bytes == 0);
}

TEST_CASE("an output that cannot be read leaves the caller's memory as it was") {
  Session s;
  uint8_t buffer[64];
  const auto unchanged = [&] {
    return std::all_of(buffer, buffer + sizeof(buffer),
                       [](uint8_t byte) { return byte == kGuard; });
  };
  std::memset(buffer, kGuard, sizeof(buffer));
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_INT8, buffer, 6, nullptr) ==
        LUTRA_INVALID_ARGUMENT);  // before the first run
  s.Run();
  CHECK(lutra_context_get_output(s.context, 1, LUTRA_INT8, buffer, 6, nullptr) ==
        LUTRA_INVALID_ARGUMENT);
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_INT8, buffer, 5, nullptr) == LUTRA_WRONG_SIZE);
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_FLOAT32, buffer, 6, nullptr) ==
        LUTRA_WRONG_SIZE);
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_UINT8, buffer, 6, nullptr) ==
        LUTRA_WRONG_TYPE);
  for (const lutra_type type : {3, -1, INT32_MAX, INT32_MIN}) {
    CHECK(lutra_context_get_output(s.context, 0, type, buffer, 6, nullptr) == LUTRA_WRONG_TYPE);
  }
  CHECK(unchanged());
  CHECK(lutra_context_get_output(s.context, 0, LUTRA_INT8, buffer, 6, nullptr) == LUTRA_OK);
  CHECK(!unchanged());
}

}  // namespace
}  // namespace lutra::test
