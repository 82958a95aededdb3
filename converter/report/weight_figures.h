// A figure for each layer with integer weights: how the float network's weights are distributed,
// and the values that they became, which stand as marks on the axis (converter/weight_histogram.h).
#pragma once

#include <string>

#include "converter/convert.h"

namespace lutra::converter::report {

/// Part of the page, or "" if the report has no histograms. Of networks with many layers only the
/// largest ones are drawn, and the text says so.
std::string WeightFigures(const ConvertReport& report);

}  // namespace lutra::converter::report
