// Where tensors lie in the arena: those that are needed at the same time must not overlap, and the
// arena should be small.
//
// Greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
// arXiv 2001.03288): the largest tensors are placed first, each into the smallest gap that fits
// between those alive at the same time.
#pragma once

#include <cstdint>
#include <vector>

#include "schema/writer.h"

namespace lutra::converter::lowering {

struct ArenaItem {
  uint64_t bytes = 0;
  size_t first = 0, last = 0;  ///< operators that write it first and read it last, both included
  uint64_t offset = 0;         ///< the result, a multiple of 64
};

/// Sets every offset; returns the size of the arena, a multiple of 64.
uint64_t PlaceItems(std::vector<ArenaItem>& items);

/// Sets arena_offset and inside of every tensor, and Model::arena_bytes. A Reshape's output lies
/// where its input does; inputs of a Concat along the innermost dimension lie inside its output
/// where that is the only use they were made for. Throws Error past the format's limit.
void PlanArena(schema::ModelT& model);

}  // namespace lutra::converter::lowering
