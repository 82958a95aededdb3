// Which nodes of a graph with quantization points compute in integers.
#pragma once

#include "converter/qdq/constants.h"

namespace lutra::converter::qdq {

/// A graph with points, in the layout of the model file -> its formats.
///
/// A node computes in integers if all that it reads lies on grids, and its result is read through
/// one point and in no other way: then the node rounds by itself, the point leaves the graph, and
/// its value gets the point's parameters. A node that only moves elements keeps the grid of what it
/// moves. An input of the graph that is read through one point alone is quantized on its way in.
/// Everything else is float, and the points that are left are operators of their own.
///
/// `graph` becomes the network without the points that nodes took over; `reference` the same with
/// all of them, whose values have the names that the model file uses.
void ChooseIntegers(const ConstantRecords& records, Graph& graph, Graph& reference,
                    quantize::Quantization& quantization);

}  // namespace lutra::converter::qdq
