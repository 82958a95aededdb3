// The plan of a run: who writes each tensor and when, and whether what is still needed lies apart
// in the arena. Lifetimes are recomputed from the order of execution; nothing in the file is
// believed.
//
// A tensor is born with the operator that writes it (inputs: before the first), and dies with the
// last that reads it (outputs: never); within one operator inputs and outputs live together.
// Tensors that share memory on purpose form one block: the parts of an in-place concat with their
// whole, and a Reshape's output that lies exactly on its input. Blocks that live at the same time
// must not touch. This is a sweep over time: blocks in order of birth enter a list sorted by
// address, where only their two neighbours can touch them.
#include <algorithm>
#include <memory>
#include <new>

#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

constexpr int32_t kNever = -2;      // not written yet
constexpr int32_t kBeforeRun = -1;  // inputs
constexpr int32_t kAfterRun = kMaxOperators;

struct Life {
  int32_t born = kNever, dies = kNever;
  uint16_t block = 0;  ///< tensor whose extent is the block's
};

struct Plan {
  Facts& facts;
  std::span<Life> lives;
  std::span<uint16_t> order, active;  ///< scratch of the sweep, one entry per tensor

  const schema::Operator& Op(size_t i) const {
    return *facts.model.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
  }
  uint64_t Begin(uint16_t block) const { return facts.tensors[block].arena_offset; }
  uint64_t End(uint16_t block) const { return Begin(block) + facts.tensors[block].bytes; }
};

Status Fail(size_t tensor, const char* text) {
  return Subject{"tensor", tensor}.Fail(Code::malformed, "%s", text);
}

Status WriteInputs(Plan& plan) {
  for (size_t i = 0; i < plan.lives.size(); ++i) {
    plan.lives[i].block = static_cast<uint16_t>(i);
    if (plan.facts.tensors[i].lifetime == schema::Lifetime::persistent) {
      plan.lives[i].born = kBeforeRun;
      plan.lives[i].dies = kAfterRun;
    }
  }
  for (const schema::Port* port : *plan.facts.model.inputs()) {
    Life& life = plan.lives[port->tensor()];
    if (life.born != kNever) return Fail(port->tensor(), "is two inputs of the model");
    life.born = life.dies = kBeforeRun;
  }
  return Status();
}

Status Read(Plan& plan, size_t step, const schema::Operator& op) {
  for (const uint16_t input : *op.inputs()) {
    if (plan.facts.tensors[input].is_constant()) continue;
    Life& life = plan.lives[input];
    if (life.born == kNever) {
      return Subject{"operator", step, schema::EnumNameOptions(op.options_type())}.Fail(
          Code::malformed, "reads tensor %u before it is written", input);
    }
    life.dies = std::max(life.dies, static_cast<int32_t>(step));
  }
  return Status();
}

Status Write(Plan& plan, size_t step, const schema::Operator& op, uint16_t output) {
  const TensorFacts& tensor = plan.facts.tensors[output];
  Life& life = plan.lives[output];
  if (tensor.is_constant()) return Fail(output, "is constant and written");
  if (std::find(op.inputs()->begin(), op.inputs()->end(), output) != op.inputs()->end()) {
    return Fail(output, "is read and written by one operator");
  }
  if (tensor.lifetime == schema::Lifetime::transient) {
    if (life.born != kNever) return Fail(output, "is written twice");
    life.born = life.dies = static_cast<int32_t>(step);
  } else {
    // Persistent: born marks that this run has written it.
    if (life.born != kBeforeRun) return Fail(output, "is written twice");
    life.born = static_cast<int32_t>(step);
  }
  return Status();
}

Status CheckOutputs(Plan& plan) {
  for (const schema::Port* port : *plan.facts.model.outputs()) {
    Life& life = plan.lives[port->tensor()];
    if (life.born < 0) return Fail(port->tensor(), "is an output that no operator writes");
    life.dies = kAfterRun;
  }
  for (size_t i = 0; i < plan.lives.size(); ++i) {
    const TensorFacts& tensor = plan.facts.tensors[i];
    Life& life = plan.lives[i];
    if (tensor.lifetime == schema::Lifetime::persistent) life.born = kBeforeRun;
    if (!tensor.is_constant() && life.born == kNever) return Fail(i, "is never written");
  }
  return Status();
}

/// Parts whose concat places them exactly there join their whole's block; no other part is legal.
/// Parts of one whole cannot overlap: each belongs to one input of one concat, whose inputs lie
/// side by side.
void PlaceParts(Plan& plan, const schema::Operator& op) {
  const uint16_t output = op.outputs()->Get(0);
  const TensorFacts& out = plan.facts.tensors[output];
  if (op.options_as_Concat()->axis() + 1U != out.shape.rank) return;
  const bool nested = out.inside != kNoIndex;
  const uint16_t whole = nested ? out.inside : output;
  uint64_t offset = nested ? out.arena_offset : 0;
  for (const uint16_t input : *op.inputs()) {
    const TensorFacts& in = plan.facts.tensors[input];
    if (in.inside == whole && in.arena_offset == offset) plan.lives[input].block = whole;
    offset += static_cast<uint64_t>(in.shape.last()) * in.element_bytes();
  }
}

