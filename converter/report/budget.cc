// What a budget chose, as text, HTML and JSON.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "converter/report/format.h"
#include "converter/report/html_text.h"
#include "converter/report/report.h"

namespace lutra::converter::report {
namespace {

using nlohmann::json;

std::string Cost(double cost) { return std::isnan(cost) ? "-" : Format("%.3g", cost); }

unsigned long long Number(uint64_t number) { return number; }

/// Whether the budget chose some.
bool HasZeros(const budget::Report& budget) {
  return std::ranges::any_of(budget.layers, [](const budget::LayerChoice& layer) {
    return !std::isnan(layer.sparsity_cost);
  });
}

std::string Zeros(const budget::LayerChoice& layer) {
  return layer.sparsity > 0 ? Format("%.4g %%", 100 * layer.sparsity) : "";
}

std::string Samples(const budget::Report& budget) {
  std::string text = "calibrated on " + std::to_string(budget.calibration) + " samples, tried on " +
                     std::to_string(budget.held_out) + " others";
  if (budget.sensitivity > 0) {
    text += "; cost is the " + budget.divergence + " on " + std::to_string(budget.sensitivity) +
            " of these when only that layer is quantized";
  }
  if (HasZeros(budget)) {
    text +=
        "; zeros were chosen of the network as it came, their cost is the same when only that "
        "layer has them, and few bits";
  }
  return text;
}

std::string Accuracy(const budget::Report& budget, double accuracy) {
  if (budget.accuracy.empty()) return "";
  if (!budget.is_metric) return Percent(accuracy);
  return std::isnan(accuracy) ? "-" : Format("%.5g", accuracy);
}

std::string Fp32(const budget::Report& budget) {
  return budget.accuracy.empty()
             ? ""
             : budget.accuracy + " of FP32 " + Accuracy(budget, budget.fp32_accuracy);
}

std::string Heading(const budget::Report& budget) {
  return budget.accuracy.empty() ? "" : budget.is_metric ? "metric" : "accuracy";
}

}  // namespace

std::string BudgetText(const ConvertReport& report) {
  if (!report.budget) return "";
  const budget::Report& budget = *report.budget;
  size_t widest = 5;
  for (const budget::LayerChoice& layer : budget.layers) {
    widest = std::max(widest, layer.name.size());
  }
  const int width = static_cast<int>(std::min(widest, kWidestName));
  std::string text = "\nWeights of each layer for " + budget.limit + " (" + Samples(budget) + ")\n";
  const bool zeros = HasZeros(budget);
  text += Format("%-*s  %10s  %-10s %10s %10s%s\n", width, "layer", "parameters", "weights",
                 "bytes", "cost", zeros ? "      zeros  their cost" : "");
  for (const budget::LayerChoice& layer : budget.layers) {
    text += Format("%-*s  %10zu  %-10s %10llu %10s", width, ShortName(layer.name).c_str(),
                   layer.parameters, layer.weights.c_str(), Number(layer.bytes),
                   Cost(layer.cost).c_str());
    if (zeros) {
      text += Format(" %10s %11s", Zeros(layer).c_str(), Cost(layer.sparsity_cost).c_str());
    }
    text += layer.fixed ? "  given\n" : "\n";
  }
  text += "\nTried" + (budget.accuracy.empty() ? "" : ", " + Fp32(budget)) + "\n";
  text += Format("%-12s %10s %10s %11s\n", "weights", "file bytes", Heading(budget).c_str(),
                 "divergence");
  for (const budget::Trial& trial : budget.trials) {
    text += Format("%-12s %10llu %10s %11s%s\n", trial.weights.c_str(), Number(trial.bytes),
                   Accuracy(budget, trial.accuracy).c_str(), Cost(trial.divergence).c_str(),
                   trial.chosen ? "  chosen" : "");
  }
  return text;
}

std::string BudgetHtml(const ConvertReport& report) {
  if (!report.budget) return "";
  const budget::Report& budget = *report.budget;
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  const bool zeros = HasZeros(budget);
  std::string html = "<h2>Weights of each layer for " + Escape(budget.limit) + "</h2>\n<p>" +
                     Escape(Samples(budget)) +
                     ".</p>\n<table><tr><th>layer</th><th>parameters</th><th class=t>weights</th>"
                     "<th>bytes</th><th>cost</th>" +
                     (zeros ? "<th>zeros</th><th>their cost</th>" : "") + "</tr>\n";
  for (const budget::LayerChoice& layer : budget.layers) {
    html += "<tr>" + cell(Escape(layer.name)) + cell(std::to_string(layer.parameters)) +
            "<td class=t>" + layer.weights + (layer.fixed ? " (given)" : "") + "</td>" +
            cell(std::to_string(layer.bytes)) + cell(Cost(layer.cost)) +
            (zeros ? cell(Zeros(layer)) + cell(Cost(layer.sparsity_cost)) : "") + "</tr>\n";
  }
  html += "</table>\n<h2>What was tried</h2>\n<p>" + Escape(Fp32(budget)) +
          "</p>\n<table><tr><th>weights</th><th>file bytes</th><th>" + Heading(budget) +
          "</th><th>divergence</th></tr>\n";
  for (const budget::Trial& trial : budget.trials) {
    html += "<tr>" + cell(trial.chosen ? "<b>" + trial.weights + "</b>" : trial.weights) +
            cell(std::to_string(trial.bytes)) + cell(Accuracy(budget, trial.accuracy)) +
            cell(Cost(trial.divergence)) + "</tr>\n";
  }
  return html + "</table>\n";
}

json BudgetJson(const ConvertReport& report) {
  if (!report.budget) return nullptr;
  const budget::Report& budget = *report.budget;
  json layers = json::array(), trials = json::array();
  for (const budget::LayerChoice& layer : budget.layers) {
    layers.push_back({{"name", layer.name},
                      {"parameters", layer.parameters},
                      {"weights", layer.weights},
                      {"bytes", layer.bytes},
                      {"cost", NumberOrNull(layer.cost)},
                      {"sparsity", layer.sparsity},
                      {"sparsity_cost", NumberOrNull(layer.sparsity_cost)},
                      {"fixed", layer.fixed}});
  }
  for (const budget::Trial& trial : budget.trials) {
    trials.push_back({{"weights", trial.weights},
                      {"bytes", trial.bytes},
                      {"accuracy", NumberOrNull(trial.accuracy)},
                      {"divergence", NumberOrNull(trial.divergence)},
                      {"chosen", trial.chosen}});
  }
  return {{"limit", budget.limit},
          {"accuracy", budget.accuracy.empty() ? json(nullptr) : json(budget.accuracy)},
          {"divergence", budget.divergence},
          {"fp32_accuracy", NumberOrNull(budget.fp32_accuracy)},
          {"calibration_samples", budget.calibration},
          {"held_out_samples", budget.held_out},
          {"sensitivity_samples", budget.sensitivity},
          {"stopped", budget.stopped},
          {"layers", std::move(layers)},
          {"trials", std::move(trials)}};
}

}  // namespace lutra::converter::report
