#include "kernels/codes.h"

#include <algorithm>

#include "kernels/pieces.h"

namespace lutra::kernels {
namespace {

/// Arrays of one value per channel, tables, factors, then the weights: codes, or int8.
struct Stored {
  Stored(const void* stored, size_t n, size_t k, const WeightForm& form)
      : table_count(TableCount(n, form)),
        weight_bytes(PackedBytes(n * k, static_cast<unsigned>(form.bits))) {
    Pieces pieces(stored);
    bias = pieces.Take<int32_t>(n);
    scale = pieces.Take<float>(n);
    second = pieces.Take<float>(n);
    zero_points = pieces.Take<int8_t>(n);
    tables = pieces.Take<int8_t>(form.coded() ? table_count << form.bits : 0);
    factors = pieces.Take<uint8_t>(n * RunCount(k, form));
    weights = pieces.Take<uint8_t>(weight_bytes);
    pieces.Align();
    bytes = pieces.bytes();
  }
  size_t table_count, weight_bytes;
  size_t bytes;  ///< of all
  int32_t* bias;
  float* scale;
  float* second;  // the float bias, or a curve's factor
  int8_t* zero_points;
  int8_t* tables;
  uint8_t* factors;
  uint8_t* weights;
};

}  // namespace

size_t StoredBytes(size_t n, size_t k, const WeightForm& form) {
  return Stored(nullptr, n, k, form).bytes;
}

void StoreWeights(const IntWeights& w, void* stored) {
  const Stored s(stored, w.n, w.k, w.form);
  for (size_t n = 0; n < w.n; ++n) {
    s.bias[n] = w.bias != nullptr ? w.bias[n] : 0;
    s.scale[n] = w.scale != nullptr ? w.scale[n] : 1.0F;
    const float* second = w.factor != nullptr ? w.factor : w.float_bias;
    s.second[n] = second != nullptr ? second[n] : 0.0F;
    s.zero_points[n] = w.zero_points != nullptr ? w.zero_points[n] : int8_t{0};
  }
  std::copy_n(w.factors, w.n * RunCount(w.k, w.form), s.factors);
  const size_t bits = w.form.bits;
  if (!w.form.coded()) {
    uint8_t* weight = s.weights;
    for (size_t n = 0; n < w.n; ++n) {
      for (size_t k = 0; k < w.k; ++k) *weight++ = static_cast<uint8_t>(WeightAt(w, n, k));
    }
    return;
  }
  for (size_t i = 0; i < s.table_count << bits; ++i) {
    const size_t code = i & ((size_t{1} << bits) - 1);
    s.tables[i] = w.tables != nullptr ? w.tables[i] : EntryOf(nullptr, bits, code);
  }
  PackedWriter codes(s.weights, static_cast<unsigned>(bits));
  for (size_t i = 0; i < w.n * w.k; ++i) {
    codes.Put(static_cast<uint32_t>(CodeAt(w.codes, bits, w.first_code + i)));
  }
  codes.Finish();
}

IntWeights StoredWeights(const void* stored, size_t n, size_t k, const WeightForm& form,
                         int32_t left_zero_point) {
  const Stored s(stored, n, k, form);
  IntWeights w;
  w.n = n;
  w.k = k;
  w.form = form;
  w.values = reinterpret_cast<const int8_t*>(s.weights);
  w.stride_n = k;
  w.codes = s.weights;
  w.tables = s.tables;
  w.factors = s.factors;
  w.zero_points = s.zero_points;
  w.bias = s.bias;
  w.scale = s.scale;
  w.float_bias = w.factor = s.second;
  w.left_zero_point = left_zero_point;
  return w;
}

}  // namespace lutra::kernels
