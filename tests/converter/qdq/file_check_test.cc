// The comparison with the untouched file sees what a comparison with the optimized graph cannot.
#include "converter/evaluate/file_check.h"

#include <doctest/doctest.h>

#include <fstream>

#include "converter/import/onnx_import.h"
#include "quantized_network.h"
#include "support/read_bytes.h"
#include "support/temp_folder.h"

namespace lutra::converter::test {
namespace {

using Dims = std::vector<int64_t>;

struct Converted {
  ::lutra::test::TempFolder folder;
  Graph imported;
  std::map<std::string, ValueInfo> declared;
  std::vector<uint8_t> file;

  Converted() {
    QuantizedNetwork n({1, 3, 6, 6});
    const Format in{0.02F, 120}, out{0.02F, 60};
    n.Output(n.Pair(n.Add("Tanh", {n.Pair("x", in)}), out));
    const std::string path = folder / "network.onnx";
    std::ofstream(path, std::ios::binary) << n.Serialize();
    ConvertOptions options;
    options.model_path = path;
    options.output_path = folder / "network.lutra";
    Convert(options, nullptr);
    file = ::lutra::test::ReadBytes(options.output_path);
    importing::ImportOptions import;
    import.declared = &declared;
    imported = importing::ImportOnnx(path, import);
  }
};

TEST_CASE("an optimized graph that means something else is found out") {
  Converted c;
  RuntimeSession session(c.file, "network");
  const auto samples = evaluate::RandomSamples(c.imported, session, 2);
  REQUIRE(samples.size() == 2);
  Graph wrong = c.imported;
  for (Node& node : wrong.nodes) {
    if (node.op == "Tanh") node.op = "Neg";
  }
  Warnings warnings;
  const evaluate::FileCheck bad =
      evaluate::CheckAgainstFile(c.imported, {}, wrong, session, samples, warnings);
  CHECK(!bad.optimized.Holds());
  CHECK(bad.model.Holds());  // the runtime computes what the file says
  const evaluate::FileCheck good =
      evaluate::CheckAgainstFile(c.imported, {}, c.imported, session, samples, warnings);
  CHECK(good.optimized.Holds());
  CHECK(std::isnan(good.optimized.sqnr_db));
  CHECK(warnings.empty());
}

TEST_CASE("random samples cover the range of the quantization that reads them") {
  Converted c;
  RuntimeSession session(c.file, "network");
  const auto samples = evaluate::RandomSamples(c.imported, session, 2);
  float low = 0, high = 0;
  for (const float x : samples[0].begin()->second.ToFloats()) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  // 0.02 * (0 - 120) .. 0.02 * (255 - 120), and 5 % beyond.
  CHECK(low < -2.3F);
  CHECK(low >= -2.4F * 1.051F);
  CHECK(high > 2.6F);
  CHECK(high <= 2.7F * 1.051F);
}

TEST_CASE("a shape that the file states and does not have is named") {
  Converted c;
  RuntimeSession session(c.file, "network");
  const auto samples = evaluate::RandomSamples(c.imported, session, 1);
  const std::string output = c.imported.outputs[0];
  Warnings warnings;
  evaluate::CheckAgainstFile(c.imported, {{output, {DataType::float32, Dims{1, 3, 9, -1}}}},
                             c.imported, session, samples, warnings);
  REQUIRE(warnings.lines().size() == 1);
  CHECK(warnings.lines()[0].find("value '" + output + "' is stated as 1x3x9x") == 0);
  CHECK(warnings.lines()[0].find("computed it is 1x3x6x6") != std::string::npos);
}

}  // namespace
}  // namespace lutra::converter::test
