#include "converter/lower/arena_planner.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "converter/error.h"
#include "schema/limits.h"

namespace lutra::converter {
namespace {

uint64_t Aligned(uint64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool AliveTogether(const ArenaItem& a, const ArenaItem& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The smallest gap between the (sorted) neighbours that holds the item, else behind them all.
uint64_t BestOffset(const ArenaItem& item, const std::vector<const ArenaItem*>& placed) {
  const uint64_t bytes = Aligned(item.bytes);
  uint64_t end = 0, best = 0, best_gap = UINT64_MAX;
  for (const ArenaItem* other : placed) {
    if (!AliveTogether(item, *other)) continue;
    if (other->offset > end) {
      const uint64_t gap = other->offset - end;
      if (gap >= bytes && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
    }
    end = std::max(end, other->offset + Aligned(other->bytes));
  }
  return best_gap == UINT64_MAX ? end : best;
}

uint64_t TensorBytes(const schema::TensorT& tensor) {
  uint64_t bytes = tensor.type == schema::TensorType::int8 ? 1 : 4;
  for (const int32_t d : tensor.shape) bytes *= static_cast<uint64_t>(d);
  return bytes;
}

bool IsConstant(const schema::TensorT& tensor) {
  return tensor.lifetime == schema::Lifetime::constant;
}

}  // namespace

uint64_t PlaceItems(std::vector<ArenaItem>& items) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order,
                           [&](size_t a, size_t b) { return items[a].bytes > items[b].bytes; });
  std::vector<const ArenaItem*> placed;  // by offset
  uint64_t total = 0;
  for (const size_t i : order) {
    ArenaItem& item = items[i];
    item.offset = BestOffset(item, placed);
    total = std::max(total, item.offset + Aligned(item.bytes));
    placed.insert(std::ranges::upper_bound(placed, item.offset, {}, &ArenaItem::offset), &item);
  }
  return total;
}

void PlanArena(schema::ModelT& model) {
  const size_t count = model.tensors.size();
  std::vector<size_t> owner(count);  // whose memory the tensor lies in
  std::iota(owner.begin(), owner.end(), size_t{0});
  std::vector<bool> is_input(count, false);
  for (const auto& port : model.inputs) is_input[port->tensor] = true;
  for (const auto& op : model.operators) {
    const size_t in = op->inputs[0], out = op->outputs[0];
    // A model's input lies in the caller's memory, so a Reshape of it copies.
    if (op->options.type == schema::Options::Reshape && !IsConstant(*model.tensors[in]) &&
        !is_input[in]) {
      owner[out] = owner[in];
    }
  }
  constexpr size_t kNever = SIZE_MAX;
  std::vector<ArenaItem> items(count, ArenaItem{0, kNever, 0, 0});
  const auto touch = [&](size_t tensor, size_t step) {
    ArenaItem& item = items[owner[tensor]];
    item.bytes = std::max(item.bytes, TensorBytes(*model.tensors[tensor]));
    item.first = std::min(item.first, step);
    item.last = std::max(item.last, step);
  };
  for (const auto& port : model.inputs) touch(port->tensor, 0);
  for (size_t step = 0; step < model.operators.size(); ++step) {
    for (const uint16_t in : model.operators[step]->inputs) touch(in, step);
    for (const uint16_t out : model.operators[step]->outputs) touch(out, step);
  }
  for (const auto& port : model.outputs) touch(port->tensor, model.operators.size());

  std::vector<ArenaItem> placed;
  std::map<size_t, size_t> position;  // owner -> index in placed
  for (size_t t = 0; t < count; ++t) {
    if (owner[t] != t || IsConstant(*model.tensors[t]) || items[t].first == kNever) continue;
    position[t] = placed.size();
    placed.push_back(items[t]);
  }
  const uint64_t total = PlaceItems(placed);
  if (total > kMaxArenaBytes) {
    throw Error("the activations need " + std::to_string(total >> 20) +
                " MB; give smaller inputs (--input-shape)");
  }
  model.arena_bytes = static_cast<uint32_t>(total);
  for (size_t t = 0; t < count; ++t) {
    const auto found = position.find(owner[t]);
    if (found == position.end()) continue;
    model.tensors[t]->arena_offset = static_cast<uint32_t>(placed[found->second].offset);
  }
}

}  // namespace lutra::converter
