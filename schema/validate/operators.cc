// Every operator: its indices and what operator_list.h says of it, then the rules of its family.
// One rule holds for all: at least one input is not constant.
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

Status CheckIndices(const OperatorUse& use, const Facts& facts,
                    const flatbuffers::Vector<uint16_t>& tensors, const char* what) {
  for (const uint16_t tensor : tensors) {
    if (tensor >= facts.tensors.size()) {
      return use.Fail("%s is tensor %u of %zu", what, tensor, facts.tensors.size());
    }
  }
  return Status();
}

enum class Types { real, any };

/// A line of operator_list.h.
struct Rule {
  bool takes_constants;
  Types types;
  size_t outputs;
};

Rule RuleOf(schema::Options type) {
  switch (type) {
#define LUTRA_RULE(name, takes_constants, types, outputs) \
  case schema::Options::name:                             \
    return {takes_constants, Types::types, outputs};
    LUTRA_OPERATORS(LUTRA_RULE)
#undef LUTRA_RULE
    case schema::Options::NONE:
      break;
  }
  return {false, Types::real, 1};
}

Status CheckTensorList(const OperatorUse& use, const Facts& facts) {
  const schema::Operator& op = use.op();
  if (op.inputs() == nullptr || op.inputs()->size() == 0) return use.Fail("has no input");
  const Rule rule = RuleOf(op.options_type());
  const size_t outputs = op.outputs() == nullptr ? 0 : op.outputs()->size();
  if (outputs != rule.outputs) {
    return rule.outputs == 1 ? use.Fail("has not exactly one output")
                             : use.Fail("%zu outputs instead of %zu", outputs, rule.outputs);
  }
  LUTRA_RETURN_IF_ERROR(CheckIndices(use, facts, *op.inputs(), "an input"));
  LUTRA_RETURN_IF_ERROR(CheckIndices(use, facts, *op.outputs(), "the output"));
  if (rule.types == Types::real) LUTRA_RETURN_IF_ERROR(use.WantRealTypes());
  size_t constants = 0;
  for (size_t i = 0; i < use.inputs(); ++i) constants += use.In(i).is_constant() ? 1 : 0;
  if (constants == use.inputs() || (constants > 0 && !rule.takes_constants)) {
    return use.Fail("a constant input is not allowed here");
  }
  return Status();
}

Status CheckFamily(OperatorUse& use) {
  switch (use.op().options_type()) {
#define LUTRA_CHECK(name, ...) \
  case schema::Options::name:  \
    return Check(use, *use.op().options_as_##name());
    LUTRA_OPERATORS(LUTRA_CHECK)
#undef LUTRA_CHECK
    case schema::Options::NONE:
      break;
  }
  return use.Fail("unknown operator");
}

}  // namespace

Status CheckOperators(Facts& facts) {
  for (size_t i = 0; i < facts.operators(); ++i) {
    const schema::Operator& op =
        *facts.model.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    // The verifier lets union members it does not know pass, and a null one too.
    if (op.options_type() == schema::Options::NONE || op.options_type() > schema::Options::MAX ||
        op.options() == nullptr) {
      return Status::Error(Code::malformed, "operator %zu: unknown operator %u", i,
                           static_cast<unsigned>(op.options_type()));
    }
    OperatorUse use(facts, i, op);
    LUTRA_RETURN_IF_ERROR(CheckTensorList(use, facts));
    LUTRA_RETURN_IF_ERROR(CheckFamily(use));
  }
  return Status();
}

}  // namespace lutra::validate
