// Names first, then fields of one kind after another: like stands beside like, and deflate does the
// rest. All numbers are unsigned LEB128, signed ones zigzag before.
#include "converter/archive/contents.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string_view>

#include "base/utf8.h"
#include "converter/error.h"
#include "schema/limits.h"

namespace lutra::converter::archive {
namespace {

constexpr uint64_t kFreeBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxExpansion = 4096;
constexpr size_t kMaxArchiveRank = 16;

class Writer {
 public:
  void Number(uint64_t value) {
    while (value >= 0x80) {
      bytes_.push_back(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    bytes_.push_back(static_cast<uint8_t>(value));
  }
  void Signed(int value) {
    Number(value < 0 ? 2 * static_cast<uint64_t>(-(value + 1)) + 1
                     : 2 * static_cast<uint64_t>(value));
  }
  void Bytes(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void Text(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void Stream(const ArchiveStream& stream) {
    Number(static_cast<uint64_t>(stream.codec));
    Number(stream.bytes);
  }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint64_t Number(uint64_t most) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const uint8_t byte = Take(1)[0];
      if (shift == 63 && byte > 1) throw Error("a number is too large");
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) break;
    }
    if (value > most) throw Error("a field is out of range");
    return value;
  }
  int Signed(int most) {
    const uint64_t zigzag = Number(2 * static_cast<uint64_t>(most) + 1);
    const int magnitude = static_cast<int>(zigzag / 2);
    return zigzag % 2 != 0 ? -magnitude - 1 : magnitude;
  }
  std::span<const uint8_t> Take(size_t count) {
    if (count > bytes_.size() - at_) throw Error("the contents are cut off");
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  std::string Line() {
    const size_t from = at_;
    while (Take(1)[0] != '\n') {
    }
    return {bytes_.begin() + static_cast<ptrdiff_t>(from),
            bytes_.begin() + static_cast<ptrdiff_t>(at_ - 1)};
  }
  ArchiveStream Stream() {
    ArchiveStream stream;
    stream.codec = static_cast<coding::Codec>(Number(static_cast<uint64_t>(coding::Codec::best)));
    stream.bytes = Number(UINT64_MAX);
    return stream;
  }
  bool AtEnd() const { return at_ == bytes_.size(); }
  size_t left() const { return bytes_.size() - at_; }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

bool HasStream(const ArchiveEntry& entry) {
  switch (entry.scheme) {
    case ArchiveScheme::raw:
    case ArchiveScheme::linear:
    case ArchiveScheme::codebook:
      return true;
    case ArchiveScheme::fp16:
      return !entry.pooled();
    default:
      return false;
  }
}

void WriteFields(const ArchiveEntry& entry, Writer& writer) {
  switch (entry.scheme) {
    case ArchiveScheme::constant:
      writer.Bytes(entry.table);
      break;
    case ArchiveScheme::same:
      writer.Number(entry.original);
      break;
    case ArchiveScheme::linear:
      writer.Number(static_cast<uint64_t>(entry.format.bits));
      writer.Number(static_cast<uint64_t>(entry.format.granularity));
      if (entry.format.granularity == Granularity::group) writer.Number(entry.format.group);
      writer.Number((entry.format.asymmetric ? 1U : 0U) + (entry.wide_minimums ? 2U : 0U));
      writer.Signed(entry.scale_exponent);
      if (entry.format.asymmetric && !entry.wide_minimums) writer.Signed(entry.minimum_exponent);
      break;
    case ArchiveScheme::codebook:
      writer.Number(static_cast<uint64_t>(entry.format.bits));
      writer.Number((entry.pruned ? 1U : 0U) + (entry.exact ? 2U : 0U));
      writer.Number(entry.entries);
      if (entry.exact) {
        writer.Bytes(entry.table);
      } else {
        writer.Signed(entry.scale_exponent);
      }
      break;
    default:
      break;
  }
  if (HasStream(entry)) writer.Stream(entry.stream);
}

std::vector<uint8_t> ReadTable(Reader& reader, size_t bytes) {
  const auto table = reader.Take(bytes);
  return {table.begin(), table.end()};
}

void ReadFields(size_t index, ArchiveEntry& entry, Reader& reader) {
  switch (entry.scheme) {
    case ArchiveScheme::constant:
      entry.table = ReadTable(reader, ElementBytes(entry.type));
      break;
    case ArchiveScheme::same:
      if (index == 0) throw Error("it repeats nothing");
      entry.original = reader.Number(index - 1);
      break;
    case ArchiveScheme::linear: {
      entry.format.bits = static_cast<int>(reader.Number(16));
      if (entry.format.bits < 2 || (entry.format.bits > 8 && entry.format.bits != 16))
        throw Error("its bits are wrong");
      entry.format.granularity = static_cast<Granularity>(reader.Number(2));
      if (entry.format.granularity == Granularity::group) {
        entry.format.group = reader.Number(INT32_MAX);
        if (entry.format.group == 0) throw Error("its groups are empty");
      }
      const uint64_t flags = reader.Number(3);
      entry.format.asymmetric = (flags & 1) != 0;
      entry.wide_minimums = (flags & 2) != 0;
      if (entry.wide_minimums && !entry.format.asymmetric)
        throw Error("minimums without asymmetry");
      entry.scale_exponent = reader.Signed(kMaxArchiveExponent);
      if (entry.format.asymmetric && !entry.wide_minimums) {
        entry.minimum_exponent = reader.Signed(kMaxArchiveExponent);
      }
      break;
    }
    case ArchiveScheme::codebook: {
      entry.format.kind = WeightKind::codebook;
      entry.format.bits = static_cast<int>(reader.Number(8));
      if (entry.format.bits < 1) throw Error("its bits are wrong");
      const uint64_t flags = reader.Number(3);
      entry.pruned = (flags & 1) != 0;
      entry.exact = (flags & 2) != 0;
      entry.entries = reader.Number(uint64_t{1} << entry.format.bits);
      if (entry.exact) {
        entry.table = ReadTable(reader, entry.entries * ElementBytes(entry.type));
      } else {
        entry.scale_exponent = reader.Signed(kMaxArchiveExponent);
      }
      break;
    }
    default:
      break;
  }
  if (HasStream(entry)) entry.stream = reader.Stream();
}

DataType ReadType(Reader& reader) {
  const auto type = static_cast<DataType>(reader.Number(static_cast<uint64_t>(DataType::bfloat16)));
  if (ElementBytes(type) == 0) throw Error("a type that tensors do not have");
  return type;
}

/// Schemes that round are for floating types.
void CheckScheme(const ArchiveContents& contents, const ArchiveEntry& entry) {
  const bool rounds = entry.scheme == ArchiveScheme::fp16 ||
                      entry.scheme == ArchiveScheme::linear ||
                      entry.scheme == ArchiveScheme::codebook;
  if (rounds && !IsFloating(entry.type)) throw Error("its scheme is for floating numbers");
  if (rounds && entry.elements() == 0) throw Error("its scheme is for tensors with elements");
  if (entry.scheme == ArchiveScheme::same) {
    const ArchiveEntry& original = contents.entries[entry.original];
    if (original.scheme == ArchiveScheme::same || original.type != entry.type ||
        original.elements() != entry.elements()) {
      throw Error("it repeats a tensor of another type or size");
    }
  }
}

/// A stream must be long enough for what it claims to hold before memory is taken for that.
void CheckStream(const ArchiveStream& stream, const coding::SymbolLayout& layout) {
  const uint64_t symbols = uint64_t{layout.rows} * layout.columns;
  if (symbols == 0) {
    if (stream.bytes != 0) throw Error("a stream for nothing");
    return;
  }
  if (const Status status = coding::CheckLayout(stream.codec, layout); !status.ok()) {
    throw Error(status.message());
  }
  if (coding::FewestBytes(stream.codec, layout) > stream.bytes) {
    throw Error("a stream too short for its tensor");
  }
}

}  // namespace

size_t ArchiveEntry::rows() const { return dims.empty() ? 1 : static_cast<size_t>(dims[0]); }

size_t ArchiveEntry::columns() const { return rows() == 0 ? 0 : elements() / rows(); }

bool ArchiveEntry::pooled() const {
  return scheme == ArchiveScheme::fp16 && elements() < kPoolElements;
}

size_t ArchiveEntry::parameters() const {
  if (scheme == ArchiveScheme::codebook) return exact ? 0 : entries;
  if (scheme != ArchiveScheme::linear) return 0;
  return groups() * (format.asymmetric ? (wide_minimums ? 3 : 2) : 1);
}

coding::SymbolLayout ArchiveEntry::layout() const {
  coding::SymbolLayout layout;
  layout.rows = rows();
  layout.columns = columns();
  if (scheme == ArchiveScheme::fp16) {
    layout.kind = coding::SymbolKind::half;
    layout.bits = 16;
  } else if (scheme == ArchiveScheme::linear) {
    layout.kind = format.asymmetric ? coding::SymbolKind::index : coding::SymbolKind::integer;
    layout.bits = static_cast<unsigned>(format.bits);
  } else if (scheme == ArchiveScheme::codebook) {
    layout.kind = coding::SymbolKind::index;
    layout.bits = static_cast<unsigned>(format.bits);
    layout.pruned = pruned;
  } else {
    layout.kind = coding::SymbolKind::index;
    layout.bits = 8;
    layout.rows = ElementBytes(type);
    layout.columns = elements();
  }
  return layout;
}

size_t ArchiveContents::parameter_count() const {
  return std::transform_reduce(entries.begin(), entries.end(), size_t{0}, std::plus<>(),
                               [](const ArchiveEntry& entry) { return entry.parameters(); });
}

size_t ArchiveContents::pool_count() const {
  return std::transform_reduce(
      entries.begin(), entries.end(), size_t{0}, std::plus<>(),
      [](const ArchiveEntry& entry) { return entry.pooled() ? entry.elements() : 0; });
}

coding::SymbolLayout ArchiveContents::HalfLayout(size_t count) const {
  coding::SymbolLayout layout;
  layout.kind = coding::SymbolKind::half;
  layout.bits = 16;
  layout.rows = 1;
  layout.columns = count;
  return layout;
}

std::vector<uint8_t> WriteContents(const ArchiveContents& contents) {
  Writer writer;
  writer.Number(contents.entries.size());
  for (const ArchiveEntry& entry : contents.entries) {
    writer.Text(entry.name);
    writer.Text("\n");
  }
  for (const ArchiveEntry& entry : contents.entries) {
    writer.Number(static_cast<uint64_t>(entry.type));
  }
  for (const ArchiveEntry& entry : contents.entries) {
    writer.Number(entry.dims.size());
    for (const int64_t dim : entry.dims) writer.Number(static_cast<uint64_t>(dim));
  }
  for (const ArchiveEntry& entry : contents.entries) {
    writer.Number(static_cast<uint64_t>(entry.scheme));
  }
  for (const ArchiveEntry& entry : contents.entries) WriteFields(entry, writer);
  writer.Stream(contents.parameters);
  writer.Stream(contents.pool);
  return writer.Take();
}

namespace {

void ReadShapes(ArchiveContents& contents, Reader& reader) {
  for (ArchiveEntry& entry : contents.entries) entry.type = ReadType(reader);
  for (ArchiveEntry& entry : contents.entries) {
    entry.dims.resize(reader.Number(kMaxArchiveRank));
    for (int64_t& dim : entry.dims) dim = static_cast<int64_t>(reader.Number(INT64_MAX));
    ElementCount(entry.dims);
  }
}

void ReadNames(ArchiveContents& contents, Reader& reader) {
  std::set<std::string_view> names;
  for (ArchiveEntry& entry : contents.entries) {
    entry.name = reader.Line();
    if (entry.name.empty() || entry.name.size() > kMaxNameBytes || !IsPrintableUtf8(entry.name)) {
      throw Error("a tensor's name is empty, too long or not printable UTF-8");
    }
    if (!names.insert(entry.name).second) throw Error("two tensors have the same name");
  }
}

void CheckTotals(const ArchiveContents& contents, uint64_t segment_bytes) {
  uint64_t streams = 0, decoded = 0;
  const uint64_t most = kFreeBytes + kMaxExpansion * segment_bytes;
  const auto add = [&](const ArchiveStream& stream, const coding::SymbolLayout& layout) {
    CheckStream(stream, layout);
    if (stream.bytes > segment_bytes - streams) throw Error("its streams leave the file");
    streams += stream.bytes;
  };
  size_t parameters = 0;
  for (const ArchiveEntry& entry : contents.entries) {
    decoded += entry.elements() * ElementBytes(entry.type);
    if (entry.scheme == ArchiveScheme::linear) parameters += entry.parameters();
    if (decoded > most || parameters > most) {
      throw Error("its tensors are far larger than the file");
    }
  }
  add(contents.parameters, contents.HalfLayout(contents.parameter_count()));
  add(contents.pool, contents.HalfLayout(contents.pool_count()));
  for (const ArchiveEntry& entry : contents.entries) {
    if (HasStream(entry)) add(entry.stream, entry.layout());
  }
  if (streams != segment_bytes) throw Error("bytes follow its last stream");
}

}  // namespace

ArchiveContents ReadContents(std::span<const uint8_t> bytes, uint64_t segment_bytes) {
  Reader reader(bytes);
  ArchiveContents contents;
  const uint64_t count = reader.Number(kMaxArchiveTensors);
  // A name, a type, a rank and a scheme take at least five bytes.
  if (count > reader.left() / 5) throw Error("the contents are cut off");
  contents.entries.resize(count);
  ReadNames(contents, reader);
  ReadShapes(contents, reader);
  for (ArchiveEntry& entry : contents.entries) {
    entry.scheme =
        static_cast<ArchiveScheme>(reader.Number(static_cast<uint64_t>(ArchiveScheme::codebook)));
  }
  for (size_t i = 0; i < contents.entries.size(); ++i) {
    ArchiveEntry& entry = contents.entries[i];
    try {
      ReadFields(i, entry, reader);
      CheckScheme(contents, entry);
    } catch (const Error& error) {
      throw Error("tensor '" + entry.name + "': " + error.what());
    }
  }
  contents.parameters = reader.Stream();
  contents.pool = reader.Stream();
  if (!reader.AtEnd()) throw Error("bytes follow the contents");
  CheckTotals(contents, segment_bytes);
  return contents;
}

std::string SchemeText(const ArchiveEntry& entry) {
  switch (entry.scheme) {
    case ArchiveScheme::raw:
      return "raw";
    case ArchiveScheme::constant:
      return "constant";
    case ArchiveScheme::same:
      return "same";
    case ArchiveScheme::fp16:
      return "fp16";
    case ArchiveScheme::linear:
      return "linear" + std::to_string(entry.format.bits);
    case ArchiveScheme::codebook:
      return "codebook" + std::to_string(entry.format.bits);
  }
  return "";
}

}  // namespace lutra::converter::archive
