// The HTML report: a summary, two bar charts drawn as inline SVG, the weights of each layer
// (weight_figures.h), and the table. Colors are variables, for light and dark pages.
#include <algorithm>
#include <cmath>

#include "converter/report/html_text.h"
#include "converter/report/report.h"
#include "converter/report/weight_figures.h"

namespace lutra::converter::report {
namespace {

constexpr char kHead[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";
constexpr char kStyle[] =
    "</title>\n<style>:root{color-scheme:light "
    "dark;--page:#fff;--text:#222;--line:#ddd;--grid:#e2e8f0;"
    "--note:#fffbeb;--a:#2b6cb0;--b:#90cdf4;--c:#a0aec0;--d:#2f855a;--before:#cbd5e0;"
    "--level:#c2410c}"
    "@media(prefers-color-scheme:dark){:root{--page:#16181d;--text:#dde1e7;--line:#363b45;"
    "--grid:#2b303a;--note:#2d2410;--a:#4f94dc;--b:#2f5f95;--c:#68738a;--d:#48a777;--before:#"
    "3d4758;"
    "--level:#fb923c}}"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--text);background:var(--page)}h1{font-size:1.5rem}h2{font-size:1.15rem;"
    "margin-top:2rem}table{border-collapse:collapse;font-size:.85rem}td,th{padding:.2rem .7rem;"
    "text-align:right;border-bottom:1px solid var(--line)}td:first-child,th:first-child,td.t,th.t{"
    "text-align:left}.k{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}"
    ".w{background:var(--note);border-left:.3rem solid #d97706;padding:.2rem 1rem}.w "
    "h2{margin-top:.5rem}svg text{font:11px system-ui,sans-serif;fill:var(--text)}"
    ".f{display:grid;grid-template-columns:repeat(auto-fill,minmax(25rem,1fr));gap:1rem 1.5rem}"
    ".f figure{margin:0}.f figcaption{font-size:.85rem}.f svg{width:100%;height:auto}"
    "details>summary{cursor:pointer;margin:1rem 0}.b{fill:var(--before)}"
    ".l{stroke:var(--level);stroke-width:1.6}"
    ".l.n{stroke-width:.8}.x{stroke:var(--text);stroke-width:.8}</style></head><body>\n";

struct Bar {
  double value;
  const char* color;
};

// Horizontal bars, one row per layer, every row with the same number of bars; lines every `step`
// units (0: none).
class Chart {
 public:
  Chart(double largest, double step) : largest_(std::max(largest, 1e-9)), step_(step) {}

  void Add(const std::string& name, const std::vector<Bar>& bars, const std::string& label) {
    const int bar_height = kRow / static_cast<int>(bars.size() + 1);
    body_ += "<text x=\"" + std::to_string(kLeft - 6) + "\" y=\"" + std::to_string(y_ + 13) +
             "\" text-anchor=\"end\">" + Escape(Short(name)) + "<title>" + Escape(name) +
             "</title></text>";
    int y = y_ + 2;
    double longest = 0;
    for (const Bar& bar : bars) {
      const double width = std::max(0.0, bar.value) / largest_ * kWidth;
      longest = std::max(longest, width);
      body_ += "<rect x=\"" + std::to_string(kLeft) + "\" y=\"" + std::to_string(y) +
               "\" width=\"" + Fixed(width, 1) + "\" height=\"" + std::to_string(bar_height) +
               "\" fill=\"" + bar.color + "\"/>";
      y += bar_height;
    }
    body_ += "<text x=\"" + Fixed(kLeft + longest + 5, 1) + "\" y=\"" + std::to_string(y_ + 13) +
             "\">" + label + "</text>\n";
    y_ += kRow;
  }

  std::string Svg() const {
    return "<svg role=\"img\" width=\"" + std::to_string(kLeft + kWidth + 190) + "\" height=\"" +
           std::to_string(y_ + kRow) + "\">\n" + Lines() + body_ + "</svg>\n";
  }

 private:
  static constexpr int kLeft = 260, kWidth = 520, kRow = 20;

  static std::string Short(const std::string& name) {
    return name.size() <= 36 ? name : "..." + name.substr(name.size() - 33);
  }

  std::string Lines() const {
    std::string lines;
    const int count = step_ > 0 ? static_cast<int>(largest_ / step_) : 0;
    for (int i = 1; i <= count; ++i) {
      const double value = i * step_;
      const std::string x = Fixed(kLeft + value / largest_ * kWidth, 1);
      lines += "<line x1=\"" + x + "\" x2=\"" + x + "\" y1=\"0\" y2=\"" + std::to_string(y_) +
               "\" stroke=\"var(--grid)\"/><text x=\"" + x + "\" y=\"" + std::to_string(y_ + 13) +
               "\" text-anchor=\"middle\">" + Fixed(value, 0) + "</text>\n";
    }
    return lines;
  }

  double largest_, step_;
  int y_ = 0;
  std::string body_;
};

constexpr double kGridDb = 10;

std::string ErrorChart(const std::vector<evaluate::LayerReport>& layers) {
  double largest = 0;
  for (const evaluate::LayerReport& layer : layers) {
    for (const double db : {layer.isolated_sqnr_db, layer.cumulative_sqnr_db}) {
      if (!std::isnan(db)) largest = std::max(largest, db);
    }
  }
  Chart chart(largest, kGridDb);
  for (const evaluate::LayerReport& layer : layers) {
    if (std::isnan(layer.isolated_sqnr_db) && std::isnan(layer.cumulative_sqnr_db)) continue;
    const auto height = [](double db) { return std::isnan(db) ? 0 : db; };
    chart.Add(layer.name,
              {{height(layer.isolated_sqnr_db), "var(--a)"},
               {height(layer.cumulative_sqnr_db), "var(--b)"}},
              Fixed(layer.isolated_sqnr_db, 1) + " / " + Fixed(layer.cumulative_sqnr_db, 1));
  }
  return chart.Svg();
}

std::string BytesChart(const std::vector<evaluate::LayerReport>& layers) {
  uint64_t largest = 0;
  for (const evaluate::LayerReport& layer : layers) {
    largest = std::max({largest, layer.fp32_bytes, layer.bytes});
  }
  Chart chart(static_cast<double>(largest), 0);
  for (const evaluate::LayerReport& layer : layers) {
    if (layer.fp32_bytes == 0 && layer.bytes == 0) continue;
    chart.Add(layer.name,
              {{static_cast<double>(layer.fp32_bytes), "var(--c)"},
               {static_cast<double>(layer.bytes), "var(--d)"}},
              std::to_string(layer.fp32_bytes) + " &rarr; " + std::to_string(layer.bytes));
  }
  return chart.Svg();
}

std::string Table(const std::vector<evaluate::LayerReport>& layers) {
  std::string html =
      "<table><tr><th>layer</th><th class=t>operator</th><th>isolated dB</th><th>channel dB</th>"
      "<th>cumulative dB</th>"
      "<th>FP32 bytes</th><th>bytes</th><th class=t>scheme</th><th class=t>row</th>"
      "<th class=t>why float</th></tr>\n";
  const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
  const auto left = [](const std::string& text) { return "<td class=t>" + Escape(text) + "</td>"; };
  for (const evaluate::LayerReport& layer : layers) {
    html += "<tr>" + cell(Escape(layer.name)) + left(layer.op) +
            cell(Fixed(layer.isolated_sqnr_db, 1)) + cell(Fixed(layer.channel_sqnr_db, 1)) +
            cell(Fixed(layer.cumulative_sqnr_db, 1)) + cell(std::to_string(layer.fp32_bytes)) +
            cell(std::to_string(layer.bytes)) + left(layer.scheme) + left(layer.kernel_row) +
            left(layer.float_reason) + "</tr>\n";
  }
  return html + "</table>\n";
}

std::string WarningList(const Warnings& warnings) {
  if (warnings.empty()) return "";
  std::string html = "<div class=w><h2>Warnings</h2>\n<ul>\n";
  for (const std::string& line : warnings.lines()) html += "<li>" + Escape(line) + "</li>\n";
  return html + "</ul></div>\n";
}

std::string Summary(const ConvertReport& report) {
  const double ratio = static_cast<double>(report.fp32_bytes) /
                       static_cast<double>(std::max<uint64_t>(report.output_bytes, 1));
  std::string html = "<p>FP32 weights " + std::to_string(report.fp32_bytes) + " bytes, file " +
                     std::to_string(report.output_bytes) + " bytes: <b>ratio " + Fixed(ratio, 2) +
                     "</b>. " + std::to_string(report.operators) + " operators, " +
                     std::to_string(report.float_fallbacks) + " in float.";
  if (report.samples > 0) {
    html += " On " + std::to_string(report.samples) + " samples the output SQNR is " +
            Fixed(report.output_sqnr_db, 1) + " dB";
    if (!std::isnan(report.top1_agreement)) {
      html += ", the top-1 agreement with FP32 " + Fixed(100 * report.top1_agreement, 2) + " %";
    }
    if (!std::isnan(report.top1)) {
      html += "; their labels are met by FP32 for " + Fixed(100 * report.fp32_top1, 2) +
              " %, by the converted model for " + Fixed(100 * report.top1, 2) + " % (top-1)";
    }
    html += ".";
  }
  return html + "</p>\n" + WarningList(report.warnings);
}

}  // namespace

std::string ConvertHtml(const ConvertReport& report, const std::string& title) {
  const std::vector<evaluate::LayerReport> ranked = RankedByError(report.layers);
  std::string html = kHead + Escape(title) + kStyle + "<h1>" + Escape(title) + "</h1>\n";
  html += Summary(report);
  html += BudgetHtml(report) + ActivationsHtml(report);
  html +=
      "<h2>Error of each layer, worst first</h2>\n<p>SQNR in dB, longer is better:"
      "<span class=k style=\"background:var(--a)\"></span>isolated (exact inputs)"
      "<span class=k style=\"background:var(--b)\"></span>cumulative (as run)</p>\n";
  html += ErrorChart(ranked);
  html +=
      "<h2>Bytes of each layer, in order of execution</h2>\n<p>"
      "<span class=k style=\"background:var(--c)\"></span>FP32"
      "<span class=k style=\"background:var(--d)\"></span>written</p>\n";
  html += BytesChart(report.layers);
  html += WeightFigures(report);
  html += "<h2>All layers</h2>\n" + Table(ranked);
  return html + "</body></html>\n";
}

}  // namespace lutra::converter::report
