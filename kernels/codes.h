// Weights of fewer than 8 bits, one at a time: plain C++ for packing, for the reference and for the
// kernels that read few of them. The vectorised way is codes-inl.h.
//
// A code is an index into its channel's table of 2^bits int8 entries or, without tables, a two's
// complement integer, which is the same with a table of the integers themselves.
#pragma once

#include "base/packed_bits.h"
#include "kernels/gemm.h"

namespace lutra::kernels {

/// Element `index` of a packed bit string of codes.
inline size_t CodeAt(const uint8_t* codes, size_t bits, size_t index) {
  return PackedAt(codes, static_cast<unsigned>(bits), index);
}

/// What a code stands for; `table` is null for two's complement.
inline int8_t EntryOf(const int8_t* table, size_t bits, size_t code) {
  if (table != nullptr) return table[code];
  return static_cast<int8_t>(
      SignedElement(static_cast<uint32_t>(code), static_cast<unsigned>(bits)));
}

/// Tables of n channels.
inline size_t TableCount(size_t n, const WeightForm& form) {
  return form.table_channels == 0 ? 1 : (n + form.table_channels - 1) / form.table_channels;
}

/// The table of channel n.
inline const int8_t* TableOf(const IntWeights& w, size_t n) {
  if (w.tables == nullptr || w.form.table_channels == 0) return w.tables;
  return w.tables + (n / w.form.table_channels << w.form.bits);
}

/// Runs of k elements that have a factor each.
inline size_t RunCount(size_t k, const WeightForm& form) {
  return form.run == 0 ? 0 : (k + form.run - 1) / form.run;
}

/// What multiplies weight (n, k).
inline int32_t FactorAt(const IntWeights& w, size_t n, size_t k) {
  return w.form.run == 0 ? 1 : w.factors[n * RunCount(w.k, w.form) + k / w.form.run];
}

/// Weight (n, k) in any form, without its factor.
inline int8_t WeightAt(const IntWeights& w, size_t n, size_t k) {
  if (!w.form.coded()) return w.values[n * w.stride_n + k * w.stride_k];
  const size_t code = CodeAt(w.codes, w.form.bits, w.first_code + n * w.k + k);
  return EntryOf(TableOf(w, n), w.form.bits, code);
}

/// The operand as it is, copied into one piece of memory (its zero points, bias and scale too):
/// the packed form of kernels that decode one weight at a time. Codes keep their bits.
size_t StoredBytes(size_t n, size_t k, const WeightForm& form);
void StoreWeights(const IntWeights& weights, void* stored);
IntWeights StoredWeights(const void* stored, size_t n, size_t k, const WeightForm& form,
                         int32_t left_zero_point);

}  // namespace lutra::kernels
