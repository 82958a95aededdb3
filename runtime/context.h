// A context: one block of memory with everything a run needs, and the threads. The block holds the
// lutra_context, the planned operators, the address of every tensor, the inputs, the arena, and
// the work space of the threads, so that `run` allocates nothing.
//
//   inputs   Each input of the model has memory of its own beside the arena: a value that was set
//            stays set over any number of runs, whatever the plan puts into the arena.
//   outputs  lie in the arena, where the plan keeps them until the next run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lutra/lutra.h"
#include "runtime/hooks.h"
#include "runtime/model.h"
#include "runtime/team.h"
#include "runtime/tensor.h"

namespace lutra {

struct PlannedOperator {
  void (*run)(const void* plan, const Execution& execution) = nullptr;
  const void* plan = nullptr;
};

/// What an input or output of the model is in one context. Its tensor is dense.
struct PortState {
  Tensor tensor;
  void* own = nullptr;  ///< inputs: memory for the copied value
  bool is_set = false;  ///< inputs
};

}  // namespace lutra

struct lutra_context {
  const lutra_model* model = nullptr;
  size_t batch = 1;
  bool has_run = false;  // its outputs hold values
  lutra::PlannedOperator* operators = nullptr;
  void** data = nullptr;  // address of every tensor
  lutra::PortState* inputs = nullptr;
  lutra::PortState* outputs = nullptr;
  lutra::Execution execution = {};
  lutra::Team team;
  lutra::OperatorHook hook;
  lutra_allocator allocator = {};  // release == NULL: caller memory
  size_t block_bytes = 0;
};

namespace lutra {

class ContextBuilder {
 public:
  ContextBuilder(const ModelView& view, const kernels::Row& row, size_t batch,
                 const Team::Options& team, Bump& block);

  /// Plans operator i (in ascending order).
  Status Add(size_t i, const PreparedOperator& prepared);

  /// After the last operator: arena, ports and work space, whose sizes are known now.
  void Finish(const lutra_model* model);

  size_t arena_bytes() const;
  /// What was placed; null while counting.
  lutra_context* context() const { return context_; }

 private:
  void PlaceTensors(uint8_t* arena);
  void PlaceInputs();
  void PlaceOutputs();

  const ModelView view_;
  const kernels::Row& row_;
  const size_t batch_;
  const size_t threads_;
  Bump& block_;
  lutra_context* context_ = nullptr;
  PlannedOperator* operators_ = nullptr;
  void** data_ = nullptr;
  PortState* inputs_ = nullptr;
  PortState* outputs_ = nullptr;
  size_t thread_scratch_bytes_ = 0;
  size_t shared_scratch_bytes_ = 0;
  alignas(kBlockAlignment) uint8_t counted_[kMaxStepBytes];
};

/// Builds the whole context into the block, or counts it. Threads are not started.
Status BuildContext(const lutra_model& model, size_t batch, const Team::Options& team, Bump& block,
                    lutra_context** out);

/// Sets every persistent tensor to its zero point (float: 0).
void ResetPersistent(lutra_context& context);

/// Runs all operators; every input must be set.
void RunContext(lutra_context& context);

/// Native bytes of an output after a run.
const void* OutputData(const lutra_context& context, size_t index);

}  // namespace lutra
