#include "runtime/context.h"

#include <algorithm>
#include <new>

#include "kernels/copy.h"
#include "runtime/clock.h"
#include "runtime/fp_env.h"

namespace lutra {
namespace {

size_t RoundUp(size_t bytes) {
  return SaturatingAdd(bytes, kBlockAlignment - 1) & ~(kBlockAlignment - 1);
}

const schema::Tensor& TensorAt(const ModelView& view, size_t index) {
  return *view.model->tensors()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

size_t Count(const flatbuffers::Vector<flatbuffers::Offset<schema::Port>>* ports) {
  return ports->size();
}

}  // namespace

ContextBuilder::ContextBuilder(const ModelView& view, const kernels::Row& row, size_t batch,
                               const Team::Options& team, Bump& block)
    : view_(view), row_(row), batch_(batch), threads_(team.threads), block_(block) {
  auto* context = block_.TakeArray<lutra_context>(1);
  operators_ = block_.TakeArray<PlannedOperator>(view_.model->operators()->size());
  data_ = block_.TakeArray<void*>(view_.model->tensors()->size());
  inputs_ = block_.TakeArray<PortState>(Count(view_.model->inputs()));
  outputs_ = block_.TakeArray<PortState>(Count(view_.model->outputs()));
  if (block_.placing()) context_ = new (context) lutra_context();
  Team counted;
  (context_ != nullptr ? context_->team : counted).Place(team, block_);
}

Status ContextBuilder::Add(size_t i, const PreparedOperator& prepared) {
  void* plan = block_.Take(prepared.type->plan_bytes, alignof(std::max_align_t));
  if (plan == nullptr) plan = counted_;
  PlanScope scope{.view = view_,
                  .op = *view_.model->operators()->Get(static_cast<flatbuffers::uoffset_t>(i)),
                  .row = row_,
                  .batch = batch_,
                  .threads = threads_,
                  .block = block_};
  LUTRA_RETURN_IF_ERROR(prepared.type->plan(scope, prepared.prepared, plan));
  thread_scratch_bytes_ = std::max(thread_scratch_bytes_, scope.thread_scratch_bytes);
  shared_scratch_bytes_ = std::max(shared_scratch_bytes_, scope.shared_scratch_bytes);
  if (context_ != nullptr) new (&operators_[i]) PlannedOperator{prepared.type->run, plan};
  return Status();
}

size_t ContextBuilder::arena_bytes() const {
  return SaturatingMultiply(view_.model->arena_bytes(), batch_);
}

void ContextBuilder::Finish(const lutra_model* model) {
  auto* arena = static_cast<uint8_t*>(block_.Take(arena_bytes()));
  PlaceTensors(arena);
  PlaceInputs();
  PlaceOutputs();
  const size_t thread_bytes = RoundUp(thread_scratch_bytes_);
  auto* scratch = static_cast<uint8_t*>(block_.Take(SaturatingMultiply(thread_bytes, threads_)));
  auto* shared = static_cast<uint8_t*>(block_.Take(shared_scratch_bytes_));
  if (context_ == nullptr) return;
  context_->model = model;
  context_->batch = batch_;
  context_->operators = operators_;
  context_->data = data_;
  context_->inputs = inputs_;
  context_->outputs = outputs_;
  context_->execution = {data_, shared, &context_->team};
  context_->team.SetScratch(scratch, thread_bytes);
}

/// Addresses: constants in the file, the others in the arena, parts after the tensor they lie in.
void ContextBuilder::PlaceTensors(uint8_t* arena) {
  if (data_ == nullptr) return;
  const size_t count = view_.model->tensors()->size();
  for (size_t i = 0; i < count; ++i) {
    const schema::Tensor& tensor = TensorAt(view_, i);
    if (tensor.lifetime() == schema::Lifetime::constant) {
      data_[i] = const_cast<uint8_t*>(view_.Blob(tensor.blob()));
    } else if (tensor.inside() == kNoIndex) {
      data_[i] = arena + batch_ * tensor.arena_offset();
    } else {
      const schema::Tensor& whole = TensorAt(view_, tensor.inside());
      data_[i] = arena + batch_ * whole.arena_offset() + tensor.arena_offset();
    }
  }
}

void ContextBuilder::PlaceInputs() {
  const auto& ports = *view_.model->inputs();
  for (flatbuffers::uoffset_t i = 0; i < ports.size(); ++i) {
    const Tensor tensor = ReadTensor(view_, ports.Get(i)->tensor(), batch_);
    void* own = block_.Take(SaturatingMultiply(tensor.elements, tensor.element_bytes()));
    if (context_ == nullptr) continue;
    new (&inputs_[i]) PortState{tensor, own};
    data_[tensor.index] = own;
  }
}

void ContextBuilder::PlaceOutputs() {
  const auto& ports = *view_.model->outputs();
  for (flatbuffers::uoffset_t i = 0; i < ports.size(); ++i) {
    const Tensor tensor = ReadTensor(view_, ports.Get(i)->tensor(), batch_);
    if (context_ != nullptr) new (&outputs_[i]) PortState{tensor};
  }
}

Status BuildContext(const lutra_model& model, size_t batch, const Team::Options& team, Bump& block,
                    lutra_context** out) {
  ContextBuilder builder(model.view, *model.row, batch, team, block);
  for (size_t i = 0; i < model.operator_count; ++i) {
    LUTRA_RETURN_IF_ERROR(builder.Add(i, model.operators[i]));
  }
  builder.Finish(&model);
  *out = builder.context();
  return Status();
}

void ResetPersistent(lutra_context& context) {
  const ModelView& view = context.model->view;
  for (size_t i = 0; i < view.model->tensors()->size(); ++i) {
    const Tensor tensor = ReadTensor(view, i, context.batch);
    if (tensor.lifetime != schema::Lifetime::persistent) continue;
    const int64_t zero = IsQuantized(tensor.type) ? tensor.zero_point : 0;
    kernels::Fill(&zero, tensor.element_bytes(), context.data[i], tensor.elements, 1,
                  tensor.elements);
  }
}

void RunContext(lutra_context& context) {
  const ScopedFpEnv fp_env;
  context.team.BeginRun();
  const OperatorHook& hook = context.hook;
  const bool hooked = hook.before != nullptr || hook.after != nullptr;
  for (size_t i = 0; i < context.model->operator_count; ++i) {
    const PlannedOperator& op = context.operators[i];
    if (!hooked) {
      op.run(op.plan, context.execution);
      continue;
    }
    const schema::Operator& source =
        *context.model->view.model->operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    const OperatorEvent event = {&context, i, source.inputs()->size(), source.outputs()->size()};
    if (hook.before != nullptr) hook.before(hook.user, event);
    const uint64_t begin = NowNs();
    op.run(op.plan, context.execution);
    const uint64_t end = NowNs();
    if (hook.after != nullptr) hook.after(hook.user, event, end - begin);
  }
  context.team.EndRun();
  context.has_run = true;
}

const void* OutputData(const lutra_context& context, size_t index) {
  return context.data[context.outputs[index].tensor.index];
}

}  // namespace lutra
