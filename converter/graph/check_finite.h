// Constants that are no numbers. One NaN or infinity among the weights makes every scheme and every
// kernel fail in its own way, or none and the network silently wrong; so constants are looked at
// once, when a network comes in, and again when the passes have computed new ones.
//
// NaN is always refused. Infinity is a number to operators that choose (Max, Where, comparisons,
// Softmax behind a mask of minus infinity, the limits of Clip) and to those that only move
// elements; whoever calculates with it makes NaN, or a result that has no scale.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter {

/// For constants that passes have computed: value -> how ("node 'a' (Sqrt) from 'var'").
using Origins = std::map<std::string, std::string>;

/// Throws Error that names the first constant some node calculates with though it is NaN, infinite
/// or beyond float32, with its element and what to do; so for numbers among attributes. Constants
/// that nothing reads are ignored. A BatchNormalization is judged as by CheckBatchNorm.
void CheckFinite(const Graph& graph, const Origins& origins = {});

/// What a BatchNormalization of constants divides by is positive, and the factors and offsets that
/// follow fit float32; else throws Error that names the constant and its element.
void CheckBatchNorm(const Graph& graph, const Node& node);

/// For what a network computes from data: throws Error that names the value and the sample
/// (`source`) that made it NaN.
void RefuseNan(const std::string& value, const Tensor& tensor, const std::string& source);

/// "is NaN at [2, 0, 1]", for messages about an element that is no number.
std::string ElementText(const Tensor& tensor, size_t element);

/// The first element that is NaN (infinite too, or beyond float32); none where all are numbers, as
/// those of integer types are.
std::optional<size_t> FirstNan(const Tensor& tensor);
std::optional<size_t> FirstNotFinite(const Tensor& tensor);

}  // namespace lutra::converter
