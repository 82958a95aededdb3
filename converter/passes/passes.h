// Graph -> graph rewrites. Each is exact in real arithmetic, has its own file and test, and leaves
// value names that survive unchanged, for recipes and reports speak of them.
#pragma once

#include "converter/graph/graph.h"

namespace lutra::converter {

/// Fills Graph::values for everything; evaluates shape arithmetic. Throws Error naming the node.
void InferShapes(Graph& graph);
/// Computes nodes whose inputs are constants (and Shape of known shapes), drops Identity, Dropout,
/// and Casts between floating types.
void FoldConstants(Graph& graph);
void RemoveDeadCode(Graph& graph);
/// Conv/Gemm/ConvTranspose + BatchNormalization, Mul, Add by constants -> weights and bias. MatMul
/// with a constant -> Gemm form.
void FoldBatchNorm(Graph& graph);
/// x * sigmoid(x) -> "Silu"; x * hard_sigmoid(x), x * clip(x + 3, 0, 6) / 6 -> "HardSwish"; erf and
/// tanh forms -> "Gelu"; reductions over H, W -> GlobalAveragePool. Relu, Clip -> Node::clamp of the
/// producer.
void FuseActivations(Graph& graph);
/// Pad (constant 0) + Conv, Pad + AveragePool(count_include_pad) -> pads attribute.
void FusePads(Graph& graph);
/// nchw -> nhwc for spatial operators, Transposes inserted, moved and cancelled; a flattening
/// Reshape before Gemm permutes the weights instead.
void ToNhwc(Graph& graph);

/// All of them in the right order, to a fixed point. After it every spatial node is nhwc.
void OptimizeGraph(Graph& graph);

}  // namespace lutra::converter
