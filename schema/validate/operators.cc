// Every operator: its indices, then the rules of its family. Two rules hold for all: one output,
// and at least one input that is not constant.
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

bool TakesConstants(schema::Options type) {
  switch (type) {
#define LUTRA_TAKES(name, takes_constants) \
  case schema::Options::name:              \
    return takes_constants;
    LUTRA_OPERATORS(LUTRA_TAKES)
#undef LUTRA_TAKES
    case schema::Options::NONE:
      break;
  }
  return false;
}

Status CheckTensorList(const OperatorUse& use, const Facts& facts) {
  const schema::Operator& op = use.op();
  if (op.inputs() == nullptr || op.inputs()->size() == 0) return use.Fail("has no input");
  if (op.outputs() == nullptr || op.outputs()->size() != 1) {
    return use.Fail("has not exactly one output");
  }
  LUTRA_RETURN_IF_ERROR(CheckIndices(use, facts, *op.inputs(), "an input"));
  LUTRA_RETURN_IF_ERROR(CheckIndices(use, facts, *op.outputs(), "the output"));
  size_t constants = 0;
  for (size_t i = 0; i < use.inputs(); ++i) constants += use.In(i).is_constant() ? 1 : 0;
  if (constants == use.inputs() || (constants > 0 && !TakesConstants(op.options_type()))) {
    return use.Fail("a constant input is not allowed here");
  }
  return Status();
}

Status CheckFamily(OperatorUse& use) {
  switch (use.op().options_type()) {
#define LUTRA_CHECK(name, takes_constants) \
  case schema::Options::name:              \
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
