// `lutra prune` and `lutra cluster`: the steps of compression alone, from ONNX to ONNX or from a
// checkpoint to safetensors.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <span>

#include "base/text.h"
#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/edit/prune.h"
#include "converter/edit/share.h"
#include "converter/error.h"
#include "converter/evaluate/evaluate.h"

namespace lutra::converter::cli {
namespace {

// What both commands have: weights in and out, and data to measure a network on.
struct Step {
  const char* command;
  std::string input, output, scores;
  bool json = false;
  DataFlags data;
  ShapeFlags shapes;

  explicit Step(const char* name) : command(name) {}

  void AddTo(CLI::App& sub, const std::string& result) {
    sub.add_option("WEIGHTS", input, "an ONNX network, a PyTorch checkpoint or a safetensors file")
        ->required();
    sub.add_option("-o,--output", output,
                   "the network to write; of a checkpoint, a safetensors file")
        ->required()
        ->type_name(result);
    sub.add_flag("--json", json, "one JSON object instead of the table");
    sub.add_option("--scores", scores, "the output that --data's accuracy is of")
        ->type_name("NAME");
    shapes.AddTo(sub);
    data.AddTo(sub);
  }

  // The part between reading and writing is `change`. Prints, after all that can fail, what it did,
  // the accuracy before and after, without retraining, and what the measurements warned of.
  void Run(const std::function<void(std::vector<edit::LayerWeights>&)>& change,
           const std::function<void(const edit::WeightsFile&, nlohmann::json&)>& print) const {
    Outputs outputs;
    outputs.Reads("the weights", input);
    outputs.Writes("-o", output);
    ReadsExternalFiles(outputs, input, {output});
    const std::unique_ptr<data::Dataset> dataset = data.Open(outputs);
    const std::unique_ptr<edit::WeightsFile> file = edit::OpenWeights(input);
    if (dataset && !file->HasGraph()) {
      throw Error(input + ": has no graph, so its accuracy cannot be measured; leave --data out");
    }
    change(file->weights());
    nlohmann::json report;
    Warnings warnings = file->warnings();
    if (dataset) report["top1_before"] = Top1(ReadBytes(input), input, *dataset, warnings);
    const std::vector<uint8_t> changed = file->Bytes(output);
    if (dataset) report["top1"] = Top1(changed, output, *dataset, warnings);
    outputs.Write(output, changed);
    outputs.Commit();
    print(*file, report);
    report["warnings"] = warnings.lines();
    report["skipped"] = nlohmann::json::array();
    for (const checkpoint::SkippedEntry& entry : file->Skipped()) {
      report["skipped"].push_back({{"path", entry.path}, {"what", entry.what}});
    }
    if (json) {
      PrintJson(report);
    } else {
      PrintEnd(*file, report);
    }
    PrintWarnings(command, warnings);
  }

 private:
  void PrintEnd(const edit::WeightsFile& file, const nlohmann::json& report) const {
    if (report.contains("top1")) {
      std::printf("top-1 %.2f %% before, %.2f %% without retraining\n",
                  100 * report["top1_before"].get<double>(), 100 * report["top1"].get<double>());
    }
    for (const checkpoint::SkippedEntry& entry : file.Skipped()) {
      PrintText("skipped " + entry.path + ": " + entry.what + "\n");
    }
    if (!file.HasGraph()) PrintText(output + " is a safetensors file\n");
  }

  double Top1(std::span<const uint8_t> network, const std::string& path,
              const data::Dataset& dataset, Warnings& warnings) const {
    Progress progress;
    const evaluate::EvaluationOptions options{
        shapes.Import(), scores,
        [&](size_t done, size_t total) { progress.Show("eval", done, total); }};
    evaluate::Evaluation result;
    WorkOn(&dataset, command,
           [&] { result = evaluate::Evaluate(network, path, options, dataset); });
    warnings.Add(result.warnings);
    return result.top1;
  }
};

// Names for the table's first column: the layers', or those of the tensors where a layer has
// several, in a column as wide as the longest.
class NameColumn {
 public:
  explicit NameColumn(const std::vector<edit::LayerWeights>& weights) {
    for (const edit::LayerWeights& weight : weights) {
      const auto same = [&](const edit::LayerWeights& other) {
        return other.layer == weight.layer;
      };
      const bool several = std::ranges::count_if(weights, same) > 1;
      names_.push_back(Printable(several ? weight.tensor : weight.layer));
      width_ = std::max(width_, static_cast<int>(names_.back().size()));
    }
  }
  const std::string& operator[](size_t i) const { return names_[i]; }
  int width() const { return width_; }

