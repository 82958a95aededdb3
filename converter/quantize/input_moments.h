// Second moments of what a layer's weights are multiplied with: the sums of products of every two
// entries of the input patches that calibration shows. They tell which rounding errors of weights
// cancel in the layer's output (rounding.h).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/quantize/calibrate.h"

namespace lutra::converter::quantize {

/// One symmetric matrix for each group of a convolution. Entry k is the constant 1, which stands
/// for the bias; for a MatMul, which has none, 0. Of rows too long for kMostProductBytes only the
/// diagonal and the products with the constant are kept.
struct InputMoments {
  size_t k = 0, groups = 1;
  std::vector<float> sums = {};  ///< [group][k + 1][k + 1], the upper triangle; or empty, and then:
  std::vector<float> squares = {};    ///< [group][k + 1], the diagonal
  std::vector<float> constants = {};  ///< [group][k + 1], the last column

  size_t size() const { return k + 1; }
  bool HasProducts() const { return !sums.empty(); }
  const float* Group(size_t g) const { return sums.data() + g * size() * size(); }
  /// Sum of the squares of entry i.
  float Square(size_t g, size_t i) const {
    return HasProducts() ? Group(g)[i * size() + i] : squares[g * size() + i];
  }
  /// Sum of entry i; 0 for a MatMul.
  float Sum(size_t g, size_t i) const {
    return HasProducts() ? Group(g)[i * size() + k] : constants[g * size() + i];
  }
};

/// Of all layers' products together, which are in memory at once; rounding a layer takes twice as
/// much again as that layer has. Enough for rows of 16,000, or for AlexNet's of 9,216, 4,096 and
/// 4,096, and not for the 25,088 of VGG's first linear layer (2.5 GB).
constexpr size_t kMostProductBytes = size_t{1} << 30;

/// Sums up moments while a network runs over data.
class MomentsCollector {
 public:
  /// Of the nodes with these labels (Conv, Gemm, MatMul with constant weights, channels last) over
  /// `samples` samples; of an image only as many positions as a few thousand patches in all need,
  /// evenly spaced. Products are kept within `most_bytes`, of short rows first.
  MomentsCollector(const Graph& graph, const std::set<std::string>& labels, size_t samples,
                   size_t most_bytes = kMostProductBytes);
  ~MomentsCollector();

  /// For each value of each sample; values that no layer reads are ignored.
  void Observe(const std::string& value, const Tensor& tensor, size_t sample);

  /// By node label, of what was observed. Ends the collection.
  std::map<std::string, InputMoments> Take();

 private:
  struct Layer;
  size_t samples_;
  std::multimap<std::string, std::unique_ptr<Layer>> readers_;  // by input value
};

/// The same over every sample in a run of its own.
std::map<std::string, InputMoments> CollectMoments(const Graph& graph,
                                                   const std::set<std::string>& labels,
                                                   const data::Dataset& data,
                                                   const Progress& progress);

}  // namespace lutra::converter::quantize
