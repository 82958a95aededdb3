// Builds small model files by hand for tests: tensors, weights, operators, ports, and an arena in
// which every tensor has a place of its own.
//
//   ModelBuilder b;
//   const auto x = b.Input("x", {1, 4, 4, 3}, {0.5F, -3});
//   const auto y = b.Int8({1, 4, 4, 8}, {0.25F, 10});
//   schema::ConvT conv;
//   conv.weights = b.IntWeights(values /* [8][1][1][3] */, bias, multiplier);
//   b.Add(std::move(conv), {x}, {y});
//   b.Output("y", y);
//   std::vector<uint8_t> file = b.Finish();
//
// Everything stays reachable in `model` (the schema's object form), so a test can also build what
// no converter would write. Tensors are named t0, t1, ... unless a test names them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/writer.h"

namespace lutra::test {

/// real = scale * (q - zero_point).
struct Quant {
  float scale = 1.0F;
  int zero_point = 0;
};

/// Low-bit values as the file stores them: `bits` bits each, from the least significant bit of each
/// byte onwards.
std::vector<uint8_t> PackBits(const std::vector<int8_t>& values, int bits);

class ModelBuilder {
 public:
  using Id = uint16_t;  ///< index of a tensor
  using Shape = std::vector<int32_t>;

  ModelBuilder();

  schema::ModelT& model() { return writer_.model; }
  schema::TensorT& tensor(Id id) { return *model().tensors[id]; }

  // Transient tensors.
  Id Int8(Shape shape, Quant quant);
  Id Float(Shape shape);
  /// Of any type; int8 as plain integers: scale 1, zero point 0.
  Id Typed(schema::TensorType type, Shape shape) { return AddTensor(std::move(shape), type, {}); }
  // Constant tensors.
  Id ConstantInt8(Shape shape, Quant quant, const std::vector<int8_t>& values);
  Id ConstantFloat(Shape shape, const std::vector<float>& values);
  /// Values are those of the type's storage (schema/tensor_type.h).
  template <typename T>
  Id ConstantTyped(schema::TensorType type, Shape shape, const std::vector<T>& values) {
    const Id id = Typed(type, std::move(shape));
    tensor(id).lifetime = schema::Lifetime::constant;
    tensor(id).blob = BlobOf(values);
    return id;
  }
  /// Makes `part` a part of `whole` by in-place concat, `offset` bytes from its first element.
  void Inside(Id part, Id whole, uint32_t offset);

  // Ports, with a new tensor (inputs) or an existing one; the ONNX shape is the tensor's own.
  Id Input(const std::string& name, Shape shape, Quant quant);
  Id FloatInput(const std::string& name, Shape shape);
  /// Callers bring the tensor's own type.
  Id TypedInput(const std::string& name, schema::TensorType type, Shape shape);
  schema::PortT& AddInputPort(const std::string& name, Id id);
  schema::PortT& Output(const std::string& name, Id id);

  // Blobs.
  uint16_t Blob(std::vector<uint8_t> bytes);
  /// The blob is stored as this stream of an entropy code.
  void Encode(uint16_t blob, schema::Encoding encoding, std::vector<uint8_t> stream) {
    writer_.SetEncoded(blob, encoding, std::move(stream));
  }
  template <typename T>
  uint16_t BlobOf(const std::vector<T>& values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    return writer_.AddBlob({bytes, values.size() * sizeof(T)});
  }

  // Weights; N = bias.size() output channels, values [N][K].
  /// Compute::integer. zero_points may be empty.
  std::unique_ptr<schema::WeightsT> IntWeights(const std::vector<int8_t>& values,
                                               const std::vector<int32_t>& bias,
                                               const std::vector<float>& multiplier,
                                               const std::vector<int8_t>& zero_points = {},
                                               int bits = 8);
  /// Compute::dynamic, or Compute::float_ with integer weights.
  std::unique_ptr<schema::WeightsT> ScaledWeights(const std::vector<int8_t>& values,
                                                  const std::vector<float>& bias,
                                                  const std::vector<float>& scale,
                                                  const std::vector<int8_t>& zero_points = {},
                                                  int bits = 8);
  /// The weights of one of the two above, whose values become indices (taken modulo 2^bits) into
  /// `tables` of 2^bits entries, one for every `channels` output channels (0: one for all).
  std::unique_ptr<schema::WeightsT> WithCodebook(std::unique_ptr<schema::WeightsT> weights,
                                                 const std::vector<int8_t>& tables,
                                                 uint32_t channels = 0);
  /// Compute::float_.
  std::unique_ptr<schema::WeightsT> FloatWeights(const std::vector<float>& values,
                                                 const std::vector<float>& bias);
  /// The same from IEEE half-precision bit patterns.
  std::unique_ptr<schema::WeightsT> HalfWeights(const std::vector<uint16_t>& values,
                                                const std::vector<float>& bias);

  /// Appends an operator and returns it.
  template <typename Options>
  schema::OperatorT& Add(Options options, std::vector<Id> inputs, std::vector<Id> outputs) {
    auto op = std::make_unique<schema::OperatorT>();
    op->options.Set(std::move(options));
    op->inputs = std::move(inputs);
    op->outputs = std::move(outputs);
    model().operators.push_back(std::move(op));
    return *model().operators.back();
  }

  /// Gives every tensor that is neither constant nor inside another one an arena place of its own.
  /// Finish does so unless the test has placed them itself (arena_bytes is not 0).
  void PlaceTensors();
  std::vector<uint8_t> Finish();

 private:
  Id AddTensor(Shape shape, schema::TensorType type, Quant quant);
  std::unique_ptr<schema::WeightsT> Finish(schema::WeightKind kind, int bits, uint16_t values,
                                           std::vector<uint8_t> params,
                                           const std::vector<int8_t>& zero_points);

  ModelWriter writer_;
};

}  // namespace lutra::test
