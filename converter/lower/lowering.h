// The state of one lowering, shared by the files lower_*.cc, each of which knows one family of
// operators.
//
// A value of the graph may exist in the file as several tensors: int8 with some parameters, or
// float32, each in several shapes. (Integers and bools have one type, their own.) Use() returns the
// form that a consumer wants and inserts the Quantize, Dequantize, Requantize or Reshape that makes
// it; so no operator deals with borders, and a Reshape of the graph costs nothing where nobody
// looks at the shape.
//
// Shapes: a tensor of the file multiplies dimension 0 by the batch, so an operator that moves or
// mixes dimension 0 of a value works on the value with a 1 put in front ("lifted").
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "converter/lower/lower.h"

namespace lutra::converter::lowering {

using Shape = std::vector<int32_t>;

class Lowering {
 public:
  Lowering(const Graph& graph, const quantize::Quantization& quantization,
           const LowerOptions& options);
  LoweredModel Run();

  const Graph& graph;
  const quantize::Quantization& quantization;

  /// The value's dimensions; throws Error where they are not known. Scalars have shape [1].
  Shape ShapeOf(const std::string& value) const;
  /// int8 parameters of a node's output if the node is integer, else null (float32).
  const quantize::QuantParams* OutputParams(const Node& node, size_t output = 0) const;

  /// The type of the value in the file where it is not quantized: its own if it holds integers or
  /// bools, else (and of every constant) float32. Throws Error where the file has no such type.
  schema::TensorType TypeOf(const std::string& value) const;

  /// The value as a tensor of this shape and format (params null: of its own type).
  uint16_t Use(const std::string& value, const quantize::QuantParams* params, const Shape& shape);
  /// In the node's own domain: int8 with the value's parameters for integer nodes, float otherwise.
  /// (Operators without arithmetic Use their input with the output's parameters instead.)
  uint16_t UseFor(const Node& node, const std::string& value, const Shape& shape);
  /// The value as int16 of its scale (Quantization::wide).
  uint16_t UseWide(const std::string& value, const Shape& shape);
  /// Parameters UseFor takes for an int8 value, constants included.
  quantize::QuantParams ParamsFor(const std::string& value) const;
  /// A new tensor that becomes the value (params null: of its own type). The last operator of a
  /// node defines its outputs.
  uint16_t Define(const std::string& value, const quantize::QuantParams* params,
                  const Shape& shape);
  /// The same of a product that computes with int16: of type int16 where nothing but such products
  /// reads the value, else float32.
  uint16_t DefineWide(const std::string& value, const Shape& shape);
  /// A new tensor without a name in the graph (params null: float32).
  uint16_t Temporary(const quantize::QuantParams* params, const Shape& shape);
  /// `to` is the same elements as `from` in the same order.
  void Alias(const std::string& from, const std::string& to);

  uint16_t Temporary(schema::TensorType type, const Shape& shape) {
    return NewTensor(type, nullptr, shape);
  }
  /// Of the type and format of another.
  uint16_t TemporaryLike(uint16_t tensor, const Shape& shape);
  template <typename OptionsT>
  void Emit(const Node& node, OptionsT options, std::vector<uint16_t> inputs, uint16_t output) {
    Emit(node, std::move(options), std::move(inputs), std::vector<uint16_t>{output});
  }
  /// Of several outputs, in the order of the file's operator.
  template <typename OptionsT>
  void Emit(const Node& node, OptionsT options, std::vector<uint16_t> inputs,
            std::vector<uint16_t> outputs) {
    schema::OptionsUnion options_union;
    options_union.Set(std::move(options));
    EmitUnion(node, std::move(options_union), std::move(inputs), std::move(outputs));
  }

