// Learned step sizes of activations: the scales of quantization points as parameters (Esser et al.,
// "Learned step size quantization", arXiv 1902.08153). Calibration chooses a range by what values
// there are; learning finds the one that costs the network least, which often leaves out more of
// the rare large values than any rule about ranges would.
//
// Zero points stay, so 0 stays exact and a range grows or shrinks at both ends together. What
// operators only move or select shares one scale, and learns one. The input's scale stays as the
// data gave it, and so do those that are fixed by what the values are: probabilities of a Softmax.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/quantize/quantization.h"
#include "converter/train/network.h"

namespace lutra::converter::train {

class StepSizes {
 public:
  /// `laid_out` is the graph that `quantization` is for.
  StepSizes(const Graph& laid_out, const quantize::Quantization& quantization);

  /// Quantization points in the network's graph; the scales that are learned become its parameters.
  void InsertPoints(const quantize::Quantization& quantization, Network& network);

  /// The learned scales, for every value that shares one.
  void Write(Network& network, quantize::Quantization& quantization) const;

 private:
  struct Group {
    std::vector<std::string> values;  ///< in the order of the graph
    std::string parameter;            ///< "" as long as the network has no point of them
  };
  std::vector<Group> groups_;
};

}  // namespace lutra::converter::train
