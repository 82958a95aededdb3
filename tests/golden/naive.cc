// The run itself, the rounding rule, and everything without weights or windows. See naive.h.
#include "golden/naive.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "schema/golden.h"

namespace lutra::test {
namespace {

NaiveTensor Empty(const schema::Tensor& source) {
  NaiveTensor t;
  t.shape.assign(source.shape()->begin(), source.shape()->end());
  t.type = source.type();
  t.scale = source.scale();
  t.zero_point = t.is_int8() ? source.zero_point() : 0;
  int64_t elements = 1;
  for (const int64_t d : t.shape) elements *= d;
  // A persistent tensor starts as real 0.
  t.values.assign(static_cast<size_t>(elements), static_cast<double>(t.zero_point));
  return t;
}

int64_t Width(schema::TensorType type) {
  switch (type) {
    case schema::TensorType::float32:
    case schema::TensorType::int32:
      return 4;
    case schema::TensorType::float16:
    case schema::TensorType::int16:
      return 2;
    case schema::TensorType::int64:
      return 8;
    default:
      return 1;
  }
}

/// Sign, 5 bits of exponent with a bias of 15, 10 bits of mantissa; finite.
double HalfValue(uint64_t bits) {
  const auto exponent = static_cast<int>(bits >> 10 & 31U);
  const auto mantissa = static_cast<double>(bits & 1023U);
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024.0 + mantissa, exponent - 25);
  return (bits >> 15 & 1U) != 0 ? -magnitude : magnitude;
}

void SetBytes(const uint8_t* bytes, NaiveTensor* t) {
  const auto width = static_cast<size_t>(Width(t->type));
  for (size_t i = 0; i < t->values.size(); ++i) {
    uint64_t bits = 0;
    for (size_t b = width; b-- > 0;) bits = bits << 8 | bytes[width * i + b];
    switch (t->type) {
      case schema::TensorType::float32: {
        const auto low = static_cast<uint32_t>(bits);
        float value;
        std::memcpy(&value, &low, 4);
        t->values[i] = static_cast<double>(value);
        break;
      }
      case schema::TensorType::float16:
        t->values[i] = HalfValue(bits);
        break;
      case schema::TensorType::uint8:
      case schema::TensorType::bool_:
        t->values[i] = static_cast<double>(bits);
        break;
      default: {  // two's complement
        const auto shift = static_cast<unsigned>(64 - 8 * width);
        t->values[i] = static_cast<double>(static_cast<int64_t>(bits << shift) >> shift);
      }
    }
  }
}

void Convert(const schema::Operator& op, const NaiveTensor& in, NaiveTensor* out) {
  for (size_t i = 0; i < in.values.size(); ++i) {
    const auto x = static_cast<float>(in.values[i]);
    switch (op.options_type()) {
      case schema::Options::Quantize: {
        if (out->type == schema::TensorType::int16) {
          out->values[i] =
              static_cast<double>(std::nearbyint(std::clamp(x / out->scale, -32639.0F, 32639.0F)));
          break;
        }
        const auto z = static_cast<float>(out->zero_point);
        out->values[i] = static_cast<double>(
            std::nearbyint(std::clamp(x / out->scale, -128.0F - z, 127.0F - z)) + z);
        break;
      }
      case schema::Options::Dequantize:
        out->values[i] = static_cast<double>(in.scale * (x - static_cast<float>(in.zero_point)));
        break;
      default: {
        const schema::Requantize& requantize = *op.options_as_Requantize();
        out->values[i] = Requantized(static_cast<int64_t>(in.values[i]) - in.zero_point,
                                     requantize.multiplier(), *out, requantize.int_range());
      }
    }
  }
}

void Lookup(const uint8_t* table, const NaiveTensor& in, NaiveTensor* out) {
  for (size_t i = 0; i < in.values.size(); ++i) {
    out->values[i] = static_cast<int8_t>(table[static_cast<int>(in.values[i]) + 128]);
  }
}

void RunOperator(const ModelView& view, const schema::Operator& op, const NaiveInputs& in,
                 NaiveTensor* out) {
  switch (op.options_type()) {
    case schema::Options::Conv:
      return NaiveConv(view, *op.options_as_Conv(), in, out);
    case schema::Options::Linear:
      return NaiveLinear(view, *op.options_as_Linear(), in, out);
    case schema::Options::MatMul:
      return NaiveMatMul(*op.options_as_MatMul(), in, out);
    case schema::Options::Pool:
      return NaivePool(*op.options_as_Pool(), in, out);
    case schema::Options::Reduce:
      return NaiveReduce(*op.options_as_Reduce(), in, out);
    case schema::Options::Resize:
      return NaiveResize(*op.options_as_Resize(), in, out);
    case schema::Options::Binary:
      return NaiveBinary(*op.options_as_Binary(), in, out);
    case schema::Options::Unary:
      return NaiveUnary(*op.options_as_Unary(), in, out);
    case schema::Options::Softmax:
      return NaiveSoftmax(view, *op.options_as_Softmax(), in, out);
    case schema::Options::Lookup:
      return Lookup(view.Blob(op.options_as_Lookup()->table()), *in[0], out);
    case schema::Options::Cast:
      return NaiveCast(*in[0], out);
    case schema::Options::Quantize:
    case schema::Options::Dequantize:
    case schema::Options::Requantize:
      return Convert(op, *in[0], out);
    default:
      return NaiveMove(op, in, out);
  }
}

}  // namespace

