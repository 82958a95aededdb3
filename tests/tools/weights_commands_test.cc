// compress, decompress, prune, cluster, and inspect of what they write, as programs: on weights
// made here, on the example's network, and on the shared checkpoints where they are.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "converter/checkpoint/pickle_writer.h"
#include "support/skip.h"
#include "tools/lutra_program.h"

namespace lutra {
namespace {

using nlohmann::json;
using test::ErrorOf;
using test::kLutra;
using test::kOnnx;
using test::Outcome;
using test::ReadText;
using test::RunJson;
using test::RunProgram;
using test::TempFolder;

const std::string kTestData = " --data " LUTRA_SOURCE_DIR "/examples/shapes/test.json --limit 50";
const std::string kCheckpoints = LUTRA_SOURCE_DIR "/../shared/models/checkpoints/";

bool Mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string SafetensorsOf(const std::string& header, const std::string& data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i));
  return file + header + data;
}

// Two layers of 16 and 4 weights, a bias, a counter.
std::string Weights(const TempFolder& folder) {
  std::vector<float> values;
  for (int i = 0; i < 16; ++i) values.push_back(static_cast<float>(i * 37 % 101 - 50) / 16);
  for (const float w : {1.0F, -2.0F, 3.0F, -4.0F, 0.5F, 0.25F}) values.push_back(w);
  return folder.Write(
      "weights.safetensors",
      SafetensorsOf(R"({"__metadata__":{"format":"pt"},)"
                    R"("conv.weight":{"dtype":"F32","shape":[2,2,2,2],"data_offsets":[0,64]},)"
                    R"("fc.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[64,80]},)"
                    R"("fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[80,88]},)"
                    R"("steps":{"dtype":"I64","shape":[],"data_offsets":[88,96]}})",
                    test::BytesOf<float>(values) + test::BytesOf<int64_t>({12345678901})));
}

TEST_CASE("compress, inspect, decompress: the whole way, in JSON") {
  TempFolder folder;
  const std::string weights = Weights(folder), archive = folder / "w.lutra";
  const json compress = RunJson("compress " + weights + " -o " + archive + " --weights linear7");
  CHECK(compress["output_bytes"] == std::filesystem::file_size(archive));
  CHECK(compress["original_bytes"] == 96);
  CHECK(compress["ratio"].get<double>() ==
        doctest::Approx(96 / compress["output_bytes"].get<double>()));
  REQUIRE(compress["tensors"].size() == 4);
  const json& conv = compress["tensors"][0];
  CHECK(conv["name"] == "conv.weight");
  CHECK(conv["dtype"] == "float32");
  CHECK(conv["shape"] == json({2, 2, 2, 2}));
  CHECK(conv["scheme"] == "linear7");
  CHECK(conv["original_bytes"] == 64);
  CHECK(conv["sqnr_db"].get<double>() > 30);
  CHECK(conv["bits_per_weight"]["value"].get<double>() <= 7);
  CHECK(compress["tensors"][3]["sqnr_db"].is_null());  // exact
  CHECK(compress["skipped"] == json({{{"path", "__metadata__"}, {"what", "text"}}}));
  uint64_t sum = compress["contents_bytes"];
  for (const json& tensor : compress["tensors"]) sum += tensor["compressed_bytes"].get<uint64_t>();
  CHECK(sum == compress["output_bytes"]);

  // inspect lists the same, but for what only compress can measure.
  json inspected = RunJson("inspect " + archive);
  for (size_t i = 0; i < 4; ++i) {
    json expected = compress["tensors"][i];
    expected.erase("sqnr_db");
    CHECK(inspected["tensors"][i] == expected);
  }
  CHECK(inspected["output_bytes"] == compress["output_bytes"]);

  const std::string back = folder / "back.safetensors";
  const Outcome decompress = RunProgram(kLutra, "decompress " + archive + " -o " + back);
  CHECK(decompress.status == 0);
  CHECK(decompress.out + decompress.err == "");
  const json before = RunJson("inspect " + weights), after = RunJson("inspect " + back);
  CHECK(after["format"] == "safetensors");
  CHECK(after["tensors"] == before["tensors"]);
}

