// One tensor in the form an archive keeps it: which scheme it gets, and its symbols.
#pragma once

#include "converter/archive/archive.h"

namespace lutra::converter::archive {

struct EncodedTensor {
  ArchiveEntry entry;  ///< but for the stream
  std::vector<uint16_t> parameters;
  std::vector<uint16_t> symbols;
  std::string note;
};

/// Lossless where the wanted format does not apply: integers; NaN, infinities, and values that FP16
/// cannot hold; tensors whose elements are all alike. Tensors of rank below 2, and of rows of one
/// element, are FP16 whatever the format.
EncodedTensor EncodeTensor(const checkpoint::NamedTensor& tensor, const WeightFormat& format);

/// The elements' bytes plane by plane, the least significant bytes first.
EncodedTensor EncodeRaw(const checkpoint::NamedTensor& tensor, std::string note);

/// The reverse: the entry's parameters and symbols to a tensor (not for `same`).
Tensor DecodeTensor(const ArchiveEntry& entry, std::span<const uint16_t> parameters,
                    std::span<const uint16_t> symbols);

}  // namespace lutra::converter::archive
