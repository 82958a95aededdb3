// --emit-qdq on the example: standard ONNX that says exactly what the model file computes. (ONNX
// Runtime's verdict on it is in tests/qdq.)
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "converter/convert.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/runtime_session.h"
#include "quantized_network.h"
#include "support/random_numbers.h"
#include "support/read_bytes.h"
#include "support/temp_folder.h"

namespace lutra::converter::test {
namespace {

using ::lutra::test::ReadBytes;

const std::string kExample = LUTRA_SOURCE_DIR "/examples/shapes/";

struct Exported {
  ::lutra::test::TempFolder folder;
  ConvertOptions options;
  std::unique_ptr<data::Dataset> data = data::OpenDataset(kExample + "calib.json");

  Exported() {
    options.model_path = kExample + "shapes.onnx";
    options.output_path = folder / "shapes.lutra";
    options.emit_qdq_path = folder / "shapes.qdq.onnx";
  }
};

/// What the model file computes, in the runtime, beside what the exported network is worth in the
/// float executor.
class Both {
 public:
  explicit Both(const ConvertOptions& options)
      : file_(ReadBytes(options.output_path)),
        session_(file_, "exported"),
        graph_(importing::ImportOnnx(*options.emit_qdq_path, {})),
        executor_(graph_) {}

  lutra_port Output() const { return session_.Outputs()[0]; }

  struct Scores {
    std::vector<float> got, wanted;
  };
  Scores Run(const data::Sample& sample) {
    const std::string& input = graph_.inputs[0];
    const Tensor x = data::AsInput(sample, *graph_.Info(input)->dims);
    session_.Run({x});
    Scores scores{session_.Output(0).ToFloats(),
                  executor_.Run({{input, x}}).at(graph_.outputs[0]).ToFloats()};
    REQUIRE(scores.got.size() == scores.wanted.size());
    return scores;
  }

 private:
  std::vector<uint8_t> file_;
  RuntimeSession session_;
  Graph graph_;
  executor::FloatExecutor executor_;
};

TEST_CASE("the exported network in the float executor gives the integers of the model file") {
  const Exported exported;
  Convert(exported.options, exported.data.get());
  Both both(exported.options);
  const lutra_port port = both.Output();
  REQUIRE(port.native_type == LUTRA_INT8);
  size_t count = 0, within_two = 0, same_class = 0;
  const size_t samples = exported.data->size();
  for (size_t i = 0; i < samples; ++i) {
    const auto [got, wanted] = both.Run(exported.data->Get(i));
    for (size_t k = 0; k < got.size(); ++k) {
      within_two += std::abs(got[k] - wanted[k]) <= 2.01F * port.scale ? 1 : 0;
      ++count;
    }
    same_class += std::ranges::max_element(got) - got.begin() ==
                          std::ranges::max_element(wanted) - wanted.begin()
                      ? 1
                      : 0;
  }
  CHECK(static_cast<double>(within_two) >= 0.99 * static_cast<double>(count));
  CHECK(static_cast<double>(same_class) >= 0.99 * static_cast<double>(samples));
}

TEST_CASE("the exported network imported again gives the very bytes") {
  Exported exported;
  SUBCASE("int8") {}
  SUBCASE("codebooks: the integers that they stand for") {
    exported.options.scheme.kind = WeightKind::codebook;
    exported.options.scheme.bits = 3;
    exported.options.scheme.codebook_channels = 16;
  }
  SUBCASE("4-bit weights, per tensor") {
    exported.options.scheme.bits = 4;
    exported.options.scheme.granularity = Granularity::tensor;
  }
  Convert(exported.options, exported.data.get());
  ConvertOptions again;
  again.model_path = *exported.options.emit_qdq_path;
  again.output_path = exported.folder / "again.lutra";
  CHECK(Convert(again, nullptr).float_fallbacks == 0);
  const std::vector<uint8_t> file = ReadBytes(exported.options.output_path);
  const std::vector<uint8_t> file_again = ReadBytes(again.output_path);
  RuntimeSession session(file, "shapes"), session_again(file_again, "again");
  for (const size_t i : {0, 1, 17, 40}) {
    const lutra_port port = session.Inputs()[0];
    const Tensor x = data::AsInput(exported.data->Get(i),
                                   {port.shape, port.shape + static_cast<ptrdiff_t>(port.rank)});
    session.Run({x});
    session_again.Run({x});
    CHECK(session.Output(0) == session_again.Output(0));
  }
}

class SeededSamples : public data::Dataset {
 public:
  explicit SeededSamples(std::vector<int64_t> dims) : dims_(std::move(dims)) {}
  size_t size() const override { return 4; }
  bool labelled() const override { return false; }
  data::Sample Get(size_t index) const override {
    ::lutra::test::RandomNumbers random(index);
    std::vector<float> values(ElementCount(dims_));
    for (float& x : values) x = random.Real(-2, 2);
    return {Tensor::Of(dims_, std::move(values)), -1, "sample"};
  }
  uint64_t Hash() const override { return 0; }

