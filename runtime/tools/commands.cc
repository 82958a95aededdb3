#include "runtime/tools/commands.h"

#include <cstdio>

#include "base/text.h"
#include "runtime/tools/model.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"

namespace lutra::tools {
namespace {

constexpr char kRunHelp[] =
    "Usage: lutra run FILE --input [NAME=]X.npy... --output [NAME=]Y.npy... [OPTIONS]\n"
    "\n"
    "Runs a .lutra model. Arrays have the names, shapes and types of the ONNX graph; without a\n"
    "NAME they are taken in the graph's order. A first dimension that is a multiple of the\n"
    "model's holds several samples, which are run one after another.\n"
    "\n"
    "  --input [NAME=]X.npy    float32 in the graph's shape, or the tensor itself (int8), or\n"
    "                          pixels (uint8) where the model takes them; once per input\n"
    "  --output [NAME=]Y.npy   written as float32; once per output that is wanted\n"
    "  --threads N             1 to 64 (default 1); the result is the same\n"
    "  --cpu ROW               instruction-set row (default: LUTRA_CPU, else the best)\n"
    "\n"
    "Example: lutra run net.lutra --input image=x.npy --output y.npy\n";

constexpr char kInspectHelp[] =
    "Usage: lutra inspect FILE [--json] [--cpu ROW] [--threads N]\n"
    "\n"
    "Shows a .lutra model: inputs and outputs, the graph with the bytes of every operator, the\n"
    "memory that it needs on this machine, and what the converter measured. Where the converter\n"
    "is part of the build, FILE may also be an archive of weights or a checkpoint.\n"
    "\n"
    "  --json         one JSON object instead of the text\n"
    "  --cpu ROW      instruction-set row (default: LUTRA_CPU, else the best)\n"
    "  --threads N    1 to 64 (default 1), for the memory need\n"
    "\n"
    "Example: lutra inspect net.lutra\n";

constexpr char kVerifyHelp[] =
    "Usage: lutra verify FILE [--cpu ROW] [--threads N]\n"
    "\n"
    "Runs the golden check that the converter put into the file: generated inputs must give the\n"
    "same output bytes on this machine. Exit status 0 if they do, 1 if not.\n"
    "\n"
    "  --cpu ROW      instruction-set row (default: LUTRA_CPU, else the best)\n"
    "  --threads N    1 to 64 (default 1)\n"
    "\n"
    "Example: LUTRA_CPU=reference lutra verify net.lutra\n";

}  // namespace

const std::vector<Command>& DeviceCommands() {
  static const std::vector<Command> commands = {
      {"run", "run a .lutra model on .npy arrays", kRunHelp, RunModel},
      {"inspect", "show graph, bytes, memory and certificate of a .lutra model", kInspectHelp,
       InspectModel},
      {"verify", "check that this machine computes a model exactly", kVerifyHelp, VerifyModel}};
  return commands;
}

int RunCommand(const Command& command, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::fputs(command.help, stdout);
      return 0;
    }
  }
  return command.run(arguments);
}

int VerifyModel(const std::vector<std::string>& arguments) {
  constexpr const char* kTool = "lutra verify";
  Options options;
  std::string error;
  uint64_t threads = 1;
  if (!options.Parse({{"--cpu", OptionSpec::value}, {"--threads", OptionSpec::value}}, arguments,
                     &error) ||
      !options.Count("--threads", 1, 64, &threads, &error)) {
    return Complain(kTool, error + "; see lutra verify --help", kMisuse);
  }
  if (options.plain().size() != 1) {
    return Complain(kTool, "name one .lutra file; see lutra verify --help", kMisuse);
  }
  const std::string& path = options.plain()[0];
  ExitWithoutMemory(kTool, path.c_str());
  const std::string row = options.Text("--cpu", "");
  const lutra_options settings = MakeOptions(row, threads);
  ModelPointer model;
  ContextPointer context;
  if (!OpenModel(path, settings, &model, &error) ||
      !CreateContext(path, model.get(), settings, &context, &error)) {
    return Complain(kTool, error, kFailed);
  }
  ApiError failure;
  if (lutra_context_verify(context.get(), failure.get()) != LUTRA_OK) {
    return Complain(kTool, failure.Of(path), kFailed);
  }
  std::printf("%s: verified on row %s, %zu output%s identical\n", Printable(path).c_str(),
              lutra_model_row(model.get()), lutra_model_output_count(model.get()),
              lutra_model_output_count(model.get()) == 1 ? "" : "s");
  return OutputArrived() ? 0 : Complain(kTool, "cannot write the output", kFailed);
}

}  // namespace lutra::tools
