// What the forward and the backward run of Conv and ConvTranspose share: the sizes of everything,
// and the weights as oneDNN describes them.
#pragma once

#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/gradient.h"
#include "converter/executor/spatial.h"

namespace lutra::converter::executor {

/// Dims and strides of [groups, O, I, kernel...] (without groups when there is one) in ONNX's
/// [O, I/groups, kernel...] (Conv) or [I, O/groups, kernel...] (ConvTranspose).
struct GroupedWeights {
  GroupedWeights(const Shape& weights, int64_t groups, bool transposed);
  Shape dims, strides;
};

struct ConvGeometry {
  Activation x, y;
  GroupedWeights weights;
  Window window;    ///< its `end` is as written; oneDNN gets `tail`
  Shape tail;       ///< tail padding as it follows from the other sizes
  Shape dilations;  ///< 0 where none, as oneDNN counts them
};

/// Of a Conv or ConvTranspose whose input and weights have these dims, as they lie. Throws Error
/// when attributes and dims do not fit each other.
ConvGeometry ConvGeometryOf(const Node& node, const Shape& x, const Shape& weights);

bool IsTransposedConv(const Node& node);

/// NHWC stays as it is. NCHW is slow to compute on: the primitive chooses, for a reorder each way.
dnnl::memory::desc ConvFormat(const Activation& activation, Layout layout);

/// Gradients by x, weights and bias; read the inputs.
Gradients ConvGradient(const GradientCall& call);           // conv_gradient.cc
Gradients ConvTransposeGradient(const GradientCall& call);  // conv_gradient.cc

}  // namespace lutra::converter::executor
