// Small things that every rewrite of the graph needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/error.h"
#include "converter/graph/graph.h"

namespace lutra::converter::passes {

using Dims = std::vector<int64_t>;

/// The value's dimensions when all of them are known, else null.
const Dims* KnownDims(const Graph& graph, const std::string& value);

/// A constant of one element.
std::optional<float> ScalarConstant(const Graph& graph, const std::string& value);

/// Integers of a constant; none when absent or computed.
std::optional<std::vector<int64_t>> ConstantInts(const Graph& graph, const std::string& value);

/// Adds an initializer under a fresh name that begins with `stem`; returns the name.
std::string AddInitializer(Graph& graph, const std::string& stem, Tensor tensor);

/// The constant target of a Reshape between these dimensions; dimension 0 stays open for the batch.
Tensor ReshapeTarget(const Dims& from, Dims to);

}  // namespace lutra::converter::passes
