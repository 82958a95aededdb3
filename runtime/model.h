// A model: the file's tables (borrowed), and one block of memory with every operator prepared for
// an instruction-set row. The block begins with the lutra_model itself. Immutable once built.
//
// ModelBuilder runs twice, counting and placing (memory.h); lutra_requirements uses its counting
// half alone and hands every prepared operator on to a counting ContextBuilder.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/row.h"
#include "lutra/lutra.h"
#include "runtime/memory.h"
#include "runtime/operator.h"
#include "schema/container.h"

namespace lutra {

struct PreparedOperator {
  const OperatorType* type = nullptr;
  const void* prepared = nullptr;
  const char* kernel = "";
  size_t packed_bytes = 0;
  uint64_t multiply_adds = 0;
};

/// The file's bytes, and whether the model owns their mapping.
struct ModelBytes {
  const void* data = nullptr;
  size_t size = 0;
  bool mapped = false;
};

}  // namespace lutra

struct lutra_model {
  lutra::ModelView view;
  const lutra::kernels::Row* row = nullptr;
  lutra::PreparedOperator* operators = nullptr;
  size_t operator_count = 0;
  lutra::ModelBytes bytes;
  lutra_allocator allocator = {};  // release == NULL: caller memory
  size_t block_bytes = 0;
};

namespace lutra {

class ModelBuilder {
 public:
  /// view: validated.
  ModelBuilder(const ModelView& view, const ModelBytes& bytes, const kernels::Row& row,
               Bump& block);

  /// Prepares operator i (in ascending order) and returns the result, which the next call
  /// overwrites while counting.
  Status Add(size_t i, PreparedOperator* out);

  size_t operator_count() const { return view_.model->operators()->size(); }
  /// What was placed; null while counting.
  lutra_model* model() const { return model_; }

 private:
  const ModelView view_;
  const kernels::Row& row_;
  Bump& block_;
  lutra_model* model_ = nullptr;
  alignas(kBlockAlignment) uint8_t counted_[kMaxStepBytes];
};

/// Builds the whole model into the block, or counts it.
Status BuildModel(const ModelView& view, const ModelBytes& bytes, const kernels::Row& row,
                  Bump& block, lutra_model** out);

}  // namespace lutra
