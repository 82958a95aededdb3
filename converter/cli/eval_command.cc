#include <cstdio>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/error.h"
#include "converter/evaluate/evaluate.h"

namespace lutra::converter::cli {
namespace {

struct EvalCommand {
  std::string model, scores, metric;
  bool json = false;
  DataFlags data;
  ShapeFlags shapes;

  void Run() const {
    const std::unique_ptr<data::Dataset> dataset = data.Open();
    if (!dataset) throw CLI::RequiredError("--data");
    if (dataset->has_targets() && metric.empty()) {
      throw CLI::ValidationError("--targets",
                                 "needs --metric, which says how outputs are compared with them");
    }
    evaluate::Evaluation result;
    {
      Progress progress;
      evaluate::EvaluationOptions options{shapes.Import(), scores, [&](size_t done, size_t total) {
                                            progress.Show("eval", done, total);
                                          }};
      if (!metric.empty()) options.metric.emplace(metric);
      WorkOn(dataset.get(), "eval", [&] { result = evaluate::Evaluate(model, options, *dataset); });
    }
    if (result.metric) {
      PrintMetric(result);
    } else if (json) {
      const nlohmann::json object = {{"top1", result.top1},
                                     {"top5", result.top5},
                                     {"loss", result.loss},
                                     {"count", result.count},
                                     {"warnings", result.warnings.lines()}};
      PrintJson(object);
    } else {
      std::printf("top-1 %.2f %%   top-5 %.2f %%   loss %.4f   %zu samples\n", 100 * result.top1,
                  100 * result.top5, result.loss, result.count);
    }
    PrintWarnings("eval", result.warnings);
  }

 private:
  void PrintMetric(const evaluate::Evaluation& result) const {
    if (json) {
      PrintJson({{"metric", metric},
                 {"value", *result.metric},
                 {"count", result.count},
                 {"warnings", result.warnings.lines()}});
    } else {
      std::printf("%s %.6g   %zu samples\n", metric.c_str(), *result.metric, result.count);
    }
  }
};

}  // namespace

void AddEvalCommand(CLI::App& app) {
  const auto command = std::make_shared<EvalCommand>();
  CLI::App* sub =
      app.add_subcommand("eval", "accuracy and loss of a classifier, or a metric against targets");
  sub->add_option("FILE", command->model, "an ONNX network or a .lutra model")->required();
  sub->add_flag("--json", command->json,
                "one JSON object: top1, top5 (fractions), loss, count; or metric, value, count");
  sub->add_option("--scores", command->scores,
                  "the output with the scores, or that the targets are of, where several could be")
      ->type_name("NAME");
  AddMetricFlag(*sub, command->metric);
  command->shapes.AddTo(*sub);
  command->data.AddTo(*sub);
  sub->footer(
      "Loss is the mean cross entropy of the scores; a softmax is applied unless the network\n"
      "ends in one.\n\nExample: lutra eval net.lutra --data test.json");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