/// A dense output exactly on its dense input holds the same bytes: one block.
void PlaceReshape(Plan& plan, const schema::Operator& op) {
  const uint16_t input = op.inputs()->Get(0);
  const uint16_t output = op.outputs()->Get(0);
  const TensorFacts& in = plan.facts.tensors[input];
  const TensorFacts& out = plan.facts.tensors[output];
  if (in.lifetime == schema::Lifetime::transient && out.lifetime == schema::Lifetime::transient &&
      in.inside == kNoIndex && out.inside == kNoIndex && in.arena_offset == out.arena_offset) {
    plan.lives[output].block = plan.lives[input].block;
  }
}

Status MergeBlocks(Plan& plan) {
  for (size_t i = 0; i < plan.facts.operators(); ++i) {
    const schema::Operator& op = plan.Op(i);
    if (op.options_type() == schema::Options::Concat) PlaceParts(plan, op);
    if (op.options_type() == schema::Options::Reshape) PlaceReshape(plan, op);
  }
  for (size_t i = 0; i < plan.lives.size(); ++i) {
    const TensorFacts& tensor = plan.facts.tensors[i];
    const Life& life = plan.lives[i];
    if (tensor.inside != kNoIndex && life.block != tensor.inside) {
      return Subject{"tensor", i}.Fail(Code::malformed,
                                       "no concat places it %u bytes into tensor %u",
                                       tensor.arena_offset, tensor.inside);
    }
    Life& block = plan.lives[life.block];
    block.born = std::min(block.born, life.born);
    block.dies = std::max(block.dies, life.dies);
  }
  return Status();
}

Status Enter(Plan& plan, uint16_t block, size_t* active) {
  const auto end = plan.active.begin() + static_cast<ptrdiff_t>(*active);
  const auto at = std::upper_bound(plan.active.begin(), end, block, [&](uint16_t a, uint16_t b) {
    return plan.Begin(a) < plan.Begin(b);
  });
  const uint16_t* neighbour = nullptr;
  if (at != plan.active.begin() && plan.End(*(at - 1)) > plan.Begin(block)) neighbour = &*(at - 1);
  if (at != end && plan.End(block) > plan.Begin(*at)) neighbour = &*at;
  if (neighbour != nullptr) {
    return Subject{"tensor", block}.Fail(
        Code::malformed, "overlaps tensor %u in the arena while both are needed", *neighbour);
  }
  std::copy_backward(at, end, end + 1);
  *at = block;
  ++*active;
  return Status();
}

Status Sweep(Plan& plan) {
  size_t count = 0;
  for (size_t i = 0; i < plan.lives.size(); ++i) {
    if (!plan.facts.tensors[i].is_constant() && plan.lives[i].block == i) {
      plan.order[count++] = static_cast<uint16_t>(i);
    }
  }
  const auto blocks = plan.order.first(count);
  std::sort(blocks.begin(), blocks.end(), [&](uint16_t a, uint16_t b) {
    return plan.lives[a].born != plan.lives[b].born ? plan.lives[a].born < plan.lives[b].born
                                                    : a < b;
  });
  size_t active = 0;
  int32_t now = kBeforeRun;
  for (const uint16_t block : blocks) {
    if (plan.lives[block].born != now) {
      now = plan.lives[block].born;
      const auto end =
          std::remove_if(plan.active.begin(), plan.active.begin() + static_cast<ptrdiff_t>(active),
                         [&](uint16_t other) { return plan.lives[other].dies < now; });
      active = static_cast<size_t>(end - plan.active.begin());
    }
    LUTRA_RETURN_IF_ERROR(Enter(plan, block, &active));
  }
  return Status();
}

}  // namespace

Status CheckPlan(Facts& facts) {
  const size_t count = facts.tensors.size();
  const std::unique_ptr<Life[]> lives(new (std::nothrow) Life[count]);
  const std::unique_ptr<uint16_t[]> scratch(new (std::nothrow) uint16_t[2 * count]);
  if (lives == nullptr || scratch == nullptr) {
    return Status::Error(Code::out_of_memory, "no memory to check the model's plan");
  }
  Plan plan{facts, {lives.get(), count}, {scratch.get(), count}, {scratch.get() + count, count}};
  LUTRA_RETURN_IF_ERROR(WriteInputs(plan));
  for (size_t i = 0; i < facts.operators(); ++i) {
    LUTRA_RETURN_IF_ERROR(Read(plan, i, plan.Op(i)));
    for (const uint16_t output : *plan.Op(i).outputs()) {
      LUTRA_RETURN_IF_ERROR(Write(plan, i, plan.Op(i), output));
    }
  }
  LUTRA_RETURN_IF_ERROR(CheckOutputs(plan));
  LUTRA_RETURN_IF_ERROR(MergeBlocks(plan));
  return Sweep(plan);
}

}  // namespace lutra::validate
