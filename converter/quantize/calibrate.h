// Calibration: the float network runs over the data, a histogram of fixed size watches every value
// of interest. Memory does not depend on the number of samples.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/quantize/histogram.h"
#include "converter/warnings.h"

namespace lutra::converter::quantize {

/// Sees a value of one of the samples, as the float network computes it.
using ValueObserver =
    std::function<void(const std::string& value, const Tensor& tensor, size_t sample)>;

using Progress = std::function<void(const std::string& stage, size_t done, size_t total)>;

/// Histograms of `values` over every sample. Warns of data that no range can be read off
/// (data_check.h), and of layers that are 0 throughout. Throws Error naming the sample when a value
/// is not finite, or when the network does not have exactly one input. `takes_bytes` as for
/// QuantizeGraph. `also` sees everything too, in the one run over the data.
std::map<std::string, Histogram> Calibrate(const Graph& graph, const std::set<std::string>& values,
                                           const data::Dataset& data, const Progress& progress,
                                           Warnings& warnings, bool takes_bytes,
                                           const ValueObserver& also = {});

}  // namespace lutra::converter::quantize