TEST_CASE("the text forms") {
  TempFolder folder;
  const std::string weights = Weights(folder), archive = folder / "w.lutra";
  const Outcome compress =
      RunProgram(kLutra, "compress " + weights + " -o " + archive + " --weights codebook3");
  CHECK(compress.status == 0);
  CHECK(compress.err == "");
  for (const char* part : {"layer ", "scheme/codec", "percent", "SQNR", "conv.weight", "codebook3",
                           "(contents)", "total ", "skipped __metadata__: text"}) {
    CHECK_MESSAGE(Mentions(compress.out, part), part);
  }
  CHECK(Mentions(RunProgram(kLutra, "inspect " + archive).out, "codebook3"));
  const std::string listed = RunProgram(kLutra, "inspect " + weights).out;
  CHECK(listed.starts_with(weights + ": safetensors, 4 tensors\n"));
  CHECK(Mentions(listed, "2x2x2x2"));
  CHECK(Mentions(listed, "total 96 bytes\n"));
}

TEST_CASE("every kind of weights and every codec comes back; the ONNX's initializers too") {
  TempFolder folder;
  const std::string weights = Weights(folder), archive = folder / "w.lutra";
  const json names = RunJson("inspect " + weights)["tensors"];
  for (const char* options :
       {"--weights fp16", "--weights linear2 --codec none", "--weights linear16 --codec best",
        "--weights codebook1 --codec huffman", "--weights codebook8", "--asymmetric",
        "--granularity tensor", "--granularity group:2 --weights linear4"}) {
    CAPTURE(options);
    RunJson("compress " + weights + " -o " + archive + " " + options);
    CHECK(
        RunProgram(kLutra, "decompress " + archive + " -o " + (folder / "b.safetensors")).status ==
        0);
    CHECK(RunJson("inspect " + (folder / "b.safetensors"))["tensors"] == names);
  }
  const json onnx = RunJson("compress " + kOnnx + " -o " + archive);
  CHECK(onnx["original_bytes"] == 4 * 34922);
  CHECK(onnx["ratio"].get<double>() > 4);
}

TEST_CASE("prune and cluster of a network: densities, accuracy, and the mask stays") {
  TempFolder folder;
  const std::string pruned = folder / "pruned.onnx", shared = folder / "shared.onnx";
  const json prune = RunJson("prune " + kOnnx + " -o " + pruned +
                             " --keep 60,10=25 --keep '/0/*=100'" + kTestData);
  CHECK(prune["weights"] == 34480);
  const double density = prune["kept"].get<double>() / prune["weights"].get<double>();
  CHECK(density == doctest::Approx(0.6).epsilon(0.03));
  REQUIRE(prune["layers"].size() == 10);
  CHECK(prune["layers"][0]["kept"] == prune["layers"][0]["weights"]);
  CHECK(prune["layers"][9]["name"] == "10");
  CHECK(prune["layers"][9]["tensor"] == "10.weight");
  CHECK(prune["layers"][9]["kept"] == 160);  // of 640
  CHECK(prune["layers"][9]["threshold"].get<double>() > 0);
  CHECK(prune["top1_before"].get<double>() >= prune["top1"].get<double>());
  CHECK(prune["top1"].get<double>() > 0.2);  // four classes by chance: 0.25

  const json cluster =
      RunJson("cluster " + pruned + " -o " + shared + " --bits 5,10=2 --compare" + kTestData);
  REQUIRE(cluster["layers"].size() == 10);
  for (const json& layer : cluster["layers"]) {
    const int bits = layer["name"] == "10" ? 2 : 5;
    CHECK(layer["bits"] == bits);
    CHECK(layer["values"].get<int>() <= 1 << bits);
    CHECK(layer["sqnr_db"].get<double>() > 0);
    for (const json& lloyd : layer["lloyd"]) {
      CHECK(lloyd.get<double>() >= layer["distortion"].get<double>() * (1 - 1e-9));
    }
  }
  CHECK(cluster["top1_before"] == prune["top1"]);
  // What was pruned is still known: keeping all brings nothing back.
  const json again = RunJson("prune " + shared + " -o " + pruned + " --keep 100");
  CHECK(again["kept"] == prune["kept"]);
}

