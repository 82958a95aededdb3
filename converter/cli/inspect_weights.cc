#include "converter/cli/inspect_weights.h"

#include <unistd.h>

#include <array>
#include <cstdio>

#include "converter/cli/common.h"
#include "converter/cli/explain.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/report/archive_table.h"
#include "model_generated.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"
#include "schema/frame.h"

namespace lutra::converter::cli {
namespace {

constexpr const char* kTool = "lutra inspect";

bool Parse(const std::vector<std::string>& arguments, tools::Options* options, std::string* error) {
  using tools::OptionSpec;
  return options->Parse({{"--json", OptionSpec::flag},
                         {"--cpu", OptionSpec::value},
                         {"--threads", OptionSpec::value}},
                        arguments, error);
}

std::string Describe(const std::string& path, bool json) {
  const std::vector<uint8_t> bytes = ReadBytes(path);
  if (!HasIdentifier(bytes.data(), bytes.size(), kArchiveIdentifier)) {
    const checkpoint::Checkpoint checkpoint = checkpoint::ReadCheckpointBytes(bytes, path);
    PrintWarnings("inspect", checkpoint.warnings);
    return json ? report::CheckpointJson(checkpoint)
                : path + ": " + report::CheckpointText(checkpoint);
  }
  try {
    const archive::ArchiveListing listing = archive::ListArchive(bytes);
    return json ? report::ArchiveJson(listing, false, {}, {}) : report::ArchiveText(listing, false);
  } catch (const Error& failure) {
    throw Error(path + ": " + failure.what());
  }
}

}  // namespace

bool IsWeightsFile(const std::vector<std::string>& arguments) {
  tools::Options options;
  std::string error;
  if (!Parse(arguments, &options, &error) || options.plain().size() != 1) return false;
  const int file = OpenForReading(options.plain()[0], &error);
  if (file < 0) return false;
  std::array<uint8_t, 8> head{};
  const ssize_t got = ::read(file, head.data(), head.size());
  ::close(file);
  return got == static_cast<ssize_t>(head.size()) &&
         !HasIdentifier(head.data(), head.size(), schema::ModelIdentifier());
}

int InspectWeights(const std::vector<std::string>& arguments) {
  tools::Options options;
  std::string error;
  if (!Parse(arguments, &options, &error)) return tools::Complain(kTool, error, tools::kMisuse);
  try {
    PrintText(Describe(options.plain()[0], options.Flag("--json")));
  } catch (const std::exception& failure) {
    return tools::Complain(kTool, Explain(failure), tools::kFailed);
  }
  return tools::OutputArrived() ? 0
                                : tools::Complain(kTool, "cannot write the output", tools::kFailed);
}

}  // namespace lutra::converter::cli
