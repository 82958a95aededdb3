// What a classifier's scores are, which decides how a loss is computed from them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter {

///   logits             any number; p = softmax(x)
///   log_probabilities  of a network that ends in LogSoftmax: p = exp(x)
///   probabilities      of one that ends in Softmax: p = x, as if it were at least
///                      kLeastProbability
enum class ScoreKind : uint8_t { logits, log_probabilities, probabilities };

inline constexpr double kLeastProbability = 1e-7;

/// log softmax(x / temperature), in the place of x: from log-sum-exp of differences to the largest.
void LogSoftmax(std::span<double> x, double temperature);

/// Of a value of the graph, by the operator that decides what its numbers mean, through those that
/// only move them.
ScoreKind ScoreKindOf(const Graph& graph, std::string value);

}  // namespace lutra::converter