TEST_CASE("the accuracy is measured before anything is written, and into a device too") {
  TempFolder folder;
  const json file =
      RunJson("prune " + kOnnx + " -o " + (folder / "p.onnx") + " --keep 30" + kTestData);
  const json device = RunJson("prune " + kOnnx + " -o /dev/null --keep 30" + kTestData);
  CHECK(device["top1"] == file["top1"]);
  CHECK(device["kept"] == file["kept"]);
  const json cluster = RunJson("cluster " + kOnnx + " -o /dev/null --bits 8" + kTestData);
  CHECK(cluster["top1"].is_number());
}

TEST_CASE("prune and cluster of a checkpoint write safetensors") {
  TempFolder folder;
  const std::string weights = Weights(folder), pruned = folder / "pruned.safetensors";
  const json prune = RunJson("prune " + weights + " -o " + pruned + " --keep conv=25,fc.weight=50");
  CHECK(prune["layers"] == json({{{"name", "conv"},
                                  {"tensor", "conv.weight"},
                                  {"weights", 16},
                                  {"kept", 4},
                                  {"threshold", prune["layers"][0]["threshold"]}},
                                 {{"name", "fc"},
                                  {"tensor", "fc.weight"},
                                  {"weights", 4},
                                  {"kept", 2},
                                  {"threshold", 2.5}}}));
  const json tensors = RunJson("inspect " + pruned)["tensors"];
  CHECK(tensors == RunJson("inspect " + weights)["tensors"]);
  const Outcome cluster =
      RunProgram(kLutra, "cluster " + pruned + " -o " + (folder / "c.safetensors") + " --bits 2");
  CHECK(cluster.status == 0);
  CHECK(cluster.err == "");
  CHECK(Mentions(cluster.out, "c.safetensors is a safetensors file\n"));
  // Positions of the few weights left cost bits of their own.
  const json archive = RunJson("compress " + (folder / "c.safetensors") + " -o " +
                               (folder / "c.lutra") + " --weights codebook2");
  CHECK(archive["tensors"][0]["scheme"] == "codebook2");
  CHECK(archive["tensors"][0]["sqnr_db"].is_null());  // its values are few: exact
}

TEST_CASE("misuse of the command line is status 2 and names the choices") {
  TempFolder folder;
  const std::string weights = Weights(folder), to = " -o " + (folder / "x");
  const auto misuse = [&](const std::string& arguments) {
    const std::string error = ErrorOf(arguments, 2);
    CHECK_FALSE(std::filesystem::exists(folder / "x"));
    const std::string hint =
        "; see lutra " + arguments.substr(0, arguments.find(' ')) + " --help\n";
    REQUIRE(error.ends_with(hint));
    return error.substr(0, error.size() - hint.size());
  };
  const std::string compress = "compress " + weights + to, prune = "prune " + weights + to;
  const std::string cluster = "cluster " + weights + to;
  for (const char* type : {"int8", "codebook9", "linear1", "linear9", "fp32", "nan", "''"}) {
    CHECK(misuse(compress + " --weights " + type)
              .ends_with("is unknown; use fp16, linear2 to linear8, linear16 or codebook1 to "
                         "codebook8"));
  }
  for (const char* which : {"row", "group:0", "group:-1", "group:", "group:1x"}) {
    CHECK(misuse(compress + " --granularity " + which) == "--granularity: granularity '" +
                                                              std::string(which) +
                                                              "' is unknown; use channel, tensor "
                                                              "or group:N");
  }
  CHECK(misuse(compress + " --codec zip") == "--codec: zip not in {smallest,none,huffman,best}");
  CHECK(misuse("compress " + weights) == "--output is required");
  CHECK(misuse("decompress " + weights) == "--output is required");
  CHECK(misuse(prune) == "--keep, --sensitivity or --sparsity is required");
  CHECK(misuse(prune + " --sparsity 50 --sensitivity 1") == "--sensitivity excludes --sparsity");
  for (const char* text : {"101", "-1", "nan", "conv=nan", "conv=", "=5", "5%", "x"}) {
    CHECK(misuse(prune + " --keep=" + text) ==
          "--keep: '" + std::string(text) + "' is no [LAYER=]NUMBER with a number from 0 to 100");
  }
  for (const char* text : {"nan", "-1", "100.5", "x"}) {
    CHECK(misuse(prune + " --sparsity=" + text) ==
          "--sparsity: '" + std::string(text) + "' is no number from 0 to 100");
  }
  for (const char* text : {"nan", "-1", "inf", "x"}) {
    CHECK(misuse(prune + " --sensitivity=" + text) ==
          "--sensitivity: '" + std::string(text) + "' is no number from 0 up");
  }
  for (const char* text : {"0", "9", "2.5", "nan", "conv=x"}) {
    CHECK(misuse(cluster + " --bits=" + text) ==
          "--bits: '" + std::string(text) +
              "' is no [LAYER=]NUMBER with a whole number from 1 to 8");
  }
}

