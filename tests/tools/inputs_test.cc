// What is no readable file, as any input of any command: one clear line, at once.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/lutra_program.h"

namespace lutra {
namespace {

using test::ErrorOf;
using test::kGolden;
using test::kLutra;
using test::kOnnx;
using test::kShapes;
using test::Outcome;
using test::ReadText;
using test::RunProgram;
using test::TempFolder;
namespace fs = std::filesystem;

bool IsOneLine(const std::string& text) { return text.find('\n') == text.size() - 1; }

TEST_CASE("a pipe, a device, a folder, an empty file, a file of zeros, and none") {
  const TempFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  fs::create_directory(folder / "folder");
  folder.Write("empty", "");
  folder.Write("zeros", std::string(5000, '\0'));
  const std::string list = folder.Write("list", "@\t1\n");
  const std::string out = " -o " + (folder / "out");
  // '@' is the input in question.
  const std::vector<std::string> commands = {
      "convert @ --activations dynamic" + out,
      "convert " + kOnnx + " --recipe @ --activations dynamic" + out,
      "convert " + kOnnx + " --data @" + out,
      "convert " + kOnnx + " --format idx --images @" + out,
      "eval " + kOnnx + " --format idx --images " + kShapes + "test-images.idx3.gz --labels @",
      "convert " + kOnnx + " --format npy --images @" + out,
      "convert " + kOnnx + " --format cifar10 --path @" + out,
      "convert " + kOnnx + " --format list --path @" + out,
      "eval @ --data " + kShapes + "test.json",
      "compare @ " + kGolden + " --data " + kShapes + "test.json",
      "compare " + kOnnx + " @ --data " + kShapes + "test.json --limit 1",
      "prune @ --keep 10" + out,
      "cluster @" + out,
      "compress @" + out,
      "compress " + kOnnx + " --recipe @" + out,
      "decompress @" + out,
      "run @ --input x.npy --output y.npy",
      "run " + kGolden + " --input @ --output " + (folder / "out"),
      "inspect @",
      "verify @"};
  for (std::string command : commands) {
    for (const std::string& input : {folder / "pipe", std::string("/dev/zero"), folder / "folder",
                                     folder / "empty", folder / "zeros", folder / "none"}) {
      std::string arguments = command;
      arguments.replace(arguments.find('@'), 1, input);
      CAPTURE(arguments);
      const Outcome outcome = RunProgram(kLutra, arguments, "timeout 60");
      CHECK(outcome.status == 1);
      CHECK(outcome.out == "");
      CHECK(IsOneLine(outcome.err));
      CHECK(outcome.err.find(input) != std::string::npos);
      CHECK(outcome.err.find("fault of lutra") == std::string::npos);
      CHECK_FALSE(fs::exists(folder / "out"));
    }
  }
}

TEST_CASE("misuse that would pass for something else") {
  const auto misuse = [](const std::string& arguments) {
    const Outcome outcome = RunProgram(kLutra, arguments);
    CHECK(outcome.status == 2);
    CHECK(outcome.out == "");
    CHECK(IsOneLine(outcome.err));
    return outcome.err;
  };
  CHECK(misuse("frobnicate x") == "lutra: no command 'frobnicate'; see lutra --help\n");
  // An empty variable of a script.
  const std::string convert = "convert " + kOnnx + " -o x.lutra --activations dynamic";
  for (const std::string flag : {"--recipe", "--report", "--emit-qdq", "--data"}) {
    CHECK(misuse(convert + " " + flag + " ''") ==
          "lutra convert: " + flag +
              ": an empty name is no file; name one; see lutra convert --help\n");
  }
  CHECK(ErrorOf("convert '' -o x.lutra", 1) == "an empty name is no file; name one\n");
  CHECK(ErrorOf("run " + kGolden + " --input x= --output y.npy", 1) ==
        "an empty name is no file; name one\n");
  // A list does not swallow the network that follows it.
  for (const std::string command : {"prune --keep 10 ", "cluster --bits 3 "}) {
    CHECK(RunProgram(kLutra, command + kOnnx + " -o /dev/null").status == 0);
  }
  CHECK(RunProgram(kLutra, "verify " + kGolden + " >/dev/full").status == 1);
}

TEST_CASE("JSON that is deep, huge, or says what cannot be") {
  const TempFolder folder;
  const auto error = [&](const std::string& flag, const std::string& text) {
    const std::string path = folder.Write("x.json", text);
    const std::string arguments = "convert " + kOnnx + " -o " + (folder / "m.lutra") +
                                  " --activations dynamic " + flag + " " + path;
    const std::string message = ErrorOf(arguments, 1);
    REQUIRE(message.starts_with(path + ": "));
    return message.substr(path.size() + 2);
  };
  for (const std::string flag : {"--data", "--recipe"}) {
    CAPTURE(flag);
    CHECK(error(flag, std::string(1000000, '[')) == "nests deeper than 32 levels\n");
    std::string objects;
    for (int i = 0; i < 1000; ++i) objects += R"({"default":)";
    CHECK(error(flag, objects) == "nests deeper than 32 levels\n");
    CHECK(error(flag, R"({"default": 1e999})") == "is not JSON (a number is too large)\n");
    CHECK(error(flag, "{\"default\": \"\xff\"}").starts_with("is not JSON (byte "));
    CHECK(error(flag, R"({"a": {"b": 1}, "c": {"b": 1}, "a": 2})") ==
          "\"a\" stands twice in one object; keep one\n");
    // A million objects side by side are read at once, and refused for what they are.
    std::string many = R"({"default": [{})";
    for (int i = 0; i < 1000000; ++i) many += ",{}";
    CHECK(error(flag, many + "]}") ==
          (flag == "--data"
               ? "\"default\" is no field of a data description; docs/cli.md lists them\n"
               : "$.default: must be an object\n"));
    const std::string path = folder.Write("huge.json", "");
    fs::resize_file(path, uint64_t{1} << 40);  // takes no room on the disk
    const std::string message =
        ErrorOf("convert " + kOnnx + " -o " + (folder / "m.lutra") + " " + flag + " " + path, 1);
    CHECK(message.starts_with(path + ": is larger than 16777216 bytes"));
  }
}

TEST_CASE("what a command line or a file says reaches the terminal as one printable line") {
  const TempFolder folder;
  const auto printable = [](const std::string& text) {
    for (const char c : text) {
      const auto code = static_cast<unsigned char>(c);
      if ((code < 0x20 && c != '\n') || code == 0x7F || code == 0xFF) return false;
    }
    return IsOneLine(text);
  };
  const std::string evil = "'\x1b[31mred\nline\x7f\xff'";
  for (const std::string& arguments :
       {"convert " + evil + " -o x.lutra", "convert " + kOnnx + " -o x.lutra --weights " + evil,
        "eval " + evil + " --data x.json", "prune " + evil + " -o x --keep 10",
        "compress " + evil + " -o x", "run " + evil + " --input x --output y", "inspect " + evil,
        "verify " + evil, "--" + evil, evil}) {
    CAPTURE(arguments);
    const Outcome outcome = RunProgram(kLutra, arguments);
    CHECK(outcome.status != 0);
    CHECK(printable(outcome.err));
  }
  // The name of the file itself, in tables and in JSON.
  const std::string model = folder / "\x1b[31m\xff.lutra";
  fs::copy_file(kGolden, model);
  CHECK(RunProgram(kLutra, "verify '" + model + "'").out.find("?[31m?.lutra") != std::string::npos);
  const Outcome inspect = RunProgram(kLutra, "inspect --json '" + model + "'");
  CHECK(nlohmann::json::parse(inspect.out)["file"].get<std::string>().ends_with(
      "\x1b[31m\xef\xbf\xbd.lutra"));
  // A message is cut in the middle, so that its end, the cure, can be read.
  const Outcome cut = RunProgram(kLutra, "run " + kGolden + " --input '" +
                                             std::string(100000, 'n') + "=x.npy' --output y.npy");
  CHECK(cut.status == 1);
  CHECK(cut.err.size() < 2200);
  CHECK(IsOneLine(cut.err));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("without memory: a line and status 1") {
  const TempFolder folder;
  // 345 MB of float32 that take no room on the disk.
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1200000, 6, 6, 2), }";
  header.append(117 - header.size(), ' ');
  header += '\n';
  const std::string big =
      folder.Write("big.npy", std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header);
  fs::resize_file(big, 128 + uint64_t{1200000} * 72 * 4);
  const std::string limit = "ulimit -v 200000; ";
  const Outcome run = RunProgram(
      kLutra, "run " + kGolden + " --input " + big + " --output " + (folder / "y.npy"), limit);
  CHECK(run.status == 1);
  CHECK(run.err.starts_with("lutra run: " + kGolden + ": not enough memory; "));
  const std::string huge = folder.Write("huge.onnx", "");
  fs::resize_file(huge, uint64_t{1} << 34);
  for (const std::string command : {"convert", "prune --keep 10", "compress"}) {
    const Outcome outcome =
        RunProgram(kLutra, command + " " + huge + " -o " + (folder / "out"), limit);
    CAPTURE(command);
    CHECK(outcome.status == 1);
    CHECK(IsOneLine(outcome.err));
    CHECK(outcome.err.find("not enough memory; ") != std::string::npos);
  }
  for (const std::string command : {"inspect", "verify"}) {
    const Outcome outcome = RunProgram(kLutra, command + " " + huge, limit);
    CAPTURE(command);
    CHECK(outcome.status == 1);
    CHECK(IsOneLine(outcome.err));
  }
}
#endif

}  // namespace
}  // namespace lutra
