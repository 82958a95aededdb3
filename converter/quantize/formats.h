// First decision of quantization: which nodes compute in integers, and so which values exist as
// int8. Needs no data.
#pragma once

#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

/// Reads schemes (one for every node), fills integer_nodes and float_reason, and returns the values
/// that need int8 parameters. A node that only moves elements follows its input. A final Softmax
/// stays float without a reason.
std::set<std::string> ChooseFormats(const Graph& graph, Quantization& quantization);

/// Every value's parameters from its range, united where operators without arithmetic connect
/// values (MaxPool, Concat, Reshape ...). A Concat whose inputs cannot agree keeps them apart, and
/// lowering requantizes. Values with a fused clamp use the clamped range.
void AssignActivations(const Graph& graph, const std::set<std::string>& values,
                       const std::map<std::string, struct Range>& ranges,
                       Quantization& quantization);

}  // namespace lutra::converter::quantize
