// Accuracy and loss of a classifier on labelled data: an ONNX network in the float executor, or a
// .lutra file in the runtime.
#pragma once

#include <functional>
#include <string>

#include "converter/data/dataset.h"
#include "converter/import/onnx_import.h"
#include "converter/warnings.h"

namespace lutra::converter {

struct Evaluation {
  size_t count = 0;
  double top1 = 0, top5 = 0;  ///< fractions; of equal scores the lower class comes first
  /// Mean cross entropy in nats: -log p[label]. p is the network's first output where that ends in
  /// a Softmax (or its logarithm, a LogSoftmax), else the softmax of the output; probabilities
  /// below 1e-7 count as 1e-7.
  double loss = 0;
  Warnings warnings;
};

using EvaluationProgress = std::function<void(size_t done, size_t total)>;

/// Chooses by the file's first bytes. The first output is the row of scores. Throws Error: data
/// without labels, a label without a score, several inputs, shapes that do not fit.
Evaluation Evaluate(const std::string& model_path, const ImportOptions& import, const Dataset& data,
                    const EvaluationProgress& progress);

}  // namespace lutra::converter