 private:
  std::vector<int64_t> dims_;
};

TEST_CASE("what float nodes make is quantized for the products that read it in another shape") {
  const std::vector<int64_t> dims = {1, 4, 8};
  QuantizedNetwork network(dims);
  const std::vector<int64_t> last = {-1};
  const std::string s =
      network.Add("Sub", {"x", network.Add("ReduceMean", {"x"}, {{"axes", last}})});
  const std::string v = network.Add("ReduceMean", {network.Add("Mul", {s, s})}, {{"axes", last}});
  const std::string d = network.Add("Div", {s, network.Add("Sqrt", {v})});  // has no integer form
  const std::string a = network.Add("MatMul", {d, network.RandomFloats({8, 8}, 0.3)});
  const std::string b = network.Add("MatMul", {d, network.RandomFloats({8, 8}, 0.3)});
  network.Output(network.Add("Add", {a, b}));

  const ::lutra::test::TempFolder folder;
  ConvertOptions options;
  options.model_path = folder.Write("network.onnx", network.Serialize());
  options.output_path = folder / "network.lutra";
  options.emit_qdq_path = folder / "network.qdq.onnx";
  const SeededSamples data(dims);
  Convert(options, &data);
  Both both(options);
  const float step = both.Output().scale;
  for (size_t i = 0; i < data.size(); ++i) {
    const auto [got, wanted] = both.Run(data.Get(i));
    for (size_t k = 0; k < got.size(); ++k) CHECK(std::abs(got[k] - wanted[k]) <= 2.01F * step);
  }
}

TEST_CASE("float layers are exported with the bias that rounding corrected") {
  Exported exported;
  exported.options.scheme.bits = 3;
  exported.options.scheme.activations = quantize::ActivationType::float_;
  Convert(exported.options, exported.data.get());
  Both both(exported.options);
  for (const size_t i : {0, 7, 40}) {
    const auto [got, wanted] = both.Run(exported.data->Get(i));
    const float largest = std::fabs(
        *std::ranges::max_element(wanted, {}, [](float value) { return std::fabs(value); }));
    // The order of sums: 1e-6 of the scores for each of the few layers.
    for (size_t k = 0; k < got.size(); ++k) CHECK(std::fabs(got[k] - wanted[k]) <= 1e-4F * largest);
  }
}

TEST_CASE("exporting is reproducible") {
  const Exported a, b;
  Convert(a.options, a.data.get());
  Convert(b.options, b.data.get());
  CHECK(ReadBytes(*a.options.emit_qdq_path) == ReadBytes(*b.options.emit_qdq_path));
}

std::string MessageOf(const Exported& exported) {
  try {
    Convert(exported.options, exported.data.get());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("what QDQ cannot say is refused by name, and no file is written") {
  Exported exported;
  std::string wanted;
  SUBCASE("asymmetric weights") {
    exported.options.scheme.asymmetric = true;
    wanted = "asymmetric weights are not exported";
  }
  SUBCASE("dynamic activations") {
    exported.options.scheme.activations = quantize::ActivationType::dynamic;
    wanted = "dynamic activations";
  }
  const std::string message = MessageOf(exported);
  CHECK(message.starts_with("--emit-qdq: node '"));
  CHECK(message.find(wanted) != std::string::npos);
  CHECK(ReadBytes(exported.options.output_path).empty());
  CHECK(ReadBytes(*exported.options.emit_qdq_path).empty());
}

TEST_CASE("a network that is quantized already is not exported again") {
  Exported exported;
  Convert(exported.options, exported.data.get());
  exported.options.model_path = *exported.options.emit_qdq_path;
  exported.options.emit_qdq_path = exported.folder / "twice.onnx";
  CHECK(MessageOf(exported).find("is quantized already; --emit-qdq is for float networks") !=
        std::string::npos);
}

}  // namespace
}  // namespace lutra::converter::test
