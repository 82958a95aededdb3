// `lutra` of the full build: the converter's commands, and those of the device.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "converter/cli/common.h"
#include "converter/cli/explain.h"
#include "converter/cli/inspect_weights.h"
#include "lutra/lutra.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"

namespace {

using lutra::tools::Command;
using lutra::tools::Complain;
using lutra::tools::DeviceCommands;

// "lutra convert", for messages.
std::string ProgramOf(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? "lutra" : "lutra " + chosen[0]->get_name();
}

bool HasCommand(const CLI::App& app, const std::string& name) {
  return !app.get_subcommands([&](const CLI::App* command) { return command->check_name(name); })
              .empty();
}

// oneDNN's OpenMP threads spin while they wait for each other, and on a busy machine that costs far
// more than the work: converting examples/shapes took 142 s (27 s of CPU time) beside other jobs,
// and 1.6 s (0.2 s) with sleeping threads. The OpenMP library reads the variable when it is loaded,
// so the program starts itself anew; if it cannot, it goes on as it is.
void LetWaitingThreadsSleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0) execv("/proc/self/exe", argv);
}

int Run(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return lutra::tools::OutputArrived()
               ? 0
               : Complain("lutra", "cannot write the output", lutra::tools::kFailed);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const std::string program = ProgramOf(app);
    return Complain(program.c_str(), std::string(error.what()) + "; see " + program + " --help",
                    lutra::tools::kMisuse);
  } catch (const std::exception& error) {
    return Complain(ProgramOf(app).c_str(), lutra::converter::cli::Explain(error),
                    lutra::tools::kFailed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  lutra::tools::PrepareProcess();
  std::set_terminate(lutra::converter::cli::EndUnexplained);
  CLI::App app("Turns trained networks into small, exact integer models and runs them.");
  app.name("lutra");
  app.set_version_flag("--version", std::string("lutra ") + lutra_version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(36);
  lutra::converter::cli::AddConvertCommand(app);
  lutra::converter::cli::AddEvalCommand(app);
  lutra::converter::cli::AddCompareCommand(app);
  lutra::converter::cli::AddTrainCommand(app);
  lutra::converter::cli::AddTuneCommand(app);
  lutra::converter::cli::AddPruneCommand(app);
  lutra::converter::cli::AddClusterCommand(app);
  lutra::converter::cli::AddCompressCommand(app);
  lutra::converter::cli::AddDecompressCommand(app);
  // Files of weights are listed by the converter; models are inspected as on the device.
  const std::vector<std::string> arguments(argv + std::min(argc, 2), argv + argc);
  if (argc > 1 && std::string(argv[1]) == "inspect" &&
      lutra::converter::cli::IsWeightsFile(arguments)) {
    return lutra::converter::cli::InspectWeights(arguments);
  }
  for (const Command& command : DeviceCommands()) {
    if (argc > 1 && std::string(argv[1]) == command.name) {
      return RunCommand(command, arguments);
    }
    app.add_subcommand(command.name, command.summary);
  }
  if (argc > 1 && argv[1][0] != '-' && !HasCommand(app, argv[1])) {
    return Complain("lutra", "no command '" + std::string(argv[1]) + "'; see lutra --help",
                    lutra::tools::kMisuse);
  }
  app.footer(
      "lutra COMMAND --help tells more.\n\n"
      "Example: lutra convert net.onnx -o net.lutra --data calib.json");
  LetWaitingThreadsSleep(argv);
  return Run(app, argc, argv);
}
