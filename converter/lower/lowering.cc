#include "converter/lower/lowering.h"

#include <algorithm>

#include "converter/error.h"
#include "converter/lower/arena_planner.h"
#include "converter/lower/operators.h"
#include "converter/one_line.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/range.h"
#include "converter/quantize/recipe.h"
#include "converter/quantize/tails.h"
#include "schema/limits.h"
#include "schema/tensor_type.h"

namespace lutra::converter::lowering {
namespace {

size_t Elements(const Shape& shape) {
  size_t elements = 1;
  for (const int32_t d : shape) elements *= static_cast<size_t>(d);
  return elements;
}

Shape ToShape(const std::vector<int64_t>& dims) {
  Shape shape;
  for (const int64_t d : dims) shape.push_back(static_cast<int32_t>(d));
  if (shape.empty()) shape.push_back(1);
  return shape;
}

// The file's type of integers and bools; none for reals, and for what it has no type for.
std::optional<schema::TensorType> OwnType(DataType type) {
  switch (type) {
    case DataType::int8:
      return schema::TensorType::int8;
    case DataType::uint8:
      return schema::TensorType::uint8;
    case DataType::int16:
      return schema::TensorType::int16;
    case DataType::int32:
      return schema::TensorType::int32;
    case DataType::int64:
      return schema::TensorType::int64;
    case DataType::boolean:
      return schema::TensorType::bool_;
    default:
      return std::nullopt;
  }
}

// int8 tensors have parameters, those that are integers too.
const quantize::QuantParams kPlainInteger{1.0F, 0};

bool Same(const std::optional<quantize::QuantParams>& a, const quantize::QuantParams* b) {
  return b == nullptr ? !a.has_value() : a.has_value() && *a == *b;
}

// Inserted operators speak for the value they prepare.
Node Inserted(const std::string& op, const std::string& value) {
  Node node;
  node.op = op;
  node.outputs = {value};
  return node;
}

}  // namespace

Lowering::Lowering(const Graph& float_graph, const quantize::Quantization& formats,
                   const LowerOptions& options)
    : graph(float_graph), quantization(formats), options_(options) {}

Shape Lowering::ShapeOf(const std::string& value) const {
  if (const Tensor* constant = graph.Constant(value)) return ToShape(constant->dims());
  const ValueInfo* info = graph.Info(value);
  if (info == nullptr || !info->dims || std::ranges::count(*info->dims, -1) != 0) {
    throw Error("value '" + value +
                "' has no fixed shape; give the inputs' shapes (--input-shape)");
  }
  for (const int64_t d : *info->dims) {
    if (d <= 0 || d > kMaxDimension) {
      throw Error("value '" + value + "' has a dimension of " + std::to_string(d));
    }
  }
  return ToShape(*info->dims);
}

const quantize::QuantParams* Lowering::OutputParams(const Node& node, size_t output) const {
  return quantization.IsInteger(node) ? quantization.Params(node.outputs[output]) : nullptr;
}

schema::TensorType Lowering::TypeOf(const std::string& value) const {
  if (graph.IsReal(value) || graph.Constant(value) != nullptr || quantization.Params(value)) {
    return schema::TensorType::float32;
  }
  const DataType own = graph.Info(value)->type;
  const std::optional<schema::TensorType> type = OwnType(own);
  if (!type) {
    throw Error("value '" + value + "' is " + std::string(DataTypeName(own)) +
                ", a type that tensors of a model cannot have; cast it to another");
  }
  return *type;
}

uint16_t Lowering::NewTensor(schema::TensorType type, const quantize::QuantParams* params,
                             const Shape& shape) {
  if (params == nullptr && IsQuantized(type)) params = &kPlainInteger;
  auto& tensors = writer_.model.tensors;
  if (tensors.size() >= kMaxTensors) throw Error("the network needs too many tensors");
  if (shape.size() > kMaxRank) {
    throw Error("a tensor of rank " + std::to_string(shape.size()) + " is too deep");
  }
  auto tensor = std::make_unique<schema::TensorT>();
  tensor->type = params ? schema::TensorType::int8 : type;
  tensor->shape = shape;
  if (params) {
    tensor->scale = params->scale;
    tensor->zero_point = static_cast<int8_t>(params->zero_point);
  }
  tensors.push_back(std::move(tensor));
  return static_cast<uint16_t>(tensors.size() - 1);
}

uint16_t Lowering::Temporary(const quantize::QuantParams* params, const Shape& shape) {
  return NewTensor(schema::TensorType::float32, params, shape);
}

uint16_t Lowering::TemporaryLike(uint16_t index, const Shape& shape) {
  const schema::TensorT& like = tensor(index);
  const quantize::QuantParams params{like.scale, like.zero_point};
  return NewTensor(like.type, IsQuantized(like.type) ? &params : nullptr, shape);
}

uint16_t Lowering::Define(const std::string& value, const quantize::QuantParams* params,
                          const Shape& shape) {
  const uint16_t index = NewTensor(TypeOf(value), params, shape);
  writer_.model.tensors[index]->name = value;
  auto& storage = storage_[value];
  if (!storage) storage = std::make_shared<Storage>();
  storage->forms.push_back({index, params ? std::optional(*params) : std::nullopt, shape});
  return index;
}

void Lowering::Alias(const std::string& from, const std::string& to) {
  storage_[to] = storage_.at(from);
}

uint16_t Lowering::AddConstant(const std::vector<float>& real, const quantize::QuantParams* params,
                               const Shape& shape) {
  const uint16_t index = NewTensor(schema::TensorType::float32, params, shape);
  schema::TensorT& tensor = *writer_.model.tensors[index];
  tensor.lifetime = schema::Lifetime::constant;
  if (params) {
    std::vector<int8_t> integers(real.size());
    std::ranges::transform(real, integers.begin(), [&](float x) {
      return static_cast<int8_t>(quantize::QuantizeValue(static_cast<double>(x), *params));
    });
    tensor.blob = AddBlobOf(integers);
  } else {
    tensor.blob = AddBlobOf(real);
  }
  return index;
}

uint16_t Lowering::AddConstant(const Tensor& values, schema::TensorType type, const Shape& shape) {
  const uint16_t index = NewTensor(type, nullptr, shape);
  schema::TensorT& tensor = *writer_.model.tensors[index];
  tensor.lifetime = schema::Lifetime::constant;
  if (OwnType(values.type()) != type) {
    throw Error("a constant of " + std::string(DataTypeName(values.type())) + " among values of " +
                TypeName(type));
  }
  const std::span<const std::byte> bytes = values.bytes();
  tensor.blob = AddBlob({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  return index;
}

quantize::QuantParams Lowering::ParamsFor(const std::string& value) const {
  if (const quantize::QuantParams* params = quantization.Params(value)) return *params;
  const Tensor* constant = graph.Constant(value);
  if (constant == nullptr) throw Error("value '" + value + "' has no int8 parameters");
  return quantize::ParamsOf(quantize::RangeOf(constant->ToFloats()));
}

uint16_t Lowering::UseFor(const Node& node, const std::string& value, const Shape& shape) {
  if (!quantization.IsInteger(node)) return Use(value, nullptr, shape);
  const quantize::QuantParams params = ParamsFor(value);
  return Use(value, &params, shape);
}

uint16_t Lowering::Use(const std::string& value, const quantize::QuantParams* params,
                       const Shape& shape) {
  auto& storage = storage_[value];
  if (!storage) {
    if (graph.Constant(value) == nullptr) {
      throw Error("value '" + value + "' is used before it is computed");
    }
    storage = std::make_shared<Storage>();
  }
  const auto remember = [&](uint16_t tensor) {
    storage->forms.push_back({tensor, params ? std::optional(*params) : std::nullopt, shape});
    return tensor;
  };
  const Form* source = nullptr;
  for (const Form& form : storage->forms) {
    if (form.wide || !Same(form.params, params)) continue;
    if (form.shape == shape) return form.tensor;
    if (source == nullptr) source = &form;
  }
  if (const Tensor* constant = graph.Constant(value)) {
    return remember(AddConstant(constant->ToFloats(), params, shape));
  }
  if (source == nullptr) {
    // Another format first, in the shape it has; then, if need be, the shape.
    source = &storage->forms.front();
    const Form from = *source;
    const uint16_t converted = NewTensor(schema::TensorType::float32, params, from.shape);
    if (!from.params) {
      Emit(Inserted("Quantize", value), schema::QuantizeT{}, {from.tensor}, converted);
    } else if (params == nullptr) {
      Emit(Inserted("Dequantize", value), schema::DequantizeT{}, {from.tensor}, converted);
    } else {
      schema::RequantizeT requantize;
      const Node node = Inserted("Requantize", value);
      requantize.multiplier = Multiplier(
          node, static_cast<double>(from.params->scale) / static_cast<double>(params->scale));
      requantize.int_range = std::make_unique<schema::IntRange>(-128, 127);
      Emit(node, std::move(requantize), {from.tensor}, converted);
    }
    storage->forms.push_back(
        {converted, params ? std::optional(*params) : std::nullopt, from.shape});
    if (from.shape == shape) return converted;
    source = &storage->forms.back();
  }
  if (Elements(source->shape) != Elements(shape)) {
    throw Error("value '" + value + "' is used in a shape of another size");
  }
  const uint16_t from = source->tensor;
  const uint16_t view = TemporaryLike(from, shape);
  Emit(Inserted("Reshape", value), schema::ReshapeT{}, {from}, view);
  return remember(view);
}

uint16_t Lowering::NewWide(const std::string& value, const Shape& shape) {
  const uint16_t index = NewTensor(schema::TensorType::int16, nullptr, shape);
  writer_.model.tensors[index]->scale = quantization.wide.at(value);
  return index;
}

uint16_t Lowering::UseWide(const std::string& value, const Shape& shape) {
  if (const auto found = storage_.find(value); found != storage_.end()) {
    for (const Form& form : found->second->forms) {
      if (form.wide && form.shape == shape) return form.tensor;
    }
  }
  const uint16_t real = Use(value, nullptr, shape);
  const uint16_t index = NewWide(value, shape);
  Emit(Inserted("Quantize", value), schema::QuantizeT{}, {real}, index);
  storage_.at(value)->forms.push_back({index, std::nullopt, shape, /*wide=*/true});
  return index;
}

uint16_t Lowering::DefineWide(const std::string& value, const Shape& shape) {
  const std::vector<size_t> readers = graph.Consumers(value);
  const bool wide = !readers.empty() && !graph.IsOutput(value) && graph.StateOf(value) == nullptr &&
                    std::ranges::all_of(readers, [&](size_t i) {
                      const Node& node = graph.nodes[i];
                      const auto scheme = quantization.schemes.find(node.Label());
                      return scheme != quantization.schemes.end() &&
                             quantize::IsWide(graph, node, scheme->second) &&
                             ShapeOf(value).size() == shape.size();
                    });
  if (!wide) return Define(value, nullptr, shape);
  const uint16_t index = NewWide(value, shape);
  writer_.model.tensors[index]->name = value;
  storage_[value] = std::make_shared<Storage>();
  storage_[value]->forms.push_back({index, std::nullopt, shape, /*wide=*/true});
  return index;
}

void Lowering::EmitUnion(const Node& node, schema::OptionsUnion options,
                         std::vector<uint16_t> inputs, std::vector<uint16_t> outputs) {
  if (operators_.size() >= kMaxOperators) {
    throw Error("the network needs more operators than a .lutra file holds (" +
                std::to_string(kMaxOperators) + ")");
  }
  LoweredOperator report;
  report.layer = quantize::LayerName(graph, node);
  report.op = node.op;
  if (const auto tail = quantization.tails.find(node.Label()); tail != quantization.tails.end()) {
    const quantize::Tail nodes = quantize::TailBehind(graph, node);
    if (nodes.function != nullptr) report.op += " + " + nodes.function->op;
  }
  const schema::TensorT& out = tensor(outputs[0]);
  report.completes = !out.name.empty();
  const bool reads_int8 = std::ranges::any_of(
      inputs, [&](uint16_t in) { return tensor(in).type == schema::TensorType::int8; });
  const bool floats = out.type == schema::TensorType::int8 && !reads_int8;  // Quantize
  report.scheme = TypeName(floats ? schema::TensorType::float32 : out.type);
  if (const auto reason = quantization.float_reason.find(node.Label());
      reason != quantization.float_reason.end() && report.completes) {
    report.float_reason = reason->second;
  }
  if (quantize::HasWeights(graph, node)) {
    const quantize::LayerScheme& scheme = quantization.schemes.at(node.Label());
    report.scheme = scheme.kind == WeightKind::fp32 ? "float32" : WeightsText(scheme);
    const auto weights = quantization.weights.find(node.Label());
    if (weights != quantization.weights.end() && weights->second.group != 0) {
      report.scheme += " " + GranularityText(scheme);
    }
    if (scheme.HasIntegers() && !quantization.IsInteger(node)) {
      const bool dynamic = quantize::IsDynamic(quantization, node.Label(), *ProductOf(node));
      const bool wide = quantize::IsWide(graph, node, scheme);
      report.scheme += dynamic ? " dynamic" : wide ? " int16" : " float";
    }
  }
  for (const std::string& input : node.inputs) {
    if (const Tensor* constant = graph.Constant(input))
      report.fp32_bytes += 4 * constant->elements();
  }
  operators_.push_back(std::move(report));
  auto op = std::make_unique<schema::OperatorT>();
  op->options = std::move(options);
  op->inputs = std::move(inputs);
  op->outputs = std::move(outputs);
  writer_.model.operators.push_back(std::move(op));
}

// What computes takes real numbers.
void Lowering::CheckTypes(const Node& node) const {
  if (Is(node, kMove) || node.op == "Cast") return;
  for (const std::string& output : node.outputs) {
    if (TypeOf(output) == schema::TensorType::float32 || node.op == "TopK") continue;
    Fail(node, std::string("gives ") + TypeName(TypeOf(output)) +
                   ", but of integers and bools a model moves and casts elements only");
  }
  for (const std::string& input : quantize::ActivationInputs(graph, node)) {
    if (TypeOf(input) == schema::TensorType::float32) continue;
    Fail(node, std::string("reads ") + TypeName(TypeOf(input)) + " '" + input +
                   "', but of integers and bools a model moves and casts elements only");
  }
}

void Lowering::LowerNode(const Node& node) {
  if (quantization.in_tails.contains(node.Label())) return;
  CheckTypes(node);
  const LoweringRow* row = FindLowering(node);
  if (quantization.IsInteger(node) &&
      quantize::IntegerFormOf(graph, node).form == IntegerForm::table) {
    LowerUnary(*this, node);
  } else if (row != nullptr) {
    row->lower(*this, node);
  } else {
    Fail(node,
         "the runtime does not compute it: let the network end before it, or export it as other "
         "operators");
  }
}

// Ports ---------------------------------------------------------------------------------------

Shape Lowering::PortShape(const std::string& value) const {
  const ValueInfo* info = graph.Info(value);
  return info != nullptr && info->dims && info->dims->empty() ? Shape() : ShapeOf(value);
}

std::optional<size_t> Lowering::InputTranspose(const std::string& input) const {
  const std::vector<size_t> consumers = graph.Consumers(input);
  if (consumers.empty() || graph.IsOutput(input) || graph.StateOf(input) != nullptr) {
    return std::nullopt;
  }
  // Integers cross in their own type only, whose order is then to be the graph's.
  if (TypeOf(input) != schema::TensorType::float32) return std::nullopt;
  const auto permutation = [&](size_t i) { return graph.nodes[i].Ints("perm"); };
  for (const size_t consumer : consumers) {
    const Node& node = graph.nodes[consumer];
    // An output needs an operator that writes it.
    if (node.op != "Transpose" || !node.Has("perm") || graph.IsOutput(node.outputs[0]) ||
        permutation(consumer)[0] != 0 || permutation(consumer) != permutation(consumers[0])) {
      return std::nullopt;
    }
  }
  return consumers[0];
}

bool Lowering::IsInputTensor(uint16_t tensor) const {
  return std::ranges::any_of(writer_.model.inputs,
                             [&](const auto& port) { return port->tensor == tensor; });
}

bool Lowering::PortTakesTranspose(const Node& transpose) const {
  const std::string& in = transpose.inputs[0];
  if (std::ranges::find(graph.inputs, in) != graph.inputs.end()) {
    return InputTranspose(in).has_value();
  }
  // An output needs an operator that writes it: not where it is the network's input in another
  // order.
  const auto storage = storage_.find(in);
  if (storage == storage_.end() || IsInputTensor(storage->second->forms.front().tensor)) {
    return false;
  }
  const std::string& out = transpose.outputs[0];
  if (TypeOf(out) != schema::TensorType::float32 || graph.StateOf(out) != nullptr) return false;
  return graph.IsOutput(out) && graph.Consumers(out).empty() && transpose.Has("perm") &&
         transpose.Ints("perm")[0] == 0 && ShapeOf(in).size() == ShapeOf(out).size();
}

void Lowering::SetPortBytes(schema::PortT& port, const quantize::QuantParams* params, bool input) {
  const auto found = options_.byte_ports.find(port.name);
  if (found == options_.byte_ports.end() || params == nullptr) return;
  if (found->second == PortBytes::int8_grid) {
    port.preferred = schema::TensorType::int8;
    return;
  }
  port.preferred = schema::TensorType::uint8;
  if (!input) return;
  std::vector<int8_t> table;
  for (int32_t channel = 0; channel < tensor(port.tensor).shape.back(); ++channel) {
    for (int byte = 0; byte < 256; ++byte) {
      const bool number = found->second == PortBytes::uint8_numbers;
      table.push_back(
          static_cast<int8_t>(number ? quantize::QuantizeValue(byte, *params) : byte - 128));
    }
  }
  port.pixel_table = AddBlobOf(table);
}

void Lowering::SetInputType(schema::PortT& port, const quantize::QuantParams* params) {
  if (TypeOf(port.name) != schema::TensorType::float32) {
    port.preferred = TypeOf(port.name);
    return;
  }
  if (options_.input_type == "float") {
    SetPortBytes(port, params, true);
    return;
  }
  if (params == nullptr) {
    throw Error("--input-type " + options_.input_type + ": input '" + port.name +
                "' is float32 in this model");
  }
  if (options_.input_type == "int8") {
    port.preferred = schema::TensorType::int8;
    return;
  }
  if (!options_.normalization) {
    throw Error("--input-type uint8 needs --data, which says how pixels are normalized");
  }
  const data::Normalization& normalization = *options_.normalization;
  const auto channels = static_cast<size_t>(tensor(port.tensor).shape.back());
  for (const auto& list : {normalization.mean, normalization.std}) {
    if (list.size() > 1 && list.size() != channels) {
      throw Error("--input-type uint8: the data has mean or std for " +
                  std::to_string(list.size()) + " channels, input '" + port.name + "' has " +
                  std::to_string(channels));
    }
  }
  std::vector<int8_t> table;
  for (size_t c = 0; c < channels; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      const float x = normalization.Apply(static_cast<float>(pixel), c);
      table.push_back(
          static_cast<int8_t>(quantize::QuantizeValue(static_cast<double>(x), *params)));
    }
  }
  port.preferred = schema::TensorType::uint8;
  port.pixel_table = AddBlobOf(table);
}

// A state's input is a tensor that outlives the run, which ends with writing the output to it.
void Lowering::AddStates() {
  for (const State& state : graph.states) {
    const uint16_t kept =
        Define(state.input, quantization.Params(state.input), ShapeOf(state.input));
    writer_.model.tensors[kept]->lifetime = schema::Lifetime::persistent;
  }
}

void Lowering::WriteStates() {
  for (const State& state : graph.states) {
    const Form kept = storage_.at(state.input)->forms.front();
    const uint16_t value = Use(state.output, kept.params ? &*kept.params : nullptr, kept.shape);
    Emit(Inserted("Reshape", state.output), schema::ReshapeT{}, {value}, kept.tensor);
  }
}

void Lowering::AddInputs() {
  for (const std::string& input : graph.inputs) {
    if (graph.StateOf(input) != nullptr) continue;
    auto port = std::make_unique<schema::PortT>();
    port->name = input;
    port->shape = PortShape(input);
    const std::optional<size_t> transpose = InputTranspose(input);
    // With int8 parameters the caller's floats are quantized on their way in.
    std::string value = input;
    if (transpose) value = graph.nodes[*transpose].outputs[0];
    const quantize::QuantParams* params =
        quantization.Params(input) ? quantization.Params(value) : nullptr;
    port->tensor = Define(value, params, ShapeOf(value));
    if (value == input) writer_.model.tensors[port->tensor]->name.clear();
    if (transpose) {
      const std::vector<int64_t> permutation = graph.nodes[*transpose].Ints("perm");
      port->permutation.resize(permutation.size());
      for (size_t d = 0; d < permutation.size(); ++d) {
        port->permutation[static_cast<size_t>(permutation[d])] = static_cast<uint8_t>(d);
      }
      for (const size_t consumer : graph.Consumers(input)) {
        if (consumer != *transpose) Alias(value, graph.nodes[consumer].outputs[0]);
      }
      writer_.model.tensors[port->tensor]->name.clear();
    }
    SetInputType(*port, params);
    writer_.model.inputs.push_back(std::move(port));
  }
}

void Lowering::AddOutputs() {
  for (const std::string& output : graph.outputs) {
    if (graph.StateOf(output) != nullptr) continue;
    auto port = std::make_unique<schema::PortT>();
    port->name = output;
    port->shape = PortShape(output);
    std::string value = output;
    const std::optional<size_t> producer = graph.Producer(output);
    if (!producer) {
      throw Error("output '" + output + "' is not computed by the network; remove it");
    }
    const Node& node = graph.nodes[*producer];
    if (node.op == "Transpose" && PortTakesTranspose(node) && !storage_.contains(output)) {
      value = node.inputs[0];
      for (const int64_t d : node.Ints("perm"))
        port->permutation.push_back(static_cast<uint8_t>(d));
    }
    const Form& native = storage_.at(value)->forms.front();
    const std::optional<quantize::QuantParams> params = native.params;
    port->tensor = Use(value, params ? &*params : nullptr, ShapeOf(value));
    if (TypeOf(value) != schema::TensorType::float32) {
      port->preferred = TypeOf(value);
    } else {
      SetPortBytes(*port, params ? &*params : nullptr, false);
    }
    writer_.model.outputs.push_back(std::move(port));
  }
}

LoweredModel Lowering::Run() {
  AddInputs();
  AddStates();
  FaultList problems;
  for (const Node& node : graph.nodes) {
    try {
      LowerNode(node);
    } catch (const Error& error) {
      problems.Add(error.what());
      // Consumers go on with something of the right shape, so that all problems are found.
      for (const std::string& output : node.outputs) {
        const ValueInfo* info = graph.Info(output);
        if (info && info->dims && !storage_.contains(output)) {
          Define(output, nullptr, ToShape(*info->dims));
        }
      }
    }
  }
  if (problems.count() > 0) throw Error(problems.text());
  AddOutputs();
  WriteStates();
  schema::ModelT& model = writer_.model;
  model.name = graph.name;
  model.producer = options_.producer;
  model.numerics_version = kNumericsVersion;
  model.batchable = batchable_;
  PlanArena(model);
  return {std::move(writer_), std::move(operators_), output_channels_};
}

void CheckInputType(const std::string& type) {
  if (type != "float" && type != "int8" && type != "uint8") {
    throw Error("--input-type '" + type + "' is unknown; use float, int8 or uint8");
  }
}

LoweredModel Lower(const Graph& graph, const quantize::Quantization& quantization,
                   const LowerOptions& options) {
  return Lowering(graph, quantization, options).Run();
}

}  // namespace lutra::converter::lowering
