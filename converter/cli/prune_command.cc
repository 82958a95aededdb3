// `lutra prune` and `lutra cluster`: the steps of compression alone, from ONNX to ONNX.
#include <cmath>
#include <cstdio>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/cli/evaluate.h"
#include "converter/error.h"
#include "converter/prune/prune.h"
#include "converter/prune/share.h"

namespace lutra::converter {
namespace {

// What both commands have: a network in and out, and data to measure them on.
struct Step {
  std::string input, output;
  bool json = false;
  DataFlags data;
  ShapeFlags shapes;

  void AddTo(CLI::App& sub, const std::string& result) {
    sub.add_option("MODEL.onnx", input, "the trained network")->required();
    sub.add_option("-o,--output", output, "the network to write")->required()->type_name(result);
    sub.add_flag("--json", json, "one JSON object instead of the table");
    shapes.AddTo(sub);
    data.AddTo(sub);
  }

  // Prints the accuracy before and after, without retraining.
  void Measure(nlohmann::json& report) const {
    const std::unique_ptr<Dataset> dataset = data.Open();
    if (!dataset) return;
    double top1[2];
    for (const bool after : {false, true}) {
      Progress progress;
      const Evaluation result =
          Evaluate(after ? output : input, shapes.Import(), *dataset,
                   [&](size_t done, size_t total) { progress.Show("eval", done, total); });
      top1[after ? 1 : 0] = result.top1;
    }
    report["top1_before"] = top1[0];
    report["top1"] = top1[1];
    if (!json) {
      std::printf("top-1 %.2f %% before, %.2f %% without retraining\n", 100 * top1[0],
                  100 * top1[1]);
    }
  }

  void Print(const nlohmann::json& report) const {
    if (json) std::printf("%s\n", report.dump().c_str());
  }
};

// Options that are none are misuse of the command line.
PerLayer ReadPerLayer(const char* flag, const std::vector<std::string>& texts, double lowest,
                      double highest) {
  try {
    return PerLayer(flag, texts, lowest, highest);
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

struct PruneCommand {
  Step step;
  PruneOptions options;
  std::vector<std::string> keep;

  void Run() {
    if (keep.empty() && !options.sensitivity && !options.sparsity) {
      throw CLI::RequiredError("--keep, --sensitivity or --sparsity");
    }
    options.keep = ReadPerLayer("--keep", keep, 0, 100);
    OnnxWeights network(step.input);
    const std::vector<double> thresholds = Prune(network.weights(), options);
    network.Write(step.output);
    nlohmann::json report;
    if (!step.json) {
      std::printf("%-28s %12s %12s %9s %12s\n", "layer", "weights", "kept", "density", "threshold");
    }
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < thresholds.size(); ++i) {
      const OnnxWeight& weight = network.weights()[i];
      all += weight.values.size();
      kept += weight.Kept();
      Row(weight.layer, weight.values.size(), weight.Kept(), thresholds[i]);
      report["layers"].push_back({{"name", weight.layer},
                                  {"tensor", weight.tensor},
                                  {"weights", weight.values.size()},
                                  {"kept", weight.Kept()},
                                  {"threshold", thresholds[i]}});
    }
    Row("total", all, kept, 0);
    report["weights"] = all;
    report["kept"] = kept;
    step.Measure(report);
    step.Print(report);
  }

 private:
  void Row(const std::string& name, size_t all, size_t kept, double threshold) const {
    if (step.json) return;
    const double density =
        all == 0 ? 100 : 100 * static_cast<double>(kept) / static_cast<double>(all);
    std::printf("%-28s %12zu %12zu %7.2f %%", name.c_str(), all, kept, density);
    std::printf(threshold > 0 ? " %12.6g\n" : "\n", threshold);
  }
};

struct ClusterCommand {
  Step step;
  std::vector<std::string> bits{"4"};
  bool compare = false;

  void Run() {
    OnnxWeights network(step.input);
    const std::vector<SharedLayer> layers =
        ShareWeights(network.weights(), ReadPerLayer("--bits", bits, 1, 8), compare);
    network.Write(step.output);
    nlohmann::json report;
    report["layers"] = nlohmann::json::array();
    if (!step.json) {
      std::printf("%-28s %12s %5s %7s %9s %13s %11s", "layer", "weights", "bits", "values",
                  "SQNR dB", "distortion", "gap at most");
      std::printf(compare ? " %10s %10s %10s\n" : "\n", "linear", "density", "random");
    }
    for (const SharedLayer& layer : layers) {
      const OnnxWeight& weight = network.weights()[layer.weight];
      if (!step.json) Row(weight, layer);
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
    step.Measure(report);
    step.Print(report);
  }

 private:
  // Lloyd's columns as multiples of the optimum's distortion.
  void Row(const OnnxWeight& weight, const SharedLayer& layer) const {
    std::printf("%-28s %12zu %5d %7zu %9.2f %13.6g %9.2g %%", weight.layer.c_str(),
                weight.values.size(), layer.bits, layer.values, layer.sqnr_db,
                layer.clustering.distortion, 100 * layer.clustering.LargestGap());
    for (size_t i = 0; compare && i < 3; ++i) {
      std::printf(" %10.4f", layer.lloyd[i] / layer.clustering.distortion);
    }
    std::printf("\n");
  }
};

}  // namespace

void AddPruneCommand(CLI::App& app) {
  const auto command = std::make_shared<PruneCommand>();
  CLI::App* sub = app.add_subcommand("prune", "set the smallest weights of a network to 0");
  command->step.AddTo(*sub, "PRUNED.onnx");
  sub->add_option("--keep", command->keep,
                  "percent of a layer's weights that stay; without LAYER: of all others")
      ->delimiter(',')
      ->type_name("[LAYER=]PERCENT");
  auto* sensitivity =
      sub->add_option("--sensitivity", command->options.sensitivity,
                      "other layers: threshold in standard deviations of the layer's weights")
          ->check(CLI::NonNegativeNumber)
          ->type_name("S");
  sub->add_option("--sparsity", command->options.sparsity,
                  "other layers: percent of their weights, taken together, that go")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("PERCENT")
      ->excludes(sensitivity);
  sub->footer(
      "Layers go by the module of their weights (conv1 of conv1.weight), else by the node's name;\n"
      "* and ? stand for any characters. The file's metadata says which weights were pruned.\n\n"
      "Example: lutra prune net.onnx -o pruned.onnx --keep 'conv1=84,fc*=9' --data test.json");
  sub->callback([command] { command->Run(); });
}

void AddClusterCommand(CLI::App& app) {
  const auto command = std::make_shared<ClusterCommand>();
  CLI::App* sub =
      app.add_subcommand("cluster", "let the weights of each layer share 2^bits values");
  command->step.AddTo(*sub, "CLUSTERED.onnx");
  sub->add_option("--bits", command->bits, "1 to 8; without LAYER: for all others")
      ->delimiter(',')
      ->type_name("[LAYER=]BITS")
      ->capture_default_str();
  sub->add_flag("--compare", command->compare,
                "also run Lloyd's iteration from linear, density and random starts");
  sub->footer(
      "The values are those of the optimal k-means clustering; pruned weights stay 0, one of "
      "them.\n\n"
      "Example: lutra cluster net.onnx -o clustered.onnx --bits '5,conv*=8' --data test.json");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter
