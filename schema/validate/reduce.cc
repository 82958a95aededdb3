// Reduce: consecutive axes become 1 or disappear.
#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

/// Whether `out` is `in` with axes [begin, end) kept as 1, or left out (one dimension remains).
bool IsReduced(const Dims& in, const Dims& out, size_t begin, size_t end) {
  Dims kept = in;
  Dims dropped;
  for (size_t d = 0; d < in.rank; ++d) {
    if (d >= begin && d < end) {
      kept.d[d] = 1;
    } else {
      dropped.d[dropped.rank++] = in.d[d];
    }
  }
  if (dropped.rank == 0) dropped.d[dropped.rank++] = 1;
  const auto same = [&](const Dims& want) {
    bool equal = want.rank == out.rank;
    for (size_t d = 0; equal && d < want.rank; ++d) equal = want.d[d] == out.d[d];
    return equal;
  };
  return same(kept) || same(dropped);
}

}  // namespace

Status Check(OperatorUse& use, const schema::Reduce& reduce) {
  using schema::ReduceKind;
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  const ReduceKind kind = reduce.kind();
  if (kind > ReduceKind::MAX) return use.Fail("unknown kind %u", static_cast<unsigned>(kind));
  LUTRA_RETURN_IF_ERROR(use.WantOneType());

  const Dims& in = use.In(0).shape;
  const size_t count = reduce.axes() == nullptr ? 0 : reduce.axes()->size();
  if (count < 1 || count > in.rank) return use.Fail("%zu axes of %zu dimensions", count, in.rank);
  const size_t begin = reduce.axes()->Get(0);
  for (size_t i = 0; i < count; ++i) {
    const size_t axis = reduce.axes()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (axis != begin + i || axis >= in.rank) {
      return use.Fail("the axes are not consecutive dimensions");
    }
  }
  if (!IsReduced(in, use.Out().shape, begin, begin + count)) {
    return use.Fail("%s cannot be reduced to %s", DimsText(in).text,
                    DimsText(use.Out().shape).text);
  }
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(begin > 0));

  const bool sums = kind == ReduceKind::mean || kind == ReduceKind::sum;
  LUTRA_RETURN_IF_ERROR(use.WantRange(reduce.int_range(), sums && use.IsInteger()));
  if (!use.IsInteger()) return Status();
  if (kind == ReduceKind::max) return use.WantOneQuantization();
  if (!sums) return use.Fail("kind %s has no int8 form", schema::EnumNameReduceKind(kind));
  LUTRA_RETURN_IF_ERROR(use.WantMultiplier(reduce.multiplier(), "multiplier"));
  // |q - z| is at most 255.
  const uint64_t terms = use.In(0).elements / use.Out().elements;
  if (terms * 255 > INT32_MAX) {
    return use.Fail("sums of %llu elements do not fit int32",
                    static_cast<unsigned long long>(terms));
  }
  return Status();
}

}  // namespace lutra::validate
