// Small things that every rewrite of the graph needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/error.h"
#include "converter/graph/graph.h"

namespace lutra::converter {

/// The value's dimensions when all of them are known, else null.
const std::vector<int64_t>* KnownDims(const Graph& graph, const std::string& value);

/// The one node that reads the value, once, if the value is no output of the graph.
std::optional<size_t> OnlyConsumer(const Graph& graph, const std::string& value);

/// A constant of one element.
std::optional<float> ScalarConstant(const Graph& graph, const std::string& value);

/// Integers of a constant; none when absent or computed.
std::optional<std::vector<int64_t>> ConstantInts(const Graph& graph, const std::string& value);

/// Adds an initializer under a fresh name that begins with `stem`; returns the name.
std::string AddInitializer(Graph& graph, const std::string& stem, Tensor tensor);

/// The constant target of a Reshape between these dimensions; dimension 0 stays open for the batch.
std::string AddReshapeTarget(Graph& graph, const std::string& stem,
                             const std::vector<int64_t>& from, std::vector<int64_t> to);

/// Takes node `index` out, whose output becomes `value` wherever it is read. When the output is one
/// of the graph's, the node that computes `value` takes over its name instead; returns false, with
/// nothing done, where that cannot be (both names must live).
bool Bypass(Graph& graph, size_t index, const std::string& value);

/// Error that names the node.
[[noreturn]] void Fail(const Node& node, const std::string& why);

/// axis counted from the end when negative; throws Error when it is outside.
int64_t ResolvedAxis(const Node& node, int64_t axis, size_t rank);

}  // namespace lutra::converter
