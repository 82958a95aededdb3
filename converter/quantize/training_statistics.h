// Whether calibration data looks like the data of training. A batch normalization keeps the mean
// and the variance that each channel of its input had in training; those of the first ones in a
// network, which no other normalization has evened out, tell whether the input is scaled and
// centred as it was then. (Later ones tell less: ReLU networks pass a wrong scale on to all of
// them.)
#pragma once

#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/graph/graph.h"
#include "converter/warnings.h"

namespace lutra::converter::quantize {

struct TrainingStatistics {
  struct Layer {
    std::string value;                  ///< input of the batch normalization, [N, C, ...]
    std::string name;                   ///< of the batch normalization
    std::vector<float> mean, variance;  ///< [C]
  };
  std::vector<Layer> layers;  ///< a few of the first; empty: the network keeps no statistics
  Graph graph;                ///< from the network's input to those values
};

/// Of a graph as it was imported: optimization folds batch normalizations away.
TrainingStatistics ReadTrainingStatistics(const Graph& graph);

/// Runs some of the samples and warns where they are unlike training. Nothing to do without layers.
void CompareWithTraining(TrainingStatistics training, const data::Dataset& data,
                         Warnings& warnings);

}  // namespace lutra::converter::quantize
