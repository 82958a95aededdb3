#include "converter/report/archive_table.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "converter/report/format.h"

namespace lutra::converter::report {
namespace {

using Json = nlohmann::ordered_json;

struct Totals {
  uint64_t elements = 0, original = 0, weights = 0, overhead = 0;
  double index = 0;  // bytes
};

uint64_t CompressedBytes(const archive::ArchiveRow& row) {
  return row.weight_bytes + row.parameter_bytes;
}

double IndexBytes(const archive::ArchiveRow& row) {
  return row.index_share * static_cast<double>(row.weight_bytes);
}

Totals Sum(const archive::ArchiveListing& listing) {
  Totals totals;
  for (const archive::ArchiveRow& row : listing.rows) {
    totals.elements += row.elements;
    totals.original += row.original_bytes;
    totals.weights += row.weight_bytes;
    totals.overhead += row.parameter_bytes;
    totals.index += IndexBytes(row);
  }
  totals.overhead += listing.contents_bytes + listing.frame_bytes;
  return totals;
}

double Bits(double bytes, uint64_t elements) {
  return elements == 0 ? 0 : 8 * bytes / static_cast<double>(elements);
}

double Ratio(uint64_t original, uint64_t compressed) {
  return static_cast<double>(original) / static_cast<double>(compressed);
}

// "4.1x", "24.4%"; nothing for nothing.
std::string RatioText(uint64_t original, uint64_t compressed) {
  return original == 0 || compressed == 0 ? "" : Format("%.2fx", Ratio(original, compressed));
}
std::string PercentText(uint64_t original, uint64_t compressed) {
  return original == 0 ? "" : Format("%.2f%%", 100 / Ratio(original, compressed));
}

std::string SqnrText(double db) { return std::isinf(db) ? "exact" : Format("%.1f", db); }

std::string SchemeAndCodec(const archive::ArchiveRow& row) {
  return row.codec.empty() ? row.scheme : row.scheme + "/" + row.codec;
}

size_t NameWidth(const archive::ArchiveListing& listing) {
  size_t width = 10;
  for (const archive::ArchiveRow& row : listing.rows) width = std::max(width, row.name.size());
  return std::min<size_t>(width, 60);
}

std::string Line(size_t width, const std::string& name, const std::string& scheme,
                 uint64_t original, uint64_t compressed, const std::string& bits,
                 const std::string& sqnr) {
  std::string line = name;
  line.resize(std::max(width, line.size()), ' ');
  return line + Format("  %-18s %12llu %12llu %9s %8s  %-22s %s", scheme.c_str(),
                       static_cast<unsigned long long>(original),
                       static_cast<unsigned long long>(compressed),
                       RatioText(original, compressed).c_str(),
                       PercentText(original, compressed).c_str(), bits.c_str(), sqnr.c_str());
}

std::string BitsText(double index, double value, double overhead, uint64_t elements) {
  return Format("%.2f + %.2f + %.2f", Bits(index, elements), Bits(value, elements),
                Bits(overhead, elements));
}

Json BitsJson(double index, double value, double overhead, uint64_t elements) {
  return {{"index", Bits(index, elements)},
          {"value", Bits(value, elements)},
          {"overhead", Bits(overhead, elements)}};
}

Json Number(bool exists, double value) { return exists ? Json(value) : Json(nullptr); }

Json RowJson(const archive::ArchiveRow& row, bool measured) {
  const double index = IndexBytes(row);
  const uint64_t bytes = CompressedBytes(row);
  Json json;
  json["name"] = row.name;
  json["dtype"] = std::string(DataTypeName(row.type));
  json["shape"] = row.dims;
  json["scheme"] = row.scheme;
  json["codec"] = row.codec;
  json["original_bytes"] = row.original_bytes;
  json["compressed_bytes"] = bytes;
  json["ratio"] = Number(bytes != 0, Ratio(row.original_bytes, bytes));
  json["percent"] = Number(row.original_bytes != 0, 100 / Ratio(row.original_bytes, bytes));
  json["bits_per_weight"] = BitsJson(index, static_cast<double>(row.weight_bytes) - index,
                                     static_cast<double>(row.parameter_bytes), row.elements);
  if (measured) json["sqnr_db"] = Number(!std::isinf(row.sqnr_db), row.sqnr_db);
  if (!row.note.empty()) json["note"] = row.note;
  return json;
}

Json SkippedJson(const std::vector<checkpoint::SkippedEntry>& skipped) {
  Json json = Json::array();
  for (const checkpoint::SkippedEntry& entry : skipped) {
    json.push_back({{"path", entry.path}, {"what", entry.what}});
  }
  return json;
}

}  // namespace

std::string ArchiveText(const archive::ArchiveListing& listing, bool measured) {
  const size_t width = NameWidth(listing);
  std::string head = "layer";
  head.resize(width, ' ');
  std::string text = head + Format("  %-18s %12s %12s %9s %8s  %-22s %s\n", "scheme/codec",
                                   "original", "compressed", "ratio", "percent",
                                   "index + value + other", measured ? "SQNR" : "");
  for (const archive::ArchiveRow& row : listing.rows) {
    const double index = IndexBytes(row);
    text += Line(width, row.name, SchemeAndCodec(row), row.original_bytes, CompressedBytes(row),
                 BitsText(index, static_cast<double>(row.weight_bytes) - index,
                          static_cast<double>(row.parameter_bytes), row.elements),
                 measured ? SqnrText(row.sqnr_db) : "");
    text += row.note.empty() ? "\n" : "  (" + row.note + ")\n";
  }
  const Totals totals = Sum(listing);
  text += Line(width, "(contents)", "", 0, listing.contents_bytes + listing.frame_bytes, "", "");
  text += "\n" +
          Line(width, "total", "", totals.original, listing.file_bytes,
               BitsText(totals.index, static_cast<double>(totals.weights) - totals.index,
                        static_cast<double>(totals.overhead), totals.elements),
               "") +
          "\nBytes; bits per weight: positions of non-zero weights, their values, scales and "
          "other.\n";
  return text;
}

std::string ArchiveJson(const archive::ArchiveListing& listing, bool measured,
                        const std::vector<checkpoint::SkippedEntry>& skipped,
                        const Warnings& warnings) {
  const Totals totals = Sum(listing);
  Json json;
  json["output_bytes"] = listing.file_bytes;
  json["original_bytes"] = totals.original;
  json["ratio"] = Ratio(totals.original, listing.file_bytes);
  json["percent"] = Number(totals.original != 0, 100 / Ratio(totals.original, listing.file_bytes));
  json["bits_per_weight"] =
      BitsJson(totals.index, static_cast<double>(totals.weights) - totals.index,
               static_cast<double>(totals.overhead), totals.elements);
  json["contents_bytes"] = listing.contents_bytes + listing.frame_bytes;
  json["tensors"] = Json::array();
  for (const archive::ArchiveRow& row : listing.rows)
    json["tensors"].push_back(RowJson(row, measured));
  json["skipped"] = SkippedJson(skipped);
  json["warnings"] = warnings.lines();
  return json.dump() + "\n";
}

std::string CheckpointText(const checkpoint::Checkpoint& checkpoint) {
  size_t width = 10;
  for (const checkpoint::NamedTensor& tensor : checkpoint.tensors)
    width = std::max(width, tensor.name.size());
  width = std::min<size_t>(width, 60);
  std::string text =
      checkpoint.format + ", " + std::to_string(checkpoint.tensors.size()) + " tensors\n";
  uint64_t bytes = 0;
  for (const checkpoint::NamedTensor& tensor : checkpoint.tensors) {
    std::string name = tensor.name;
    name.resize(std::max(width, name.size()), ' ');
    bytes += tensor.tensor.bytes().size();
    text += name + Format("  %-9s %-20s %12zu\n",
                          std::string(DataTypeName(tensor.tensor.type())).c_str(),
                          DimsText(tensor.tensor.dims()).c_str(), tensor.tensor.bytes().size());
  }
  text += "total " + std::to_string(bytes) + " bytes\n";
  for (const checkpoint::SkippedEntry& entry : checkpoint.skipped) {
    text += "skipped " + entry.path + ": " + entry.what + "\n";
  }
  return text;
}

std::string CheckpointJson(const checkpoint::Checkpoint& checkpoint) {
  Json json;
  json["format"] = checkpoint.format;
  json["tensors"] = Json::array();
  for (const checkpoint::NamedTensor& tensor : checkpoint.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"dtype", std::string(DataTypeName(tensor.tensor.type()))},
                               {"shape", tensor.tensor.dims()},
                               {"bytes", tensor.tensor.bytes().size()}});
  }
  json["skipped"] = SkippedJson(checkpoint.skipped);
  return json.dump() + "\n";
}

}  // namespace lutra::converter::report
