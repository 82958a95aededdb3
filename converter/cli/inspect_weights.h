// `lutra inspect` of files that are no models: archives of weights, and the checkpoints that
// `lutra compress` reads.
#pragma once

#include <string>
#include <vector>

namespace lutra::converter::cli {

/// Whether the arguments of inspect name one file that opens and is no model.
bool IsWeightsFile(const std::vector<std::string>& arguments);

/// Returns the exit status.
int InspectWeights(const std::vector<std::string>& arguments);

}  // namespace lutra::converter::cli