 private:
  std::vector<std::string> names_;
  int width_ = 5;
};

// Options that are none are misuse of the command line.
edit::PerLayer ReadPerLayer(const char* flag, const std::vector<std::string>& texts,
                            const edit::PerLayer::Range& range) {
  try {
    return edit::PerLayer(flag, texts, range);
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

// CLI::Range lets NaN pass.
CLI::Validator NumberIn(double lowest, double highest, const std::string& description) {
  return CLI::Validator(
      [=](const std::string& text) {
        double number = 0;
        const bool inside =
            CLI::detail::lexical_cast(text, number) && number >= lowest && number <= highest;
        return inside ? std::string() : "'" + text + "' is no " + description;
      },
      "");
}

struct PruneCommand {
  Step step{"prune"};
  edit::PruneOptions options;
  std::vector<std::string> keep;

  void Run() {
    if (keep.empty() && !options.sensitivity && !options.sparsity) {
      throw CLI::RequiredError("--keep, --sensitivity or --sparsity");
    }
    options.keep = ReadPerLayer("--keep", keep, {.lowest = 0, .highest = 100});
    std::vector<double> thresholds;
    step.Run(
        [&](std::vector<edit::LayerWeights>& weights) {
          thresholds = edit::Prune(weights, options);
        },
        [&](const edit::WeightsFile& file, nlohmann::json& report) {
          Describe(file.weights(), thresholds, report);
          if (!step.json) Print(file.weights(), thresholds);
        });
  }

 private:
  static void Describe(const std::vector<edit::LayerWeights>& weights,
                       const std::vector<double>& thresholds, nlohmann::json& report) {
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      all += weights[i].values.size();
      kept += weights[i].Kept();
      report["layers"].push_back({{"name", weights[i].layer},
                                  {"tensor", weights[i].tensor},
                                  {"weights", weights[i].values.size()},
                                  {"kept", weights[i].Kept()},
                                  {"threshold", thresholds[i]}});
    }
    report["weights"] = all;
    report["kept"] = kept;
  }

  static void Print(const std::vector<edit::LayerWeights>& weights,
                    const std::vector<double>& thresholds) {
    const NameColumn names(weights);
    const auto row = [&](const std::string& name, size_t all, size_t kept, double threshold) {
      const double density =
          all == 0 ? 100 : 100 * static_cast<double>(kept) / static_cast<double>(all);
      std::printf("%-*s %12zu %12zu %7.2f %%", names.width(), name.c_str(), all, kept, density);
      std::printf(threshold > 0 ? " %12.6g\n" : "\n", threshold);
    };
    std::printf("%-*s %12s %12s %9s %12s\n", names.width(), "layer", "weights", "kept", "density",
                "threshold");
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      all += weights[i].values.size();
      kept += weights[i].Kept();
      row(names[i], weights[i].values.size(), weights[i].Kept(), thresholds[i]);
    }
    row("total", all, kept, 0);
  }
};

struct ClusterCommand {
  Step step{"cluster"};
  std::vector<std::string> bits{"4"};
  bool compare = false;

  void Run() {
    const edit::PerLayer wanted =
        ReadPerLayer("--bits", bits, {.lowest = 1, .highest = 8, .whole = true});
    std::vector<edit::SharedLayer> layers;
    step.Run(
        [&](std::vector<edit::LayerWeights>& weights) {
          layers = edit::ShareWeights(weights, wanted, compare);
        },
        [&](const edit::WeightsFile& file, nlohmann::json& report) {
          Describe(file.weights(), layers, report);
          if (!step.json) Print(file.weights(), layers);
        });
  }

