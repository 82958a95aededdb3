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
  return type == schema::Options::Binary || type == schema::Options::MatMul ||
         type == schema::Options::Concat || type == schema::Options::Unary;
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
  const schema::Operator& op = use.op();
  switch (op.options_type()) {
    case schema::Options::Conv:
      return CheckConv(use, *op.options_as_Conv());
    case schema::Options::Linear:
      return CheckLinear(use, *op.options_as_Linear());
    case schema::Options::MatMul:
      return CheckMatMul(use, *op.options_as_MatMul());
    case schema::Options::Binary:
      return CheckBinary(use, *op.options_as_Binary());
    case schema::Options::Pool:
      return CheckPool(use, *op.options_as_Pool());
    case schema::Options::Reduce:
      return CheckReduce(use, *op.options_as_Reduce());
    case schema::Options::Resize:
      return CheckResize(use, *op.options_as_Resize());
    case schema::Options::Transpose:
      return CheckTranspose(use, *op.options_as_Transpose());
    case schema::Options::Slice:
      return CheckSlice(use, *op.options_as_Slice());
    case schema::Options::Pad:
      return CheckPad(use, *op.options_as_Pad());
    case schema::Options::Concat:
      return CheckConcat(use, *op.options_as_Concat());
    case schema::Options::Reshape:
      return CheckReshape(use);
    case schema::Options::Softmax:
      return CheckSoftmax(use, *op.options_as_Softmax());
    case schema::Options::Lookup:
      return CheckLookup(use, *op.options_as_Lookup());
    case schema::Options::Unary:
      return CheckUnary(use, *op.options_as_Unary());
    case schema::Options::Quantize:
      return CheckQuantize(use);
    case schema::Options::Dequantize:
      return CheckDequantize(use);
    case schema::Options::Requantize:
      return CheckRequantize(use, *op.options_as_Requantize());
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
