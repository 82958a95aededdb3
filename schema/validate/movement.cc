// Operators that move values without arithmetic: one type and one quantization on both sides, and
// every output element taken from inside the input.
#include <algorithm>
#include <type_traits>
#include <utility>

#include "schema/validate/checks.h"

namespace lutra::validate {
namespace {

Status CheckMove(const OperatorUse& use) {
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  return use.WantOneQuantization();
}

template <typename T>
Status WantEntries(const OperatorUse& use, const flatbuffers::Vector<T>* list, const char* what) {
  const size_t count = list == nullptr ? 0 : list->size();
  if (count == use.In(0).shape.rank) return Status();
  return use.Fail("%zu entries in %s for %zu dimensions", count, what, use.In(0).shape.rank);
}

/// wide_value is one of the elements that the type has.
Status CheckPadValue(const OperatorUse& use, const schema::Pad& pad) {
  const bool fits = VisitType(use.Out().type, [&](auto element) {
    using Element = decltype(element);
    if constexpr (std::is_same_v<Element, Boolean>) {
      return pad.wide_value() == 0 || pad.wide_value() == 1;
    } else if constexpr (std::is_integral_v<Element> && !std::is_same_v<Element, int8_t>) {
      return std::in_range<Element>(pad.wide_value());
    } else {
      return pad.wide_value() == 0;
    }
  });
  if (fits) return Status();
  return use.Fail("a value of %lld for %s", static_cast<long long>(pad.wide_value()),
                  TypeName(use.Out().type));
}

}  // namespace

Status Check(OperatorUse& use, const schema::Transpose& transpose) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  LUTRA_RETURN_IF_ERROR(CheckMove(use));
  LUTRA_RETURN_IF_ERROR(WantEntries(use, transpose.permutation(), "permutation"));
  const Dims& in = use.In(0).shape;
  Dims want;
  want.rank = in.rank;
  unsigned seen = 0;
  for (size_t d = 0; d < in.rank; ++d) {
    const size_t from = transpose.permutation()->Get(static_cast<flatbuffers::uoffset_t>(d));
    if (from >= in.rank || (seen >> from & 1) != 0) {
      return use.Fail("the permutation names dimension %zu twice or not at all", d);
    }
    seen |= 1U << from;
    want.d[d] = in.d[from];
  }
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(transpose.permutation()->Get(0) == 0));
  return use.WantOutputShape(want);
}

Status Check(OperatorUse& use, const schema::Slice& slice) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  LUTRA_RETURN_IF_ERROR(CheckMove(use));
  LUTRA_RETURN_IF_ERROR(WantEntries(use, slice.begin(), "begin"));
  LUTRA_RETURN_IF_ERROR(WantEntries(use, slice.step(), "step"));
  const Dims& in = use.In(0).shape;
  const Dims& out = use.Out().shape;
  if (out.rank != in.rank) return use.Fail("the number of dimensions changes");
  for (size_t d = 0; d < in.rank; ++d) {
    const auto at = static_cast<flatbuffers::uoffset_t>(d);
    const int64_t begin = slice.begin()->Get(at);
    const int64_t step = slice.step()->Get(at);
    const int64_t end = begin + (out.d[d] - 1) * step;
    if (step == 0 || begin < 0 || begin >= in.d[d] || end < 0 || end >= in.d[d]) {
      return use.Fail("dimension %zu: %lld values from %lld with step %lld leave 0..%lld", d,
                      static_cast<long long>(out.d[d]), static_cast<long long>(begin),
                      static_cast<long long>(step), static_cast<long long>(in.d[d] - 1));
    }
  }
  return use.WantSamplesApart(slice.begin()->Get(0) == 0 && slice.step()->Get(0) == 1 &&
                              out.d[0] == in.d[0]);
}

Status Check(OperatorUse& use, const schema::Pad& pad) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  if (pad.kind() > schema::PadKind::MAX) {
    return use.Fail("unknown kind %u", static_cast<unsigned>(pad.kind()));
  }
  LUTRA_RETURN_IF_ERROR(CheckMove(use));
  LUTRA_RETURN_IF_ERROR(CheckPadValue(use, pad));
  LUTRA_RETURN_IF_ERROR(WantEntries(use, pad.before(), "before"));
  LUTRA_RETURN_IF_ERROR(WantEntries(use, pad.after(), "after"));
  Dims want = use.In(0).shape;
  for (size_t d = 0; d < want.rank; ++d) {
    const auto at = static_cast<flatbuffers::uoffset_t>(d);
    const int64_t before = pad.before()->Get(at);
    const int64_t after = pad.after()->Get(at);
    const int64_t kept = want.d[d] + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    const bool crops = before < 0 || after < 0;
    if (kept < 1 || (crops && pad.kind() != schema::PadKind::constant)) {
      return use.Fail("dimension %zu: cropping by %lld and %lld", d, static_cast<long long>(before),
                      static_cast<long long>(after));
    }
    if (pad.kind() == schema::PadKind::reflect && std::max(before, after) >= want.d[d]) {
      return use.Fail("dimension %zu: reflecting %lld and %lld of %lld", d,
                      static_cast<long long>(before), static_cast<long long>(after),
                      static_cast<long long>(want.d[d]));
    }
    want.d[d] += before + after;
  }
  LUTRA_RETURN_IF_ERROR(
      use.WantSamplesApart(pad.before()->Get(0) == 0 && pad.after()->Get(0) == 0));
  return use.WantOutputShape(want);
}

Status Check(OperatorUse& use, const schema::Concat& concat) {
  LUTRA_RETURN_IF_ERROR(CheckMove(use));
  Dims want = use.In(0).shape;
  const size_t axis = concat.axis();
  if (axis >= want.rank) return use.Fail("axis %zu of %zu dimensions", axis, want.rank);
  bool constant = false;
  want.d[axis] = 0;
  for (size_t i = 0; i < use.inputs(); ++i) {
    const Dims& in = use.In(i).shape;
    bool fits = in.rank == want.rank;
    for (size_t d = 0; fits && d < in.rank; ++d) fits = d == axis || in.d[d] == want.d[d];
    if (!fits) return use.Fail("input %zu has the shape %s", i, DimsText(in).text);
    want.d[axis] += in.d[axis];
    constant = constant || use.In(i).is_constant();
  }
  LUTRA_RETURN_IF_ERROR(use.WantSamplesApart(axis > 0 && !constant));
  return use.WantOutputShape(want);
}

Status Check(OperatorUse& use, const schema::Reshape&) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  LUTRA_RETURN_IF_ERROR(CheckMove(use));
  if (use.In(0).elements != use.Out().elements) {
    return use.Fail("%s and %s differ in elements", DimsText(use.In(0).shape).text,
                    DimsText(use.Out().shape).text);
  }
  return Status();
}

}  // namespace lutra::validate
