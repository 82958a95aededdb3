#include "runtime/model.h"

#include <cstddef>
#include <new>

namespace lutra {
ModelBuilder::ModelBuilder(const ModelView& view, const ModelBytes& bytes, const kernels::Row& row,
                           Bump& block)
    : view_(view), row_(row), block_(block) {
  auto* model = block_.TakeArray<lutra_model>(1);
  auto* operators = block_.TakeArray<PreparedOperator>(operator_count());
  if (!block_.placing()) return;
  model_ = new (model) lutra_model();
  model_->view = view_;
  model_->row = &row_;
  model_->operators = operators;
  model_->operator_count = operator_count();
  model_->bytes = bytes;
}

Status ModelBuilder::Add(size_t i, PreparedOperator* out) {
  const schema::Operator& op =
      *view_.model->operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
  *out = PreparedOperator();
  out->type = FindOperatorType(op.options_type());
  void* prepared = block_.Take(out->type->prepared_bytes, alignof(std::max_align_t));
  if (prepared == nullptr) prepared = counted_;
  const size_t before = block_.used();
  PrepareScope scope{.view = view_, .op = op, .row = row_, .block = block_};
  LUTRA_RETURN_IF_ERROR(out->type->prepare(scope, prepared));
  out->prepared = prepared;
  out->kernel = scope.kernel;
  out->multiply_adds = scope.multiply_adds;
  out->packed_bytes = block_.used() - before;
  if (model_ != nullptr) new (&model_->operators[i]) PreparedOperator(*out);
  return Status();
}

Status BuildModel(const ModelView& view, const ModelBytes& bytes, const kernels::Row& row,
                  Bump& block, lutra_model** out) {
  ModelBuilder builder(view, bytes, row, block);
  for (size_t i = 0; i < builder.operator_count(); ++i) {
    PreparedOperator prepared;
    LUTRA_RETURN_IF_ERROR(builder.Add(i, &prepared));
  }
  *out = builder.model();
  return Status();
}

}  // namespace lutra