TEST_CASE("bad input: one line, status 1, and a file of that name stays as it was") {
  TempFolder folder;
  const std::string weights = Weights(folder), output = folder.Write("x", std::string("precious"));
  const std::string to = " -o " + output;
  const auto fail = [&](const std::string& arguments) {
    const std::string error = ErrorOf(arguments, 1);
    CHECK(ReadText(output) == "precious");
    for (const auto& entry : std::filesystem::directory_iterator(folder / "")) {
      CHECK(!Mentions(entry.path().filename().string(), "tmp"));
    }
    return error;
  };
  const std::string none = "/none/x: cannot be opened: No such file or directory\n";
  CHECK(fail("compress /none/x" + to) == none);
  CHECK(fail("decompress /none/x" + to) == none);
  CHECK(fail("prune /none/x --keep 5" + to) == none);
  CHECK(fail("cluster /none/x" + to) == none);
  CHECK(fail("compress " + weights + to + " --recipe /none/x") == none);

  // A whole model: Python would look for its class and call it.
  test::Pickle model;
  model.Global("net", "Model").Raw(")\x81}(").Text("w");
  model.Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("ub");
  const std::string foreign =
      folder.Write("foreign.pt", test::TorchZipOf(model.Stop(), {{"0", "abcd"}}));
  const std::string refusal =
      foreign +
      ": the file holds an object of net.Model with tensors, which is not read; nothing was "
      "executed. Save plain tensors alone (torch.save(model.state_dict(), FILE))\n";
  for (const std::string command : {"compress ", "cluster "}) {
    CHECK(fail(command + foreign + to) == refusal);
  }
  CHECK(fail("prune " + foreign + to + " --keep 9") == refusal);
  CHECK(ErrorOf("inspect " + foreign, 1) == refusal);

  const std::string text = folder.Write("text", std::string("no weights at all"));
  CHECK(fail("compress " + text + to) ==
        text + ": is no checkpoint that Lutra reads (PyTorch, safetensors or ONNX)\n");
  CHECK(fail("prune " + text + to + " --keep 9") ==
        text + ": is no ONNX network, PyTorch checkpoint or safetensors file\n");
  CHECK(fail("decompress " + text + to).starts_with(text + ": "));

  CHECK(fail("prune " + weights + to + " --keep conv2=9") ==
        "--keep: 'conv2' fits no layer; layers are conv, fc\n");
  CHECK(fail("cluster " + weights + to + " --bits conv2=3") ==
        "--bits: 'conv2' fits no layer; layers are conv, fc\n");
  CHECK(fail("prune " + weights + to + " --keep 9" + kTestData) ==
        weights + ": has no graph, so its accuracy cannot be measured; leave --data out\n");
  CHECK(fail("prune " + kOnnx + to + " --keep 9 --data /none/x") == none);
  const std::string nan = folder.Write(
      "nan.safetensors",
      SafetensorsOf(R"({"w.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})",
                    test::BytesOf<uint32_t>({0x7FC00000, 0})));
  const std::string not_finite = nan +
                                 ": tensor 'w.weight' of layer 'w' is NaN at [0, 0]: take a "
                                 "checkpoint whose numbers are finite\n";
  CHECK(fail("prune " + nan + to + " --keep 50") == not_finite);
  CHECK(fail("cluster " + nan + to) == not_finite);
  const std::string vectors =
      folder.Write("vectors.safetensors",
                   SafetensorsOf(R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                 test::BytesOf<float>({1, 2})));
  CHECK(fail("prune " + vectors + to + " --keep 50") ==
        vectors + ": has no floating-point tensor of two dimensions or more\n");

  const std::string recipe =
      folder.Write("r.json", std::string(R"({"layers": [{"name": "nobody", "weights": "fp16"}]})"));
  CHECK(fail("compress " + weights + to + " --recipe " + recipe) ==
        recipe + ": $.layers[0].name: 'nobody' fits no tensor; lutra inspect lists their names\n");

  const std::string archive = folder / "w.lutra";
  RunJson("compress " + weights + " -o " + archive);
  CHECK(fail("compress " + archive + to) ==
        archive + ": is a .lutra archive already; lutra decompress restores weights\n");
  const std::string golden = LUTRA_SOURCE_DIR "/tests/golden/integer.lutra";
  CHECK(ErrorOf("compress " + golden + " -o " + (folder / "x"), 1) ==
        golden + ": is a .lutra model; give the network or the checkpoint that it was made from\n");
  std::string damaged = ReadText(archive);
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  const std::string flipped = folder.Write("flipped.lutra", damaged);
  CHECK(Mentions(fail("decompress " + flipped + to), "checksum"));
  damaged.resize(damaged.size() - 1);
  const std::string cut = folder.Write("cut.lutra", damaged);
  CHECK(Mentions(fail("decompress " + cut + to), "cut off"));
  CHECK(Mentions(ErrorOf("inspect " + cut, 1), "cut off"));
}

