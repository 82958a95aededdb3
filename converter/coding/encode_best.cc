// Streams of codecs `best` and `best_v1`; runtime/coding/best.h says what they are.
#include <algorithm>
#include <cmath>

#include "converter/coding/encode_streams.h"
#include "runtime/coding/best.h"

namespace lutra::converter::encoding {
namespace {

using coding::BestHeader;
using coding::SignedSize;
using coding::SymbolKind;
using coding::SymbolLayout;
using Bytes = std::vector<uint8_t>;

/// The counterpart of coding::RangeDecoder.
class RangeEncoder {
 public:
  explicit RangeEncoder(Bytes* out) : out_(out) {}

  unsigned CodeBit(unsigned bit, uint32_t chance) {
    const uint64_t bound = (range_ >> coding::kChanceBits) * chance;
    if (bit != 0) {
      Take(0, bound);
    } else {
      Take(bound, range_ - bound);
    }
    return bit;
  }

  unsigned CodeSymbol(unsigned symbol, const coding::Bounds& bounds) {
    const uint64_t unit = range_ >> coding::kDistributionBits;
    Take(unit * bounds.begin(symbol), unit * bounds.size(symbol));
    return symbol;
  }

  void Finish() {
    uint64_t offset = 0;
    const unsigned bytes = coding::FinalBytes(low_, range_, &offset);
    Take(offset, 0);
    for (unsigned i = 0; i < bytes; ++i) {
      out_->push_back(static_cast<uint8_t>(low_ >> (56 - 8 * i)));
    }
  }

 private:
  /// The part of the interval of `range` numbers that begins at `offset`.
  void Take(uint64_t offset, uint64_t range) {
    low_ += offset;
    if (low_ < offset) {
      // Carried into what was written; it never leaves the first byte.
      size_t at = out_->size();
      while (++(*out_)[--at] == 0) {
      }
    }
    range_ = range;
    if (range != 0 && range_ >> coding::kRangeShift == 0) {
      for (unsigned i = 0; i < coding::kRangeShift / 8; ++i) {
        out_->push_back(static_cast<uint8_t>(low_ >> (56 - 8 * i)));
      }
      low_ <<= coding::kRangeShift;
      range_ <<= coding::kRangeShift;
    }
  }

