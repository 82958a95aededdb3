#pragma once

#include <string_view>

namespace lutra::converter {

/// The nearest_mode of Resize-10, which had no such attribute: ceil on an axis that shrinks, else
/// floor. In the graph only; the passes write the one that is meant.
constexpr std::string_view kCeilToShrink = "ceil_to_shrink";

}  // namespace lutra::converter
