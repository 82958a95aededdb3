// What the commands do to files that are there already: no input is written over, no output lost,
// and whatever fails leaves everything as it was.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/lutra_program.h"

namespace lutra {
namespace {

using nlohmann::json;
using test::ErrorOf;
using test::kGolden;
using test::kLutra;
using test::kOnnx;
using test::Outcome;
using test::ReadText;
using test::RunProgram;
using test::TempFolder;
namespace fs = std::filesystem;

// Needs no data, and is done at once.
const std::string kQuick = " --activations float --weights fp32";

std::set<std::string> NamesIn(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

// A float32 array of ones.
std::string Npy(const TempFolder& folder, const std::string& name, const std::string& shape,
                size_t elements) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  header.append(117 - header.size(), ' ');
  header += '\n';
  std::string file = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header;
  for (size_t i = 0; i < elements; ++i) file += std::string("\x00\x00\x80\x3f", 4);
  return folder.Write(name, file);
}

TEST_CASE("no command writes over what it reads") {
  const TempFolder folder;
  const std::string net = folder.Write("net.onnx", ReadText(kOnnx));
  fs::create_symlink("net.onnx", folder / "link.onnx");
  fs::create_hard_link(net, folder / "hard.onnx");
  Npy(folder, "x.npy", "(2, 1, 24, 24)", 2 * 576);
  Npy(folder, "y.npy", "(1, 6, 6, 2)", 72);
  folder.Write("d.json", R"({"format": "npy", "images": "x.npy"})");
  folder.Write("photos/a/1.png", "none");
  folder.Write("r.json", R"({"default": {"weights": "fp16"}})");
  REQUIRE(RunProgram(kLutra, "compress " + net + " -o " + (folder / "w.lutra")).status == 0);
  const std::set<std::string> names = NamesIn(folder / "");

  const auto keeps = [&](const std::string& arguments, const std::string& file) {
    const std::string before = ReadText(folder / file);
    const std::string error = ErrorOf(arguments, 1);
    CHECK(error.find(file) != std::string::npos);
    CHECK(error.find("is the same file as") != std::string::npos);
    CHECK(error.find("give -") != std::string::npos);
    CHECK(ReadText(folder / file) == before);
    CHECK(NamesIn(folder / "") == names);
  };
  const std::string to = " -o " + (folder / "m.lutra");
  for (const char* path :
       {"net.onnx", "./net.onnx", "photos/../net.onnx", "link.onnx", "hard.onnx"}) {
    CAPTURE(path);
    keeps("convert " + net + " -o " + (folder / path) + kQuick, "net.onnx");
    keeps("convert " + net + to + kQuick + " --emit-qdq " + (folder / path), "net.onnx");
    keeps("convert " + net + to + kQuick + " --report " + (folder / path), "net.onnx");
    keeps("prune " + net + " -o " + (folder / path) + " --keep 10", "net.onnx");
    keeps("cluster " + net + " -o " + (folder / path), "net.onnx");
    keeps("compress " + net + " -o " + (folder / path), "net.onnx");
  }
  const std::string data = " --data " + (folder / "d.json");
  keeps("convert " + net + " -o " + (folder / "d.json") + data, "d.json");
  keeps("convert " + net + " -o " + (folder / "x.npy") + data, "x.npy");
  keeps("convert " + net + to + data + " --report " + (folder / "x.npy"), "x.npy");
  keeps(
      "convert " + net + " -o " + (folder / "r.json") + kQuick + " --recipe " + (folder / "r.json"),
      "r.json");
  keeps("convert " + net + " -o " + (folder / "photos/a/1.png") + " --format folder --path " +
            (folder / "photos"),
        "photos/a/1.png");
  keeps("prune " + net + " -o " + (folder / "d.json") + " --keep 10" + data, "d.json");
  keeps("compress " + net + " -o " + (folder / "r.json") + " --recipe " + (folder / "r.json"),
        "r.json");
  keeps("decompress " + (folder / "w.lutra") + " -o " + (folder / "w.lutra"), "w.lutra");
  const std::string run = "run " + kGolden + " --input " + (folder / "y.npy") + " --output ";
  keeps(run + (folder / "y.npy"), "y.npy");
}

TEST_CASE("two outputs in one file are refused, and neither is written") {
  const TempFolder folder;
  const std::string out = folder / "out";
  const auto refused = [&](const std::string& arguments) {
    const std::string error = ErrorOf(arguments, 1);
    CHECK(error.find("one of them would be lost") != std::string::npos);
    CHECK(NamesIn(folder / "") == std::set<std::string>{});
  };
  const std::string to = "convert " + kOnnx + kQuick + " -o " + out;
  refused(to + " --emit-qdq " + out);
  refused(to + " --report " + folder / "./out");
  refused(to + " --report " + folder / "out.recipe.json");
  CHECK(ErrorOf(to + " --report " + folder / "out.recipe.json", 1).find("the recipe beside -o") !=
        std::string::npos);
  TempFolder inputs;
  const std::string x = Npy(inputs, "x.npy", "(1, 6, 6, 2)", 72);
  refused("run " + kGolden + " --input " + x + " --output y=" + out + " --output image=" + out);
}

TEST_CASE("the recipe beside the model: replaced where it is ours, left alone where it is not") {
  const TempFolder folder;
  const std::string recipe = folder / "m.recipe.json";
  const std::string convert = "convert " + kOnnx + kQuick + " -o " + (folder / "m.lutra");
  REQUIRE(RunProgram(kLutra, convert).err == "");
  const std::string first = ReadText(recipe);
  CHECK(json::parse(first)["default"]["weights"] == "fp32");
  // Ours: another conversion writes its own.
  REQUIRE(RunProgram(kLutra, convert + " --weights fp16").status == 2);  // given twice
  const std::string fp16 =
      "convert " + kOnnx + " --activations float --weights fp16 -o " + (folder / "m.lutra");
  REQUIRE(RunProgram(kLutra, fp16).err == "");
  const std::string second = ReadText(recipe);
  CHECK(json::parse(second)["default"]["weights"] == "fp16");
  // Given as --recipe: it stays, to the byte.
  REQUIRE(RunProgram(kLutra, convert + " --recipe " + recipe).err == "");
  CHECK(ReadText(recipe) == second);
  // Changed by a person, or written by one: it stays, and the user hears of it.
  std::string changed = second;
  changed.replace(changed.find("fp16"), 4, "fp32");
  for (const std::string& theirs : {changed, std::string("{}"), std::string("my notes")}) {
    folder.Write("m.recipe.json", theirs);
    const Outcome outcome = RunProgram(kLutra, convert);
    CHECK(outcome.status == 0);
    CHECK(outcome.err.starts_with("lutra convert: warning: " + recipe + ": was not written by "));
    CHECK(ReadText(recipe) == theirs);
  }
}

TEST_CASE("what fails leaves the old files, no half ones, and no temporary ones") {
  const TempFolder folder;
  const std::string out = folder.Write("out.lutra", "old");
  const auto fails = [&](const std::string& arguments, const std::string& before,
                         const std::string& error) {
    const Outcome outcome = RunProgram(kLutra, arguments, before);
    CHECK(outcome.status == 1);
    CHECK(outcome.err.find(error) != std::string::npos);
    CHECK(ReadText(out) == "old");
    CHECK(NamesIn(folder / "") == std::set<std::string>{"out.lutra"});
  };
  const std::string convert = "convert " + kOnnx + kQuick + " -o " + out;
  // The model could be written, the report not: neither appears, nor does the recipe.
  fails(convert + " --report /dev/full", "", "/dev/full: cannot be written: No space left");
  fails(convert + " --report " + folder / "none/r.html", "", "none/r.html: cannot be created");
  // A limit on the size of files would kill the program by default.
  fails(convert, "ulimit -f 8; ", out + ": cannot be written: File too large");
  fails("compress " + kOnnx + " -o " + out, "ulimit -f 8; ", "File too large");
}

TEST_CASE("a signal ends the program without a temporary file left") {
  const TempFolder folder;
  // The model is written, but for its name, when the report waits for somebody to read the pipe.
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const Outcome outcome = RunProgram(kLutra,
                                     "convert " + kOnnx + kQuick + " -o " + (folder / "m.lutra") +
                                         " --report " + (folder / "pipe"),
                                     "timeout -s TERM 1.5");
  CHECK(outcome.status == 124);  // what timeout says
  CHECK(NamesIn(folder / "") == std::set<std::string>{"pipe"});
}

TEST_CASE("outputs that are no files of a folder") {
  const TempFolder folder;
  const std::string compress = "compress " + kOnnx + " -o ";
  REQUIRE(RunProgram(kLutra, compress + (folder / "a.lutra")).status == 0);
  const std::string archive = ReadText(folder / "a.lutra");
  CHECK(RunProgram(kLutra, compress + "/dev/null").status == 0);
  CHECK(fs::is_character_file("/dev/null"));
  // stdout as a file, as a pipe, and closed.
  const std::string into = folder / "stdout";
  CHECK(RunProgram(kLutra, compress + "/dev/stdout >" + into).status == 0);
  CHECK(ReadText(into).starts_with(archive));
  CHECK(RunProgram(kLutra, compress + "/dev/stdout | cat >" + into).status == 0);
  CHECK(ReadText(into).starts_with(archive));
  CHECK(RunProgram(kLutra, compress + (folder / "b.lutra") + " >&-").status == 1);
  CHECK(ReadText(folder / "b.lutra") == archive);  // no table got into the file
  CHECK(ErrorOf(compress + (folder / ""), 1) == folder / ": is a folder; name a file\n");
}

}  // namespace
}  // namespace lutra
