// Graph -> graph rewrites. Each is exact in real arithmetic, has its own file and test, and leaves
// value names that survive unchanged, for recipes and reports speak of them: where several nodes
// become one, it has the name of the last.
//
// All throw Error that names the node when the graph is inconsistent.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "converter/graph/graph.h"

namespace lutra::converter::passes {

/// What FoldConstants makes at most, in elements: of one constant, and in all.
struct FoldLimits {
  size_t one = size_t{1} << 26;
  size_t all = size_t{1} << 28;
};

/// Fills Graph::values for every value that has nothing there yet; evaluates shape arithmetic. A
/// value whose shape depends on data stays without dims. The graph's inputs must have fixed
/// shapes: the Error asks for --input-shape.
void InferShapes(Graph& graph);
/// Computes nodes whose inputs are constants and Shape of known shapes; drops nodes that change
/// nothing (Identity, Dropout, a Reshape or Slice to the same shape ...). Needs shapes. Beyond the
/// limits nodes stay, to be computed with the network (Expand and Tile make large constants).
void FoldConstants(Graph& graph, FoldLimits limits = {});
/// Inputs of bytes (and of other unsigned types) that are cast to floats before anything computes
/// with them -> float32. Before InferShapes.
void FloatInputs(Graph& graph);
/// float16, bfloat16 and float64 -> float32 everywhere; Casts between floating types vanish.
void WidenFloats(Graph& graph);
void RemoveDeadCode(Graph& graph);
/// The value, if InferShapes and FoldConstants find it out. The graph need not be sorted or whole.
std::optional<Tensor> KnownValue(const Graph& graph, const std::string& value);
/// Sum, Mean, Max and Min of any number of values, ReduceL1, ReduceSumSquare, ReduceLogSum,
/// ReduceLogSumExp, GlobalLpPool, LpNormalization, LRN and MeanVarianceNormalization -> the
/// operators they are made of.
void CanonicalArithmetic(Graph& graph);
/// Gemm that is no product by constant weights with a bias per output channel -> Transpose, MatMul
/// and arithmetic; MatMul by a vector -> by a matrix.
void CanonicalMatrix(Graph& graph);
/// Tile, Expand, Pad in wrap mode -> Gather by constant indices; edge and reflect pads that crop ->
/// Slice and Pad.
void CanonicalCopy(Graph& graph);
/// Reshape, Flatten, Squeeze, Unsqueeze -> Reshape with a constant target that leaves dimension 0
/// open for the batch.
void CanonicalReshape(Graph& graph);
/// Flatten + Softmax + Reshape (Softmax before opset 13) -> Softmax along one axis where that is
/// the same. After CanonicalReshape.
void CanonicalSoftmax(Graph& graph);
/// auto_pad -> pads; means over all spatial axes -> GlobalAveragePool; Resize axes -> all axes.
void CanonicalSpatial(Graph& graph);
/// Resize that is no nearest or linear one of an image's width and height -> Gather by constant
/// indices (nearest) or MatMul by a constant matrix for each axis.
void CanonicalResize(Graph& graph);
/// MatMul with a constant matrix, and the Add of a constant row behind it -> Gemm.
void MatMulToGemm(Graph& graph);
/// Conv, Gemm, ConvTranspose + BatchNormalization, Mul, Div, Add, Sub by constants -> weights and
/// bias. A BatchNormalization that is left -> depthwise 1x1 Conv, on [N, C, rest] where there are
/// not one or two spatial dimensions.
void FoldBatchNorm(Graph& graph);
/// x * sigmoid(x) -> "Silu" (no ONNX operator); x * hard_sigmoid(x), x * clip(x + 3, 0, 6) / 6 ->
/// "HardSwish"; erf and tanh forms -> "Gelu" (attribute approximate); "Mish"; "HardSigmoid".
void FuseGates(Graph& graph);
/// FuseGates, then Relu and Clip -> Node::clamp of the operator before.
void FuseActivations(Graph& graph);
/// Functions of one element behind views (Reshape, Transpose ...) of a product's result go before
/// them, under a name of their own.
void RaiseFunctions(Graph& graph);
/// Pad (constant 0) + Conv, Pad + AveragePool(count_include_pad), Pad (minus infinity, or not above
/// any value it surrounds) + MaxPool -> pads attribute.
void FusePads(Graph& graph);
/// nchw -> nhwc for Conv, ConvTranspose, pooling, Resize, DepthToSpace and SpaceToDepth. Transposes
/// are carried along the graph as long as operators can be told about them, and cancel; a
/// flattening before Gemm permutes the weights instead. An nhwc node's attributes and its inputs
/// other than the activations (weights, scales, sizes) stay in ONNX's order. Inputs and outputs of
/// the graph keep their ONNX shapes: a Transpose stands right behind, or before, them.
void ToNhwc(Graph& graph);

/// All but ToNhwc in the right order, to a fixed point: ONNX's own layout.
void FuseGraph(Graph& graph);
/// ToNhwc and what it leaves to tidy up. After it every spatial node is nhwc, and every value has
/// its shape.
void LayOutGraph(Graph& graph);
/// FuseGraph, then LayOutGraph.
void OptimizeGraph(Graph& graph);

}  // namespace lutra::converter::passes
