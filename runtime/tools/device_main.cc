// `lutra` as it is built for a device: run, inspect and verify.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "lutra/lutra.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"

namespace {

void PrintHelp(std::FILE* to) {
  std::fputs("Usage: lutra COMMAND ...\n\nRuns .lutra models; this build has no converter.\n\n",
             to);
  for (const lutra::tools::Command& command : lutra::tools::DeviceCommands()) {
    std::fprintf(to, "  %-10s %s\n", command.name, command.summary);
  }
  std::fputs("\nlutra COMMAND --help tells more; lutra --version prints the version.\n", to);
}

}  // namespace

int main(int argc, char** argv) {
  lutra::tools::PrepareProcess();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty()) {
    PrintHelp(stderr);
    return lutra::tools::kMisuse;
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    PrintHelp(stdout);
    return 0;
  }
  if (arguments[0] == "--version") {
    std::printf("lutra %s\n", lutra_version());
    return 0;
  }
  for (const lutra::tools::Command& command : lutra::tools::DeviceCommands()) {
    if (arguments[0] == command.name) {
      return lutra::tools::RunCommand(command, {arguments.begin() + 1, arguments.end()});
    }
  }
  return lutra::tools::Complain("lutra",
                                "no command '" + arguments[0] + "' in this build; see lutra --help",
                                lutra::tools::kMisuse);
}
