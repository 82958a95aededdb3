// Operators that work element by element: Binary with numpy's broadcasting, tables, float
// functions, and the changes between number formats.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

Status BroadcastShape(const OperatorUse& use, Dims* out) {
  const Dims& a = use.In(0).shape;
  const Dims& b = use.In(1).shape;
  out->rank = std::max(a.rank, b.rank);
  for (size_t i = 0; i < out->rank; ++i) {
    const int64_t da = i < a.rank ? a.d[a.rank - 1 - i] : 1;
    const int64_t db = i < b.rank ? b.d[b.rank - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) {
      return use.Fail("cannot broadcast %s and %s", DimsText(a).text, DimsText(b).text);
    }
    out->d[out->rank - 1 - i] = std::max(da, db);
  }
  return Status();
}

/// Computed operands must have the samples where the output has them, constants repeat over them.
bool SamplesApart(const OperatorUse& use) {
  const Dims& out = use.Out().shape;
  for (size_t i = 0; i < 2; ++i) {
    const Dims& dims = use.In(i).shape;
    const bool leads = dims.rank == out.rank;
    const bool apart =
        use.In(i).is_constant() ? !leads || dims.d[0] == 1 : leads && dims.d[0] == out.d[0];
    if (!apart) return false;
  }
  return true;
}

int64_t LargestTerm(const TensorFacts& tensor, int64_t multiplier) {
  return std::max(127 - tensor.zero_point, tensor.zero_point + 128) * std::abs(multiplier);
}

Status CheckIntBinary(const OperatorUse& use, const schema::Binary& binary) {
  using schema::BinaryKind;
  LUTRA_RETURN_IF_ERROR(use.WantMultiplier(binary.multiplier(), "multiplier"));
  if (binary.kind() == BinaryKind::mul) return Status();
  if (binary.kind() != BinaryKind::add && binary.kind() != BinaryKind::sub) {
    return use.Fail("kind %s has no int8 form", schema::EnumNameBinaryKind(binary.kind()));
  }
  const int64_t largest =
      LargestTerm(use.In(0), binary.multiplier_a()) + LargestTerm(use.In(1), binary.multiplier_b());
  if (largest > INT32_MAX) {
    return use.Fail("sums up to %lld do not fit int32", static_cast<long long>(largest));
  }
  return Status();
}

/// One input and one output of the same shape.
Status WantSameShape(const OperatorUse& use) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  return use.WantOutputShape(use.In(0).shape);
}

Status WantTypes(const OperatorUse& use, schema::TensorType in, schema::TensorType out) {
  LUTRA_RETURN_IF_ERROR(use.WantType(use.In(0), in));
  return use.WantType(use.Out(), out);
}

/// One slope per channel, the same for every sample.
Status CheckSlope(const OperatorUse& use) {
  const TensorFacts& slope = use.In(1);
  LUTRA_RETURN_IF_ERROR(use.WantType(slope, schema::TensorType::float32));
  if (!slope.is_constant() || slope.shape.last() != use.Out().shape.last() ||
      slope.elements != static_cast<uint64_t>(slope.shape.last())) {
    return use.Fail("the slope is not a constant with one value per channel");
  }
  return Status();
}

}  // namespace

Status Check(OperatorUse& use, const schema::Binary& binary) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(2));
  if (binary.kind() > schema::BinaryKind::MAX) {
    return use.Fail("unknown kind %u", static_cast<unsigned>(binary.kind()));
  }
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  Dims want;
  LUTRA_RETURN_IF_ERROR(BroadcastShape(use, &want));
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(want));
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(SamplesApart(use)));
  const bool integer = use.IsInteger();
  LUTRA_RETURN_IF_ERROR(use.WantRange(binary.int_range(), integer));
  LUTRA_RETURN_IF_ERROR(use.WantRange(binary.float_range(), !integer));
  return integer ? CheckIntBinary(use, binary) : Status();
}

Status Check(OperatorUse& use, const schema::Lookup& lookup) {
  LUTRA_RETURN_IF_ERROR(WantSameShape(use));
  LUTRA_RETURN_IF_ERROR(WantTypes(use, schema::TensorType::int8, schema::TensorType::int8));
  return use.WantBlob(lookup.table(), 256, "table entries");
}

Status Check(OperatorUse& use, const schema::Unary& unary) {
  if (unary.kind() > schema::UnaryKind::MAX) {
    return use.Fail("unknown kind %u", static_cast<unsigned>(unary.kind()));
  }
  const bool prelu = unary.kind() == schema::UnaryKind::prelu;
  LUTRA_RETURN_IF_ERROR(use.WantInputs(prelu ? 2 : 1));
  if (use.In(0).is_constant()) return use.Fail("a constant input is not allowed here");
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(use.In(0).shape));
  LUTRA_RETURN_IF_ERROR(WantTypes(use, schema::TensorType::float32, schema::TensorType::float32));
  if (std::isnan(unary.alpha()) || std::isnan(unary.beta())) return use.Fail("a parameter is NaN");
  return prelu ? CheckSlope(use) : Status();
}

Status Check(OperatorUse& use, const schema::Quantize&) {
  LUTRA_RETURN_IF_ERROR(WantSameShape(use));
  if (use.Out().type != schema::TensorType::int16) {
    return WantTypes(use, schema::TensorType::float32, schema::TensorType::int8);
  }
  LUTRA_RETURN_IF_ERROR(use.WantMultiplier(use.Out().scale, "the output's scale"));
  return use.WantType(use.In(0), schema::TensorType::float32);
}

Status Check(OperatorUse& use, const schema::Dequantize&) {
  LUTRA_RETURN_IF_ERROR(WantSameShape(use));
  return WantTypes(use, schema::TensorType::int8, schema::TensorType::float32);
}

Status Check(OperatorUse& use, const schema::Requantize& options) {
  LUTRA_RETURN_IF_ERROR(WantSameShape(use));
  LUTRA_RETURN_IF_ERROR(WantTypes(use, schema::TensorType::int8, schema::TensorType::int8));
  LUTRA_RETURN_IF_ERROR(use.WantMultiplier(options.multiplier(), "multiplier"));
  return use.WantRange(options.int_range(), true);
}

Status Check(OperatorUse& use, const schema::Cast&) {
  LUTRA_RETURN_IF_ERROR(WantSameShape(use));
  for (const TensorFacts* tensor : {&use.In(0), &use.Out()}) {
    if (IsQuantized(tensor->type) && (tensor->scale != 1.0F || tensor->zero_point != 0)) {
      return use.Fail("%s of scale %g and zero point %d is no plain integer",
                      TypeName(tensor->type), static_cast<double>(tensor->scale),
                      tensor->zero_point);
    }
  }
  return Status();
}

}  // namespace lutra::validate
