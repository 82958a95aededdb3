// --max-size and --max-drop of lutra convert and tune, on the example network.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

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
using test::RunProgram;
using test::TempFolder;

std::string Convert(const std::string& output, const std::string& more) {
  return "convert " + kOnnx + " -o " + output + " --data " + kShapes + "calib.json " + more;
}

/// The JSON of a conversion that may warn.
json Converted(const std::string& arguments) {
  const Outcome outcome = RunProgram(kLutra, arguments + " --json");
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  return json::parse(outcome.out);
}

const json& Chosen(const json& report) {
  for (const json& trial : report["budget"]["trials"]) {
    if (trial["chosen"]) return trial;
  }
  FAIL("nothing is chosen");
  return report;
}

/// The chosen one is the best of those that fit, as they were measured.
void CheckChoice(const json& report, uint64_t most) {
  const json& chosen = Chosen(report);
  CHECK(chosen["bytes"] <= most);
  for (const json& trial : report["budget"]["trials"]) {
    if (trial["bytes"] > most || trial["accuracy"].is_null()) continue;
    if (trial["divergence"] < chosen["divergence"]) CHECK(trial["accuracy"] < chosen["accuracy"]);
  }
}

TEST_CASE("files are within the size, with and without a codec, and no worse than uniform ones") {
  const TempFolder folder;
  const std::string output = folder / "net.lutra";
  for (const auto& [flags, most] :
       {std::pair("--weights codebook4", 15000), std::pair("--weights linear6", 22000),
        std::pair("--weights codebook5", 26000), std::pair("--codec best", 20000)}) {
    const std::string given = flags;
    CAPTURE(given);
    const json report = Converted(Convert(output, given + " --max-size " + std::to_string(most)));
    const auto bytes = std::filesystem::file_size(output);
    CHECK(bytes == report["output_bytes"]);
    CHECK(bytes <= static_cast<uint64_t>(most));
    CHECK(static_cast<double>(bytes) > 0.9 * most);
    CHECK(report["budget"]["limit"] == "--max-size " + std::to_string(most));
    // With a codec the file of all the data may be longer than that of half of it, and what was the
    // best too long.
    if (given != "--codec best") CheckChoice(report, static_cast<uint64_t>(most));
  }
  // The recipe beside the model gives the same bytes again.
  Converted(
      Convert(folder / "again.lutra", "--codec best --recipe " + (folder / "net.recipe.json")));
  CHECK(ReadText(folder / "again.lutra") == ReadText(output));
}

TEST_CASE("the table says what was chosen and what else was tried; the report too") {
  const TempFolder folder;
  const std::string html = folder / "net.html";
  const Outcome outcome = RunProgram(
      kLutra,
      Convert(folder / "net.lutra", "--max-size 15KB --weights codebook2 --report " + html));
  REQUIRE(outcome.status == 0);
  CHECK(outcome.out.find("Weights of each layer for --max-size 15000") != std::string::npos);
  CHECK(outcome.out.find("  chosen\n") != std::string::npos);
  CHECK(outcome.out.find("top-1 accuracy of FP32") != std::string::npos);
  CHECK(ReadText(html).find("<h2>Weights of each layer for --max-size 15000</h2>") !=
        std::string::npos);
}

TEST_CASE("--weights is the family and the most bits; layers that a recipe names stay") {
  const TempFolder folder;
  const std::string output = folder / "net.lutra";
  const std::string first = Converted(Convert(output, ""))["layers"][0]["name"];
  folder.Write("r.json", R"({"layers": [{"name": ")" + first + R"(", "weights": "linear7"}]})");
  const json report = Converted(
      Convert(output, "--max-size 18KB --weights codebook3 --recipe " + (folder / "r.json")));
  for (const json& layer : report["budget"]["layers"]) {
    const std::string weights = layer["weights"];
    CAPTURE(weights);
    if (layer["name"] == first) {
      CHECK(weights == "linear7");
      CHECK(layer["fixed"] == true);
    } else {
      const std::set<std::string> allowed = {"codebook1", "codebook2", "codebook3"};
      CHECK(allowed.contains(weights));
    }
  }
}

TEST_CASE("--max-drop: the drop that was measured is within it") {
  const TempFolder folder;
  const std::string output = folder / "net.lutra";
  const uint64_t int8 = Converted(Convert(output, ""))["output_bytes"];
  const json report = Converted(Convert(output, "--max-drop 4 --weights codebook4"));
  const double fp32 = report["budget"]["fp32_accuracy"];
  const double chosen = Chosen(report)["accuracy"];
  CHECK(fp32 - chosen <= 0.04);
  CHECK(report["output_bytes"] < int8 / 2);
}

