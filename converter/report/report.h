// What a conversion or a comparison found out, as text for the terminal, as one JSON object, and
// as a page of HTML with pictures that needs nothing from elsewhere.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "converter/convert.h"
#include "converter/evaluate/compare_files.h"

namespace lutra::converter::report {

/// Layers with the largest error of their own in the median channel first; identical and unmeasured
/// ones last, in order.
std::vector<evaluate::LayerReport> RankedByError(std::vector<evaluate::LayerReport> layers);

/// Where the output SQNR is below 20 dB, or less than 90 % of the samples have the FP32 network's
/// top-1 class: what of it, the layers with the largest errors of their own, and the flag that has
/// the others found. Else "".
std::string Advice(const ConvertReport& report);

/// The per-layer table, worst first, the summary below it, and the advice.
std::string ConvertText(const ConvertReport& report);
std::string CompareText(const evaluate::CompareReport& report);

/// What a budget chose for each layer, and what else was tried: a table each. "" without a budget.
std::string BudgetText(const ConvertReport& report);
std::string BudgetHtml(const ConvertReport& report);
nlohmann::json BudgetJson(const ConvertReport& report);

/// What --min-sqnr chose: "" and null without it.
std::string ActivationsText(const ConvertReport& report);
std::string ActivationsHtml(const ConvertReport& report);
nlohmann::json ActivationsJson(const ConvertReport& report);

/// Null for what is no number: JSON has no word for it.
nlohmann::json NumberOrNull(double value);

/// Keys as docs/cli.md lists them; NaN is null.
nlohmann::json ConvertJson(const ConvertReport& report);
nlohmann::json CompareJson(const evaluate::CompareReport& report);

/// `title` names the conversion ("net.onnx -> net.lutra").
std::string ConvertHtml(const ConvertReport& report, const std::string& title);

}  // namespace lutra::converter::report
