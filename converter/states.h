// States of a network (`--state IN=OUT`): an input that holds in each run what an output had in the
// one before.
#pragma once

#include <string>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter {

/// "IN=OUT". Throws Error for anything else.
State ParseState(const std::string& text);

/// Makes them states of the graph, as it was imported. Throws Error where one names what is no
/// input or output, where names come twice, where shapes or types differ, and where no other input
/// or output is left.
void SetStates(Graph& graph, const std::vector<State>& states);

}  // namespace lutra::converter
