#include "converter/cli/data_flags.h"

#include "converter/cli/common.h"
#include "converter/data/spec.h"

namespace lutra::converter::cli {

void DataFlags::AddTo(CLI::App& command) {
  command.add_option("--data", file_, "JSON file that describes the data (docs/cli.md)")
      ->type_name("FILE.json")
      ->check(FileName())
      ->group("Data");
  const auto add = [&](const char* flag, const char* field, auto example, const char* help) {
    using Value = decltype(example);
    return command
        .add_option_function<Value>(
            flag, [this, field](const Value& value) { fields_[field] = value; }, help)
        ->group("Data, instead of the file or over it");
  };
  add("--format", "format", std::string(), "idx, cifar10, npy, folder, list or images")
      ->type_name("NAME");
  add("--path", "path", std::string(), "file or folder (cifar10, folder, list, images)")
      ->type_name("PATH");
  add("--images", "images", std::string(), "images (idx, npy)")->type_name("FILE");
  add("--labels", "labels", std::string(), "labels (idx, npy)")->type_name("FILE");
  add("--targets", "targets", std::string(),
      "NumPy file with what the network should give, a row for each sample")
      ->type_name("FILE.npy");
  add("--offset", "offset", int64_t{}, "samples to skip")->type_name("N");
  add("--limit", "limit", int64_t{}, "samples to take at most")->type_name("N");
  add("--resize", "resize", std::vector<int64_t>(), "height and width")
      ->expected(2)
      ->delimiter(',')
      ->type_name("H W");
  add("--resize-shorter-side", "resize_shorter_side", int64_t{}, "the longer one follows")
      ->type_name("N");
  add("--center-crop", "center_crop", int64_t{}, "side of the middle square")->type_name("N");
  add("--channel-order", "channel_order", std::string(), "RGB (default), BGR or GRAY")
      ->type_name("ORDER");
  add("--layout", "layout", std::string(), "of npy samples: NCHW (default) or NHWC")
      ->type_name("LAYOUT");
  add("--scale", "scale", double{}, "input = (x * scale - mean) / std")->type_name("X");
  add("--mean", "mean", std::vector<double>(), "one value, or one per channel")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("X,...");
  add("--std", "std", std::vector<double>(), "one value, or one per channel")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("X,...");
}

CLI::Option* AddMetricFlag(CLI::App& command, std::string& metric) {
  return command
      .add_option(
          "--metric", metric,
          "how outputs are compared with --targets: mse, cosine, or a program that gets two "
          ".npy files, outputs and targets, and prints one number, the larger the better")
      ->type_name("NAME|PROGRAM");
}

std::unique_ptr<data::Dataset> DataFlags::Open() const {
  if (file_.empty() && fields_.empty()) return nullptr;
  if (fields_.empty()) return data::OpenDataset(file_);
  nlohmann::json object = file_.empty() ? nlohmann::json::object() : data::ReadDataObject(file_);
  object.update(fields_);
  const std::string origin = file_.empty() ? "data flags" : file_ + " and data flags";
  return data::OpenDataset(data::ParseDataSpec(object, origin, ""));
}

std::unique_ptr<data::Dataset> DataFlags::Open(Outputs& outputs) const {
  if (!file_.empty()) outputs.Reads("--data", file_);
  std::unique_ptr<data::Dataset> dataset = Open();
  if (!dataset) return nullptr;
  for (const std::string& file : dataset->Files()) outputs.Reads("the data", file);
  return dataset;
}

}  // namespace lutra::converter::cli
