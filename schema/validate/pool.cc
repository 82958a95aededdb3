// Pool: windows as in Conv, the output rounded down or up (ONNX ceil_mode), every window over at
// least one pixel of the image, and for int8 averages a multiplier for every count that occurs.
#include <bitset>

#include "schema/validate/window.h"

namespace lutra::validate {
namespace {

Status CheckCovered(OperatorUse& use, const WindowAxis& axis) {
  LUTRA_RETURN_IF_ERROR(use.facts().Spend(static_cast<uint64_t>(axis.out)));
  for (int64_t o = 0; o < axis.out; ++o) {
    if (axis.PositionsBelow(axis.start(o), axis.in) < 1) {
      return use.Fail("window %lld covers padding only", static_cast<long long>(o));
    }
  }
  return Status();
}

using Counts = std::bitset<kMaxPoolWindow + 1>;

/// How many positions count in an average, for every window along one axis. Padding, where it
/// counts, does so inside the padded image only.
Counts AxisCounts(const WindowAxis& axis, bool include_pad) {
  Counts counts;
  for (int64_t o = 0; o < axis.out; ++o) {
    const int64_t start = axis.start(o);
    const int64_t count = include_pad ? axis.PositionsBelow(start + axis.pad_before, axis.padded())
                                      : axis.PositionsBelow(start, axis.in);
    counts.set(static_cast<size_t>(count));
  }
  return counts;
}

Status CheckMultipliers(const OperatorUse& use, const schema::Pool& pool) {
  const size_t size = pool.counts() == nullptr ? 0 : pool.counts()->size();
  if (size != (pool.multipliers() == nullptr ? 0 : pool.multipliers()->size())) {
    return use.Fail("as many counts as multipliers are needed");
  }
  for (size_t i = 0; i < size; ++i) {
    const auto at = static_cast<flatbuffers::uoffset_t>(i);
    LUTRA_RETURN_IF_ERROR(use.WantMultiplier(pool.multipliers()->Get(at), "multiplier"));
    const uint32_t count = pool.counts()->Get(at);
    if (count < 1 || count > uint32_t{pool.kernel_h()} * pool.kernel_w() ||
        (i > 0 && count <= pool.counts()->Get(at - 1))) {
      return use.Fail("count %u is out of order or range", count);
    }
  }
  return Status();
}

Status CheckAverage(OperatorUse& use, const schema::Pool& pool, const Window& window) {
  LUTRA_RETURN_IF_ERROR(CheckMultipliers(use, pool));
  Counts listed;
  if (pool.counts() != nullptr) {
    for (const uint32_t count : *pool.counts()) listed.set(count);
  }
  const Counts heights = AxisCounts(window.height, pool.count_include_pad());
  const Counts widths = AxisCounts(window.width, pool.count_include_pad());
  const auto most_h = static_cast<size_t>(window.height.kernel);
  const auto most_w = static_cast<size_t>(window.width.kernel);
  LUTRA_RETURN_IF_ERROR(use.facts().Spend(most_h * most_w));
  for (size_t h = 0; h <= most_h; ++h) {
    if (!heights[h]) continue;
    for (size_t w = 0; w <= most_w; ++w) {
      if (widths[w] && !listed[h * w]) {
        return use.Fail("no multiplier for windows of %zu elements", h * w);
      }
    }
  }
  return Status();
}

bool RoundsTo(const WindowAxis& axis) {
  return axis.out == axis.out_floor() || axis.out == axis.out_ceil();
}

}  // namespace

Status Check(OperatorUse& use, const schema::Pool& pool) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  if (pool.kind() > schema::PoolKind::MAX) {
    return use.Fail("unknown kind %u", static_cast<unsigned>(pool.kind()));
  }
  LUTRA_RETURN_IF_ERROR(use.WantOneType());
  Window window;
  LUTRA_RETURN_IF_ERROR(ReadWindow(use, pool, &window));
  if (window.height.kernel * window.width.kernel > kMaxPoolWindow) {
    return use.FailLimit("windows of more than %u elements", kMaxPoolWindow);
  }
  if (!RoundsTo(window.height) || !RoundsTo(window.width)) {
    return use.Fail("the output's shape is %s, the windows give %lld x %lld",
                    DimsText(use.Out().shape).text,
                    static_cast<long long>(window.height.out_floor()),
                    static_cast<long long>(window.width.out_floor()));
  }
  if (use.In(0).shape.last() != use.Out().shape.last()) {
    return use.Fail("the number of channels changes");
  }
  LUTRA_RETURN_IF_ERROR(CheckCovered(use, window.height));
  LUTRA_RETURN_IF_ERROR(CheckCovered(use, window.width));

  const bool int8_average = pool.kind() == schema::PoolKind::average && use.IsInteger();
  LUTRA_RETURN_IF_ERROR(use.WantRange(pool.int_range(), int8_average));
  if (int8_average) return CheckAverage(use, pool, window);
  return use.WantOneQuantization();
}

}  // namespace lutra::validate
