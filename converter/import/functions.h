// Functions that a model defines itself (as PyTorch's newer exporter writes them) are expanded
// where they are called, so that nothing after the importer knows of them.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <vector>

namespace lutra::converter::importing {

/// A node with the version of the default operator set that its text was written against.
struct SourceNode {
  onnx::NodeProto proto;
  int64_t opset = 0;  ///< 0: the model imports no default operator set
};

/// The graph's nodes in order, calls of local functions replaced by their bodies. Values inside a
/// body get names that begin with the call's own. Throws Error on recursion, on a call that does
/// not fit its function, and when the expansion copies more than 65,536 nodes
/// or 256 MB.
std::vector<SourceNode> InlineFunctions(const onnx::ModelProto& model);

/// The same for the branch of an If, whose text was written against this operator set.
std::vector<SourceNode> InlineFunctions(const onnx::ModelProto& model,
                                        const onnx::GraphProto& branch, int64_t opset);

}  // namespace lutra::converter::importing
