// Encodes the tensors one by one, lets small things share a stream (all scales and codebooks; all
// small FP16 tensors), and finds tensors that are stored twice, as tied weights are.
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "converter/archive/archive.h"
#include "converter/archive/encode_tensor.h"
#include "converter/archive/values.h"
#include "converter/coding/encode.h"
#include "converter/error.h"
#include "schema/archive.h"
#include "schema/container.h"
#include "schema/frame.h"
#include "schema/frame_writer.h"

namespace lutra::converter::archive {
namespace {

// A codebook can be larger than the few values it is for.
constexpr size_t kSmallTensor = 4096;

encoding::EncodedSymbols EncodeStream(const std::optional<coding::Codec>& codec,
                                      const coding::SymbolLayout& layout,
                                      std::span<const uint16_t> symbols) {
  if (symbols.empty()) return {};
  if (!codec) return encoding::EncodeSmallest(layout, symbols);
  return {*codec, encoding::Encode(*codec, layout, symbols)};
}

class ArchiveBuilder {
 public:
  ArchiveBuilder(const checkpoint::Checkpoint& checkpoint, const CompressOptions& options)
      : checkpoint_(checkpoint), options_(options) {}

  std::vector<uint8_t> Build(std::vector<std::string>* notes) {
    for (size_t i = 0; i < checkpoint_.tensors.size(); ++i) {
      if (options_.progress) options_.progress(i, checkpoint_.tensors.size());
      notes->push_back(Add(i));
    }
    std::vector<uint8_t> segments;
    contents_.parameters = Append(segments, parameters_);
    contents_.pool = Append(segments, pool_);
    segments.insert(segments.end(), streams_.begin(), streams_.end());

    const std::vector<uint8_t> contents = WriteContents(contents_);
    std::vector<uint8_t> packed(::compressBound(contents.size()));
    uLongf packed_bytes = packed.size();
    if (::compress2(packed.data(), &packed_bytes, contents.data(), contents.size(),
                    Z_BEST_COMPRESSION) != Z_OK) {
      throw Error("no memory to deflate the archive's contents");
    }
    schema::ArchiveT archive;
    archive.format_version = FormatVersion();
    archive.contents.assign(packed.begin(), packed.begin() + static_cast<ptrdiff_t>(packed_bytes));
    archive.contents_bytes = static_cast<uint32_t>(contents.size());
    flatbuffers::FlatBufferBuilder builder;
    schema::FinishArchiveBuffer(builder, schema::Archive::Pack(builder, &archive));
    return WriteFrame({builder.GetBufferPointer(), builder.GetSize()}, segments,
                      archive.format_version);
  }

 private:
  /// The oldest that has all codecs: today's `best` came with 2.
  uint16_t FormatVersion() const {
    const auto is_new = [](const ArchiveStream& stream) {
      return stream.codec == coding::Codec::best;
    };
    const bool any = is_new(contents_.parameters) || is_new(contents_.pool) ||
                     std::ranges::any_of(contents_.entries, is_new, &ArchiveEntry::stream);
    return any ? 2 : 1;
  }

  /// Returns the note.
  std::string Add(size_t index) {
    const checkpoint::NamedTensor& tensor = checkpoint_.tensors[index];
    if (const std::optional<size_t> original = Earlier(index)) {
      ArchiveEntry entry;
      entry.name = tensor.name;
      entry.type = tensor.tensor.type();
      entry.dims = tensor.tensor.dims();
      entry.scheme = ArchiveScheme::same;
      entry.original = *original;
      contents_.entries.push_back(std::move(entry));
      return "";
    }
    EncodedTensor encoded = EncodeTensor(tensor, FormatOf(index));
    encoding::EncodedSymbols stream;
    if (!encoded.entry.pooled()) {
      stream = EncodeStream(options_.codec, encoded.entry.layout(), encoded.symbols);
      KeepSmallExact(tensor, encoded, stream);
    } else {
      pool_.insert(pool_.end(), encoded.symbols.begin(), encoded.symbols.end());
    }
    parameters_.insert(parameters_.end(), encoded.parameters.begin(), encoded.parameters.end());
    encoded.entry.stream = {stream.codec, stream.bytes.size()};
    streams_.insert(streams_.end(), stream.bytes.begin(), stream.bytes.end());
    contents_.entries.push_back(std::move(encoded.entry));
    return encoded.note;
  }

  WeightFormat FormatOf(size_t index) const {
    if (index < options_.formats.size() && options_.formats[index]) return *options_.formats[index];
    return options_.format;
  }

