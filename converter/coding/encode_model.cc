#include "converter/coding/encode_model.h"

#include <map>
#include <optional>
#include <set>

#include "converter/coding/compact_params.h"
#include "converter/coding/encode.h"
#include "converter/error.h"
#include "runtime/coding/packed.h"

namespace lutra::converter::encoding {
namespace {

using coding::SymbolKind;
using coding::SymbolLayout;

bool operator==(const SymbolLayout& a, const SymbolLayout& b) {
  return a.kind == b.kind && a.bits == b.bits && a.rows == b.rows && a.columns == b.columns;
}

/// What each blob holds; nothing for blobs that must stay raw.
class BlobLayouts {
 public:
  explicit BlobLayouts(const schema::ModelT& model) : model_(model) {
    for (const auto& tensor : model.tensors) {
      if (tensor->lifetime == schema::Lifetime::constant) Forbid(tensor->blob);
    }
    for (const auto& port : model.inputs) Forbid(port->pixel_table);
    for (const auto& op : model.operators) AddOperator(*op);
  }

  const std::map<uint16_t, std::optional<SymbolLayout>>& layouts() const { return layouts_; }
  std::set<uint16_t> used_once() const {
    std::set<uint16_t> once;
    for (const auto& [blob, users] : users_) {
      if (users == 1) once.insert(blob);
    }
    return once;
  }

 private:
  void Forbid(uint16_t blob) {
    layouts_[blob] = std::nullopt;
    ++users_[blob];
  }

  size_t Channels(uint16_t tensor) const {
    return static_cast<size_t>(model_.tensors[tensor]->shape.back());
  }

  void AddOperator(const schema::OperatorT& op) {
    const size_t in = Channels(op.inputs[0]);
    if (const auto* conv = op.options.AsConv()) {
      AddWeights(*conv->weights, Channels(op.outputs[0]),
                 size_t{conv->kernel_h} * conv->kernel_w * (in / conv->groups));
    } else if (const auto* linear = op.options.AsLinear()) {
      AddWeights(*linear->weights, Channels(op.outputs[0]), in);
    } else if (const auto* lookup = op.options.AsLookup()) {
      Forbid(lookup->table);
    } else if (const auto* softmax = op.options.AsSoftmax()) {
      Forbid(softmax->table);
    }
  }

  void AddWeights(const schema::WeightsT& weights, size_t rows, size_t columns) {
    Forbid(weights.params);
    const bool codebook = weights.kind == schema::WeightKind::codebook;
    if (codebook) Forbid(weights.codebook);
    if (!codebook && weights.kind != schema::WeightKind::linear) return Forbid(weights.values);
    const SymbolLayout layout{.kind = codebook ? SymbolKind::index : SymbolKind::integer,
                              .bits = weights.bits,
                              .rows = rows,
                              .columns = columns};
    ++users_[weights.values];
    const auto [known, is_new] = layouts_.emplace(weights.values, layout);
    if (!is_new && !(known->second && *known->second == layout)) known->second.reset();
  }

  const schema::ModelT& model_;
  std::map<uint16_t, std::optional<SymbolLayout>> layouts_;
  std::map<uint16_t, size_t> users_;
};

}  // namespace

void EncodeModel(ModelWriter* writer, coding::Codec codec) {
  if (codec == coding::Codec::none) return;
  const BlobLayouts blobs(writer->model);
  if (codec == coding::Codec::best) CompactParams(blobs.used_once(), writer);
  for (const auto& [blob, layout] : blobs.layouts()) {
    if (!layout) continue;
    const std::span<const uint8_t> packed = writer->blob(blob);
    std::vector<uint16_t> symbols(layout->rows * layout->columns);
    const Status status =
        coding::DecodePacked(*layout, packed.data(), packed.size(), symbols.data());
    if (!status.ok()) throw Error(std::string("weights to be coded: ") + status.message());
    std::vector<uint8_t> stream = Encode(codec, *layout, symbols);
    if (stream.size() < packed.size()) {
      writer->SetEncoded(blob, static_cast<schema::Encoding>(codec), std::move(stream));
    }
  }
}

}  // namespace lutra::converter::encoding
