// The interface between the executor and the operator families of runtime/ops.
//
// An operator lives in three steps, each a plain function over plain structs:
//   prepare  once per model: packs weights, builds tables; the result lies in the model's block.
//   plan     once per context: geometry for its batch, blocking for its threads; the result lies
//            in the context's block.
//   run      once per inference: no allocation, no failure.
// Prepare and plan are called twice, first with blocks that only count (memory.h); they must take
// the same pieces both times and touch only those they got. (Of entropy-coded weights, which are
// not known while blocks count, less may do.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "kernels/row.h"
#include "runtime/memory.h"
#include "runtime/team.h"
#include "runtime/tensor.h"
#include "schema/container.h"
#include "schema/status.h"

namespace lutra {

struct PrepareScope {
  const ModelView& view;
  const schema::Operator& op;
  const kernels::Row& row;
  Bump& block;
  /// For reports: the kernel family ("gemm", "sparse", "depthwise"), and multiply-adds per sample.
  const char* kernel = "";
  uint64_t multiply_adds = 0;

  Tensor Input(size_t i) const { return ReadTensor(view, op.inputs()->Get(Index(i)), 1); }
  Tensor Output(size_t i) const { return ReadTensor(view, op.outputs()->Get(Index(i)), 1); }

 private:
  static flatbuffers::uoffset_t Index(size_t i) { return static_cast<flatbuffers::uoffset_t>(i); }
};

struct PlanScope {
  const ModelView& view;
  const schema::Operator& op;
  const kernels::Row& row;
  size_t batch;
  size_t threads;  ///< of the context
  Bump& block;
  /// Needs of this operator while it runs, set by plan.
  size_t thread_scratch_bytes = 0;
  size_t shared_scratch_bytes = 0;

  size_t inputs() const { return op.inputs()->size(); }
  Tensor Input(size_t i) const { return ReadTensor(view, op.inputs()->Get(Index(i)), batch); }
  Tensor Output(size_t i) const { return ReadTensor(view, op.outputs()->Get(Index(i)), batch); }

  /// How many threads are worth waking for so many multiply-adds, or moved bytes.
  size_t ThreadsForMultiplyAdds(uint64_t count) const;
  size_t ThreadsForBytes(uint64_t bytes) const;

 private:
  static flatbuffers::uoffset_t Index(size_t i) { return static_cast<flatbuffers::uoffset_t>(i); }
};

struct Execution {
  void* const* data;  ///< first element of every tensor, by index
  uint8_t* shared_scratch;
  Team* team;

  template <typename T>
  T* Data(size_t tensor) const {
    return static_cast<T*>(data[tensor]);
  }

  /// Calls body(task, scratch) for every task of [0, tasks) on up to `threads` threads.
  template <typename Function>
  void ParallelFor(size_t threads, size_t tasks, const Function& body) const {
    team->Run(
        threads, tasks,
        [](const void* function, size_t task, void* scratch) {
          (*static_cast<const Function*>(function))(task, scratch);
        },
        &body);
  }

  /// Calls body(begin, end, scratch) on ranges that cover [0, count), `grain` items each.
  template <typename Function>
  void ParallelRanges(size_t threads, size_t count, size_t grain, const Function& body) const {
    const size_t tasks = (count + grain - 1) / grain;
    ParallelFor(threads, tasks, [&](size_t task, void* scratch) {
      const size_t begin = task * grain;
      body(begin, begin + grain < count ? begin + grain : count, scratch);
    });
  }
};

/// Ranges of `count` equal items for `threads` threads: four each evens out their speeds.
inline size_t Grain(size_t count, size_t threads) {
  if (threads <= 1) return count == 0 ? 1 : count;
  const size_t grain = count / (threads * 4);
  return grain == 0 ? 1 : grain;
}

/// Room for the largest struct of any family, so that counting needs no memory.
constexpr size_t kMaxStepBytes = 1536;

struct OperatorType {
  const char* name;
  size_t prepared_bytes;
  Status (*prepare)(PrepareScope& scope, void* prepared);
  size_t plan_bytes;
  Status (*plan)(PlanScope& scope, const void* prepared, void* plan);
  void (*run)(const void* plan, const Execution& execution);
};

/// For families that prepare nothing.
struct Nothing {};

/// A family from its three functions. Prepare: Status(PrepareScope&, Prepared*),
/// Plan: Status(PlanScope&, const Prepared&, Plan*), Run: void(const Plan&, const Execution&).
template <typename Prepared, typename Plan, Status (*kPrepare)(PrepareScope&, Prepared*),
          Status (*kPlan)(PlanScope&, const Prepared&, Plan*),
          void (*kRun)(const Plan&, const Execution&)>
constexpr OperatorType MakeOperatorType(const char* name) {
  static_assert(sizeof(Prepared) <= kMaxStepBytes && sizeof(Plan) <= kMaxStepBytes);
  static_assert(std::is_trivially_destructible_v<Prepared>);
  static_assert(std::is_trivially_destructible_v<Plan>);
  return OperatorType{name,
                      sizeof(Prepared),
                      [](PrepareScope& scope, void* prepared) {
                        return kPrepare(scope, new (prepared) Prepared());
                      },
                      sizeof(Plan),
                      [](PlanScope& scope, const void* prepared, void* plan) {
                        return kPlan(scope, *static_cast<const Prepared*>(prepared),
                                     new (plan) Plan());
                      },
                      [](const void* plan, const Execution& execution) {
                        kRun(*static_cast<const Plan*>(plan), execution);
                      }};
}

/// The family that executes the options; never null for a validated file.
const OperatorType* FindOperatorType(schema::Options options);

}  // namespace lutra
