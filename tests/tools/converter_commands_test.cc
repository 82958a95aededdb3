// convert, eval and compare as programs, on the example's network.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "lutra/lutra.h"
#include "tools/lutra_program.h"

namespace lutra {
namespace {

using nlohmann::json;
using test::ErrorOf;
using test::kLutra;
using test::kOnnx;
using test::kShapes;
using test::Outcome;
using test::ReadText;
using test::RunJson;
using test::RunProgram;
using test::TempFolder;

const std::string kCalib = " --data " + kShapes + "calib.json";
const std::string kTest = " --data " + kShapes + "test.json";

TEST_CASE("convert, eval, compare, verify: the whole way, in JSON") {
  TempFolder folder;
  const std::string model = folder / "shapes.lutra";
  const json convert = RunJson("convert " + kOnnx + " -o " + model + kCalib);
  CHECK(convert["output_bytes"] == std::filesystem::file_size(model));
  CHECK(convert["fp32_bytes"] == 4 * 34922);
  CHECK(convert["float_fallbacks"] == 0);
  CHECK(convert["samples"] == 128);
  CHECK(convert["operators"].get<int>() >= 14);
  CHECK(convert["output_channels"].get<int>() >= 10);
  CHECK(convert["top1_agreement"].get<double>() > 0.95);
  const json recipe = json::parse(ReadText(folder / "shapes.recipe.json"));
  CHECK(recipe.is_object());

  const json fp32 = RunJson("eval " + kOnnx + kTest);
  const json int8 = RunJson("eval " + model + kTest);
  for (const json& result : {fp32, int8}) {
    CHECK(result.size() == 5);
    CHECK(result["warnings"].empty());
    CHECK(result["count"] == 400);
    CHECK(result["top5"].get<double>() >= result["top1"].get<double>());
  }
  // What PyTorch counted when the network was trained.
  CHECK(fp32["top1"].get<double>() == doctest::Approx(0.9575));
  CHECK(std::abs(fp32["top1"].get<double>() - int8["top1"].get<double>()) <= 0.0101);
  CHECK(std::abs(fp32["loss"].get<double>() - int8["loss"].get<double>()) < 0.05);

  const json compare = RunJson("compare " + kOnnx + " " + model + kCalib);
  CHECK(compare["output_sqnr_db"].get<double>() > 20);
  double worst = -1e9;
  for (const json& layer : compare["layers"]) {
    CHECK(layer["name"].is_string());
    if (layer["channel_sqnr_db"].is_null()) continue;
    CHECK(layer["channel_sqnr_db"].get<double>() >= worst);  // ranked
    worst = layer["channel_sqnr_db"].get<double>();
  }
  CHECK(worst > 0);

  // The recipe that was used gives the same file again.
  RunJson("convert " + kOnnx + " -o " + (folder / "again.lutra") + " --recipe " +
          (folder / "shapes.recipe.json") + kCalib);
  CHECK(ReadText(folder / "again.lutra") == ReadText(model));
  CHECK(RunProgram(kLutra, "verify " + model).status == 0);
}

TEST_CASE("entropy-coded weights: smaller, listed, and verified by the same golden check") {
  const TempFolder folder;
  const std::string raw = folder / "none.lutra";
  RunJson("convert " + kOnnx + " -o " + raw + kCalib);
  for (const std::string codec : {"huffman", "best"}) {
    const std::string coded = folder / (codec + ".lutra");
    RunJson("convert " + kOnnx + " -o " + coded + kCalib + " --codec " + codec);
    CHECK(std::filesystem::file_size(coded) < std::filesystem::file_size(raw) * 24 / 25);
    const json inspection = RunJson("inspect " + coded);
    CHECK(inspection["min_runtime_version"] == (codec == "best" ? 6 : 3));
    size_t blobs = 0;
    for (const json& op : inspection["operators"]) blobs += op["encoding"] == codec ? 1 : 0;
    CHECK(blobs > 0);
    CHECK(RunProgram(kLutra, "verify " + coded).status == 0);
  }
}

TEST_CASE("the text form, and a report that needs nothing from elsewhere") {
  TempFolder folder;
  const Outcome outcome =
      RunProgram(kLutra, "convert " + kOnnx + " -o " + (folder / "s.lutra") + kCalib +
                             " --limit 8 --report " + (folder / "s.html"));
  CHECK(outcome.err == "");
  REQUIRE(outcome.status == 0);
  for (const char* part : {"isolated", "cumulative", "operators, 0 in float",
                           "top-1 agreement with FP32", "on 8 samples"}) {
    CAPTURE(part);
    CHECK(outcome.out.find(part) != std::string::npos);
  }
  const std::string html = ReadText(folder / "s.html");
  CHECK(html.starts_with("<!doctype html>"));
  CHECK(html.find("<svg") != std::string::npos);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("src=") == std::string::npos);
  CHECK(html.ends_with("</html>\n"));
  const Outcome eval = RunProgram(kLutra, "eval " + (folder / "s.lutra") + kTest);
  CHECK(eval.out.starts_with("top-1 "));
  CHECK(eval.out.find("400 samples") != std::string::npos);
}

TEST_CASE("data given by flags is the data given by the file") {
  const std::string flags = " --format idx --images " + kShapes + "test-images.idx3.gz --labels " +
                            kShapes + "test-labels.idx1.gz --scale 0.00392156862745098 --limit 50";
  CHECK(RunJson("eval " + kOnnx + flags) == RunJson("eval " + kOnnx + kTest + " --limit 50"));
}

TEST_CASE("a model that takes pixels is measured on pixels without their scale") {
  TempFolder folder;
  const std::string model = folder / "u8.lutra";
  RunJson("convert " + kOnnx + " -o " + model + kCalib + " --input-type uint8 --limit 32");
  const std::string pixels = "eval " + model + " --format idx --images " + kShapes +
                             "test-images.idx3.gz --labels " + kShapes + "test-labels.idx1.gz";
  CHECK(RunJson(pixels + " --limit 50") == RunJson("eval " + model + kTest + " --limit 50"));
}

TEST_CASE("a fixed batch is filled up") {
  const json four = RunJson("eval " + kOnnx + kTest + " --limit 6 --input-shape image=4,1,24,24");
  const json one = RunJson("eval " + kOnnx + kTest + " --limit 6");
  CHECK(four["count"] == 6);
  CHECK(four["top1"] == one["top1"]);
  CHECK(four["loss"].get<double>() == doctest::Approx(one["loss"].get<double>()));
}

// A grey pixel, as Python's zlib and struct write it by the PNG specification.
std::string OnePixelPng() {
  const std::string_view hex =
      "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a494441"
      "54789c636800000082008177cd72b60000000049454e44ae426082";
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

TEST_CASE("class folders that do not fit the scores are said, also where they are the error") {
  TempFolder folder;
  for (const char c : std::string("012345679")) {
    folder.Write(std::string("f/c") + c + "/x.png", OnePixelPng());
  }
  const std::string eval =
      " --format folder --path " + (folder / "f") + " --resize 24,24 --channel-order GRAY";
  const std::string wrong =
      "lutra eval: warning: the data has 9 class folders, but " + kOnnx +
      " gives 10 scores: where a class has no folder, the labels behind it are shifted; make a "
      "folder for each, or give the classes by format list\n";
  CHECK(RunProgram(kLutra, "eval " + kOnnx + eval).err == wrong);
  folder.Write("f/c8/x.png", OnePixelPng());
  CHECK(RunJson("eval " + kOnnx + eval)["warnings"].empty());
  std::filesystem::create_directory(folder / "f/b");
  const Outcome shifted = RunProgram(kLutra, "eval " + kOnnx + eval);
  CHECK(shifted.status == 1);
  CHECK(shifted.err ==
        "lutra eval: warning: " + (folder / "f") +
            ": class folders without images count as classes all the same: b (class 0); remove "
            "those the network has no class for\nlutra eval: " +
            (folder / "f/c9/x.png") +
            ": has class 10, but the network gives 10 scores; check that the labels count the "
            "network's classes from 0\n");
}

TEST_CASE("what was given in place of a network is named") {
  TempFolder folder;
  const std::string model = folder / "m.lutra", archive = folder / "a.lutra";
  RunJson("convert " + kOnnx + " -o " + model + " --activations dynamic");
  RunJson("compress " + kOnnx + " -o " + archive);
  const std::string to = " -o " + (folder / "x.lutra") + " --activations dynamic";
  const auto likeness = [&](const std::string& file) {
    const std::string text = ErrorOf("convert " + file + to, 1);
    const std::string start = file + ": is no ONNX file, or it is cut off; it ";
    REQUIRE(text.starts_with(start));
    return text.substr(start.size());
  };
  CHECK(likeness(model) == "looks like a .lutra model\n");
  CHECK(likeness(archive) ==
        "looks like a .lutra archive of weights (lutra decompress restores them)\n");
  CHECK(likeness(folder.Write("x.pt", "PK\3\4 and more")).starts_with("looks like a zip file"));
  CHECK(likeness(folder.Write("x.npy", "\x93NUMPY")) == "looks like a NumPy array\n");
}

TEST_CASE("--fail-below: a ruined conversion is an error, and leaves no file") {
  TempFolder folder;
  const std::string model = folder / "shapes.lutra";
  const std::string convert = "convert " + kOnnx + " -o " + model;
  const std::string error = ErrorOf(convert + kCalib + " --fail-below 90", 1);
  CHECK(error.find("dB, below --fail-below, so nothing is written") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(model));
  CHECK(ErrorOf(convert + " --activations dynamic --fail-below 20", 1).find("give --data") !=
        std::string::npos);
  CHECK(RunProgram(kLutra, convert + kCalib + " --fail-below 20").status == 0);
  CHECK(std::filesystem::exists(model));
}

TEST_CASE("--min-sqnr: the file has what was asked for, and says which values it took") {
  TempFolder folder;
  const std::string model = folder / "shapes.lutra";
  const std::string convert = "convert " + kOnnx + " -o " + model + " --json";
  const auto int8 = nlohmann::json::parse(RunProgram(kLutra, convert + kCalib).out);
  CHECK(int8["activations"].is_null());
  const double goal = int8["output_sqnr_db"].get<double>() + 6;
  const auto raised = nlohmann::json::parse(
      RunProgram(kLutra, convert + kCalib + " --min-sqnr " + std::to_string(goal)).out);
  CHECK(raised["activations"]["reached_db"] >= goal);
  // Measured on other samples there.
  CHECK(raised["output_sqnr_db"] >= goal - 1);
  CHECK_FALSE(raised["activations"]["chosen"].empty());
  CHECK(ErrorOf(convert + " --activations dynamic --min-sqnr 20", 1).find("give --data") !=
        std::string::npos);
  CHECK(ErrorOf(convert + kCalib + " --min-sqnr 20 --max-drop 1", 2).find("excludes") !=
        std::string::npos);
}

TEST_CASE("misuse of the command line is status 2") {
  const std::string to = "convert " + kOnnx + " -o /none/x.lutra" + kCalib;
  CHECK(ErrorOf("convert", 2) == "MODEL.onnx is required; see lutra convert --help\n");
  CHECK(ErrorOf("convert " + kOnnx, 2) == "--output is required; see lutra convert --help\n");
  CHECK(ErrorOf(to + " --weights codebook9", 2) ==
        "--weights: weights 'codebook9' is unknown; use int8, linear2 to linear8, codebook1 to "
        "codebook8, fp16 or fp32; see lutra convert --help\n");
  CHECK(ErrorOf(to + " --weights int9", 2).starts_with("--weights: "));
  CHECK(ErrorOf(to + " --calibrator best", 2).starts_with("--calibrator: "));
  CHECK(ErrorOf(to + " --input-shape image", 2) ==
        "--input-shape: 'image' is not NAME=1,3,224,224; see lutra convert --help\n");
  CHECK(ErrorOf(to + " --frob", 2).find("--frob") != std::string::npos);
  CHECK(ErrorOf("eval " + kOnnx, 2) == "--data is required; see lutra eval --help\n");
  CHECK(ErrorOf("eval " + kOnnx + " --limit many --data x.json", 2).find("--limit") !=
        std::string::npos);
  CHECK(RunProgram(kLutra, "").status == 2);
  CHECK(RunProgram(kLutra, "frobnicate").status == 2);
}

TEST_CASE("help and version") {
  for (const char* command : {"", "convert ", "eval ", "compare ", "prune ", "cluster ",
                              "compress ", "decompress ", "run ", "inspect "}) {
    const Outcome help = RunProgram(kLutra, std::string(command) + "--help");
    CHECK(help.status == 0);
    CHECK(help.err == "");
    CHECK(help.out.find("Example") != std::string::npos);
  }
  CHECK(RunProgram(kLutra, "--version").out == std::string("lutra ") + lutra_version() + "\n");
}

TEST_CASE("bad input: one line, status 1, no file") {
  TempFolder folder;
  const std::string output = folder / "out.lutra";
  const std::string to = "convert " + kOnnx + " -o " + output;
  const auto fail = [&](const std::string& arguments) {
    const std::string error = ErrorOf(arguments, 1);
    CHECK_FALSE(std::filesystem::exists(output));
    return error;
  };
  CHECK(fail(to) == "static int8 needs calibration data: give --data, or --activations dynamic\n");
  CHECK(fail("convert /none/x.onnx -o " + output + kCalib) ==
        "/none/x.onnx: cannot be opened: No such file or directory\n");
  CHECK(fail("convert " + folder.Write("x.onnx", "no onnx at all") + " -o " + output + kCalib)
            .starts_with(folder / "x.onnx: "));
  std::string cut = ReadText(kOnnx);
  cut.resize(cut.size() / 2);
  CHECK(fail("convert " + folder.Write("cut.onnx", cut) + " -o " + output + kCalib) ==
        folder / "cut.onnx: is no ONNX file, or it is cut off\n");
  CHECK(fail("convert " + kOnnx + " -o " + (folder / "none/x.lutra") + kCalib) ==
        folder / "none/x.lutra: cannot be created: No such file or directory\n");
  CHECK(fail("convert " + kOnnx + " -o /dev/full" + kCalib) ==
        "/dev/full: cannot be written: No space left on device\n");
  CHECK(fail(to + " --data /none/d.json") ==
        "/none/d.json: cannot be opened: No such file or directory\n");
  CHECK(fail(to + kCalib + " --resize 32,32") ==
        kShapes +
            "calib-images.idx3.gz, image 0: gives a sample of shape [1, 32, 32], but the network's "
            "input has shape [1, 1, 24, 24]; set resize, center_crop or layout in the data "
            "description\n");
  CHECK(fail(to + kCalib + " --recipe " + folder.Write("r.json", "{"))
            .starts_with(folder / "r.json: "));
  CHECK(fail(to + kCalib + " --recipe " +
             folder.Write("r.json", R"({"layers": [{"name": "nobody", "weights": "fp16"}]})"))
            .starts_with(folder / "r.json: "));
  CHECK(fail("eval " + kOnnx + " --format idx --images " + kShapes + "test-images.idx3.gz") ==
        "eval needs labels, but the data has none; a network that classifies nothing is measured "
        "with --targets FILE.npy and --metric\n");
  CHECK(fail("eval " + folder.Write("junk.lutra", "????LUTRjunk") + kTest)
            .starts_with(folder / "junk.lutra: "));
  CHECK(fail("eval " + kOnnx + kTest + " --limit 2 --mean 1,2") ==
        kShapes +
            "test.json and data flags: \"mean\" holds 2 values, but the samples have 1 channel; "
            "give one value, or one per channel\n");
}

TEST_CASE("bad places to write reports to") {
  TempFolder folder;
  const std::string to =
      "convert " + kOnnx + " -o " + (folder / "x.lutra") + kCalib + " --limit 2 ";
  CHECK(ErrorOf(to + "--report /dev/full", 1) ==
        "/dev/full: cannot be written: No space left on device\n");
  const Outcome full = RunProgram(kLutra, "eval " + kOnnx + kTest + " --limit 2 >/dev/full");
  CHECK(full.status == 1);
  CHECK(full.err == "lutra: cannot write the output\n");
}

}  // namespace
}  // namespace lutra
