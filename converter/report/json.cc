#include <cmath>
#include <nlohmann/json.hpp>

#include "converter/report/report.h"

namespace lutra::converter::report {
namespace {

using nlohmann::json;

json Layer(const evaluate::LayerReport& layer) {
  return {{"name", layer.name},
          {"op", layer.op},
          {"sqnr_db", NumberOrNull(layer.isolated_sqnr_db)},
          {"channel_sqnr_db", NumberOrNull(layer.channel_sqnr_db)},
          {"cumulative_sqnr_db", NumberOrNull(layer.cumulative_sqnr_db)}};
}

}  // namespace

json NumberOrNull(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json ConvertJson(const ConvertReport& report) {
  json layers = json::array();
  for (const evaluate::LayerReport& layer : RankedByError(report.layers)) {
    json item = Layer(layer);
    item["fp32_bytes"] = layer.fp32_bytes;
    item["bytes"] = layer.bytes;
    item["scheme"] = layer.scheme;
    item["row"] = layer.kernel_row;
    item["float_reason"] = layer.float_reason.empty() ? json(nullptr) : json(layer.float_reason);
    layers.push_back(std::move(item));
  }
  return {{"output_bytes", report.output_bytes},
          {"fp32_bytes", report.fp32_bytes},
          {"output_channels", report.output_channels},
          {"operators", report.operators},
          {"float_fallbacks", report.float_fallbacks},
          {"samples", report.samples},
          {"top1_agreement", NumberOrNull(report.top1_agreement)},
          {"output_sqnr_db", NumberOrNull(report.output_sqnr_db)},
          {"fp32_top1", NumberOrNull(report.fp32_top1)},
          {"top1", NumberOrNull(report.top1)},
          {"file_samples", report.file_samples},
          {"file_sqnr_db", NumberOrNull(report.file_sqnr_db)},
          {"file_within_two_steps",
           report.file_samples == 0 ? json(nullptr) : json(report.file_within_two)},
          {"budget", BudgetJson(report)},
          {"activations", ActivationsJson(report)},
          {"advice", Advice(report)},
          {"warnings", report.warnings.lines()},
          {"layers", std::move(layers)}};
}

json CompareJson(const evaluate::CompareReport& report) {
  json layers = json::array();
  for (const evaluate::LayerReport& layer : RankedByError(report.layers))
    layers.push_back(Layer(layer));
  return {{"output_sqnr_db", NumberOrNull(report.output_sqnr_db)},
          {"top1_agreement", NumberOrNull(report.top1_agreement)},
          {"samples", report.samples},
          {"warnings", report.warnings.lines()},
          {"layers", std::move(layers)}};
}

}  // namespace lutra::converter::report
