#include <cstdio>
#include <memory>

#include "converter/cli/common.h"
#include "converter/cli/data_flags.h"
#include "converter/evaluate/compare_files.h"
#include "converter/report/report.h"

namespace lutra::converter::cli {
namespace {

struct CompareCommand {
  std::string onnx, lutra;
  bool json = false;
  DataFlags data;
  ShapeFlags shapes;

  void Run() const {
    const std::unique_ptr<data::Dataset> dataset = data.Open();
    if (!dataset) throw CLI::RequiredError("--data");
    evaluate::CompareReport report;
    WorkOn(dataset.get(), "compare",
           [&] { report = evaluate::Compare(onnx, lutra, shapes.Import(), *dataset); });
    if (json) {
      PrintJson(report::CompareJson(report));
    } else {
      PrintText(report::CompareText(report));
    }
    PrintWarnings("compare", report.warnings);
  }
};

}  // namespace

void AddCompareCommand(CLI::App& app) {
  const auto command = std::make_shared<CompareCommand>();
  CLI::App* sub = app.add_subcommand("compare", "error of every layer against the FP32 network");
  sub->add_option("MODEL.onnx", command->onnx, "the FP32 network")->required();
  sub->add_option("MODEL.lutra", command->lutra, "the model made from it")->required();
  sub->add_flag("--json", command->json, "one JSON object: layers (name, sqnr_db), output_sqnr_db");
  command->shapes.AddTo(*sub);
  command->data.AddTo(*sub);
  sub->footer(
      "SQNR = 10 log10(signal power / error power) in dB. Isolated: the layer gets exact inputs;\n"
      "cumulative: it gets what the layers before it gave. Ranked by\n"
      "channel, which is isolated in the median channel.\n\n"
      "Example: lutra compare net.onnx net.lutra --data calib.json");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
