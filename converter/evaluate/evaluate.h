// Accuracy and loss of a classifier on labelled data, or a metric of any network against targets:
// of an ONNX network in the float executor, or a .lutra file in the runtime.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "converter/data/dataset.h"
#include "converter/import/onnx_import.h"
#include "converter/metric.h"
#include "converter/warnings.h"

namespace lutra::converter::evaluate {

struct Evaluation {
  size_t count = 0;
  size_t classes = 0;         ///< scores of a sample
  double top1 = 0, top5 = 0;  ///< fractions; of equal scores the lower class comes first
  /// Mean cross entropy in nats: -log p[label]. p is the network's output where that ends in
  /// a Softmax (or its logarithm, a LogSoftmax), else the softmax of the output; probabilities
  /// below 1e-7 count as 1e-7.
  double loss = 0;
  std::optional<double> metric;  ///< where one was asked for; then nothing of the above but count
  Warnings warnings;
};

struct EvaluationOptions {
  importing::ImportOptions import;  ///< of an ONNX network
  std::string scores;  ///< name of the output with the scores; empty: the one that has their shape
  std::function<void(size_t done, size_t total)> progress;
  std::optional<Metric> metric = {};  ///< against the data's targets; else accuracy and loss
};

/// Chooses by the file's first bytes. A network of fixed batch gets as many samples at once. A
/// model that takes uint8 pixels gets them as they are when the data says nothing of scale, mean
/// and std. Throws Error: data without labels, a label without a score, several inputs, shapes that
/// do not fit, outputs that are no scores (scores.h); with a metric what metric.h says.
Evaluation Evaluate(const std::string& model_path, const EvaluationOptions& options,
                    const data::Dataset& data);
/// The same of a file's bytes, which `model_path` names in messages.
Evaluation Evaluate(std::span<const uint8_t> file, const std::string& model_path,
                    const EvaluationOptions& options, const data::Dataset& data);

}  // namespace lutra::converter::evaluate