  /// A small tensor whose codebook holds its very values may be shorter without one.
  void KeepSmallExact(const checkpoint::NamedTensor& tensor, EncodedTensor& encoded,
                      encoding::EncodedSymbols& stream) const {
    const bool small = encoded.entry.scheme == ArchiveScheme::codebook && encoded.entry.exact &&
                       encoded.symbols.size() <= kSmallTensor;
    if (!small) return;
    EncodedTensor raw = EncodeRaw(tensor, "shorter than with a codebook");
    encoding::EncodedSymbols raw_stream =
        EncodeStream(options_.codec, raw.entry.layout(), raw.symbols);
    if (raw_stream.bytes.size() >= stream.bytes.size() + encoded.entry.table.size()) return;
    encoded = std::move(raw);
    stream = std::move(raw_stream);
  }

  /// An earlier tensor of the same type, format and bytes; constants are short as they are.
  std::optional<size_t> Earlier(size_t index) {
    const Tensor& tensor = checkpoint_.tensors[index].tensor;
    if (tensor.bytes().size() < 64) return std::nullopt;
    const uint32_t crc = Crc32c(tensor.bytes().data(), tensor.bytes().size());
    auto& bucket = seen_[{tensor.bytes().size(), crc}];
    for (const size_t earlier : bucket) {
      const Tensor& other = checkpoint_.tensors[earlier].tensor;
      if (other.type() == tensor.type() && other.dims() == tensor.dims() &&
          FormatOf(earlier) == FormatOf(index) &&
          std::memcmp(other.bytes().data(), tensor.bytes().data(), tensor.bytes().size()) == 0) {
        return earlier;
      }
    }
    bucket.push_back(index);
    return std::nullopt;
  }

  ArchiveStream Append(std::vector<uint8_t>& segments, const std::vector<uint16_t>& halves) const {
    const encoding::EncodedSymbols stream =
        EncodeStream(options_.codec, contents_.HalfLayout(halves.size()), halves);
    segments.insert(segments.end(), stream.bytes.begin(), stream.bytes.end());
    return {stream.codec, stream.bytes.size()};
  }

  const checkpoint::Checkpoint& checkpoint_;
  const CompressOptions& options_;
  ArchiveContents contents_;
  std::vector<uint16_t> parameters_, pool_;
  std::vector<uint8_t> streams_;
  std::map<std::pair<size_t, uint32_t>, std::vector<size_t>> seen_;
};

/// 10 log10(signal / error) over the finite values; infinite without an error. In parts of the
/// largest value: squares of float64 leave its range.
double SqnrDb(const Tensor& before, const Tensor& after) {
  if (!IsFloating(before.type())) return std::numeric_limits<double>::infinity();
  const std::vector<double> a = ToValues(before), b = ToValues(after);
  double largest = 0;
  for (const double value : a) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  double signal = 0, error = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || largest == 0) continue;
    const double value = a[i] / largest, lost = value - b[i] / largest;
    signal += value * value;
    error += lost * lost;
  }
  return error == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / error);
}

/// Names, shapes, types; and where nothing may be lost, the bytes.
void CheckRestored(const checkpoint::NamedTensor& before, const checkpoint::NamedTensor& after,
                   const ArchiveRow& row) {
  const Tensor &a = before.tensor, &b = after.tensor;
  const bool lossless = row.scheme == "raw" || row.scheme == "constant" || !IsFloating(a.type());
  const bool good = before.name == after.name && a.type() == b.type() && a.dims() == b.dims() &&
                    (!lossless || a == b);
  if (!good) throw Error("internal error: tensor '" + before.name + "' was not restored");
}

}  // namespace

CompressedArchive Compress(const checkpoint::Checkpoint& checkpoint,
                           const CompressOptions& options) {
  CompressedArchive result;
  result.warnings = checkpoint.warnings;
  std::vector<std::string> notes;
  result.file = ArchiveBuilder(checkpoint, options).Build(&notes);
  result.listing = ListArchive(result.file);
  const checkpoint::Checkpoint restored = Decompress(result.file);
  for (size_t i = 0; i < restored.tensors.size(); ++i) {
    ArchiveRow& row = result.listing.rows[i];
    CheckRestored(checkpoint.tensors[i], restored.tensors[i], row);
    row.note = notes[i];
    row.sqnr_db = SqnrDb(checkpoint.tensors[i].tensor, restored.tensors[i].tensor);
  }
  return result;
}

}  // namespace lutra::converter::archive