std::vector<uint8_t> NaiveTensor::Bytes() const {
  std::vector<uint8_t> bytes;
  for (const double value : values) {
    uint64_t bits = 0;
    if (type == schema::TensorType::float32) {
      const auto real = static_cast<float>(value);
      std::memcpy(&bits, &real, 4);
    } else if (type == schema::TensorType::float16) {
      const auto same = [&] {  // 0 is not -0
        return HalfValue(bits) == value && std::signbit(HalfValue(bits)) == std::signbit(value);
      };
      while (!same()) ++bits;  // it holds one of them
    } else {
      bits = static_cast<uint64_t>(static_cast<int64_t>(value));
    }
    for (int64_t b = 0; b < Width(type); ++b) bytes.push_back(static_cast<uint8_t>(bits >> 8 * b));
  }
  return bytes;
}

// Written from the words of docs/quantization.md: remainders of powers of two, and a search among
// all halves.
void NaiveCast(const NaiveTensor& in, NaiveTensor* out) {
  const bool reals =
      in.type == schema::TensorType::float32 || in.type == schema::TensorType::float16;
  const bool byte = out->type == schema::TensorType::uint8;
  const double range = std::ldexp(1.0, static_cast<int>(8 * Width(out->type)));
  const double lowest = byte ? 0 : -range / 2;
  for (size_t i = 0; i < in.values.size(); ++i) {
    const double x = in.values[i];
    double y = x;
    if (out->type == schema::TensorType::bool_) {
      y = x == 0 ? 0 : 1;
    } else if (out->type == schema::TensorType::float32) {
      y = static_cast<double>(static_cast<float>(x));
    } else if (out->type == schema::TensorType::float16) {
      uint64_t best = 0;  // the nearest; of two the one with an even mantissa
      for (uint64_t bits = 0; bits < 0x7C00; ++bits) {
        const double gain =
            std::abs(std::abs(x) - HalfValue(best)) - std::abs(std::abs(x) - HalfValue(bits));
        if (gain > 0 || (gain == 0 && bits % 2 == 0)) best = bits;
      }
      y = std::copysign(HalfValue(best), x);
    } else if (reals) {
      y = std::clamp(std::trunc(x), lowest, lowest + range - 1);
    } else if (out->type != schema::TensorType::int64) {
      y = x - range * std::floor((x - lowest) / range);
    }
    out->values[i] = y;
  }
}

double Requantized(int64_t acc, float m, const NaiveTensor& out, const schema::IntRange* range) {
  const auto z = static_cast<float>(out.zero_point);
  const float lo = range == nullptr ? -128.0F : static_cast<float>(range->lo());
  const float hi = range == nullptr ? 127.0F : static_cast<float>(range->hi());
  const float scaled = static_cast<float>(acc) * m;
  return static_cast<double>(std::nearbyint(std::clamp(scaled, lo - z, hi - z)) + z);
}

int64_t FlatIndex(const std::vector<int64_t>& shape, const std::vector<int64_t>& position) {
  int64_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + position[d];
  return flat;
}

std::vector<int64_t> PositionOf(const std::vector<int64_t>& shape, int64_t flat) {
  std::vector<int64_t> position(shape.size());
  for (size_t d = shape.size(); d-- > 0; flat /= shape[d]) position[d] = flat % shape[d];
  return position;
}

std::vector<NaiveTensor> NaiveRun(const ModelView& view, uint64_t seed) {
  const schema::Model& model = *view.model;
  std::vector<NaiveTensor> tensors;
  for (const schema::Tensor* source : *model.tensors()) {
    tensors.push_back(Empty(*source));
    if (source->lifetime() == schema::Lifetime::constant) {
      SetBytes(view.Blob(source->blob()), &tensors.back());
    }
  }
  for (uint32_t i = 0; i < model.inputs()->size(); ++i) {
    NaiveTensor& t = tensors[model.inputs()->Get(i)->tensor()];
    std::vector<uint8_t> bytes(t.values.size() * static_cast<size_t>(Width(t.type)));
    FillGoldenInput(seed, i, t.type, t.values.size(), bytes.data());
    SetBytes(bytes.data(), &t);
  }
  for (const schema::Operator* op : *model.operators()) {
    NaiveInputs in;
    for (const uint16_t input : *op->inputs()) in.push_back(&tensors[input]);
    NaiveTensor* out = &tensors[op->outputs()->Get(0)];
    if (const schema::TopK* top_k = op->options_as_TopK()) {
      NaiveTopK(*top_k, *in[0], out, &tensors[op->outputs()->Get(1)]);
    } else {
      RunOperator(view, *op, in, out);
    }
  }
  std::vector<NaiveTensor> outputs;
  for (const schema::Port* port : *model.outputs()) outputs.push_back(tensors[port->tensor()]);
  return outputs;
}