TEST_CASE("places that cannot be written to") {
  TempFolder folder;
  const std::string weights = Weights(folder), archive = folder / "w.lutra";
  RunJson("compress " + weights + " -o " + archive);
  for (const std::string& command :
       {"compress " + weights, "decompress " + archive, "prune " + weights + " --keep 50",
        "prune " + kOnnx + " --keep 50", "cluster " + weights}) {
    CHECK(ErrorOf(command + " -o " + (folder / "none/x"), 1) ==
          folder / "none/x: cannot be created: No such file or directory\n");
    CHECK(ErrorOf(command + " -o /dev/full", 1) ==
          "/dev/full: cannot be written: No space left on device\n");
  }
  for (const std::string& command : {"compress " + weights + " -o " + archive,
                                     "prune " + weights + " --keep 50 -o " + (folder / "p")}) {
    const Outcome full = RunProgram(kLutra, command + " >/dev/full");
    CHECK(full.status == 1);
    CHECK(full.err == "lutra: cannot write the output\n");
  }
  const Outcome full = RunProgram(kLutra, "inspect " + archive + " >/dev/full");
  CHECK(full.status == 1);
  CHECK(full.err == "lutra inspect: cannot write the output\n");
}

TEST_CASE("shared checkpoints: both containers give the same archive, a foreign pickle is refused" *
          doctest::test_suite("shared")) {
  if (!std::filesystem::exists(kCheckpoints)) {
    return ::lutra::test::Skip("there is no " + kCheckpoints);
  }
  TempFolder folder;
  const std::string legacy = folder / "legacy.lutra", zip = folder / "zip.lutra";
  const json table =
      RunJson("compress " + kCheckpoints + "studentnet.bin -o " + legacy + " --weights linear5");
  CHECK(table["tensors"].size() == 72);
  RunJson("compress " + kCheckpoints + "studentnet_zip.pt -o " + zip + " --weights linear5");
  CHECK(ReadText(legacy) == ReadText(zip));
  CHECK(ErrorOf("compress " + kCheckpoints + "studentnet_8bit_reference.pkl -o " + zip, 1)
            .find("is a pickle, but none of torch.save") != std::string::npos);
}

}  // namespace
}  // namespace lutra
