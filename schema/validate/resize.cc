// Resize: every output position reads one (nearest) or two (linear) positions of the input, which
// must exist. Images as in Pool; 1-D ones have no height.
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

/// 2048ths: the two weights of a position.
constexpr uint16_t kWeightUnit = 2048;

Status CheckAxis(const OperatorUse& use, const schema::ResizeAxis* axis, bool linear, int64_t in,
                 int64_t out) {
  const int64_t positions =
      axis == nullptr || axis->source() == nullptr ? 0 : axis->source()->size();
  const int64_t weights = axis == nullptr || axis->weight() == nullptr ? 0 : axis->weight()->size();
  if (positions != out || weights != (linear ? out : 0)) {
    return use.Fail("%lld positions and %lld weights for an axis of %lld",
                    static_cast<long long>(positions), static_cast<long long>(weights),
                    static_cast<long long>(out));
  }
  for (flatbuffers::uoffset_t i = 0; i < axis->source()->size(); ++i) {
    const int64_t source = axis->source()->Get(i);
    const uint16_t weight = linear ? axis->weight()->Get(i) : uint16_t{0};
    if (weight > kWeightUnit) return use.Fail("weight %u of %u", weight, kWeightUnit);
    if (source + (weight > 0 ? 1 : 0) >= in) {
      return use.Fail("position %u reads beyond the input's %lld", i, static_cast<long long>(in));
    }
  }
  return Status();
}

}  // namespace

Status Check(OperatorUse& use, const schema::Resize& resize) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  if (resize.kind() > schema::ResizeKind::MAX) {
    return use.Fail("unknown kind %u", static_cast<unsigned>(resize.kind()));
  }
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  const Dims& in = use.In(0).shape;
  const Dims& out = use.Out().shape;
  if ((in.rank != 3 && in.rank != 4) || in.rank != out.rank || in.d[0] != out.d[0] ||
      in.last() != out.last()) {
    return use.Fail("cannot resize %s to %s", DimsText(in).text, DimsText(out).text);
  }
  const bool linear = resize.kind() == schema::ResizeKind::linear;
  const size_t w = in.rank - 2;
  LUTRA_RETURN_IF_ERROR(CheckAxis(use, resize.width(), linear, in.d[w], out.d[w]));
  if (in.rank == 4) {
    LUTRA_RETURN_IF_ERROR(CheckAxis(use, resize.height(), linear, in.d[1], out.d[1]));
  } else if (resize.height() != nullptr) {
    return use.Fail("a height for an image without one");
  }
  if (linear && use.IsInteger()) return use.WantMultiplier(resize.multiplier(), "multiplier");
  return linear ? Status() : use.WantOneQuantization();
}

}  // namespace lutra::validate