// One after another: the first of the largest among those that are left.
void NaiveTopK(const schema::TopK& top_k, const NaiveTensor& in, NaiveTensor* values,
               NaiveTensor* indices) {
  const auto length = static_cast<size_t>(in.shape.back());
  const auto k = static_cast<size_t>(values->shape.back());
  for (size_t row = 0; row < in.values.size() / length; ++row) {
    std::vector<bool> taken(length, false);
    for (size_t i = 0; i < k; ++i) {
      size_t best = length;
      for (size_t j = 0; j < length; ++j) {
        if (taken[j]) continue;
        const double gain =
            best == length ? 1 : in.values[row * length + j] - in.values[row * length + best];
        if (best == length || (top_k.smallest() ? -gain : gain) > 0) best = j;
      }
      taken[best] = true;
      values->values[row * k + i] = in.values[row * length + best];
      indices->values[row * k + i] = static_cast<double>(best);
    }
  }
}

void NaiveBinary(const schema::Binary& binary, const NaiveInputs& in, NaiveTensor* out) {
  const auto operand = [&](size_t which, const std::vector<int64_t>& position) {
    const std::vector<int64_t>& shape = in[which]->shape;
    std::vector<int64_t> at(position.end() - static_cast<ptrdiff_t>(shape.size()), position.end());
    for (size_t d = 0; d < shape.size(); ++d) at[d] = shape[d] == 1 ? 0 : at[d];
    return in[which]->values[static_cast<size_t>(FlatIndex(shape, at))];
  };
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto position = PositionOf(out->shape, static_cast<int64_t>(i));
    const double a = operand(0, position);
    const double b = operand(1, position);
    if (out->is_int8()) {
      const int64_t qa = static_cast<int64_t>(a) - in[0]->zero_point;
      const int64_t qb = static_cast<int64_t>(b) - in[1]->zero_point;
      const int64_t acc = binary.kind() == schema::BinaryKind::mul
                              ? qa * qb
                              : qa * binary.multiplier_a() + qb * binary.multiplier_b();
      out->values[i] = Requantized(acc, binary.multiplier(), *out, binary.int_range());
    } else if (binary.kind() == schema::BinaryKind::max) {
      out->values[i] = std::max(a, b);
    } else if (binary.kind() == schema::BinaryKind::mul) {
      out->values[i] = static_cast<double>(static_cast<float>(a) * static_cast<float>(b));
    } else {
      throw std::logic_error("not used by the golden models");
    }
    if (binary.float_range() != nullptr) {
      out->values[i] = std::clamp(out->values[i], static_cast<double>(binary.float_range()->lo()),
                                  static_cast<double>(binary.float_range()->hi()));
    }
  }
}

void NaiveUnary(const schema::Unary& unary, const NaiveInputs& in, NaiveTensor* out) {
  if (unary.kind() != schema::UnaryKind::prelu) {
    throw std::logic_error("not used by the golden models");
  }
  const size_t channels = in[1]->values.size();
  for (size_t i = 0; i < out->values.size(); ++i) {
    const auto x = static_cast<float>(in[0]->values[i]);
    const auto slope = static_cast<float>(in[1]->values[i % channels]);
    out->values[i] = static_cast<double>(x < 0.0F ? x * slope : x);
  }
}

void NaiveSoftmax(const ModelView& view, const schema::Softmax& softmax, const NaiveInputs& in,
                  NaiveTensor* out) {
  const auto* table = reinterpret_cast<const uint32_t*>(view.Blob(softmax.table()));
  const auto columns = static_cast<size_t>(out->shape.back());
  for (size_t row = 0; row < out->values.size(); row += columns) {
    const auto begin = in[0]->values.begin() + static_cast<ptrdiff_t>(row);
    const double largest = *std::max_element(begin, begin + static_cast<ptrdiff_t>(columns));
    uint64_t sum = 0;
    for (size_t c = 0; c < columns; ++c) {
      sum += table[static_cast<size_t>(largest - in[0]->values[row + c])];
    }
    for (size_t c = 0; c < columns; ++c) {
      const uint32_t e = table[static_cast<size_t>(largest - in[0]->values[row + c])];
      const float y = static_cast<float>(e) / static_cast<float>(sum);
      const auto z = static_cast<float>(out->zero_point);
      const float scaled = y * softmax.multiplier();
      out->values[row + c] =
          static_cast<double>(std::nearbyint(std::clamp(scaled, -128.0F - z, 127.0F - z)) + z);
    }
  }
}

}  // namespace lutra::test
