// Reference reductions.
#include <algorithm>

#include "kernels/reference/float_lane.h"
#include "kernels/reference/lanes.h"
#include "kernels/reference/reference.h"

namespace lutra::kernels {
namespace {

using reference::Functions;
using reference::ReduceLanes;

/// mean, sum and max; the caller has refused the rest.
void ReduceInt(const ReduceProblem& p, const int8_t* in, int8_t* out, size_t outer_begin,
               size_t outer_end) {
  for (size_t outer = outer_begin; outer < outer_end; ++outer) {
    for (size_t inner = 0; inner < p.inner; ++inner) {
      const int8_t* q = in + outer * p.reduced * p.inner + inner;
      uint32_t sum = 0;
      int32_t max = -128;
      for (size_t i = 0; i < p.reduced; ++i, q += p.inner) {
        sum += static_cast<uint32_t>(*q - p.zero_point_in);
        max = std::max<int32_t>(max, *q);
      }
      out[outer * p.inner + inner] =
          p.kind == ReduceKind::max
              ? static_cast<int8_t>(std::min(std::max(max, p.output.lo), p.output.hi))
              : Requantize(static_cast<int32_t>(sum), p.multiplier, p.output);
    }
  }
}

float Reduce(const ReduceProblem& p, const float* x) {
  const auto element = [&](size_t i) { return x[i * p.inner]; };
  const auto square = [&](size_t i) { return x[i * p.inner] * x[i * p.inner]; };
  const auto add = [](float a, float b) { return a + b; };
  const auto multiply = [](float a, float b) { return a * b; };
  constexpr float kInfinity = __builtin_inff();
  switch (p.kind) {
    case ReduceKind::mean:
      return ReduceLanes(p.reduced, 0.0F, element, add) / static_cast<float>(p.reduced);
    case ReduceKind::sum:
      return ReduceLanes(p.reduced, 0.0F, element, add);
    case ReduceKind::max:
      return ReduceLanes(p.reduced, -kInfinity, element, &Functions::Maximum);
    case ReduceKind::min:
      return ReduceLanes(p.reduced, kInfinity, element, &Functions::Minimum);
    case ReduceKind::prod:
      return ReduceLanes(p.reduced, 1.0F, element, multiply);
    case ReduceKind::l2:
      return __builtin_sqrtf(ReduceLanes(p.reduced, 0.0F, square, add));
  }
  return 0.0F;
}

void ReduceFloat(const ReduceProblem& p, const float* in, float* out, size_t outer_begin,
                 size_t outer_end) {
  for (size_t outer = outer_begin; outer < outer_end; ++outer) {
    for (size_t inner = 0; inner < p.inner; ++inner) {
      out[outer * p.inner + inner] = Reduce(p, in + outer * p.reduced * p.inner + inner);
    }
  }
}

}  // namespace

ReduceKernels ReferenceReduce() { return {&ReduceInt, &ReduceFloat}; }

}  // namespace lutra::kernels
