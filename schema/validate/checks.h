// What the checks of a model share: tensors decoded once into plain facts, the operator under
// inspection with its error texts, and a budget of steps, so that no file, however made, keeps
// validation busy for long. Every check is a function Status(facts); the first error ends all.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <span>

#include "schema/container.h"
#include "schema/limits.h"
#include "schema/operator_list.h"
#include "schema/status.h"
#include "schema/tensor_type.h"

namespace lutra::validate {

/// Sizes of up to kMaxRank dimensions, 64 bits wide so that shape rules cannot overflow.
struct Dims {
  size_t rank = 0;
  int64_t d[kMaxRank] = {};

  int64_t last() const { return d[rank - 1]; }
};

/// "[1,28,28,3]" for messages.
struct DimsText {
  explicit DimsText(const Dims& dims);
  char text[8 + kMaxRank * 21];
};

/// One tensor of the file, its fields already checked.
struct TensorFacts {
  schema::TensorType type = schema::TensorType::float32;
  schema::Lifetime lifetime = schema::Lifetime::transient;
  Dims shape;
  uint64_t elements = 0, bytes = 0;  ///< of one sample, dense
  float scale = 0;
  int32_t zero_point = 0;
  uint32_t arena_offset = 0;
  uint16_t inside = kNoIndex;
  uint16_t blob = 0;
  const char* name = "";

  bool is_constant() const { return lifetime == schema::Lifetime::constant; }
  uint64_t element_bytes() const { return ElementBytes(type); }
};

/// The model and what is known of it so far.
struct Facts {
  const ModelView& view;
  const schema::Model& model;
  std::span<TensorFacts> tensors;
  uint64_t steps = 0;

  size_t blobs() const { return model.blobs() == nullptr ? 0 : model.blobs()->size(); }
  size_t operators() const { return model.operators() == nullptr ? 0 : model.operators()->size(); }
  /// Counts elementary steps; Code::limit past what the file's size allows.
  Status Spend(uint64_t count);
};

/// What an error is about: "tensor 3", or with a detail "operator 3 (Conv)".
struct Subject {
  const char* kind;
  size_t index;
  const char* detail = nullptr;

  /// "tensor 3: <text>"
  [[gnu::format(printf, 3, 4)]] Status Fail(Code code, const char* format, ...) const;
  Status FailList(Code code, const char* format, va_list arguments) const;
};

/// The operator under inspection. Its tensor indices are valid before any family's check begins.
class OperatorUse {
 public:
  OperatorUse(Facts& facts, size_t index, const schema::Operator& op)
      : facts_(facts),
        subject_{"operator", index, schema::EnumNameOptions(op.options_type())},
        op_(op) {}

  Facts& facts() { return facts_; }
  const schema::Operator& op() const { return op_; }
  size_t inputs() const { return op_.inputs()->size(); }
  const TensorFacts& In(size_t i) const;
  const TensorFacts& Out(size_t i = 0) const;

  /// Whether it computes in integers: the output is int8, not float32.
  bool IsInteger() const { return Out().type == schema::TensorType::int8; }

  /// malformed, "operator 3 (Conv): <text>".
  [[gnu::format(printf, 2, 3)]] Status Fail(const char* format, ...) const;
  /// Code::limit, the same text.
  [[gnu::format(printf, 2, 3)]] Status FailLimit(const char* format, ...) const;

  // Conditions with their messages.
  Status WantInputs(size_t count) const;
  Status WantType(const TensorFacts& tensor, schema::TensorType type) const;
  /// The tensor, an input or output, is float32 or int8.
  Status WantReal(const TensorFacts& tensor, const char* what) const;
  /// Every input and output is.
  Status WantRealTypes() const;
  /// Every input has the (first) output's type.
  Status WantOneType() const;
  /// Every quantized input has the output's scale and zero point: the operator only moves values.
  Status WantOneQuantization() const;
  Status WantOutputShape(const Dims& shape, size_t output = 0) const;
  Status WantMultiplier(float multiplier, const char* name) const;
  Status WantRange(const schema::IntRange* range, bool allowed) const;
  Status WantRange(const schema::FloatRange* range, bool allowed) const;
  /// Index of a raw blob that must hold exactly `bytes` bytes.
  Status WantBlob(size_t blob, uint64_t bytes, const char* what) const;
  /// Index of a blob, raw or coded, that must hold exactly `bytes` bytes, which are `count`
  /// weights.
  Status WantWeights(size_t blob, uint64_t bytes, uint64_t count) const;
  /// In a batchable model dimension 0 belongs to the samples.
  Status WantSamplesApart(bool apart) const;

 private:
  Status WantSize(size_t blob, uint64_t bytes, const char* what) const;

  Facts& facts_;
  Subject subject_;
  const schema::Operator& op_;
};

/// Finite, normal, positive: what a scale or multiplier must be to mean the same everywhere.
bool IsScale(float value);

/// Well-formed UTF-8 without control characters, at most kMaxNameBytes; null is allowed.
Status CheckName(const flatbuffers::String* name, const Subject& subject);

// In this order:
Status CheckModelFields(Facts& facts);  // model.cc: versions, counts, blobs, names
Status CheckTensors(Facts& facts);      // tensors.cc: fills facts.tensors
Status CheckPorts(Facts& facts);        // ports.cc
Status CheckRecords(Facts& facts);      // ports.cc: certificate, golden check
Status CheckOperators(Facts& facts);    // operators.cc: dispatches to the families below
Status CheckPlan(Facts& facts);         // plan.cc: order of execution, arena

// Operator families, one or more per file: Check(use, options of the family).
#define LUTRA_CHECK(name, ...) Status Check(OperatorUse& use, const schema::name& options);
LUTRA_OPERATORS(LUTRA_CHECK)
#undef LUTRA_CHECK

/// Weights of `n` output channels over `k` inputs each, against int8 inputs of that zero point
/// (Compute::integer). Blobs, parameters, the curve behind (null: none), and the proof that no sum
/// leaves int32.
Status CheckWeights(OperatorUse& use, const schema::Weights* weights, schema::Compute compute,
                    uint64_t n, uint64_t k, int32_t input_zero_point,
                    const schema::Curve* curve);  // weights.cc
/// All of it but for the multipliers that lead to it.
Status CheckCurve(OperatorUse& use, const schema::Curve* curve, schema::Compute compute,
                  uint64_t n);  // curve.cc
/// Types and output ranges that go with `compute`, for Conv and Linear.
Status CheckCompute(OperatorUse& use, schema::Compute compute, const schema::IntRange* int_range,
                    const schema::FloatRange* float_range);  // weights.cc

}  // namespace lutra::validate
