// A second opinion on the golden models: every operator evaluated element by element straight from
// its formula in docs/quantization.md, with 64-bit integers, without packing, tiling or reuse of
// memory, and with no code of the runtime. Covers what the golden models use, not more. The float
// parts of the golden models are built from multiples of small powers of two, so that float sums
// are exact in any order and the plain evaluation gives the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include "schema/container.h"

namespace lutra::test {

/// One tensor's values, dense, row major: integers (those of int64 within 2^53), bools as 0 and 1,
/// exact floats.
struct NaiveTensor {
  std::vector<int64_t> shape;
  schema::TensorType type = schema::TensorType::float32;
  float scale = 1.0F;
  int64_t zero_point = 0;
  std::vector<double> values;

  bool is_int8() const { return type == schema::TensorType::int8; }
  /// Native bytes, little-endian.
  std::vector<uint8_t> Bytes() const;
};

/// Runs a validated model on one sample per input (the golden inputs of `seed`) from the initial
/// state, and returns its outputs.
std::vector<NaiveTensor> NaiveRun(const ModelView& view, uint64_t seed);

// One family per function; `in` are the inputs, `out` has its shape and format, values to fill.
using NaiveInputs = std::vector<const NaiveTensor*>;
void NaiveConv(const ModelView& view, const schema::Conv& conv, const NaiveInputs& in,
               NaiveTensor* out);
void NaiveLinear(const ModelView& view, const schema::Linear& linear, const NaiveInputs& in,
                 NaiveTensor* out);
void NaiveMatMul(const schema::MatMul& matmul, const NaiveInputs& in, NaiveTensor* out);
void NaivePool(const schema::Pool& pool, const NaiveInputs& in, NaiveTensor* out);
void NaiveReduce(const schema::Reduce& reduce, const NaiveInputs& in, NaiveTensor* out);
void NaiveResize(const schema::Resize& resize, const NaiveInputs& in, NaiveTensor* out);
void NaiveBinary(const schema::Binary& binary, const NaiveInputs& in, NaiveTensor* out);
void NaiveUnary(const schema::Unary& unary, const NaiveInputs& in, NaiveTensor* out);
void NaiveSoftmax(const ModelView& view, const schema::Softmax& softmax, const NaiveInputs& in,
                  NaiveTensor* out);
void NaiveCast(const NaiveTensor& in, NaiveTensor* out);
void NaiveTopK(const schema::TopK& top_k, const NaiveTensor& in, NaiveTensor* values,
               NaiveTensor* indices);
void NaiveMove(const schema::Operator& op, const NaiveInputs& in, NaiveTensor* out);

/// The one rule: zero_point + round_half_even(clamp(float(acc) * m, lo - zp, hi - zp)).
double Requantized(int64_t acc, float m, const NaiveTensor& out, const schema::IntRange* range);

/// Flat index of a position; and the position of a flat index.
int64_t FlatIndex(const std::vector<int64_t>& shape, const std::vector<int64_t>& position);
std::vector<int64_t> PositionOf(const std::vector<int64_t>& shape, int64_t flat);

}  // namespace lutra::test