 private:
  void Describe(const std::vector<edit::LayerWeights>& weights,
                const std::vector<edit::SharedLayer>& layers, nlohmann::json& report) const {
    report["layers"] = nlohmann::json::array();
    for (const edit::SharedLayer& layer : layers) {
      const edit::LayerWeights& weight = weights[layer.weight];
      nlohmann::json entry = {{"name", weight.layer},
                              {"tensor", weight.tensor},
                              {"weights", weight.values.size()},
                              {"bits", layer.bits},
                              {"values", layer.values},
                              {"distortion", layer.clustering.distortion},
                              {"lower_bound", layer.clustering.lower_bound},
                              {"sqnr_db", nullptr}};
      if (std::isfinite(layer.sqnr_db)) entry["sqnr_db"] = layer.sqnr_db;
      if (compare) {
        entry["lloyd"] = {
            {"linear", layer.lloyd[0]}, {"density", layer.lloyd[1]}, {"random", layer.lloyd[2]}};
      }
      report["layers"].push_back(std::move(entry));
    }
  }

  // Lloyd's columns are multiples of the optimum's distortion.
  void Print(const std::vector<edit::LayerWeights>& weights,
             const std::vector<edit::SharedLayer>& layers) const {
    const NameColumn names(weights);
    std::printf("%-*s %12s %5s %7s %9s %13s %11s", names.width(), "layer", "weights", "bits",
                "values", "SQNR dB", "distortion", "gap at most");
    std::printf(compare ? " %10s %10s %10s\n" : "\n", "linear", "density", "random");
    for (const edit::SharedLayer& layer : layers) {
      std::printf("%-*s %12zu %5d %7zu %9.2f %13.6g %9.2g %%", names.width(),
                  names[layer.weight].c_str(), weights[layer.weight].values.size(), layer.bits,
                  layer.values, layer.sqnr_db, layer.clustering.distortion,
                  100 * layer.clustering.LargestGap());
      for (size_t i = 0; compare && i < 3; ++i) {
        const double ratio = layer.lloyd[i] / layer.clustering.distortion;
        std::printf(" %10.4f", layer.lloyd[i] == 0 ? 1.0 : ratio);
      }
      std::printf("\n");
    }
  }
};

}  // namespace

void AddPruneCommand(CLI::App& app) {
  const auto command = std::make_shared<PruneCommand>();
  CLI::App* sub = app.add_subcommand("prune", "set the smallest weights to 0");
  command->step.AddTo(*sub, "PRUNED");
  sub->add_option("--keep", command->keep,
                  "percent of a layer's weights that stay; without LAYER: of all others")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("[LAYER=]PERCENT");
  auto* sensitivity =
      sub->add_option("--sensitivity", command->options.sensitivity,
                      "other layers: threshold in standard deviations of the layer's weights")
          ->check(NumberIn(0, std::numeric_limits<double>::max(), "number from 0 up"))
          ->type_name("S");
  sub->add_option("--sparsity", command->options.sparsity,
                  "other layers: percent of their weights, taken together, that go")
      ->check(NumberIn(0, 100, "number from 0 to 100"))
      ->type_name("PERCENT")
      ->excludes(sensitivity);
  sub->footer(
      "Layers go by the module of their weights (conv1 of conv1.weight), else by the node's name;\n"
      "* and ? stand for any characters. The file's metadata says which weights were pruned.\n"
      "Checkpoints become safetensors files.\n\n"
      "Examples:\n"
      "  lutra prune net.onnx -o pruned.onnx --keep 'conv1=84,fc*=9' --data test.json\n"
      "  lutra prune net.pth -o pruned.safetensors --sparsity 80");
  sub->callback([command] { command->Run(); });
}

void AddClusterCommand(CLI::App& app) {
  const auto command = std::make_shared<ClusterCommand>();
  CLI::App* sub =
      app.add_subcommand("cluster", "let the weights of each layer share 2^bits values");
  command->step.AddTo(*sub, "CLUSTERED");
  sub->add_option("--bits", command->bits, "1 to 8; without LAYER: for all others")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("[LAYER=]BITS")
      ->capture_default_str();
  sub->add_flag("--compare", command->compare,
                "also run Lloyd's iteration from linear, density and random starts");
  sub->footer(
      "The values are those of the optimal k-means clustering; pruned weights stay 0, one of "
      "them. Checkpoints become safetensors files.\n\n"
      "Example: lutra cluster net.onnx -o clustered.onnx --bits '5,conv*=8' --data test.json");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
