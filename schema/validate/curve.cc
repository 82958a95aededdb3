// Curves: finite numbers, small enough that no sum leads to infinity or NaN, on which rows could
// differ.
#include <cmath>
#include <cstring>

#include "schema/validate/checks.h"

namespace lutra::validate {
Status CheckCurve(OperatorUse& use, const schema::Curve* curve, schema::Compute compute,
                  uint64_t n) {
  if (curve == nullptr) return Status();
  if (compute != schema::Compute::integer)
    return use.Fail("a curve goes with compute integer alone");
  const auto bounded = [](float x) { return std::fabs(x) <= kMaxCurveCoefficient; };
  if (!bounded(curve->offset())) return use.Fail("the curve's offset is not finite, or above 2^30");
  const auto* coefficients = curve->coefficients();
  const unsigned count = coefficients == nullptr ? 0 : coefficients->size();
  if (count != kCurvePieces * kCurvePowers) {
    return use.Fail("a curve of %u coefficients, not %u", count, kCurvePieces * kCurvePowers);
  }
  for (unsigned i = 0; i < count; ++i) {
    const float x = coefficients->Get(i);
    if (!bounded(x)) return use.Fail("coefficient %u of the curve is not finite, or above 2^30", i);
    const unsigned power = i / kCurvePieces, piece = i % kCurvePieces;
    if (power > 1 && (piece == 0 || piece == kCurvePieces - 1) && x != 0) {
      return use.Fail("piece %u of the curve, which has no end, is no straight line", piece);
    }
  }
  if (curve->factors() == kNoIndex) return Status();
  LUTRA_RETURN_IF_ERROR(use.WantBlob(curve->factors(), n * sizeof(float), "factors of a curve"));
  const uint8_t* factors = use.facts().view.Blob(curve->factors());
  for (uint64_t i = 0; i < n; ++i) {
    float factor;
    std::memcpy(&factor, factors + i * sizeof(float), sizeof(factor));
    factor = flatbuffers::EndianScalar(factor);
    if (std::isnormal(factor) && factor > 0 && factor <= kMaxCurveFactor) continue;
    return use.Fail("factor %g of channel %llu is not normal, positive and at most 2^20",
                    static_cast<double>(factor), static_cast<unsigned long long>(i));
  }
  return Status();
}

}  // namespace lutra::validate
