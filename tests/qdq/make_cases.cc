// Writes what another runtime needs to check our integers: the quantized network as QDQ ONNX, input
// samples, and the outputs that our runtime computes from them.
//
//   qdq_cases FOLDER operators
//   qdq_cases FOLDER network MODEL.onnx CALIB.json SAMPLES.json LIMIT
//
// FOLDER/cases.json lists them: model, samples, inputs and outputs with dims, scale (0: float32)
// and a file of raw little-endian float32.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "converter/convert.h"
#include "converter/error.h"
#include "converter/runtime_session.h"
#include "operator_networks.h"

namespace lutra::converter::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kOperatorSamples = 8;

class RandomSamples : public data::Dataset {
 public:
  RandomSamples(const std::vector<int64_t>& dims, uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.1F, 1.3F);
    for (size_t i = 0; i < kOperatorSamples; ++i) {
      std::vector<float> values(ElementCount(dims));
      for (float& value : values) value = normal(random);
      samples_.push_back(Tensor::Of(dims, std::move(values)));
    }
  }
  size_t size() const override { return samples_.size(); }
  bool labelled() const override { return false; }
  data::Sample Get(size_t index) const override { return {samples_[index], -1, "random"}; }
  uint64_t Hash() const override { return 0; }

 private:
  std::vector<Tensor> samples_;
};

std::vector<uint8_t> ReadBytes(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void Append(const fs::path& path, const std::vector<float>& values) {
  std::ofstream stream(path, std::ios::binary | std::ios::app);
  stream.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
}

Json Describe(const lutra_port& port, const fs::path& file) {
  Json json;
  json["name"] = port.name;
  json["dims"] = std::vector<int64_t>(port.shape, port.shape + port.rank);
  json["scale"] = port.native_type == LUTRA_INT8 ? port.scale : 0.0F;
  json["file"] = file.string();
  fs::remove(file);
  return json;
}

/// Converts the network and runs the first samples.
Json MakeCase(const fs::path& folder, const std::string& name, const std::string& model,
              const data::Dataset& calibration, const data::Dataset& samples, size_t limit) {
  const std::string stem = (folder / fs::path(model).stem()).string();
  ConvertOptions options;
  options.model_path = model;
  options.output_path = stem + ".lutra";
  options.emit_qdq_path = stem + ".qdq.onnx";
  const ConvertReport report = Convert(options, &calibration);
  const std::vector<uint8_t> file = ReadBytes(options.output_path);
  RuntimeSession session(file, name);
  Json json;
  json["name"] = name;
  json["lutra"] = options.output_path;
  json["model"] = *options.emit_qdq_path;
  json["float_fallbacks"] = report.float_fallbacks;
  json["samples"] = std::min(limit, samples.size());
  const lutra_port input = session.Inputs()[0];
  json["inputs"] = {Describe(input, stem + ".input.f32")};
  for (const lutra_port& port : session.Outputs()) {
    const std::string number = std::to_string(json["outputs"].size());
    json["outputs"].push_back(Describe(port, stem + ".output" + number + ".f32"));
  }
  ConvertOptions again;
  again.model_path = *options.emit_qdq_path;
  again.output_path = stem + ".again.lutra";
  json["float_fallbacks_again"] = Convert(again, nullptr).float_fallbacks;
  const std::vector<uint8_t> file_again = ReadBytes(again.output_path);
  RuntimeSession session_again(file_again, again.output_path);
  size_t differing = 0;

  const std::vector<int64_t> dims(input.shape, input.shape + input.rank);
  for (size_t i = 0; i < json["samples"]; ++i) {
    const Tensor sample = data::AsInput(samples.Get(i), dims);
    Append(json["inputs"][0]["file"].get<std::string>(), sample.ToFloats());
    session.Run({sample});
    session_again.Run({sample});
    bool same = true;
    for (size_t port = 0; port < json["outputs"].size(); ++port) {
      Append(json["outputs"][port]["file"].get<std::string>(), session.Output(port).ToFloats());
      same = same && session.Output(port) == session_again.Output(port);
    }
    differing += same ? 0 : 1;
  }
  json["round_trip_differs"] = differing;
  return json;
}

Json MakeOperatorCases(const fs::path& folder) {
  Json cases = Json::array();
  for (const NetworkBuilder& network : OperatorNetworks()) {
    const std::string model = (folder / ("operator" + std::to_string(cases.size()) + ".onnx"));
    const std::string bytes = network.Serialize();
    std::ofstream(model, std::ios::binary) << bytes;
    const RandomSamples samples(network.dims(), static_cast<uint32_t>(cases.size()));
    try {
      cases.push_back(MakeCase(folder, network.name(), model, samples, samples, samples.size()));
    } catch (const Error& error) {
      throw Error(network.name() + ": " + error.what());
    }
  }
  return cases;
}

int Main(const std::vector<std::string>& arguments) {
  const bool operators = arguments.size() == 2 && arguments[1] == "operators";
  if (!operators && !(arguments.size() == 6 && arguments[1] == "network")) {
    std::fprintf(stderr,
                 "use: qdq_cases FOLDER operators\n"
                 "     qdq_cases FOLDER network MODEL.onnx CALIB.json SAMPLES.json LIMIT\n");
    return 2;
  }
  const fs::path folder = arguments[0];
  fs::create_directories(folder);
  try {
    Json cases;
    if (operators) {
      cases = MakeOperatorCases(folder);
    } else {
      const auto calibration = data::OpenDataset(arguments[3]);
      const auto samples = data::OpenDataset(arguments[4]);
      cases = {MakeCase(folder, fs::path(arguments[2]).stem(), arguments[2], *calibration, *samples,
                        std::stoul(arguments[5]))};
    }
    std::ofstream(folder / "cases.json") << cases.dump(1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "qdq_cases: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace lutra::converter::test

int main(int argc, char** argv) { return lutra::converter::test::Main({argv + 1, argv + argc}); }
