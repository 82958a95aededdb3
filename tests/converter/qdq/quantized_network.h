// Quantized ONNX networks as PyTorch, TensorFlow and ONNX Runtime's tools write them, and what
// becomes of them when they are imported.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "converter/convert.h"
#include "converter/qdq/proto.h"

namespace lutra::converter::test {

/// Scale and zero point in the file's own type.
struct Format {
  float scale = 1;
  int zero_point = 0;
  DataType type = DataType::uint8;
};

class QuantizedNetwork {
 public:
  using Attributes = std::vector<std::pair<std::string, Attribute>>;

  explicit QuantizedNetwork(std::vector<int64_t> input_dims);

  std::string Add(const std::string& op, const std::vector<std::string>& inputs,
                  const Attributes& attributes = {}, const std::string& domain = "");
  std::string Quantize(const std::string& value, Format format);
  std::string Dequantize(const std::string& value, Format format);
  /// Quantize and Dequantize. The format is remembered for the value that they make.
  std::string Pair(const std::string& value, Format format);
  /// Names of the initializers that hold scale and zero point: what QOperators read.
  std::vector<std::string> Parameters(Format format);

  std::string Floats(std::vector<int64_t> dims, std::vector<float> values);
  std::string Ints(std::vector<int64_t> values);
  std::string Integer(const Tensor& value);
  std::string RandomFloats(std::vector<int64_t> dims, double deviation);

  struct Weights {
    std::string integers, scale, zero_point;
  };
  /// Random weights, int8 or uint8; a scale per channel along `axis`, or one for -1.
  Weights RandomWeights(std::vector<int64_t> dims, int64_t axis, DataType type = DataType::int8,
                        int zero_point = 0);
  std::string Dequantize(const Weights& weights, int64_t axis);
  /// int32 integers, and the same behind a DequantizeLinear in units of `input_scale` and weights.
  std::string RandomBias(int64_t n);
  std::string DequantizedBias(const Weights& weights, float input_scale, int64_t n);

  void Output(const std::string& value, DataType type = DataType::float32);
  std::string Serialize() const { return model_.SerializeAsString(); }
  const std::vector<int64_t>& dims() const { return dims_; }

 private:
  std::string Next(const std::string& stem);

  std::vector<int64_t> dims_;
  onnx::ModelProto model_;
  std::mt19937 random_{7};
  size_t count_ = 0;
  std::map<std::string, std::vector<float>> scales_;  // of weights, by name
};

struct ImportedRun {
  ConvertReport report;
  /// Largest difference to the file itself in the float executor, in steps of the output.
  double error_in_steps = 0;
  /// Share of outputs that differ at all.
  double differing = 0;
  /// Scale and int8 zero point of every named int8 tensor of the model file.
  std::map<std::string, std::pair<float, int>> tensors;
  /// Requantization multipliers of all matrix products, in order.
  std::vector<std::vector<float>> multipliers;
  bool HasFormat(float scale, int int8_zero_point) const;
};

/// Converts without data, runs random samples.
ImportedRun ImportAndRun(const QuantizedNetwork& network);
/// The message of the Error that converting throws, or "".
std::string ImportFailure(const QuantizedNetwork& network);

}  // namespace lutra::converter::test
