// What --min-sqnr chose, as text, HTML and JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "converter/report/format.h"
#include "converter/report/html_text.h"
#include "converter/report/report.h"

namespace lutra::converter::report {
namespace {

using nlohmann::json;

std::string InDecibels(double db) {
  return std::isfinite(db) ? Format("%.1f dB", db) : "identical";
}

std::string Summary(const budget::ActivationReport& report) {
  std::string text = "--min-sqnr " + Format("%g", report.wanted_db) + ": " +
                     InDecibels(report.int8_db) + " in int8 on " + std::to_string(report.samples) +
                     " samples that calibrated nothing";
  if (report.values > 0) {
    text += ", " + InDecibels(report.reached_db) + " with " + std::to_string(report.chosen.size()) +
            " of " + std::to_string(report.values) + " values in more bits";
  }
  if (!report.float_layers.empty()) {
    text += " and " + std::to_string(report.float_layers.size()) + " layers with float weights";
  }
  return text;
}

}  // namespace

std::string ActivationsText(const ConvertReport& report) {
  if (!report.activations) return "";
  std::string text = "\n" + Summary(*report.activations) + "\n";
  if (report.activations->chosen.empty()) return text;
  text += "share of the noise  layers  value, by gain for its cost\n";
  for (const budget::ActivationChoice& value : report.activations->chosen) {
    text += Format("%16.1f %%  %6zu  ", 100 * value.gain, value.products) + ShortName(value.name) +
            "\n";
  }
  return text;
}

std::string ActivationsHtml(const ConvertReport& report) {
  if (!report.activations) return "";
  std::string html =
      "<h2>Activations of more bits</h2>\n<p>" + Escape(Summary(*report.activations)) + ".</p>\n";
  if (report.activations->chosen.empty()) return html;
  html += "<table><tr><th>value</th><th>share of the noise</th><th>layers</th></tr>\n";
  for (const budget::ActivationChoice& value : report.activations->chosen) {
    html += "<tr><td>" + Escape(value.name) + "</td><td>" + Format("%.1f %%", 100 * value.gain) +
            "</td><td>" + std::to_string(value.products) + "</td></tr>\n";
  }
  return html + "</table>\n";
}

json ActivationsJson(const ConvertReport& report) {
  if (!report.activations) return nullptr;
  const budget::ActivationReport& activations = *report.activations;
  json chosen = json::array();
  for (const budget::ActivationChoice& value : activations.chosen) {
    chosen.push_back(
        {{"name", value.name}, {"noise_share", value.gain}, {"layers", value.products}});
  }
  return {{"wanted_db", activations.wanted_db},
          {"int8_db", NumberOrNull(activations.int8_db)},
          {"reached_db", NumberOrNull(activations.reached_db)},
          {"samples", activations.samples},
          {"values", activations.values},
          {"chosen", std::move(chosen)},
          {"float_layers", activations.float_layers}};
}

}  // namespace lutra::converter::report
