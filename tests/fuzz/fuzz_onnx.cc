// libFuzzer target for ONNX files: import, shapes, passes and, where that is little work, the whole
// conversion as `lutra convert` does it, its reports, and the model in the runtime on every row.
// Mutations are those of a network (onnx_inputs.h), now and then those of bytes.
//
// The file's own model_version, which the converter does not read, chooses how it is converted, so
// that a seed is an ordinary ONNX file, and the choice is mutated like everything else.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "converter/convert.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/load_graph.h"
#include "converter/passes/passes.h"
#include "converter/quantize/recipe.h"
#include "converter/report/report.h"
#include "fuzz/onnx_inputs.h"
#include "fuzz/run_model.h"
#include "support/random_numbers.h"
#include "support/temp_folder.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace lutra::test {
namespace {

namespace quantize = converter::quantize;
using converter::ConvertOptions;
using converter::Graph;
using converter::Tensor;

// What an honest file may ask for, a network of millions of steps, is no fault, and slow in a
// fuzzer: such a one is not run.
constexpr double kMostSteps = 1 << 26;
constexpr uint64_t kMostElements = 1 << 16;

uint64_t Elements(const Graph& graph, const std::string& value) {
  const converter::ValueInfo* info = graph.Info(value);
  if (const Tensor* constant = graph.Constant(value)) return constant->elements();
  return info == nullptr || !info->dims ? 0 : converter::ElementCount(*info->dims);
}

/// At least as many as the products that one run takes.
double Steps(const Graph& graph) {
  double steps = 0;
  for (const converter::Node& node : graph.nodes) {
    uint64_t largest = 1;
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      largest = std::max(largest, Elements(graph, node.inputs[i]));
    }
    for (const std::string& output : node.outputs) {
      steps += static_cast<double>(Elements(graph, output)) * static_cast<double>(largest);
    }
  }
  return steps;
}

bool IsSmall(const Graph& graph) {
  for (const auto& [name, info] : graph.values) {
    if (Elements(graph, name) > kMostElements) return false;
  }
  return Steps(graph) <= kMostSteps;
}

/// Three samples for a network of one input.
class RandomData : public converter::data::Dataset {
 public:
  RandomData(std::vector<int64_t> dims, uint64_t seed) : dims_(std::move(dims)), seed_(seed) {}
  size_t size() const override { return 3; }
  bool labelled() const override { return seed_ % 2 == 1; }
  converter::data::Sample Get(size_t index) const override {
    RandomNumbers random(seed_ + index);
    std::vector<float> values(converter::ElementCount(dims_));
    for (float& value : values) value = random.Real(-2, 2);
    return {Tensor::Of(dims_, std::move(values)), labelled() ? static_cast<int64_t>(index) : -1,
            "sample"};
  }
  uint64_t Hash() const override { return seed_; }

 private:
  std::vector<int64_t> dims_;
  uint64_t seed_;
};

/// 0 chooses what the command line chooses.
ConvertOptions ChooseOptions(uint64_t choice, const TempFolder& folder) {
  constexpr const char* kWeights[] = {"int8",      "linear2",   "linear4",   "linear7", "codebook1",
                                      "codebook3", "codebook4", "codebook8", "fp16",    "fp32"};
  constexpr const char* kActivations[] = {"int8", "dynamic", "float"};
  constexpr const char* kCalibrators[] = {"minmax", "percentile", "mse", "entropy"};
  constexpr const char* kInputs[] = {"float", "int8", "uint8"};
  ConvertOptions options;
  options.output_path = folder / "model.lutra";
  if (choice == 0) return options;
  RandomNumbers random(choice);
  const auto any = [&](const auto& list) { return list[random.Below(std::size(list))]; };
  converter::SetWeights(options.scheme, any(kWeights));
  if (random.OneIn(2)) quantize::SetActivations(options.scheme, any(kActivations));
  quantize::SetCalibrator(options.scheme, any(kCalibrators));
  converter::SetGranularity(options.scheme, random.OneIn(3) ? "tensor" : "channel");
  options.scheme.asymmetric = random.OneIn(4);
  options.scheme.codebook_channels = random.OneIn(4) ? 16 : 0;
  options.codec = static_cast<coding::Codec>(random.Below(3));
  options.strict = random.OneIn(16);
  if (random.OneIn(3)) options.input_type = any(kInputs);
  if (random.OneIn(3)) options.emit_qdq_path = folder / "model.qdq.onnx";
  return options;
}

