#include "runtime/coded_weights.h"

#include "base/packed_bits.h"
#include "runtime/coding/codec.h"
#include "schema/validate.h"

namespace lutra {
namespace {

using coding::Codec;
using coding::SymbolKind;
using coding::SymbolLayout;

static_assert(static_cast<int>(schema::Encoding::huffman) == static_cast<int>(Codec::huffman) &&
              static_cast<int>(schema::Encoding::best_v1) == static_cast<int>(Codec::best_v1) &&
              static_cast<int>(schema::Encoding::best) == static_cast<int>(Codec::best));

/// Symbols to the bit string of a raw blob, in the same memory.
void PackInPlace(const SymbolLayout& layout, uint8_t* symbols) {
  if (layout.bits == 8) return;
  PackedWriter writer(symbols, layout.bits);
  for (size_t i = 0; i < layout.rows * layout.columns; ++i) writer.Put(symbols[i]);
  writer.Finish();
}

}  // namespace

Status PackStoredWeights(PrepareScope& scope, const schema::Weights& weights, WeightSource source,
                         PackTarget* target, int32_t left_zero_point, const void** packed) {
  const ModelView& view = scope.view;
  const size_t blob = weights.values();
  if (view.IsRaw(blob)) {
    ChooseSparse(source, target);
    *packed = PackWeights(source, *target, left_zero_point, scope.block);
    return Status();
  }
  const auto codec = static_cast<Codec>(view.BlobEncoding(blob));
  const SymbolLayout layout{
      .kind = source.format.kind == WeightKind::codebook ? SymbolKind::index : SymbolKind::integer,
      .bits = static_cast<unsigned>(source.bits()),
      .rows = source.n,
      .columns = source.k};
  source.values = nullptr;
  Bump behind = scope.block.CountOn();
  PackWeights(source, *target, left_zero_point, behind);
  const size_t scratch_bytes = (coding::DecodeScratchBytes(codec, layout) + kBlockAlignment - 1) /
                               kBlockAlignment * kBlockAlignment;
  auto* scratch = static_cast<uint8_t*>(
      scope.block.BorrowBehind(behind, SaturatingAdd(scratch_bytes, source.n * source.k)));
  if (scope.block.placing()) {
    uint8_t* symbols = scratch + scratch_bytes;
    LUTRA_RETURN_IF_ERROR(coding::DecodeBytes(codec, layout, view.Blob(blob), view.BlobBytes(blob),
                                              scratch, symbols));
    PackInPlace(layout, symbols);
    source.values = symbols;
    LUTRA_RETURN_IF_ERROR(ValidateDecodedWeights(
        view, scope.op,
        {&weights, source.compute, source.n, source.k, left_zero_point, source.values}));
    ChooseSparse(source, target);
  }
  *packed = PackWeights(source, *target, left_zero_point, scope.block);
  return Status();
}

OpenChoice ChoiceWhenDecoded(const ModelView& view, const schema::Weights& weights,
                             const PackTarget& target, const kernels::IntGemmKernels& dense) {
  if (target.sparse == nullptr || view.IsRaw(weights.values())) return {};
  return {&dense, target.sparse, target.form};
}

}  // namespace lutra