TEST_CASE("what cannot be is an error that says what can") {
  const TempFolder folder;
  const std::string output = folder / "net.lutra";
  CHECK(ErrorOf("convert " + kOnnx + " -o " + output + " --max-size 9KB", 1) ==
        "--max-size 9000: needs data to choose by: give --data\n");
  CHECK(ErrorOf(Convert(output, "--max-size 9KB --max-drop 1"), 2).find("--max-drop") !=
        std::string::npos);
  CHECK(ErrorOf(Convert(output, "--time-limit 1"), 2).find("--time-limit") != std::string::npos);
  CHECK(ErrorOf(Convert(output, "--weights fp16 --max-size 9KB"), 1) ==
        "--max-size 9000: there is nothing to choose: no layer has integer weights that the recipe "
        "leaves open\n");
  CHECK(ErrorOf(Convert(output, "--max-size 15KB --time-limit 0.00001"), 1) ==
        "--max-size 15000: stopped before there was a model within it; give it more time\n");
  const std::string error = ErrorOf(Convert(output, "--max-size 1000 --weights codebook2"), 1);
  CAPTURE(error);
  const std::string before = "--max-size 1000: the smallest file of this network has ";
  REQUIRE(error.starts_with(before));
  CHECK(error.ends_with(" bytes; --codec best makes it smaller\n"));
  CHECK(!std::filesystem::exists(output));
  // That size can be had, and no smaller one.
  const uint64_t least = std::stoull(error.substr(before.size()));
  Converted(Convert(output, "--weights codebook2 --max-size " + std::to_string(least)));
  CHECK(std::filesystem::file_size(output) <= least);
}

/// `lutra tune` of the example network, an epoch.
Outcome Tune(const std::string& output, const std::string& more) {
  return RunProgram(kLutra, "tune " + kOnnx + " -o " + output + " --data " + kShapes +
                                "calib.json --epochs 1 --json " + more);
}

/// What stands behind the lines of the epochs.
json LastLine(const std::string& text) {
  return json::parse(text.substr(text.rfind('\n', text.size() - 2) + 1));
}

TEST_CASE("tune: zeros where few bits alone are too many bytes, each layer's by itself") {
  const TempFolder folder;
  const std::string output = folder / "net.lutra", html = folder / "net.html";
  // Two bits for each of the 34,480 weights, of which many are 0 and coded, are 10 KB.
  const std::string flags = "--weights linear3 --codec best --max-size 10500 --report " + html;
  const Outcome outcome = Tune(output, flags);
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(std::filesystem::file_size(output) <= 10500);
  CHECK(outcome.out.find(R"({"stage":"pruning"})") != std::string::npos);
  std::set<double> sparsities;
  const json report = LastLine(outcome.out);
  for (const json& layer : report["budget"]["layers"]) {
    const double sparsity = layer["sparsity"];
    sparsities.insert(sparsity);
    CHECK(layer["sparsity_cost"].is_null() == (sparsity == 0));
  }
  CHECK(sparsities.size() > 1);
  CHECK(ReadText(html).find("<th>zeros</th><th>their cost</th>") != std::string::npos);
  // Who says how many zeros there are gets these.
  const Outcome none = Tune(folder / "none.lutra", flags + " --sparsity 0");
  CHECK(none.status == 1);
  CHECK(none.err.find("--max-size 10500: the smallest file of this network has 1") !=
        std::string::npos);
}

TEST_CASE("tune: without a codec zeros save nothing, and there are none") {
  const TempFolder folder;
  const Outcome outcome = Tune(folder / "net.lutra", "--weights codebook2 --max-size 15KB");
  REQUIRE(outcome.status == 0);
  CHECK(outcome.out.find("stage") == std::string::npos);
  const json report = LastLine(outcome.out);
  CHECK(report["budget"]["layers"].size() == 10);
  for (const json& layer : report["budget"]["layers"]) {
    CHECK(layer["sparsity"] == 0);
  }
}

TEST_CASE("tune keeps the size") {
  const TempFolder folder;
  const std::string output = folder / "net.lutra";
  const Outcome outcome = RunProgram(
      kLutra, "tune " + kOnnx + " -o " + output + " --data " + kShapes +
                  "calib.json --max-size 13KB --codec best --weights codebook3 --epochs 2 --json");
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(std::filesystem::file_size(output) <= 13000);
}

}  // namespace
}  // namespace lutra
