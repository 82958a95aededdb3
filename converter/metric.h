// What a network that classifies nothing is worth: its output against targets, over samples.
//
//   mse      mean squared error over all elements of all samples; less is better
//   cosine   mean over the samples of the cosine of the angle between output and target, both as
//            vectors of all their elements (0 where one has no length); more is better
//   COMMAND  the number that a program prints, which gets two NumPy files: the outputs and the
//            targets of the samples, rows in the same order; more is better
//
// This is the one place that evaluation, budgets and training ask.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/tensor.h"
#include "converter/named_shape.h"

namespace lutra::converter {

class Metric {
 public:
  enum class Kind : uint8_t { mse, cosine, command };

  /// "mse", "cosine", or a program: a path, or a name to be found in PATH. Throws Error where it is
  /// none of these.
  explicit Metric(const std::string& text);

  Kind kind() const { return kind_; }
  const std::string& name() const { return name_; }        ///< as it was given
  const std::string& program() const { return program_; }  ///< of a command: its path
  std::string InWords() const;                             ///< "mean squared error"

  /// By how much a value is worse than FP32's, negative where it is better: of mse percent of
  /// FP32's, of cosine points (hundredths), of a command its own unit. Throws Error where FP32's
  /// mse is 0, of which there is no percentage.
  double Drop(double fp32, double value) const;
  std::string DropText(double drop) const;  ///< "1.20 points"

 private:
  Kind kind_;
  std::string name_, program_;
};

/// The output that targets of these dimensions (of one sample) are of: `wanted` by name, else the
/// only one, else the only one of this shape, but for dimensions of 1. Throws Error, which names
/// outputs and shapes. A command may compare what it wants, so only the others need the shape.
size_t ChooseOutput(const std::vector<NamedShape>& outputs, int64_t batch,
                    const std::string& wanted, const std::vector<int64_t>& target,
                    const Metric& metric, const std::string& model);

/// A metric over samples.
class MetricOf {
 public:
  /// `samples`: how many there will be.
  MetricOf(const Metric& metric, size_t samples);
  ~MetricOf();
  MetricOf(const MetricOf&) = delete;
  MetricOf& operator=(const MetricOf&) = delete;

  /// `dims`: of the output of one sample. `source` names it in messages. Throws Error: an output
  /// that is not finite, another number of elements than the target has, a full disk.
  void Add(std::span<const float> output, const std::vector<int64_t>& dims, const Tensor& target,
           const std::string& source);
  size_t count() const { return count_; }
  /// Once all have been added. Throws Error where a command fails or prints no number.
  double Value();

 private:
  class Files;

  const Metric metric_;
  const size_t samples_;
  size_t count_ = 0;
  double sum_ = 0;  // of squared errors, or of cosines
  double elements_ = 0;
  std::unique_ptr<Files> files_;  // for a command
};

}  // namespace lutra::converter
