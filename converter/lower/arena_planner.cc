#include "converter/lower/arena_planner.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "converter/error.h"
#include "schema/limits.h"
#include "schema/tensor_type.h"

namespace lutra::converter::lowering {
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
  uint64_t bytes = ElementBytes(tensor.type);
  for (const int32_t d : tensor.shape) bytes *= static_cast<uint64_t>(d);
  return bytes;
}

bool IsConstant(const schema::TensorT& tensor) {
  return tensor.lifetime == schema::Lifetime::constant;
}

bool IsTransient(const schema::TensorT& tensor) {
  return tensor.lifetime == schema::Lifetime::transient;
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

namespace {

// Which memory each tensor lies in: its own, or that of another tensor from some byte on.
class Sharing {
 public:
  explicit Sharing(const schema::ModelT& model)
      : model_(model), owner_(model.tensors.size()), is_port_(model.tensors.size(), false) {
    std::iota(owner_.begin(), owner_.end(), size_t{0});
    for (const auto& port : model.inputs) is_port_[port->tensor] = true;
    for (const auto& op : model.operators) {
      if (op->options.type == schema::Options::Reshape) ShareReshape(*op);
    }
    for (const auto& port : model.outputs) is_port_[port->tensor] = true;
    // From the last to the first: a Concat of Concats becomes parts of the outermost.
    for (size_t i = model.operators.size(); i-- > 0;) {
      if (model.operators[i]->options.type == schema::Options::Concat) {
        ShareConcat(*model.operators[i]);
      }
    }
  }

  size_t Owner(size_t tensor) const { return owner_[tensor]; }
  /// Parts of a Concat's output -> {whole, byte offset}.
  const std::map<size_t, std::pair<size_t, uint64_t>>& parts() const { return parts_; }

 private:
  // A model's input lies in the caller's memory, so a Reshape of it copies.
  void ShareReshape(const schema::OperatorT& op) {
    const size_t in = op.inputs[0], out = op.outputs[0];
    if (!IsTransient(*model_.tensors[in]) || !IsTransient(*model_.tensors[out])) return;
    if (!is_port_[in]) owner_[out] = owner_[in];
  }

  bool MayBePart(size_t tensor) const {
    const bool shares = owner_[tensor] != tensor || std::ranges::count(owner_, tensor) > 1;
    return !shares && !is_port_[tensor] && IsTransient(*model_.tensors[tensor]) &&
           !parts_.contains(tensor);
  }

  void ShareConcat(const schema::OperatorT& op) {
    const size_t output = op.outputs[0];
    const schema::TensorT& out = *model_.tensors[output];
    if (op.options.AsConcat()->axis + size_t{1} != out.shape.size() || owner_[output] != output) {
      return;
    }
    const auto nested = parts_.find(output);
    const size_t whole = nested == parts_.end() ? output : nested->second.first;
    uint64_t offset = nested == parts_.end() ? 0 : nested->second.second;
    for (const uint16_t in : op.inputs) {
      const schema::TensorT& tensor = *model_.tensors[in];
      const bool once = std::ranges::count(op.inputs, in) == 1;
      if (once && MayBePart(in)) {
        parts_[in] = {whole, offset};
        owner_[in] = whole;
      }
      offset += static_cast<uint64_t>(tensor.shape.back()) * ElementBytes(tensor.type);
    }
  }

  const schema::ModelT& model_;
  std::vector<size_t> owner_;
  std::vector<bool> is_port_;
  std::map<size_t, std::pair<size_t, uint64_t>> parts_;
};

}  // namespace

void PlanArena(schema::ModelT& model) {
  const Sharing sharing(model);
  constexpr size_t kNever = SIZE_MAX;
  std::vector<ArenaItem> items(model.tensors.size(), ArenaItem{0, kNever, 0, 0});
  const auto touch = [&](size_t tensor, size_t step) {
    ArenaItem& item = items[sharing.Owner(tensor)];
    item.bytes = TensorBytes(*model.tensors[sharing.Owner(tensor)]);
    item.first = std::min(item.first, step);
    item.last = std::max(item.last, step);
  };
  for (const auto& port : model.inputs) touch(port->tensor, 0);
  for (size_t step = 0; step < model.operators.size(); ++step) {
    for (const uint16_t in : model.operators[step]->inputs) touch(in, step);
    for (const uint16_t out : model.operators[step]->outputs) touch(out, step);
  }
  for (const auto& port : model.outputs) touch(port->tensor, model.operators.size());
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    if (model.tensors[t]->lifetime != schema::Lifetime::persistent) continue;
    touch(t, 0);
    touch(t, model.operators.size());
  }

  std::vector<ArenaItem> placed;
  std::map<size_t, size_t> position;  // owner -> index in placed
  for (size_t t = 0; t < items.size(); ++t) {
    if (IsConstant(*model.tensors[t]) || items[t].first == kNever) continue;
    position[t] = placed.size();
    placed.push_back(items[t]);
  }
  const uint64_t total = PlaceItems(placed);
  if (total > kMaxArenaBytes) {
    throw Error("the activations need " + std::to_string(total >> 20) +
                " MB; give smaller inputs (--input-shape)");
  }
  model.arena_bytes = static_cast<uint32_t>(total);
  for (size_t t = 0; t < items.size(); ++t) {
    schema::TensorT& tensor = *model.tensors[t];
    if (const auto part = sharing.parts().find(t); part != sharing.parts().end()) {
      tensor.inside = static_cast<uint16_t>(part->second.first);
      tensor.arena_offset = static_cast<uint32_t>(part->second.second);
    } else if (const auto found = position.find(sharing.Owner(t)); found != position.end()) {
      tensor.arena_offset = static_cast<uint32_t>(placed[found->second].offset);
    }
  }
}

}  // namespace lutra::converter::lowering
