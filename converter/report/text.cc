#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/report/format.h"
#include "converter/report/report.h"

namespace lutra::converter::report {
namespace {

constexpr double kGoodSqnrDb = 20;
constexpr double kMoreSqnrDb = 10;
constexpr double kGoodAgreement = 0.9;
constexpr size_t kNamedLayers = 3;

std::string Decibels(double db) { return std::isnan(db) ? "-" : Format("%.1f", db); }

size_t NameWidth(const std::vector<evaluate::LayerReport>& layers) {
  size_t width = 5;
  for (const evaluate::LayerReport& layer : layers) width = std::max(width, layer.name.size());
  return std::min(width, kWidestName);
}

// Rows that only bring a value into another format: their errors are those of the layers between.
bool IsConversion(const evaluate::LayerReport& layer) {
  return layer.op == "Quantize" || layer.op == "Dequantize" || layer.op == "Requantize";
}

}  // namespace

std::vector<evaluate::LayerReport> RankedByError(std::vector<evaluate::LayerReport> layers) {
  std::ranges::stable_sort(layers, {}, [](const evaluate::LayerReport& layer) {
    return std::isnan(layer.channel_sqnr_db) ? std::numeric_limits<double>::infinity()
                                             : layer.channel_sqnr_db;
  });
  return layers;
}

std::string Advice(const ConvertReport& report) {
  const bool poor_sqnr = report.output_sqnr_db < kGoodSqnrDb;
  if (!poor_sqnr && !(report.top1_agreement < kGoodAgreement)) return "";
  std::string worst;
  size_t named = 0;
  for (const evaluate::LayerReport& layer : RankedByError(report.layers)) {
    if (std::isnan(layer.channel_sqnr_db) || layer.scheme == "float32" || IsConversion(layer)) {
      continue;
    }
    worst +=
        (named == 0 ? "" : ", ") + layer.name + " (" + Decibels(layer.channel_sqnr_db) + " dB)";
    if (++named == kNamedLayers) break;
  }
  if (named == 0) return "";
  const std::string what =
      poor_sqnr
          ? "the output SQNR is only " + Decibels(report.output_sqnr_db) + " dB"
          : "only " + Percent(report.top1_agreement) + " of the samples have FP32's top-1 class";
  // What the outputs have at least is what the advice is about.
  const double wanted = std::isnan(report.output_sqnr_db)
                            ? kGoodSqnrDb
                            : std::max(kGoodSqnrDb, report.output_sqnr_db + kMoreSqnrDb);
  return what + ". The largest errors of their own, in the median channel: " + worst +
         ". --min-sqnr " + Format("%.0f", wanted) +
         " finds the layers that it takes for so many dB, and gives them activations of 16 bits.";
}

std::string ConvertText(const ConvertReport& report) {
  const int width = static_cast<int>(NameWidth(report.layers));
  std::string text =
      "Layers, the largest error of their own first (SQNR in dB: isolated = exact inputs, channel "
      "= "
      "the same in the median channel, cumulative = as run)\n";
  text += Format("%-*s  %-18s %9s %8s %10s %11s %10s  %-16s %-10s\n", width, "layer", "operator",
                 "isolated", "channel", "cumulative", "FP32 bytes", "bytes", "scheme", "row");
  for (const evaluate::LayerReport& layer : RankedByError(report.layers)) {
    text +=
        Format("%-*s  %-18s %9s %8s %10s %11llu %10llu  %-16s %-10s", width,
               ShortName(layer.name, static_cast<size_t>(width)).c_str(), layer.op.c_str(),
               Decibels(layer.isolated_sqnr_db).c_str(), Decibels(layer.channel_sqnr_db).c_str(),
               Decibels(layer.cumulative_sqnr_db).c_str(),
               static_cast<unsigned long long>(layer.fp32_bytes),
               static_cast<unsigned long long>(layer.bytes), layer.scheme.c_str(),
               layer.kernel_row.c_str());
    if (!layer.float_reason.empty()) text += "  float: " + layer.float_reason;
    text += "\n";
  }
  text += BudgetText(report);
  text += ActivationsText(report);
  text += Format("\nFP32 weights %llu bytes, file %llu bytes, ratio %.2f\n",
                 static_cast<unsigned long long>(report.fp32_bytes),
                 static_cast<unsigned long long>(report.output_bytes),
                 static_cast<double>(report.fp32_bytes) /
                     static_cast<double>(std::max<uint64_t>(report.output_bytes, 1)));
  text += Format("%zu operators, %zu in float\n", report.operators, report.float_fallbacks);
  if (report.samples > 0) {
    const std::string sqnr = "output SQNR " + Decibels(report.output_sqnr_db) + " dB";
    const std::string samples = " on " + std::to_string(report.samples) + " samples";
    const std::string top1 = "top-1 agreement with FP32 " + Percent(report.top1_agreement);
    text += std::isnan(report.top1_agreement) ? sqnr + samples : top1 + samples + ", " + sqnr;
    text += "\n";
    if (!std::isnan(report.top1)) {
      text += "top-1 on their labels: FP32 " + Percent(report.fp32_top1) + ", converted " +
              Percent(report.top1) + "\n";
    }
  }
  if (report.file_samples > 0) {
    text +=
        Format("%s of the outputs within two steps of the ONNX file, SQNR %s dB, on %zu samples\n",
               Percent(report.file_within_two).c_str(), Decibels(report.file_sqnr_db).c_str(),
               report.file_samples);
  }
  return text;
}

std::string CompareText(const evaluate::CompareReport& report) {
  const int width = static_cast<int>(NameWidth(report.layers));
  std::string text =
      Format("%-*s  %-14s %9s %8s %10s   SQNR in dB, the largest error of their own first\n", width,
             "layer", "operator", "isolated", "channel", "cumulative");
  for (const evaluate::LayerReport& layer : RankedByError(report.layers)) {
    text +=
        Format("%-*s  %-14s %9s %8s %10s\n", width,
               ShortName(layer.name, static_cast<size_t>(width)).c_str(), layer.op.c_str(),
               Decibels(layer.isolated_sqnr_db).c_str(), Decibels(layer.channel_sqnr_db).c_str(),
               Decibels(layer.cumulative_sqnr_db).c_str());
  }
  text += Format("\noutput SQNR %s dB, top-1 agreement %s on %zu samples\n",
                 Decibels(report.output_sqnr_db).c_str(), Percent(report.top1_agreement).c_str(),
                 report.samples);
  return text;
}

}  // namespace lutra::converter::report
