// The whole pipeline on the example network: reproducible files, refusals that leave nothing
// behind, certificate and golden check.
#include "converter/convert.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "converter/error.h"
#include "converter/evaluate/compare_files.h"
#include "converter/import/model_proto.h"
#include "converter/runtime_session.h"
#include "schema/container.h"

namespace lutra::converter::lowering {
namespace {

namespace fs = std::filesystem;

const std::string kExample = LUTRA_SOURCE_DIR "/examples/shapes/";

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("lutra_convert_" + std::to_string(getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path_), {}));
  }

 private:
  fs::path path_;
};

ConvertOptions OptionsFor(const std::string& output) {
  ConvertOptions options;
  options.model_path = kExample + "shapes.onnx";
  options.output_path = output;
  return options;
}

std::vector<uint8_t> Bytes(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string MessageOf(const ConvertOptions& options, const data::Dataset* data) {
  try {
    Convert(options, data);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("converting twice gives the same bytes, which verify and keep to the size limit") {
  const Folder folder;
  const auto data = data::OpenDataset(kExample + "calib.json");
  const ConvertReport first = Convert(OptionsFor(folder / "a.lutra"), data.get());
  Convert(OptionsFor(folder / "b.lutra"), data.get());
  const std::vector<uint8_t> bytes = Bytes(folder / "a.lutra");
  CHECK(bytes == Bytes(folder / "b.lutra"));
  CHECK(folder.files() == 2);
  CHECK(first.output_bytes == bytes.size());
  CHECK(first.float_fallbacks == 0);
  CHECK(first.samples == data->size());
  CHECK(first.top1_agreement > 0.95);
  CHECK(first.output_sqnr_db > 20);
  CHECK(static_cast<double>(bytes.size()) <=
        0.25 * static_cast<double>(first.fp32_bytes) +
            static_cast<double>(12 * first.output_channels + 200 * first.operators + 2048));

  RuntimeSession session(bytes, "a.lutra");
  CHECK(lutra_context_verify(session.context(), nullptr) == LUTRA_OK);
  ModelView view;
  REQUIRE(OpenContainer(bytes.data(), bytes.size(), &view).ok());
  REQUIRE(view.model->certificate() != nullptr);
  CHECK(view.model->certificate()->metric()->str() == "top1_agreement");
  CHECK(view.model->certificate()->samples() == data->size());
  CHECK(view.model->certificate()->data_hash() == data->Hash());

  const evaluate::CompareReport compared = evaluate::Compare(
      kExample + "shapes.onnx", folder / "a.lutra", importing::ImportOptions{}, *data);
  CHECK(compared.output_sqnr_db == first.output_sqnr_db);
  CHECK(compared.top1_agreement == first.top1_agreement);
}

TEST_CASE("the recipe that was used gives the same file again") {
  const Folder folder;
  const auto data = data::OpenDataset(kExample + "calib.json");
  ConvertOptions options = OptionsFor(folder / "a.lutra");
  options.scheme.bits = 5;
  options.scheme.calibrator = quantize::CalibratorKind::mse;
  const ConvertReport report = Convert(options, data.get());
  std::ofstream(folder / "recipe.json") << report.recipe_json;
  ConvertOptions again = OptionsFor(folder / "b.lutra");
  again.recipe_path = folder / "recipe.json";
  CHECK(Convert(again, data.get()).recipe_json.size() > 100);
  CHECK(Bytes(folder / "a.lutra") == Bytes(folder / "b.lutra"));
}

TEST_CASE("failures are one line and leave no file") {
  const Folder folder;
  const auto data = data::OpenDataset(kExample + "calib.json");
  CHECK(MessageOf(OptionsFor(folder / "missing/a.lutra"), data.get()) != "");
  CHECK(MessageOf(OptionsFor("/dev/full"), data.get()) != "");
  CHECK(MessageOf(OptionsFor(folder / "a.lutra"), nullptr).starts_with("static int8 needs"));
  ConvertOptions recipe = OptionsFor(folder / "a.lutra");
  recipe.recipe_path = folder / "none.json";
  CHECK(MessageOf(recipe, data.get()) != "");
  ConvertOptions type = OptionsFor(folder / "a.lutra");
  type.input_type = "int16";
  CHECK(MessageOf(type, data.get()) == "--input-type 'int16' is unknown; use float, int8 or uint8");
  CHECK(folder.files() == 0);
}

TEST_CASE("more operators than a file holds") {
  const Folder folder;
  onnx::ModelProto model = importing::EmptyModel(13);
  std::string value = "x";
  for (size_t i = 0; i < 16'385; ++i) {
    const std::string next = i == 16'384 ? "y" : "v" + std::to_string(i);
    importing::AddNode(model, "Sigmoid", {value}, {next});
    value = next;
  }
  ConvertOptions options = OptionsFor(folder / "a.lutra");
  options.model_path = folder / "long.onnx";
  std::ofstream(options.model_path, std::ios::binary) << model.SerializeAsString();
  options.scheme.activations = quantize::ActivationType::dynamic;
  CHECK(MessageOf(options, nullptr) == options.model_path +
                                           ": the network has 16385 operators; a .lutra file holds "
                                           "at most 16384");
}

TEST_CASE("float and dynamic models need no data") {
  const Folder folder;
  ConvertOptions options = OptionsFor(folder / "a.lutra");
  options.scheme.activations = quantize::ActivationType::dynamic;
  const ConvertReport report = Convert(options, nullptr);
  CHECK(report.samples == 0);
  CHECK(report.float_fallbacks == 0);
  CHECK(fs::file_size(folder / "a.lutra") == report.output_bytes);
}

TEST_CASE("uint8 pixels go through tables that fold the normalization") {
  const Folder folder;
  const auto data = data::OpenDataset(kExample + "calib.json");
  ConvertOptions options = OptionsFor(folder / "a.lutra");
  options.input_type = "uint8";
  Convert(options, data.get());
  const std::vector<uint8_t> bytes = Bytes(folder / "a.lutra");
  ModelView view;
  REQUIRE(OpenContainer(bytes.data(), bytes.size(), &view).ok());
  const schema::Port& port = *view.model->inputs()->Get(0);
  CHECK(port.preferred() == schema::TensorType::uint8);
  const schema::Tensor& tensor = *view.model->tensors()->Get(port.tensor());
  const data::Normalization normalization = data->normalization();
  for (const int pixel : {0, 1, 100, 255}) {
    const double real = static_cast<double>(normalization.Apply(static_cast<float>(pixel), 0));
    const auto q = static_cast<int8_t>(view.Blob(port.pixel_table())[pixel]);
    const double back = static_cast<double>(tensor.scale()) * (q - tensor.zero_point());
    CHECK(std::abs(real - back) <= 0.501 * static_cast<double>(tensor.scale()));
  }
}

}  // namespace
}  // namespace lutra::converter::lowering
