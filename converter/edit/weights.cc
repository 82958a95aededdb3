#include "converter/edit/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/packed_bits.h"
#include "converter/edit/base64.h"
#include "converter/edit/checkpoint_weights.h"
#include "converter/edit/onnx_weights.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/graph/check_finite.h"

namespace lutra::converter::edit {

LayerWeights::LayerWeights(std::string layer_name, std::string tensor_name,
                           std::vector<int64_t> shape, std::vector<float> numbers)
    : layer(std::move(layer_name)),
      tensor(std::move(tensor_name)),
      dims(std::move(shape)),
      values(std::move(numbers)),
      kept(values.size(), true) {}

size_t LayerWeights::Kept() const { return static_cast<size_t>(std::ranges::count(kept, true)); }

void LayerWeights::CheckFinite() const {
  const bool finite = std::ranges::all_of(values, [](float w) { return std::isfinite(w); });
  if (finite) return;
  const Tensor all = Tensor::Of(dims, values);
  throw Error("tensor '" + tensor + "' of layer '" + layer + "' " +
              ElementText(all, *FirstNotFinite(all)) +
              ": take a checkpoint whose numbers are finite");
}

std::string LayerWeights::MaskKey() const { return "lutra.mask:" + tensor; }

std::string LayerWeights::Mask() const {
  std::vector<uint8_t> bits(PackedBytes(kept.size(), 1));
  PackedWriter writer(bits.data(), 1);
  for (const bool keep : kept) writer.Put(keep ? 1 : 0);
  writer.Finish();
  return ToBase64(bits);
}

void LayerWeights::SetMask(std::string_view base64) {
  const std::optional<std::vector<uint8_t>> bits = FromBase64(base64);
  if (!bits || bits->size() != PackedBytes(values.size(), 1)) {
    throw Error("the mask of tensor '" + tensor +
                "' does not fit it; prune the file it was made from again");
  }
  masked = true;
  for (size_t i = 0; i < kept.size(); ++i) {
    kept[i] = PackedAt(bits->data(), 1, i) != 0 || values[i] != 0;
  }
}

std::unique_ptr<WeightsFile> OpenWeights(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadBytes(path);
  std::unique_ptr<WeightsFile> file;
  if (checkpoint::IsCheckpoint(bytes)) {
    file = std::make_unique<CheckpointWeights>(bytes, path);
  } else {
    file = std::make_unique<OnnxWeights>(bytes, path);
  }
  try {
    for (const LayerWeights& weight : file->weights()) weight.CheckFinite();
  } catch (const Error& fault) {
    throw Error(path + ": " + fault.what());
  }
  return file;
}

std::string ModuleOf(std::string_view tensor) {
  const size_t dot = tensor.rfind('.');
  return dot == std::string_view::npos ? "" : std::string(tensor.substr(0, dot));
}

Tensor WithValues(const Tensor& original, const std::vector<float>& values) {
  Tensor changed = Tensor::Of(original.dims(), values).Cast(original.type());
  const std::vector<float> before = original.ToFloats();
  const size_t element = ElementBytes(original.type());
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::bit_cast<uint32_t>(values[i]) != std::bit_cast<uint32_t>(before[i])) continue;
    std::memcpy(changed.bytes().data() + i * element, original.bytes().data() + i * element,
                element);
  }
  return changed;
}

}  // namespace lutra::converter::edit
