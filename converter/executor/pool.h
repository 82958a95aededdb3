// What the forward and the backward run of pooling share: the sizes of everything.
#pragma once

#include "converter/executor/gradient.h"
#include "converter/executor/spatial.h"

namespace lutra::converter::executor {

struct PoolGeometry {
  Activation x, y;
  Window window;  ///< of global pooling: the whole input
};

/// Of a pooling node on an input of these dims, as they lie. Throws Error when a window does not
/// fit.
PoolGeometry PoolGeometryOf(const Node& node, const Shape& x);

/// Of every window's largest elements the first, in row-major order, receives its gradient; reads
/// input and result.
Gradients MaxPoolGradient(const GradientCall& call);  // pool_gradient.cc
/// Every element that was counted receives an equal share; reads nothing.
Gradients AveragePoolGradient(const GradientCall& call);  // pool_gradient.cc

}  // namespace lutra::converter::executor