  Bytes* out_;
  uint64_t low_ = 0, range_ = coding::kWholeRange;
};

/// Half of all symbols are below it.
unsigned Median(const SymbolLayout& layout, std::span<const uint16_t> symbols) {
  std::vector<size_t> counts(65536);
  size_t total = 0;
  for (const uint16_t symbol : symbols) {
    if (layout.pruned && symbol == 0) continue;
    ++counts[symbol];
    ++total;
  }
  size_t below = 0;
  unsigned median = 0;
  while (median < 65535 && below + counts[median] <= total / 2) below += counts[median++];
  return total == 0 ? 0 : median;
}

/// The distance at which sizes of a row are most alike, by the correlation over the tensor.
unsigned FindPeriod(const SymbolLayout& layout, const std::vector<SignedSize>& values) {
  // What a higher correlation must gain on the one found; a period dilutes statistics.
  constexpr double kGain = 0.005;
  constexpr size_t kMostLooked = size_t{1} << 20;
  const size_t columns = layout.columns;
  const size_t rows = std::min(layout.rows, std::max<size_t>(1, kMostLooked / columns));
  double mean = 0;
  for (size_t i = 0; i < rows * columns; ++i) mean += values[i].size;
  mean /= static_cast<double>(rows * columns);
  unsigned best = 1;
  double highest = 0;
  for (unsigned period = 2; period <= coding::kMaxPeriod && 2 * period <= columns; ++period) {
    double product = 0, square = 0;
    for (size_t row = 0; row < rows; ++row) {
      for (size_t column = period; column < columns; ++column) {
        const size_t at = row * columns + column;
        const double here = values[at].size - mean;
        product += here * (values[at - period].size - mean);
        square += here * here;
      }
    }
    if (square > 0 && product / square > highest + kGain) {
      highest = product / square;
      best = period;
    }
  }
  return best;
}

BestHeader ChooseHeader(bool v1, const SymbolLayout& layout, const std::vector<SignedSize>& values,
                        unsigned center) {
  BestHeader header;
  header.v1 = v1;
  header.center = center;
  header.period = FindPeriod(layout, values);
  for (const SignedSize& value : values) header.largest = std::max(header.largest, value.size);
  const unsigned low_bits = coding::SizeCoder::LowBits(header.largest);
  uint64_t sum = 0;
  size_t zeros = 0;
  for (const SignedSize& value : values) {
    sum += value.size >> low_bits;
    zeros += value.size >> low_bits == 0 ? 1 : 0;
  }
  header.zero_first = zeros > values.size() / 4;
  const auto mean = static_cast<uint32_t>((sum << 8) / values.size());
  header.scale = coding::WeightModel::Scale(layout.kind == SymbolKind::half, mean);
  return header;
}

Bytes WriteHeader(const SymbolLayout& layout, const BestHeader& header) {
  const unsigned scale = header.v1
                             ? header.scale >> coding::kHeaderScaleBitsV1
                             : (header.scale >> coding::kHeaderScaleBits) |
                                   static_cast<unsigned>(std::max(header.zero_shift - 1, 0)) << 6;
  Bytes out = {static_cast<uint8_t>(header.period - 1 + (header.zero_first ? 64 : 0) +
                                    (header.plain_signs ? 128 : 0)),
               static_cast<uint8_t>(scale)};
  const auto put = [&](unsigned field) {
    out.push_back(static_cast<uint8_t>(field));
    if (coding::BestFieldBytes(layout) == 2) out.push_back(static_cast<uint8_t>(field >> 8));
  };
  put(header.largest);
  if (layout.kind == SymbolKind::index) put(header.center);
  return out;
}

Bytes Code(const SymbolLayout& layout, BestHeader header, const std::vector<SignedSize>& values,
           size_t rows) {
  Bytes out = WriteHeader(layout, header);
  // What the decoder makes of the header's field.
  const unsigned left_out = header.v1 ? coding::kHeaderScaleBitsV1 : coding::kHeaderScaleBits;
  header.scale = coding::MiddleOfScale(header.scale >> left_out, left_out);
  RangeEncoder encoder(&out);
  struct alignas(64) Line {
    uint8_t bytes[64];
  };
  std::vector<Line> scratch(
      (coding::DecodeScratchBytes(coding::Codec::best, layout) + sizeof(Line) - 1) / sizeof(Line));
  coding::SizeCoder sizes(layout, header, scratch.data());
  const SignedSize* next = values.data();
  for (size_t row = 0; row < rows; ++row) {
    sizes.BeginRow();
    for (size_t column = 0; column < layout.columns; ++column) sizes.Code(encoder, *next++);
  }
  encoder.Finish();
  return out;
}

/// As many rows as hold some `most` values, and one at least.
size_t RowsOf(const SymbolLayout& layout, size_t most) {
  return std::min(layout.rows, std::max<size_t>(1, most / layout.columns));
}

/// How the first rows' zeros are coded in the fewest bytes.
int ChooseZeroShift(const SymbolLayout& layout, BestHeader header,
                    const std::vector<SignedSize>& values) {
  const size_t rows = RowsOf(layout, size_t{1} << 20);
  header.plain_signs = true;
  size_t least = SIZE_MAX;
  int best = 0;
  for (const int shift : {0, 4, 3, 2}) {
    header.zero_shift = shift;
    const size_t bytes = Code(layout, header, values, rows).size();
    if (bytes < least) {
      least = bytes;
      best = shift;
    }
  }
  return best;
}

/// Whether the first rows get less than half a percent smaller when their signs are predicted from
/// their neighbours', which costs a fifth of the decoding time.
bool SignsAreNoise(const SymbolLayout& layout, BestHeader header,
                   const std::vector<SignedSize>& values) {
  const size_t rows = RowsOf(layout, size_t{1} << 17);
  const size_t modelled = Code(layout, header, values, rows).size();
  header.plain_signs = true;
  const size_t plain = Code(layout, header, values, rows).size();
  return plain < modelled + modelled / 200;
}

}  // namespace

Bytes EncodeBest(bool v1, const SymbolLayout& layout, std::span<const uint16_t> symbols) {
  if (symbols.empty()) return {};
  const unsigned center = layout.kind == SymbolKind::index ? Median(layout, symbols) : 0;
  std::vector<SignedSize> values;
  values.reserve(symbols.size());
  for (const uint16_t symbol : symbols) {
    values.push_back(coding::ToSignedSize(layout, center, symbol));
  }
  BestHeader header = ChooseHeader(v1, layout, values, center);
  if (!v1 && header.zero_first) header.zero_shift = ChooseZeroShift(layout, header, values);
  header.plain_signs = SignsAreNoise(layout, header, values);
  return Code(layout, header, values, layout.rows);
}

}  // namespace lutra::converter::encoding
