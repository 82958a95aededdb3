#include "converter/metric.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "converter/error.h"
#include "converter/metric_command.h"

namespace lutra::converter {
namespace {

std::vector<int64_t> WithoutOnes(std::vector<int64_t> dims) {
  std::erase(dims, 1);
  return dims;
}

/// Of one sample.
std::vector<int64_t> SampleDims(std::vector<int64_t> dims, int64_t batch) {
  if (!dims.empty() && (dims[0] == batch || dims[0] == 1)) dims.erase(dims.begin());
  return dims;
}

}  // namespace

Metric::Metric(const std::string& text)
    : kind_(text == "mse"      ? Kind::mse
            : text == "cosine" ? Kind::cosine
                               : Kind::command),
      name_(text) {
  if (kind_ == Kind::command) program_ = FindProgram(text);
}

std::string Metric::InWords() const {
  switch (kind_) {
    case Kind::mse:
      return "mean squared error";
    case Kind::cosine:
      return "mean cosine similarity";
    case Kind::command:
      break;
  }
  return "result of " + name_;
}

double Metric::Drop(double fp32, double value) const {
  switch (kind_) {
    case Kind::mse:
      if (value <= 0 && fp32 <= 0) return 0;
      if (fp32 <= 0) {
        throw Error(
            "the mean squared error of FP32 is 0, so there is no percentage of it; give targets "
            "that are not FP32's own outputs, or --metric cosine");
      }
      return 100 * (value - fp32) / fp32;
    case Kind::cosine:
      return 100 * (fp32 - value);
    case Kind::command:
      break;
  }
  return fp32 - value;
}

std::string Metric::DropText(double drop) const {
  char text[48];
  const char* const format = kind_ == Kind::mse      ? "%.2f %%"
                             : kind_ == Kind::cosine ? "%.2f points"
                                                     : "%g";
  std::snprintf(text, sizeof text, format, drop);
  return text;
}

size_t ChooseOutput(const std::vector<NamedShape>& outputs, int64_t batch,
                    const std::string& wanted, const std::vector<int64_t>& target,
                    const Metric& metric, const std::string& model) {
  const auto fits = [&](const NamedShape& output) {
    return WithoutOnes(SampleDims(output.dims, batch)) == WithoutOnes(target);
  };
  std::optional<size_t> chosen;
  if (!wanted.empty()) {
    chosen = FindOutput(outputs, wanted, model);
  } else if (outputs.size() == 1) {
    chosen = 0;
  } else if (std::ranges::count_if(outputs, fits) == 1) {
    chosen = static_cast<size_t>(std::ranges::find_if(outputs, fits) - outputs.begin());
  }
  if (!chosen) {
    throw Error(model + ": has several outputs, and which one targets of shape " +
                ShapeText(target) +
                " per sample are of is not clear; name it with --scores: " + Listed(outputs));
  }
  if (metric.kind() != Metric::Kind::command && !fits(outputs[*chosen])) {
    throw Error(model + ": output " + Described(outputs[*chosen]) + " does not have the shape " +
                ShapeText(target) + " that the targets have per sample");
  }
  return *chosen;
}

/// What a command gets.
class MetricOf::Files {
 public:
  explicit Files(size_t samples) : samples_(samples) {}

  void Add(std::span<const float> output, const std::vector<int64_t>& dims, const Tensor& target) {
    if (!outputs_) {
      outputs_.emplace("outputs", DataType::float32, samples_, SampleDims(dims, 1));
      targets_.emplace("targets", target.type(), samples_, target.dims());
    }
    outputs_->Append(std::as_bytes(output));
    targets_->Append(target.bytes());
  }

  double Run(const Metric& metric) {
    return RunForNumber(metric.name(), metric.program(), {outputs_->Finish(), targets_->Finish()});
  }

 private:
  const size_t samples_;
  std::optional<NpyTemporary> outputs_, targets_;
};

MetricOf::MetricOf(const Metric& metric, size_t samples) : metric_(metric), samples_(samples) {
  if (metric.kind() == Metric::Kind::command) files_ = std::make_unique<Files>(samples);
}

MetricOf::~MetricOf() = default;

void MetricOf::Add(std::span<const float> output, const std::vector<int64_t>& dims,
                   const Tensor& target, const std::string& source) {
  const auto bad = std::ranges::find_if_not(output, [](float x) { return std::isfinite(x); });
  if (bad != output.end()) {
    throw Error(source + ": the output is not finite, element " +
                std::to_string(bad - output.begin()) +
                (std::isnan(*bad) ? " is NaN" : " is infinite") +
                "; check the network, and scale, mean and std of the data");
  }
  ++count_;
  if (files_) {
    files_->Add(output, dims, target);
    return;
  }
  const std::vector<float> wanted = target.ToFloats();
  if (wanted.size() != output.size()) {
    throw Error(source + ": the output has " + std::to_string(output.size()) +
                " elements, but the target " + std::to_string(wanted.size()));
  }
  double difference = 0, product = 0, length = 0, wanted_length = 0;
  for (size_t i = 0; i < output.size(); ++i) {
    const auto y = static_cast<double>(output[i]), t = static_cast<double>(wanted[i]);
    difference += (y - t) * (y - t);
    product += y * t;
    length += y * y;
    wanted_length += t * t;
  }
  elements_ += static_cast<double>(output.size());
  if (metric_.kind() == Metric::Kind::mse) {
    sum_ += difference;
  } else if (length > 0 && wanted_length > 0) {
    sum_ += product / std::sqrt(length * wanted_length);
  }
}

double MetricOf::Value() {
  if (files_) return files_->Run(metric_);
  return sum_ / (metric_.kind() == Metric::Kind::mse ? elements_ : static_cast<double>(count_));
}

}  // namespace lutra::converter