  /// A constant tensor, quantized unless params is null.
  uint16_t AddConstant(const std::vector<float>& real, const quantize::QuantParams* params,
                       const Shape& shape);
  /// A constant tensor of integers or bools.
  uint16_t AddConstant(const Tensor& values, schema::TensorType type, const Shape& shape);
  uint16_t AddBlob(std::span<const uint8_t> bytes) { return writer_.AddBlob(bytes); }
  template <typename T>
  uint16_t AddBlobOf(const std::vector<T>& values) {
    return AddBlob({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
  }
  const schema::TensorT& tensor(uint16_t index) const { return *writer_.model.tensors[index]; }
  /// For operators that cannot repeat a constant over the samples of a batch.
  void ForbidBatches() { batchable_ = false; }
  void CountOutputChannels(size_t channels) { output_channels_ += channels; }

  /// Whether `value` is a graph input read through this Transpose, or an output written through it:
  /// the port carries the permutation instead of an operator.
  bool PortTakesTranspose(const Node& transpose) const;

 private:
  struct Form {
    uint16_t tensor;
    std::optional<quantize::QuantParams> params;
    Shape shape;
    bool wide = false;  // int16, of Quantization::wide
  };
  struct Storage {
    std::vector<Form> forms;  // in order of definition
  };

  void EmitUnion(const Node& node, schema::OptionsUnion options, std::vector<uint16_t> inputs,
                 std::vector<uint16_t> outputs);
  uint16_t NewWide(const std::string& value, const Shape& shape);
  /// `type` is that of tensors without params.
  uint16_t NewTensor(schema::TensorType type, const quantize::QuantParams* params,
                     const Shape& shape);
  void AddStates();
  void WriteStates();
  void AddInputs();
  void SetInputType(schema::PortT& port, const quantize::QuantParams* params);
  void SetPortBytes(schema::PortT& port, const quantize::QuantParams* params, bool input);
  void AddOutputs();
  void CheckTypes(const Node& node) const;
  void LowerNode(const Node& node);
  bool IsInputTensor(uint16_t tensor) const;
  Shape PortShape(const std::string& value) const;  // of a scalar: none, though its tensor is [1]
  std::optional<size_t> InputTranspose(const std::string& input) const;

  const LowerOptions& options_;
  ModelWriter writer_;
  std::vector<LoweredOperator> operators_;
  size_t output_channels_ = 0;
  bool batchable_ = true;
  std::map<std::string, std::shared_ptr<Storage>> storage_;
};

// One function per family; each handles integer and float nodes.
void LowerMatrixProduct(Lowering& lowering, const Node& node);  ///< Conv, Gemm, MatMul
void LowerBinary(Lowering& lowering, const Node& node);
void LowerUnary(Lowering& lowering, const Node& node);
void LowerPool(Lowering& lowering, const Node& node);
void LowerReduce(Lowering& lowering, const Node& node);
void LowerResize(Lowering& lowering, const Node& node);
void LowerSoftmax(Lowering& lowering, const Node& node);
void LowerNormalization(Lowering& lowering, const Node& node);  ///< Layer, RMS, Instance, Group
void LowerTranspose(Lowering& lowering, const Node& node);
void LowerSlice(Lowering& lowering, const Node& node);
void LowerSplit(Lowering& lowering, const Node& node);
void LowerGather(Lowering& lowering, const Node& node);
void LowerPad(Lowering& lowering, const Node& node);
void LowerConcat(Lowering& lowering, const Node& node);
void LowerReshape(Lowering& lowering, const Node& node);  ///< and Flatten, Squeeze, Unsqueeze
void LowerPoint(Lowering& lowering, const Node& node);    ///< quantize/point.h
void LowerCast(Lowering& lowering, const Node& node);
void LowerTopK(Lowering& lowering, const Node& node);
void LowerDepthToSpace(Lowering& lowering, const Node& node);  ///< and SpaceToDepth

// Small things they share.

/// Puts a 1 in front.
Shape Lifted(Shape shape);
/// Int range of the node's fused clamp in the output's numbers.
schema::IntRange IntRangeOf(const Node& node, const quantize::QuantParams& out);
schema::FloatRange FloatRangeOf(const Node& node);
/// Throws Error when the multiplier leaves the normal positive floats.
float Multiplier(const Node& node, double value);
/// Node::clamp of operators whose options have no range: one more operator behind them. Defines the
/// node's output from `unclamped`, which has the same parameters and shape.
void EmitClamp(Lowering& lowering, const Node& node, uint16_t unclamped,
               const quantize::QuantParams* params, const Shape& shape);
/// Transposes a tensor into a temporary.
uint16_t EmitTranspose(Lowering& lowering, const Node& node, uint16_t in,
                       const std::vector<int64_t>& permutation);

}  // namespace lutra::converter::lowering
