// The state of ToNhwc, shared by layout.cc (the sweep, spatial operators), layout_rules.cc
// (operators that can be told about a permutation) and layout_reshape.cc (Reshape).
//
// Nothing is transposed until somebody insists. Every value of the original graph has a form: the
// value that holds it in the new graph, and the permutation in which it does. A Transpose only
// composes permutations; a spatial operator insists on channels last and gives channels last; most
// others take what comes and rename their axes; the rest insist on ONNX's order, and only then a
// Transpose is written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/passes/rewrite.h"

namespace lutra::converter::passes {

/// Dimension i of the original lies at dimension perm[i] of the value that holds it.
using Perm = std::vector<int64_t>;

struct Form {
  std::string value;
  Perm perm;
};

Perm IdentityPerm(size_t rank);
/// N, C, spatial -> N, spatial, C.
Perm ChannelsLast(size_t rank);
/// dims of the holder of a value with these dims.
Dims Permuted(const Dims& dims, const Perm& perm);
Tensor Permuted(const Tensor& tensor, const Perm& perm);
/// What is left of the permutation when the original's dimensions in `removed` (by flag) are gone.
Perm WithoutDims(const Perm& perm, const std::vector<bool>& removed);

class LayoutRewriter {
 public:
  explicit LayoutRewriter(Graph& graph);
  void Run();

 private:
  // layout.cc
  void StartInputs();
  void FinishOutputs();
  void Rewrite(const Node& node);
  bool RewriteSpatial(const Node& node);
  void RewritePlain(Node node);

  // layout_rules.cc
  bool RewriteTranspose(const Node& node);
  bool RewriteElementwise(const Node& node);
  bool RewriteAxis(const Node& node);  ///< Concat, Split, Softmax, ArgMax ...
  bool RewriteSlice(const Node& node);
  bool RewritePad(const Node& node);
  bool RewriteReduce(const Node& node);
  bool RewriteGather(const Node& node);

  // layout_reshape.cc
  bool RewriteReshape(const Node& node);
  bool RewriteScrambledGemm(const Node& node);
  /// Whether every reader of the value is a Gemm with constant weights, whose rows can be permuted.
  bool OnlyFeedsGemm(const std::string& value) const;
  bool Scramble(const Node& node, const Form& form);

  Form FormOf(const std::string& value) const;
  /// Dims in the original graph; null when unknown.
  const Dims* OriginalDims(const std::string& value) const;
  /// The value in this order, by a new Transpose (a Reshape where only ones move) if need be.
  std::string As(const std::string& value, const Perm& perm);
  std::string Plain(const std::string& value);
  /// The permutation that most suits a node with these inputs; identity when none is permuted.
  Perm CommonPerm(const std::vector<std::string>& values, size_t rank) const;
  /// A constant that broadcasts against `rank` dimensions, in this order.
  std::string PermutedConstant(const std::string& value, const Perm& perm);
  std::string Integers(const std::string& stem, Dims values);
  /// Names the holder of an original value that a new node computes in this order.
  std::string Define(const std::string& value, const Perm& perm);
  void Emit(Node node) { nodes_.push_back(std::move(node)); }

  Graph& graph_;
  std::map<std::string, ValueInfo> original_;
  std::vector<Node> original_nodes_, nodes_;
  std::unordered_map<std::string, std::vector<size_t>> readers_;  ///< in original_nodes_
  std::map<std::string, Form> forms_;  ///< absent: plain, under its own name
  std::map<std::pair<std::string, Perm>, std::string> made_;
  /// Flattened values whose element j is element map[j] of the original.
  std::map<std::string, Dims> scrambled_;
};

/// Operators whose result has at each place a function of the inputs at that place.
bool IsElementwise(const Node& node);

}  // namespace lutra::converter::passes
