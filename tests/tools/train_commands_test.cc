// lutra train and tune as programs: what they leave when all is well, and that whatever is wrong is
// one line and costs nothing that was there. Networks and data are made here.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "tools/lutra_program.h"
#include "tools/train_bench.h"

namespace lutra {
namespace {

using converter::importing::AddFloats;
using converter::importing::AddInts;
using converter::importing::AddNode;
using nlohmann::json;
using test::Bench;
using test::ErrorOf;
using test::kLutra;
using test::Linear;
using test::Model;
using test::Npy;
using test::Outcome;
using test::ReadText;
using test::RunProgram;
using test::TempFolder;

/// The error of a run, which leaves an old output, and nothing new.
std::string FailureOf(const Bench& bench, const std::string& more = "") {
  bench.folder.Write("out.onnx", "old");
  const std::set<std::string> names = bench.Names();
  const std::string error = ErrorOf(bench.Command(bench.folder / "out.onnx", more), 1);
  CHECK(ReadText(bench.folder / "out.onnx") == "old");
  CHECK(bench.Names() == names);
  return error;
}

TEST_CASE("a network learns: one JSON object an epoch, the same bytes each time") {
  const Bench bench;
  const Outcome one = RunProgram(kLutra, bench.Command());
  CHECK(one.err == "");
  REQUIRE(one.status == 0);
  size_t lines = 0;
  double first = 0, last = 0;
  for (size_t at = 0; at < one.out.size(); at = one.out.find('\n', at) + 1) {
    const json line = json::parse(one.out.substr(at, one.out.find('\n', at) - at));
    CHECK(line["epoch"] == ++lines);
    CHECK(line["epochs"] == 5);
    last = line["loss"].get<double>();
    if (lines == 1) first = last;
  }
  CHECK(lines == 5);
  CHECK(last < first);
  REQUIRE(RunProgram(kLutra, bench.Command(bench.folder / "again.onnx", "--threads 1")).status ==
          0);
  CHECK(ReadText(bench.folder / "again.onnx") == ReadText(bench.folder / "out.onnx"));
  CHECK(ReadText(bench.folder / "out.onnx") != ReadText(bench.folder / "net.onnx"));
}

TEST_CASE("a name in .lutra is a model: the trained network, converted") {
  const Bench bench;
  const std::string data = " --data " + (bench.folder / "d.json");
  REQUIRE(RunProgram(kLutra, bench.Command()).status == 0);
  const std::string trained = bench.folder / "out.onnx", model = bench.folder / "m.lutra";
  const std::string also = bench.folder / "also.onnx";
  const Outcome one =
      RunProgram(kLutra, bench.Command(model, "--json --weights linear4 --emit-onnx " + also));
  REQUIRE(one.status == 0);
  CHECK(ReadText(also) == ReadText(trained));
  // Behind the lines of the epochs stands what convert says.
  const json last = json::parse(one.out.substr(one.out.rfind('\n', one.out.size() - 2) + 1));
  CHECK(last["output_bytes"] == std::filesystem::file_size(model));
  const std::string converted = bench.folder / "c.lutra";
  REQUIRE(
      RunProgram(kLutra, "convert " + trained + " -o " + converted + data + " --weights linear4")
          .status == 0);
  CHECK(ReadText(model) == ReadText(converted));
  CHECK(ReadText(bench.folder / "m.recipe.json") == ReadText(bench.folder / "c.recipe.json"));
  CHECK(ErrorOf(bench.Command(trained, "--weights linear4"), 2)
            .find("is for a model; name that with -o NAME.lutra") != std::string::npos);
}

TEST_CASE("tune also writes the float network with its weights on their grid") {
  const Bench bench;
  const std::string model = bench.folder / "t.lutra", network = bench.folder / "t.onnx";
  const std::string data = " --data " + (bench.folder / "d.json");
  REQUIRE(RunProgram(kLutra, "tune " + (bench.folder / "net.onnx") + data + " -o " + model +
                                 " --weights linear3 --batch 4 --epochs 2 --emit-onnx " + network)
              .status == 0);
  const json tuned = test::RunJson("eval " + network + data);
  CHECK(tuned["count"] == 24);
  onnx::ModelProto model_proto;
  REQUIRE(model_proto.ParseFromString(ReadText(network)));
  const auto& initializers = model_proto.graph().initializer();
  const auto weight = std::ranges::find(initializers, "w", &onnx::TensorProto::name);
  REQUIRE(weight != initializers.end());
  std::vector<float> w(12);  // [4][3]
  REQUIRE(weight->raw_data().size() == 4 * w.size());
  std::memcpy(w.data(), weight->raw_data().data(), 4 * w.size());
  for (size_t n = 0; n < 3; ++n) {
    float smallest = 1e9F;
    for (size_t k = 0; k < 4; ++k) {
      const float magnitude = std::fabs(w[3 * k + n]);
      if (magnitude > 0) smallest = std::min(smallest, magnitude);
    }
    // The smallest is one, two or three steps.
    bool on_grid = false;
    for (const float steps : {1.0F, 2.0F, 3.0F}) {
      bool all = true;
      for (size_t k = 0; k < 4; ++k) {
        const float level = w[3 * k + n] / smallest * steps;
        all = all && std::fabs(level - std::nearbyint(level)) < 1e-4F && std::fabs(level) < 3.5F;
      }
      on_grid = on_grid || all;
    }
    CHECK(on_grid);
  }
}

TEST_CASE("effort high: needs data and no budget, and is no option of tune") {
  const Bench bench;
  const std::string convert = "convert " + (bench.folder / "net.onnx") + " -o " +
                              (bench.folder / "m.lutra") + " --weights linear3 --effort high";
  const std::string data = " --data " + (bench.folder / "d.json");
  const Outcome outcome = RunProgram(kLutra, convert + data);
  CHECK(outcome.status == 0);
  CHECK(outcome.err.find("--effort high does nothing") == std::string::npos);
  CHECK(ErrorOf(convert, 1).find("--data") != std::string::npos);
  CHECK(ErrorOf(convert + data + " --max-size 100000", 2)
            .find("--effort: high is not for a budget") != std::string::npos);
  CHECK(RunProgram(kLutra, "tune " + (bench.folder / "net.onnx") + data + " -o " +
                               (bench.folder / "t.lutra") + " --effort high")
            .status == 2);
  CHECK(RunProgram(kLutra, convert + data + " --effort low").status == 2);
}

TEST_CASE("data that does not fit") {
  Bench bench;
  CHECK(FailureOf(bench, "--batch 32") ==
        "a minibatch of 32 samples, but there are 22 to train on; give more data or a smaller "
        "--batch\n");
  CHECK(FailureOf(bench, "--limit 1 --validation 0") ==
        "a minibatch of 4 samples, but there are 1 to train on; give more data or a smaller "
        "--batch\n");
  bench.Data([](size_t i) { return static_cast<int64_t>(i == 17 ? 3 : i % 3); });
  CHECK(
      FailureOf(bench).find("17: label 3 is none of the network's 3 classes, which count from 0") !=
      std::string::npos);
  bench.Data([](size_t i) { return static_cast<int64_t>(i == 5 ? -1 : i % 3); });
  CHECK(FailureOf(bench).find("label") != std::string::npos);
  bench.folder.Write("d.json", R"({"format": "npy", "images": "x.npy"})");
  CHECK(FailureOf(bench).starts_with("the data has no labels, which this training needs"));
}

TEST_CASE("a class without a sample is a warning") {
  Bench bench;
  bench.Data([](size_t i) { return static_cast<int64_t>(i % 2); });
  const Outcome outcome = RunProgram(kLutra, bench.Command());
  CHECK(outcome.status == 0);
  CHECK(
      outcome.err.starts_with("lutra train: warning: 1 of the network's 3 classes have no sample "
                              "in the data (the first is 2)"));
}

TEST_CASE("parameters that an exporter wrote once learn each for itself") {
  Bench bench;
  onnx::ModelProto equal = Linear();
  *equal.mutable_graph()->mutable_node(0)->mutable_input(0) = "n";
  AddFloats(equal, "scale", {4}, {1, 1, 1, 1});
  AddFloats(equal, "bias", {4}, {0, 0, 0, 0});
  AddNode(equal, "Identity", {"scale"}, {"variance"});
  AddNode(equal, "BatchNormalization", {"x", "scale", "bias", "bias", "variance"}, {"n"});
  std::swap(*equal.mutable_graph()->mutable_node(0), *equal.mutable_graph()->mutable_node(2));
  std::swap(*equal.mutable_graph()->mutable_node(0), *equal.mutable_graph()->mutable_node(1));
  bench.Network(equal);
  REQUIRE(RunProgram(kLutra, bench.Command()).status == 0);
  onnx::ModelProto trained;
  REQUIRE(trained.ParseFromString(ReadText(bench.folder / "out.onnx")));
  CHECK(trained.graph().node_size() == 2);
  std::set<std::string> names, values;
  for (const onnx::TensorProto& tensor : trained.graph().initializer()) {
    names.insert(tensor.name());
    values.insert(tensor.raw_data());
  }
  CHECK(names == std::set<std::string>{"w", "b", "scale", "bias", "variance", "bias.1"});
  CHECK(values.size() == 6);
}

TEST_CASE("networks that cannot be trained") {
  Bench bench;
  onnx::ModelProto two = Model({"x", "z"}, {1, 3});
  AddFloats(two, "w", {4, 3}, std::vector<float>(12, 1));
  AddNode(two, "Add", {"x", "z"}, {"s"});
  AddNode(two, "MatMul", {"s", "w"}, {"y"});
  bench.Network(two);
  const std::string net = bench.folder / "net.onnx";
  CHECK(FailureOf(bench) == net + ": has 2 inputs; networks with one can be trained\n");

  onnx::ModelProto alone = Model({"x"}, {1, 1});
  AddFloats(alone, "w", {4, 1}, std::vector<float>(4, 1));
  AddNode(alone, "MatMul", {"x", "w"}, {"y"});
  bench.Network(alone);
  CHECK(FailureOf(bench) ==
        net + ": no output is a row of scores; name one with --scores: y 1x1\n");

  onnx::ModelProto steps = Linear();
  steps.mutable_graph()->mutable_node(0)->set_output(0, "s");
  AddNode(steps, "Floor", {"s"}, {"y"});
  bench.Network(steps);
  CHECK(FailureOf(bench) == "cannot train the network: node 'y': operator Floor has no gradient\n");

  onnx::ModelProto fixed = Model({"x"}, {1, 4});
  AddNode(fixed, "Relu", {"x"}, {"y"});
  bench.Network(fixed);
  CHECK(FailureOf(bench).starts_with(net + ": "));
}

TEST_CASE("a loss that is no number: the best weights before it are kept") {
  // SGD with so much decay multiplies weights by about -999 in each step.
  const std::string grow =
      "--optimizer sgd --momentum 0 --schedule constant --rate 1000 --weight-decay 1";
  const Bench bench;
  CHECK(
      FailureOf(bench, grow + " --batch 1").starts_with("the loss is no number any more at step "));
  const std::string out = bench.folder / "best.onnx";
  const Outcome outcome = RunProgram(kLutra, bench.Command(out, grow));
  CHECK(outcome.status == 1);
  CHECK(outcome.err.starts_with("lutra train: the loss is no number any more at step "));
  CHECK(outcome.err.find("may help; " + out + " has the weights of epoch ") != std::string::npos);
  CHECK(RunProgram(kLutra, "eval " + out + " --data " + (bench.folder / "d.json")).status == 0);
}

TEST_CASE("outputs that cannot be written are known before the work") {
  const Bench bench;
  const auto fail = [&](const std::string& output, const std::string& more = "") {
    return ErrorOf(bench.Command(output, more), 1);
  };
  CHECK(fail("/none/out.onnx") == "/none/out.onnx: cannot be created: No such file or directory\n");
  CHECK(fail(bench.folder / "") == (bench.folder / "") + ": is a folder; name a file\n");
  CHECK(fail(bench.folder / "x.npy").find("which would be lost") != std::string::npos);
  CHECK(fail(bench.folder / "out.onnx", "--checkpoint /none/run") ==
        "/none/run: cannot be created: No such file or directory\n");
  CHECK(fail(bench.folder / "out.onnx", "--checkpoint " + (bench.folder / "x.npy"))
            .find("which would be lost; give --checkpoint another name") != std::string::npos);
  CHECK(!std::filesystem::exists(bench.folder / "out.onnx"));
  // Nothing is printed before these: no epoch was begun.
  const std::string full = "/dev/full: cannot be written: No space left on device\n";
  CHECK(fail("/dev/full") == full);
  CHECK(fail(bench.folder / "out.lutra", "--report /dev/full") == full);
  const std::string tune = "tune " + (bench.folder / "net.onnx") + " --data " +
                           (bench.folder / "d.json") + " --batch 4 --epochs 2 -o ";
  CHECK(ErrorOf(tune + "/dev/full", 1) == full);
  for (const char* output : {"--emit-qdq", "--emit-onnx", "--report", "--checkpoint"}) {
    CHECK(ErrorOf(tune + (bench.folder / "out.lutra ") + output + " /dev/full", 1) == full);
  }
  CHECK(!std::filesystem::exists(bench.folder / "out.lutra"));
}

/// What is said when the output's folder, "gone", goes away while the network is trained. The pipe
/// that the lines of the epochs go to is filled, so that the run waits for the folder to be gone.
std::string LosesItsFolder(const Bench& bench, const std::string& flags,
                           const std::string& checkpoint) {
  const std::string gone = bench.folder / "gone";
  std::filesystem::create_directory(gone);
  const std::string command =
      bench.Command(gone + "/out.onnx", flags + " --checkpoint " + checkpoint);
  const std::string wait =
      "for i in $(seq 1000); do [ -e " + checkpoint + " ] && break; sleep 0.01; done";
  return RunProgram(kLutra, command + "; } | { " + wait + "; rm -r " + gone + "; cat; }",
                    "{ head -c 65000 /dev/zero; ")
      .err;
}

TEST_CASE("what cannot be written at the end costs nothing where there is a checkpoint") {
  const Bench bench;
  const std::string checkpoint = bench.folder / "run.checkpoint";
  REQUIRE(RunProgram(kLutra, bench.Command()).status == 0);
  CHECK(LosesItsFolder(bench, "", checkpoint) ==
        "lutra train: " + (bench.folder / "gone/out.onnx") +
            ": cannot be created: No such file or directory\n");
  REQUIRE(std::filesystem::exists(checkpoint));
  const std::string again = bench.folder / "again.onnx";
  const Outcome rest = RunProgram(kLutra, bench.Command(again, "--checkpoint " + checkpoint));
  CHECK(rest.status == 0);
  CHECK(rest.out == "");
  CHECK(rest.err == "lutra train: " + checkpoint + ": goes on after step 25 of 25\n");
  CHECK(ReadText(again) == ReadText(bench.folder / "out.onnx"));
  CHECK(!std::filesystem::exists(checkpoint));
}

TEST_CASE("a checkpoint of another run, or a damaged one, stays as it is") {
  const Bench bench;
  const std::string checkpoint = bench.folder / "run.checkpoint";
  LosesItsFolder(bench, "--rate 0.003", checkpoint);
  const std::string whole = ReadText(checkpoint);
  CHECK(FailureOf(bench, "--checkpoint " + checkpoint + " --rate 0.5")
            .find("belongs to another run: --rate is 0.003 there and 0.5 here; give the same") !=
        std::string::npos);
  CHECK(ReadText(checkpoint) == whole);
  bench.folder.Write("run.checkpoint", whole.substr(0, whole.size() / 2));
  CHECK(FailureOf(bench, "--checkpoint " + checkpoint).find("remove it, or give another file") !=
        std::string::npos);
}

}  // namespace
}  // namespace lutra
