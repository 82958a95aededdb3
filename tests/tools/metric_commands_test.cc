// --targets and --metric of lutra eval and of budgets: networks that classify nothing. Networks,
// data and targets are made here, and what comes out is worked out beside.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cmath>

#include "tools/lutra_program.h"
#include "tools/train_bench.h"

namespace lutra {
namespace {

using nlohmann::json;
using test::Bench;
using test::ErrorOf;
using test::kLutra;
using test::Linear;
using test::Npy;
using test::Outcome;
using test::ReadText;
using test::RunJson;
using test::RunProgram;

constexpr size_t kSamples = 24, kInputs = 4, kOutputs = 3;

/// What Linear makes of the bench's samples.
std::vector<double> OutputsOf(const Bench& bench) {
  const std::string file = ReadText(bench.folder / "x.npy");
  std::vector<float> x(kSamples * kInputs);
  std::memcpy(x.data(), file.data() + file.size() - x.size() * sizeof(float),
              x.size() * sizeof(float));
  const double w[kInputs][kOutputs] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {8, 7, 6}};
  std::vector<double> y;
  for (size_t s = 0; s < kSamples; ++s) {
    for (size_t n = 0; n < kOutputs; ++n) {
      double sum = static_cast<double>(n);  // the bias
      for (size_t k = 0; k < kInputs; ++k) {
        sum += w[k][n] * static_cast<double>(x[s * kInputs + k]);
      }
      y.push_back(sum);
    }
  }
  return y;
}

/// Targets: y and a little more in the first of the three.
struct Targets {
  Bench bench;
  std::vector<double> y = OutputsOf(bench), t = y;
  Targets() {
    for (size_t i = 0; i < t.size(); i += kOutputs) t[i] += 0.5;
    bench.folder.Write("t.npy", Npy("<f8", "(24, 3)", t));
  }
  std::string Data() const {
    return " --format npy --images " + (bench.folder / "x.npy") + " --targets " +
           (bench.folder / "t.npy");
  }
  std::string Eval(const std::string& model, const std::string& metric) const {
    return "eval " + (bench.folder / model) + Data() + " --metric " + metric;
  }
  std::string Script(const std::string& body) const {
    const std::string path = bench.folder.Write("score", "#!/bin/sh\n" + body + "\n");
    CHECK(::chmod(path.c_str(), 0755) == 0);
    return path;
  }
  double Cosine(size_t first) const {
    double sum = 0;
    for (size_t s = first; s < kSamples; ++s) {
      double product = 0, a = 0, b = 0;
      for (size_t i = s * kOutputs; i < (s + 1) * kOutputs; ++i) {
        product += y[i] * t[i];
        a += y[i] * y[i];
        b += t[i] * t[i];
      }
      sum += product / std::sqrt(a * b);
    }
    return sum / static_cast<double>(kSamples - first);
  }
};

TEST_CASE("eval: mean squared error and cosine of a network and of a model") {
  const Targets given;
  REQUIRE(RunProgram(kLutra, "convert " + (given.bench.folder / "net.onnx") + " -o " +
                                 (given.bench.folder / "net.lutra") +
                                 " --weights fp32 --activations float")
              .status == 0);
  for (const char* model : {"net.onnx", "net.lutra"}) {
    const json mse = RunJson(given.Eval(model, "mse"));
    CHECK(mse["metric"] == "mse");
    CHECK(mse["value"].get<double>() == doctest::Approx(0.25 / 3).epsilon(1e-5));
    CHECK(mse["count"] == 24);
    const json cosine = RunJson(given.Eval(model, "cosine"));
    CHECK(cosine["value"].get<double>() == doctest::Approx(given.Cosine(0)).epsilon(1e-6));
    // Rows of targets go with their samples.
    const json last = RunJson(given.Eval(model, "cosine --offset 20"));
    CHECK(last["value"].get<double>() == doctest::Approx(given.Cosine(20)).epsilon(1e-6));
    CHECK(last["count"] == 4);
  }
  CHECK(RunProgram(kLutra, given.Eval("net.onnx", "mse")).out == "mse 0.0833333   24 samples\n");
}

TEST_CASE("eval: a program judges; its number, or its failure, is the result") {
  const Targets given;
  const std::string program = given.Script("test -s \"$1\" && test -s \"$2\" && echo 0.75");
  CHECK(RunJson(given.Eval("net.onnx", program))["value"] == 0.75);
  CHECK(ErrorOf(given.Eval("net.onnx", given.Script("echo none")), 1)
            .find("must print one finite number") != std::string::npos);
  CHECK(ErrorOf(given.Eval("net.onnx", "psnr-of-nobody"), 1).find("PATH has none of this name") !=
        std::string::npos);
}

TEST_CASE("eval: targets and metric come together, and fit") {
  const Targets given;
  const std::string eval =
      "eval " + (given.bench.folder / "net.onnx") + " --data " + (given.bench.folder / "d.json");
  CHECK(ErrorOf(eval + " --metric mse", 1) ==
        "--metric mse needs targets, but the data has none: give --targets FILE.npy\n");
  CHECK(ErrorOf("eval " + (given.bench.folder / "net.onnx") + given.Data(), 2) ==
        "--targets: needs --metric, which says how outputs are compared with them; see lutra eval "
        "--help\n");
  given.bench.folder.Write("short.npy", Npy("<f8", "(23, 3)", std::vector<double>(69)));
  CHECK(ErrorOf(eval + " --metric mse --targets " + (given.bench.folder / "short.npy"), 1) ==
        given.bench.folder /
            "short.npy: has 23 rows, but the data has 24 samples; targets are a "
            "row for each, before offset and limit\n");
  given.bench.folder.Write("wide.npy", Npy("<f8", "(24, 4)", std::vector<double>(96)));
  CHECK(ErrorOf(eval + " --metric mse --targets " + (given.bench.folder / "wide.npy"), 1)
            .find("output 'y' [1, 3] does not have the shape [4]") != std::string::npos);
}

TEST_CASE("train and tune against targets: the error becomes less") {
  Targets given;
  // What the network shall learn is that the first number is larger by one half.
  const std::string data = given.Data() + " --batch 4 --epochs 20 --validation 0.25 ";
  const std::string more = data + "--rate 0.02 ";
  const std::string trained = given.bench.folder / "trained.onnx";
  const Outcome outcome =
      RunProgram(kLutra, "train " + (given.bench.folder / "net.onnx") + " -o " + trained + more);
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  const json first = json::parse(outcome.out.substr(0, outcome.out.find('\n')));
  CHECK(first["accuracy"].is_null());
  CHECK(first["validation_accuracy"].is_null());
  CHECK(first["validation_loss"].is_number());
  CHECK(RunJson(given.Eval("trained.onnx", "mse"))["value"].get<double>() < 0.25 / 30);

  const auto error_of = [&](const std::string& command) {
    const Outcome made = RunProgram(kLutra, command + " -o " + (given.bench.folder / "m.lutra"));
    CAPTURE(made.err);
    REQUIRE(made.status == 0);
    return RunJson(given.Eval("m.lutra", "mse"))["value"].get<double>();
  };
  const std::string network = given.bench.folder / "net.onnx";
  CHECK(error_of("convert " + network + given.Data()) > 0.25 / 4);
  CHECK(error_of("tune " + network + data + "--rate 0.001") < 0.25 / 30);

  CHECK(ErrorOf("train " + network + " -o " + trained + more + "--target 99", 1) ==
        "--target is an accuracy, which training against targets does not have\n");
  CHECK(ErrorOf("train " + network + " -o " + trained + more + "--augment mixup:0.2", 1)
            .find("mixup needs labels") != std::string::npos);
}

TEST_CASE("budgets: the metric says what is lost, and decides") {
  const Targets given;
  const std::string convert = "convert " + (given.bench.folder / "net.onnx") + " -o " +
                              (given.bench.folder / "net.lutra") + given.Data();
  // Points of the cosine, and percent of a squared error that is small beside the outputs.
  for (const auto& [metric, words, most] : {std::tuple("cosine", "mean cosine similarity", 20),
                                            std::tuple("mse", "mean squared error", 1000)}) {
    const Outcome outcome = RunProgram(
        kLutra, convert + " --max-drop " + std::to_string(most) + " --json --metric " + metric);
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    const json budget = json::parse(outcome.out)["budget"];
    CHECK(budget["accuracy"] == words);
    const double fp32 = budget["fp32_accuracy"].get<double>();
    bool chosen = false;
    for (const json& trial : budget["trials"]) {
      if (!trial["chosen"]) continue;
      const double value = trial["accuracy"].get<double>();
      CHECK(100 * (words[5] == 'c' ? fp32 - value : (value - fp32) / fp32) <= most);
      chosen = true;
    }
    CHECK(chosen);
  }
  const Outcome size =
      RunProgram(kLutra, convert + " --max-size 1500 --json --metric " + given.Script("echo -3"));
  CAPTURE(size.err);
  REQUIRE(size.status == 0);
  CHECK(json::parse(size.out)["budget"]["fp32_accuracy"] == -3);
  CHECK(ErrorOf(convert + " --metric mse", 2).find("--max-size or --max-drop") !=
        std::string::npos);
  CHECK(ErrorOf(convert + " --max-drop 101", 2).find("at most 100") != std::string::npos);
}

}  // namespace
}  // namespace lutra
