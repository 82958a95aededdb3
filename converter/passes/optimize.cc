// The order of the passes. Fusions enable each other (a Pad folds once its auto_pad neighbour is
// explicit, a second Add folds once the first is gone), so they run until nothing changes.
#include "converter/passes/passes.h"

namespace lutra::converter::passes {

void FuseGraph(Graph& graph) {
  FloatInputs(graph);
  InferShapes(graph);
  FoldConstants(graph);
  WidenFloats(graph);
  RemoveDeadCode(graph);
  for (size_t before = 0; before != graph.nodes.size();) {
    before = graph.nodes.size();
    CanonicalArithmetic(graph);
    CanonicalMatrix(graph);
    CanonicalCopy(graph);
    CanonicalReshape(graph);
    CanonicalSoftmax(graph);
    CanonicalSpatial(graph);
    CanonicalResize(graph);
    FusePads(graph);
    MatMulToGemm(graph);
    FoldBatchNorm(graph);
    FuseActivations(graph);
    RaiseFunctions(graph);
    FoldConstants(graph);
    RemoveDeadCode(graph);
  }
}

void LayOutGraph(Graph& graph) {
  ToNhwc(graph);
  CanonicalReshape(graph);  // what became of two Reshapes with a Transpose between them
  FoldConstants(graph);
  RemoveDeadCode(graph);
  InferShapes(graph);
  graph.Check();
}

void OptimizeGraph(Graph& graph) {
  FuseGraph(graph);
  LayOutGraph(graph);
}

}  // namespace lutra::converter::passes
