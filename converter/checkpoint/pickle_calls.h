// The functions that a pickle may call, each as a rule that makes a node of its arguments. This is
// the whole list of what is understood.
#pragma once

#include <optional>

#include "converter/checkpoint/pickle.h"

namespace lutra::converter::checkpoint {

/// The node for `function(*arguments)`; both are nodes of the tree, arguments of kind tuple.
/// Nothing when the function is not on the list. Throws Error when the arguments do not fit it.
std::optional<PickleNode> CallAllowed(const PickleTree& tree, const PickleNode& function,
                                      const PickleNode& arguments);

}  // namespace lutra::converter::checkpoint
