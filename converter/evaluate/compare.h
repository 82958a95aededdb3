// The emitted file against the float network, operator by operator, in the real runtime.
//
// Cumulative: every operator's output after the operators before it have made their errors.
// Isolated: every operator gets exact inputs (the float network's values, quantized for it), so its
// error is its own. Large channels hide in one ratio what becomes of small ones, which layers
// behind may need as much: so there is the median of the channels' own ratios, too.
#pragma once

#include <vector>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/quantize/calibrate.h"
#include "converter/runtime_session.h"

namespace lutra::converter::evaluate {

/// Signal and noise energy; the ratio is 10 log10(signal / noise).
struct SquareSums {
  double signal = 0, noise = 0;
  /// NaN: nothing was compared, or the values were identical.
  double SqnrDb() const;
};

struct Comparison {
  std::vector<SquareSums> cumulative, isolated;  ///< per operator of the file
  /// Per operator: the median of the innermost dimension's channels, each on its own (isolated), in
  /// dB; NaN: nothing was compared, or half of the channels were identical.
  std::vector<double> channel_median_db;
  std::vector<SquareSums> outputs;  ///< per output of the model
  size_t samples = 0;
  bool classifier = false;           ///< one output that is one row of scores
  size_t agreeing = 0;               ///< samples with the same largest score
  std::vector<size_t> chosen;        ///< how often FP32 has its largest score at each class
  size_t labelled = 0;               ///< samples whose label is one of the classes
  size_t fp32_right = 0, right = 0;  ///< of these: the largest score is the label's

  double WorstOutputDb() const;  ///< NaN: all identical
  double Top1Agreement() const;  ///< fraction; NaN unless classifier
  /// Fractions of right answers; NaN unless every sample of a classifier has a label.
  double Fp32Top1() const;
  double Top1() const;
};

/// Tensors of the file are matched with the graph's values by name. The graph is the optimized one
/// that the file was made from, with one input.
Comparison CompareOnData(const Graph& graph, RuntimeSession& session, const data::Dataset& data,
                         const quantize::Progress& progress);

}  // namespace lutra::converter::evaluate
