// Small float networks as ONNX files: one line for each node.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "converter/qdq/proto.h"

namespace lutra::converter::test {

/// A network with the input x; every node gets its output name back. Weights are random, from a
/// seed that the network's name gives.
class NetworkBuilder {
 public:
  NetworkBuilder(const std::string& name, std::vector<int64_t> dims);

  using Attributes = std::vector<std::pair<std::string, Attribute>>;
  std::string Add(const std::string& op, const std::vector<std::string>& inputs,
                  const Attributes& attributes = {});
  /// Normally distributed with this deviation.
  std::string Random(std::vector<int64_t> dims, double deviation = 1);
  std::string Floats(std::vector<int64_t> dims, std::vector<float> values);
  std::string Ints(std::vector<int64_t> values);
  /// The half of x with this number along its axis 1.
  std::string Half(int64_t which);
  void Output(const std::string& value);

  const std::string& name() const { return name_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  std::string Serialize() const { return model_.SerializeAsString(); }

 private:
  std::string Next(const std::string& stem);

  std::string name_;
  std::vector<int64_t> dims_;
  std::mt19937 random_;
  size_t count_ = 0;
  onnx::ModelProto model_;
};

}  // namespace lutra::converter::test
