// The commands of `lutra` that need the runtime only; the device's `lutra` holds just these, the
// full one links them in. Each returns the exit status: 0, 1 (the user's errors) or 2 (misuse).
#pragma once

#include <string>
#include <vector>

namespace lutra::tools {

struct Command {
  const char* name;
  const char* summary;
  const char* help;
  int (*run)(const std::vector<std::string>& arguments);
};

/// run, inspect, verify.
const std::vector<Command>& DeviceCommands();

/// Handles --help and runs the command.
int RunCommand(const Command& command, const std::vector<std::string>& arguments);

int RunModel(const std::vector<std::string>& arguments);
int InspectModel(const std::vector<std::string>& arguments);
int VerifyModel(const std::vector<std::string>& arguments);

}  // namespace lutra::tools
