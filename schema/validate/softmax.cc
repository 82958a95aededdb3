// Softmax over the innermost dimension, float or int8.
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

/// 256 exponentials in units of 2^-24, exp(0) first: at most 1 and never rising, so that a row's
/// sum is positive and exact in 64 bits.
Status CheckTable(const OperatorUse& use, const uint8_t* bytes) {
  constexpr uint32_t kOne = 1U << 24;
  uint32_t previous = kOne;
  for (size_t i = 0; i < 256; ++i) {
    const auto entry = flatbuffers::ReadScalar<uint32_t>(bytes + 4 * i);
    if (entry > previous || (i == 0 && entry != kOne)) {
      return use.Fail("entry %zu of the table, %u, is not below the one before", i, entry);
    }
    previous = entry;
  }
  return Status();
}

}  // namespace

Status Check(OperatorUse& use, const schema::Softmax& softmax) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(use.In(0).shape));
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(use.In(0).shape.rank >= 2));
  if (!use.IsInteger()) return Status();
  LUTRA_RETURN_IF_ERROR(use.WantMultiplier(softmax.multiplier(), "multiplier"));
  LUTRA_RETURN_IF_ERROR(use.WantBlob(softmax.table(), 256 * sizeof(uint32_t), "exponentials"));
  return CheckTable(use, use.facts().view.Blob(softmax.table()));
}

}  // namespace lutra::validate
