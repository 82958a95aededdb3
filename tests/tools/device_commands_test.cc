// run, inspect, verify and lutra-bench as programs, on the golden models.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>

#include "base/npy.h"
#include "lutra/lutra.h"
#include "support/model_builder.h"
#include "tools/program.h"

namespace lutra {
namespace {

using test::Outcome;
using test::RunProgram;
using test::TempFolder;

const std::string kLutra = LUTRA_PROGRAM;
const std::string kBench = LUTRA_BENCH_PROGRAM;
// One input "x" [1, 6, 6, 2]; outputs "y" [1, 2, 2] and "image" [1, 6, 5, 8]; all int8.
const std::string kModel = LUTRA_SOURCE_DIR "/tests/golden/integer.lutra";

std::string WriteFloats(const TempFolder& folder, const std::string& name,
                        const std::vector<int64_t>& shape, float special = 0) {
  NpyHeader header;
  header.shape = shape;
  std::vector<float> x(header.elements());
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 16;
  }
  if (special != 0) x[30] = special;
  std::string error;
  REQUIRE(WriteNpy(folder / name, header,
                   {reinterpret_cast<const uint8_t*>(x.data()), x.size() * 4}, &error));
  return folder / name;
}

NpyArray Read(const std::string& path) {
  NpyArray array;
  std::string error;
  REQUIRE_MESSAGE(ReadNpy(path, &array, &error), error);
  return array;
}

TEST_CASE("run: the same bytes on every row and any number of threads; several samples") {
  TempFolder folder;
  const std::string x = WriteFloats(folder, "x.npy", {3, 6, 6, 2});
  const std::string first = WriteFloats(folder, "first.npy", {1, 6, 6, 2});
  const auto run = [&](const std::string& input, const std::string& more,
                       const std::string& before) {
    const Outcome outcome =
        RunProgram(kLutra,
                   "run " + kModel + " --input x=" + input + " --output y=" + (folder / "y.npy") +
                       " --output image=" + (folder / "image.npy") + more,
                   before);
    CHECK(outcome.err == "");
    CHECK(outcome.out == "");
    REQUIRE(outcome.status == 0);
    return std::make_pair(Read(folder / "y.npy"), Read(folder / "image.npy"));
  };
  const auto expected = run(x, "", "LUTRA_CPU=reference");
  CHECK(expected.first.header.shape == std::vector<int64_t>{3, 2, 2});
  CHECK(expected.second.header.shape == std::vector<int64_t>{3, 6, 5, 8});
  size_t rows = 0;
  for (size_t i = 0; lutra_row_name(i) != nullptr; ++i) {
    if (!lutra_row_available(lutra_row_name(i))) continue;
    ++rows;
    for (const char* threads : {" --threads 1", " --threads=2"}) {
      CAPTURE(lutra_row_name(i));
      CAPTURE(threads);
      const auto got = run(x, threads, std::string("LUTRA_CPU=") + lutra_row_name(i));
      CHECK(got.first.bytes == expected.first.bytes);
      CHECK(got.second.bytes == expected.second.bytes);
    }
  }
  CHECK(rows >= 1);
  const auto alone = run(first, " --cpu reference", "");
  CHECK(std::memcmp(alone.second.bytes.data(), expected.second.bytes.data(),
                    alone.second.bytes.size()) == 0);
}

// A model that takes images [1, C, H, W] and keeps them as [1, H, W, C], with C = H = W = 3: an
// array of bytes says by its shape which of the two it is only where they differ.
TEST_CASE("run: bytes whose shape says nothing of their order are in that of the graph") {
  test::ModelBuilder b;
  const auto x = b.Int8({1, 3, 3, 3}, {0.5F, 0}), y = b.Int8({1, 3, 3, 3}, {0.5F, 0});
  schema::PortT& in = b.AddInputPort("x", x);
  in.permutation = {0, 3, 1, 2};
  schema::LookupT identity;
  std::vector<int8_t> table;
  for (int q = -128; q < 128; ++q) table.push_back(static_cast<int8_t>(q));
  identity.table = b.BlobOf(table);
  b.Add(identity, {x}, {y});
  b.Output("y", y).permutation = {0, 3, 1, 2};
  TempFolder folder;
  const std::string model = folder.Write("m.lutra", b.Finish());
  std::vector<uint8_t> bytes(27);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  std::string error;
  REQUIRE(WriteNpy(folder / "x.npy", NpyHeader{'i', 1, {1, 3, 3, 3}, 0}, bytes, &error));
  const Outcome run = RunProgram(kLutra, "run " + model + " --input " + (folder / "x.npy") +
                                             " --output " + (folder / "y.npy"));
  CHECK(run.err == "");
  REQUIRE(run.status == 0);
  const NpyArray result = Read(folder / "y.npy");
  REQUIRE(result.bytes.size() == 27 * 4);
  for (size_t i = 0; i < 27; ++i) {
    float value = 0;
    std::memcpy(&value, result.bytes.data() + 4 * i, 4);
    CHECK(value == 0.5F * static_cast<float>(i));
  }
}

TEST_CASE("run: integers and bools are read and written as such, the whole in batches of one") {
  using schema::TensorType;
  test::ModelBuilder b;
  const auto x = b.TypedInput("x", TensorType::int64, {1, 3});
  const auto f = b.TypedInput("f", TensorType::bool_, {1, 3});
  const auto y = b.Typed(TensorType::int16, {1, 3}), g = b.Typed(TensorType::bool_, {3, 1});
  b.model().batchable = false;
  b.Add(schema::CastT{}, {x}, {y});
  b.Add(schema::ReshapeT{}, {f}, {g});
  b.Output("y", y);
  b.Output("g", g);
  TempFolder folder;
  const std::string model = folder.Write("m.lutra", b.Finish());
  std::string error;
  const std::vector<int32_t> numbers = {1, -2, 70000, 40000, 5, 6};  // two samples, of another type
  const std::vector<uint8_t> flags = {0, 1, 1, 1, 0, 0};
  REQUIRE(WriteNpy(folder / "x.npy", NpyHeader{'i', 4, {2, 3}, 0},
                   {reinterpret_cast<const uint8_t*>(numbers.data()), 24}, &error));
  REQUIRE(WriteNpy(folder / "f.npy", NpyHeader{'b', 1, {2, 3}, 0}, flags, &error));
  const std::string inputs = "run " + model + " --input x=" + (folder / "x.npy") + " --input f=";
  const std::string outputs =
      " --output y=" + (folder / "y.npy") + " --output g=" + (folder / "g.npy");
  const Outcome run = RunProgram(kLutra, inputs + (folder / "f.npy") + outputs);
  CHECK(run.err == "");
  REQUIRE(run.status == 0);
  const NpyArray result = Read(folder / "y.npy"), kept = Read(folder / "g.npy");
  CHECK(result.header.TypeName() == "int16");
  CHECK(result.header.shape == std::vector<int64_t>{2, 3});
  const int16_t expected[] = {1, -2, 4464, -25536, 5, 6};  // modulo 2^16
  REQUIRE(result.bytes.size() == sizeof(expected));
  CHECK(std::memcmp(result.bytes.data(), expected, sizeof(expected)) == 0);
  CHECK(kept.header.TypeName() == "bool");
  CHECK(kept.header.shape == std::vector<int64_t>{6, 1});
  CHECK(kept.bytes == flags);
  const Outcome floats =
      RunProgram(kLutra, inputs + WriteFloats(folder, "floats.npy", {2, 3}) + outputs);
  CHECK(floats.status == 1);
  CHECK(floats.err ==
        "lutra run: " + (folder / "floats.npy: holds float32, the input takes bool\n"));
  const Outcome inspected = RunProgram(kLutra, "inspect " + model);
  CHECK(inspected.out.find("input  x  int64 [1, 3], preferred int64\n") != std::string::npos);
  CHECK(inspected.out.find("output g  bool [3, 1], preferred bool\n") != std::string::npos);
  CHECK(RunProgram(kBench, "--graph=" + model + " --num_runs=1 --min_secs=0 --warmup_min_secs=0")
            .status == 0);
}

TEST_CASE("run: every bad input is one line and status 1") {
  TempFolder folder;
  const std::string x = WriteFloats(folder, "x.npy", {1, 6, 6, 2});
  const std::string y = folder / "y.npy";
  const auto fail = [&](const std::string& arguments, const std::string& before = "") {
    const Outcome outcome = RunProgram(kLutra, "run " + arguments, before);
    CHECK(outcome.status == 1);
    CHECK(outcome.out == "");
    CHECK_FALSE(std::filesystem::exists(y));
    const std::string prefix = "lutra run: ";
    REQUIRE(outcome.err.starts_with(prefix));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    return outcome.err.substr(prefix.size(), outcome.err.size() - prefix.size() - 1);
  };
  const std::string model = kModel + " --output y=" + y + " --input ";
  CHECK(fail(model + (folder / "none.npy")) ==
        folder / "none.npy: cannot be opened: No such file or directory");
  CHECK(fail(model + WriteFloats(folder, "shape.npy", {1, 6, 2, 6})) ==
        folder /
            "shape.npy: has shape [1, 6, 2, 6], but input 'x' takes [1, 6, 6, 2]; the first "
            "dimension may be a multiple of it");
  std::string error;
  std::vector<uint8_t> ids(72 * 8);
  ids[3] = 1, ids[0] = 1;  // 2^24 + 1
  REQUIRE(WriteNpy(folder / "i64.npy", NpyHeader{'i', 8, {1, 6, 6, 2}, 0}, ids, &error));
  CHECK(fail(model + (folder / "i64.npy")) ==
        folder /
            "i64.npy: element 0 is 16777217, which float32 does not hold; this input takes real "
            "numbers");
  CHECK(fail(model + WriteFloats(folder, "nan.npy", {1, 6, 6, 2}, __builtin_nanf(""))) ==
        folder / "nan.npy: input \"x\": element 30 is NaN");
  CHECK(fail(model + "q=" + x) == "q=" + x + ": no input is named \"q\"; there is \"x\"");
  // A folder with '=' in its name parts no name off.
  std::filesystem::create_directory(folder / "a=b");
  CHECK(fail(model + (folder / "a=b/none.npy")) ==
        folder / "a=b/none.npy: cannot be opened: No such file or directory");
  CHECK(fail(model + "x=" + (folder / "a=b/none.npy")) ==
        folder / "a=b/none.npy: cannot be opened: No such file or directory");
  CHECK(fail(model + x + " --input " + x) == x + ": is one input too many; the model has 1");
  CHECK(fail(kModel + " --input " + x + " --output /dev/full") ==
        "/dev/full: cannot be written: No space left on device");
  CHECK(fail(kModel + " --input " + x + " --output " + (folder / "none/y.npy")) ==
        folder / "none/y.npy: cannot be created: No such file or directory");
  CHECK(fail((folder / "none.lutra") + " --input " + x + " --output " + y)
            .starts_with(folder / "none.lutra: "));
  CHECK(fail(x + " --input " + x + " --output " + y) ==
        x + ": not a Lutra model: the identifier LUTR is missing");
  CHECK(fail(model + x, "LUTRA_CPU=nonsense").find("nonsense") != std::string::npos);
}

TEST_CASE("a row that this machine lacks: status 1 and 'not available'") {
#ifdef __aarch64__
  const std::string other = "avx2";
#else
  const std::string other = "neon";
#endif
  const Outcome outcome = RunProgram(kLutra, "verify " + kModel, "LUTRA_CPU=" + other);
  CHECK(outcome.status == 1);
  CHECK(outcome.err.find("not available") != std::string::npos);
}

TEST_CASE("misuse of the command line is status 2") {
  const auto misuse = [](const std::string& arguments) {
    const Outcome outcome = RunProgram(kLutra, arguments);
    CHECK(outcome.status == 2);
    CHECK(outcome.out == "");
    return outcome.err;
  };
  CHECK(misuse("run " + kModel) ==
        "lutra run: needs one FILE, --input and --output; see lutra run --help\n");
  CHECK(misuse("run --frob") == "lutra run: unknown option --frob; see lutra run --help\n");
  CHECK(misuse("run --threads 0 x") ==
        "lutra run: --threads must be an integer of 1 to 64, not '0'; see lutra run --help\n");
  CHECK(misuse("run x --input") == "lutra run: --input needs a value; see lutra run --help\n");
  CHECK(misuse("verify") == "lutra verify: name one .lutra file; see lutra verify --help\n");
  CHECK(misuse("inspect a b") == "lutra inspect: name one .lutra file; see lutra inspect --help\n");
  CHECK(misuse("frobnicate") != "");
  CHECK(RunProgram(kLutra, "").status == 2);
}

TEST_CASE("help and version") {
  for (const char* command : {"", "run ", "inspect ", "verify "}) {
    const Outcome help = RunProgram(kLutra, std::string(command) + "--help");
    CHECK(help.status == 0);
    CHECK(help.err == "");
    CHECK(help.out.find("Usage: lutra") != std::string::npos);
  }
  CHECK(RunProgram(kLutra, "--version").out == std::string("lutra ") + lutra_version() + "\n");
  CHECK(RunProgram(kBench, "--version").out ==
        std::string("lutra-bench ") + lutra_version() + "\n");
}

TEST_CASE("verify on every row, and a damaged file") {
  for (size_t i = 0; lutra_row_name(i) != nullptr; ++i) {
    if (!lutra_row_available(lutra_row_name(i))) continue;
    const Outcome outcome =
        RunProgram(kLutra, "verify " + kModel, std::string("LUTRA_CPU=") + lutra_row_name(i));
    CHECK(outcome.status == 0);
    CHECK(outcome.out ==
          kModel + ": verified on row " + lutra_row_name(i) + ", 2 outputs identical\n");
  }
  TempFolder folder;
  std::string bytes = test::ReadText(kModel);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  const Outcome damaged = RunProgram(kLutra, "verify " + folder.Write("bad.lutra", bytes));
  CHECK(damaged.status == 1);
  CHECK(damaged.err.starts_with("lutra verify: " + (folder / "bad.lutra: ")));
}

TEST_CASE("inspect: text and JSON") {
  const Outcome text = RunProgram(kLutra, "inspect " + kModel);
  CHECK(text.status == 0);
  for (const char* part : {"4008 bytes", "input  x  float32 [1, 6, 6, 2]", "Softmax", "memory on",
                           "golden check: present"}) {
    CAPTURE(part);
    CHECK(text.out.find(part) != std::string::npos);
  }
  const Outcome json = RunProgram(kLutra, "inspect --json " + kModel);
  CHECK(json.status == 0);
  CHECK(json.out.starts_with("{\"file\": "));
  CHECK(json.out.find("\"bytes\": 4008") != std::string::npos);
  CHECK(json.out.ends_with("\"golden_check\": true}\n"));
  CHECK(RunProgram(kLutra, "inspect " + kModel + " >/dev/full").status == 1);
}

std::string After(const std::string& text, const std::string& key) {
  const size_t at = text.find(key);
  REQUIRE(at != std::string::npos);
  return text.substr(at + key.size(), text.find('\n', at) - at - key.size());
}

TEST_CASE("lutra-bench: lines, the same checksum on every row, the profile, JSON") {
  const std::string quick = "--graph=" + kModel + " --num_runs=3 --min_secs=0 --warmup_min_secs=0 ";
  const Outcome plain = RunProgram(kBench, quick, "LUTRA_CPU=reference");
  CHECK(plain.status == 0);
  for (const char* line :
       {"INFO: Min num runs: [3]\n", "INFO: Instruction-set row: reference\n",
        "INFO: Inference timings in us: Init: ", "INFO: Inference percentiles in us: min: ",
        "INFO: Running benchmark for at least 3 iterations and at least 0 seconds but terminate if "
        "exceeding 150 seconds.\n",
        "count=3 first="}) {
    CAPTURE(line);
    CHECK(plain.out.find(line) != std::string::npos);
  }
  const std::string crc = After(plain.out, "Output CRC32 of 'y': ");
  CHECK(crc.size() == 8);
  for (size_t i = 0; lutra_row_name(i) != nullptr; ++i) {
    if (!lutra_row_available(lutra_row_name(i))) continue;
    const Outcome other = RunProgram(kBench, quick + "--cpu=" + lutra_row_name(i));
    CHECK(After(other.out, "Output CRC32 of 'y': ") == crc);
  }
  const Outcome profile = RunProgram(kBench, quick + "--enable_op_profiling");
  CHECK(profile.out.find("= Run Order =") != std::string::npos);
  CHECK(profile.out.find("= Summary by node type =") != std::string::npos);
  TempFolder folder;
  const Outcome csv =
      RunProgram(kBench, quick + "--profiling_output_csv_file=" + (folder / "p.csv"));
  CHECK(csv.status == 0);
  CHECK(test::ReadText(folder / "p.csv")
            .find("node type, first, avg_ms, %, cdf%, mem KB, times called, name\nConv, ") !=
        std::string::npos);
  const Outcome json = RunProgram(kBench, quick + "--json --cpu=reference");
  CHECK(json.out.starts_with("{\"graph\": "));
  CHECK(json.out.find("\"output_crc32\": {\"y\": \"" + crc + "\"") != std::string::npos);
  CHECK(json.out.ends_with("}\n"));
}

TEST_CASE("lutra-bench: errors") {
  CHECK(RunProgram(kBench, "").err ==
        "lutra-bench: --graph=FILE is missing; see lutra-bench --help\n");
  CHECK(RunProgram(kBench, "").status == 2);
  CHECK(RunProgram(kBench, "--graph=x --num_threads=65").err ==
        "lutra-bench: --num_threads must be an integer of 1 to 64, not '65'; see lutra-bench "
        "--help\n");
  CHECK(RunProgram(kBench, "--graph=x --min_secs=soon").status == 2);
  const Outcome missing = RunProgram(kBench, "--json --graph=/none/x.lutra");
  CHECK(missing.status == 1);
  CHECK(missing.out == "");
  CHECK(missing.err.starts_with("lutra-bench: /none/x.lutra: "));
  const Outcome full = RunProgram(kBench, "--graph=" + kModel +
                                              " --num_runs=1 --min_secs=0 --warmup_min_secs=0 "
                                              "--profiling_output_csv_file=/dev/full");
  CHECK(full.status == 1);
  CHECK(full.err == "lutra-bench: /dev/full: cannot be written: No space left on device\n");
}

}  // namespace
}  // namespace lutra
