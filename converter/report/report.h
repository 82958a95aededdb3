// What a conversion or a comparison found out, as text for the terminal, as one JSON object, and
// as a page of HTML with pictures that needs nothing from elsewhere.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "converter/convert.h"

namespace lutra::converter {

/// Layers with the largest isolated error first; identical and unmeasured ones last, in order.
std::vector<LayerReport> RankedByError(std::vector<LayerReport> layers);

/// The per-layer table, worst first, and the summary below it.
std::string ConvertText(const ConvertReport& report);
std::string CompareText(const CompareReport& report);

/// Keys as docs/cli.md lists them; NaN is null.
nlohmann::json ConvertJson(const ConvertReport& report);
nlohmann::json CompareJson(const CompareReport& report);

/// `title` names the conversion ("net.onnx -> net.lutra").
std::string ConvertHtml(const ConvertReport& report, const std::string& title);

}  // namespace lutra::converter