void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

/// A report is for people and programs: UTF-8 whatever the file's names hold.
void WriteReports(const converter::ConvertReport& report) {
  converter::report::ConvertText(report);
  converter::report::ConvertHtml(report, "model.onnx -> model.lutra");
  converter::report::ConvertJson(report).dump();
}

void ConvertAndRun(const std::string& path, const Graph& graph, uint64_t choice,
                   const TempFolder& folder) {
  ConvertOptions options = ChooseOptions(choice, folder);
  options.model_path = path;
  std::optional<RandomData> data;
  if (graph.inputs.size() == 1 && graph.Info(graph.inputs[0])->dims && choice % 8 != 7) {
    data.emplace(*graph.Info(graph.inputs[0])->dims, choice);
  }
  WriteReports(converter::Convert(options, data ? &*data : nullptr));
  const std::vector<uint8_t> file = converter::ReadBytes(options.output_path);
  if (RunModelEverywhere(file.data(), file.size(), choice) == FuzzResult::refused) {
    Fail("the runtime refuses what the converter wrote");
  }
  if (!options.emit_qdq_path) return;
  try {
    converter::LoadGraph(*options.emit_qdq_path, {});
  } catch (const converter::Error& error) {
    Fail("the network of --emit-qdq is refused: " + std::string(error.what()));
  }
}

void RunFile(const uint8_t* data, size_t size) {
  static const TempFolder folder;
  static const std::string path = folder / "model.onnx";
  converter::WriteBytes(path, {data, size});
  onnx::ModelProto model;
  const google::protobuf::LogSilencer silence;
  const bool parsed = model.ParseFromArray(data, static_cast<int>(size));
  const auto choice = static_cast<uint64_t>(model.model_version());
  try {
    const Graph graph = converter::LoadGraph(path, {});
    if (!parsed) Fail("what is no message was imported");
    if (IsSmall(graph)) ConvertAndRun(path, graph, choice, folder);
  } catch (const converter::Error&) {
  }
}

size_t Serialize(const onnx::ModelProto& model, uint8_t* data, size_t max_size) {
  const size_t size = model.ByteSizeLong();
  if (size > max_size) return 0;
  model.SerializeToArray(data, static_cast<int>(size));
  return size;
}

}  // namespace
}  // namespace lutra::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lutra::test::RunFile(data, size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  lutra::test::RandomNumbers random(seed);
  const google::protobuf::LogSilencer silence;
  onnx::ModelProto model;
  if (!random.OneIn(16) && model.ParseFromArray(data, static_cast<int>(size))) {
    lutra::test::MutateOnnx(model, model, random);
    if (const size_t written = lutra::test::Serialize(model, data, max_size)) return written;
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data1, size_t size1,
                                            const uint8_t* data2, size_t size2, uint8_t* out,
                                            size_t max_out_size, unsigned seed) {
  lutra::test::RandomNumbers random(seed);
  const google::protobuf::LogSilencer silence;
  onnx::ModelProto model, donor;
  if (!model.ParseFromArray(data1, static_cast<int>(size1)) ||
      !donor.ParseFromArray(data2, static_cast<int>(size2))) {
    return 0;
  }
  lutra::test::MutateOnnx(model, donor, random);
  return lutra::test::Serialize(model, out, max_out_size);
}
