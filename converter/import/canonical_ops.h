// The table of Canonicalizer: one rule for each operator whose signature changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "converter/import/canonical.h"

namespace lutra::converter::importing {

/// Rewrites the node in place (its last form is added by the caller; rules that need more nodes add
/// those themselves). Returns "" or a reason to refuse.
using CanonicalRule = std::string (*)(Canonicalizer& canonical, Node& node, int64_t opset);

/// Null when the operator's form never changed.
CanonicalRule FindCanonicalRule(std::string_view op);

}  // namespace lutra::converter::importing
