// See model_builder.h.
#include "support/model_builder.h"

#include "schema/limits.h"
#include "schema/tensor_type.h"

namespace lutra::test {
namespace {

template <typename T>
void Append(std::vector<uint8_t>& bytes, const std::vector<T>& values) {
  const auto* begin = reinterpret_cast<const uint8_t*>(values.data());
  bytes.insert(bytes.end(), begin, begin + values.size() * sizeof(T));
}

template <typename T, typename U>
std::vector<uint8_t> Joined(const std::vector<T>& first, const std::vector<U>& second) {
  std::vector<uint8_t> bytes;
  Append(bytes, first);
  Append(bytes, second);
  return bytes;
}

}  // namespace

std::vector<uint8_t> PackBits(const std::vector<int8_t>& values, int bits) {
  std::vector<uint8_t> packed((values.size() * static_cast<size_t>(bits) + 7) / 8);
  size_t position = 0;
  for (const int8_t value : values) {
    for (int bit = 0; bit < bits; ++bit, ++position) {
      if ((value >> bit & 1) != 0) packed[position / 8] |= static_cast<uint8_t>(1U << position % 8);
    }
  }
  return packed;
}

ModelBuilder::ModelBuilder() {
  model().name = "test";
  model().batchable = true;
}

ModelBuilder::Id ModelBuilder::AddTensor(Shape shape, schema::TensorType type, Quant quant) {
  auto t = std::make_unique<schema::TensorT>();
  t->type = type;
  t->shape = std::move(shape);
  if (IsQuantized(type)) {
    t->scale = quant.scale;
    t->zero_point = static_cast<int8_t>(quant.zero_point);
  }
  t->name = "t" + std::to_string(model().tensors.size());
  model().tensors.push_back(std::move(t));
  return static_cast<Id>(model().tensors.size() - 1);
}

ModelBuilder::Id ModelBuilder::Int8(Shape shape, Quant quant) {
  return AddTensor(std::move(shape), schema::TensorType::int8, quant);
}

ModelBuilder::Id ModelBuilder::Float(Shape shape) {
  return AddTensor(std::move(shape), schema::TensorType::float32, {});
}

ModelBuilder::Id ModelBuilder::ConstantInt8(Shape shape, Quant quant,
                                            const std::vector<int8_t>& values) {
  const Id id = Int8(std::move(shape), quant);
  tensor(id).lifetime = schema::Lifetime::constant;
  tensor(id).blob = BlobOf(values);
  return id;
}

ModelBuilder::Id ModelBuilder::ConstantFloat(Shape shape, const std::vector<float>& values) {
  const Id id = Float(std::move(shape));
  tensor(id).lifetime = schema::Lifetime::constant;
  tensor(id).blob = BlobOf(values);
  return id;
}

void ModelBuilder::Inside(Id part, Id whole, uint32_t offset) {
  tensor(part).inside = whole;
  tensor(part).arena_offset = offset;
}

schema::PortT& ModelBuilder::AddInputPort(const std::string& name, Id id) {
  auto port = std::make_unique<schema::PortT>();
  port->name = name;
  port->tensor = id;
  port->shape = tensor(id).shape;
  if (!HoldsReals(tensor(id).type)) port->preferred = tensor(id).type;
  model().inputs.push_back(std::move(port));
  return *model().inputs.back();
}

ModelBuilder::Id ModelBuilder::Input(const std::string& name, Shape shape, Quant quant) {
  const Id id = Int8(std::move(shape), quant);
  AddInputPort(name, id);
  return id;
}

ModelBuilder::Id ModelBuilder::FloatInput(const std::string& name, Shape shape) {
  const Id id = Float(std::move(shape));
  AddInputPort(name, id);
  return id;
}

ModelBuilder::Id ModelBuilder::TypedInput(const std::string& name, schema::TensorType type,
                                          Shape shape) {
  const Id id = Typed(type, std::move(shape));
  AddInputPort(name, id);
  return id;
}

schema::PortT& ModelBuilder::Output(const std::string& name, Id id) {
  auto port = std::make_unique<schema::PortT>();
  port->name = name;
  port->tensor = id;
  port->shape = tensor(id).shape;
  if (!HoldsReals(tensor(id).type)) port->preferred = tensor(id).type;
  model().outputs.push_back(std::move(port));
  return *model().outputs.back();
}

uint16_t ModelBuilder::Blob(std::vector<uint8_t> bytes) { return writer_.AddBlob(bytes); }

std::unique_ptr<schema::WeightsT> ModelBuilder::Finish(schema::WeightKind kind, int bits,
                                                       uint16_t values, std::vector<uint8_t> params,
                                                       const std::vector<int8_t>& zero_points) {
  auto weights = std::make_unique<schema::WeightsT>();
  weights->kind = kind;
  weights->bits = static_cast<uint8_t>(bits);
  weights->has_zero_points = !zero_points.empty();
  weights->values = values;
  Append(params, zero_points);
  weights->params = Blob(std::move(params));
  return weights;
}

std::unique_ptr<schema::WeightsT> ModelBuilder::IntWeights(const std::vector<int8_t>& values,
                                                           const std::vector<int32_t>& bias,
                                                           const std::vector<float>& multiplier,
                                                           const std::vector<int8_t>& zero_points,
                                                           int bits) {
  return Finish(schema::WeightKind::linear, bits, Blob(PackBits(values, bits)),
                Joined(bias, multiplier), zero_points);
}

std::unique_ptr<schema::WeightsT> ModelBuilder::ScaledWeights(
    const std::vector<int8_t>& values, const std::vector<float>& bias,
    const std::vector<float>& scale, const std::vector<int8_t>& zero_points, int bits) {
  return Finish(schema::WeightKind::linear, bits, Blob(PackBits(values, bits)), Joined(bias, scale),
                zero_points);
}

std::unique_ptr<schema::WeightsT> ModelBuilder::WithCodebook(
    std::unique_ptr<schema::WeightsT> weights, const std::vector<int8_t>& tables,
    uint32_t channels) {
  weights->kind = schema::WeightKind::codebook;
  weights->codebook = BlobOf(tables);
  weights->codebook_channels = channels;
  return weights;
}

std::unique_ptr<schema::WeightsT> ModelBuilder::FloatWeights(const std::vector<float>& values,
                                                             const std::vector<float>& bias) {
  return Finish(schema::WeightKind::fp32, 8, BlobOf(values), Joined(bias, std::vector<float>{}),
                {});
}

std::unique_ptr<schema::WeightsT> ModelBuilder::HalfWeights(const std::vector<uint16_t>& values,
                                                            const std::vector<float>& bias) {
  return Finish(schema::WeightKind::fp16, 8, BlobOf(values), Joined(bias, std::vector<float>{}),
                {});
}

void ModelBuilder::PlaceTensors() {
  uint32_t end = 0;
  for (auto& t : model().tensors) {
    if (t->lifetime == schema::Lifetime::constant || t->inside != kNoIndex) continue;
    auto bytes = static_cast<uint32_t>(ElementBytes(t->type));
    for (const int32_t d : t->shape) bytes *= static_cast<uint32_t>(d);
    t->arena_offset = end;
    end = static_cast<uint32_t>((end + bytes + kArenaAlignment - 1) / kArenaAlignment *
                                kArenaAlignment);
  }
  model().arena_bytes = end;
}

std::vector<uint8_t> ModelBuilder::Finish() {
  if (model().arena_bytes == 0) PlaceTensors();
  return writer_.Finish();
}

}  // namespace lutra::test
