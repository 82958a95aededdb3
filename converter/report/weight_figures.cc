#include "converter/report/weight_figures.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#include "converter/report/html_text.h"

namespace lutra::converter::report {
namespace {

// A figure takes up to 10 KB.
constexpr size_t kMostFigures = 64;
// So many stand open on the page; a click shows the others.
constexpr size_t kOpenFigures = 12;

// Of one figure, in the units of its SVG.
constexpr double kWidth = 440, kHeight = 150, kLeft = 8, kBase = 118, kPeak = 108;

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string Thousands(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, "&#8239;");
  return text;
}

std::string Percent(uint64_t part, uint64_t whole) {
  return Fixed(whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole), 1);
}

class Figure {
 public:
  explicit Figure(const WeightHistogram& weights) : weights_(weights) {}

  std::string Svg(const std::string& title) const {
    return "<svg role=\"img\" viewBox=\"0 0 " + Fixed(kWidth, 0) + " " + Fixed(kHeight, 0) +
           "\"><title>" + title + "</title><desc>" + Description() + "</desc>\n" + Area() +
           Stems() + Axis() + "</svg>";
  }

 private:
  double X(double value) const {
    return kLeft + (value - weights_.low) / (weights_.high - weights_.low) * (kWidth - 2 * kLeft);
  }

  std::string Area() const {
    const auto& bins = weights_.before;
    const auto most = static_cast<double>(std::max<uint64_t>(1, *std::ranges::max_element(bins)));
    const double step = (kWidth - 2 * kLeft) / static_cast<double>(bins.size());
    std::string path = "M" + Fixed(kLeft, 0) + " " + Fixed(kBase, 0);
    for (const uint64_t count : bins) {
      path +=
          "V" + Fixed(kBase - static_cast<double>(count) / most * kPeak, 1) + "h" + Fixed(step, 3);
    }
    return "<path class=b d=\"" + path + "V" + Fixed(kBase, 0) + "Z\"/>\n";
  }

  /// A stem for each value that weights have, as high as it is frequent; zeros, which may be nearly
  /// all, end at the top.
  std::string Stems() const {
    uint64_t most = 1;
    for (const auto& level : weights_.levels) {
      if (level.value != 0) most = std::max(most, level.count);
    }
    std::string stems;
    for (const auto& level : weights_.levels) {
      if (level.count == 0) continue;
      const double share =
          std::min(1.0, static_cast<double>(level.count) / static_cast<double>(most));
      stems += "M" + Fixed(X(level.value), 1) + " " + Fixed(kBase, 0) + "v-" +
               Fixed(std::max(1.0, share * kPeak), 1);
    }
    return "<path class=\"l" + Narrow() + "\" d=\"" + stems + "\"/>\n";
  }

  std::string Axis() const {
    std::string marks;
    for (const auto& level : weights_.levels) {
      marks += "M" + Fixed(X(level.value), 1) + " " + Fixed(kBase + 2, 0) + "v8";
    }
    const auto label = [&](double value, const char* anchor) {
      return "<text x=\"" + Fixed(X(value), 1) + "\" y=\"" + Fixed(kBase + 25, 0) +
             "\" text-anchor=\"" + anchor + "\">" + Number(value) + "</text>";
    };
    std::string svg = "<path class=\"l" + Narrow() + "\" d=\"" + marks + "\"/><path class=x d=\"M" +
                      Fixed(kLeft, 0) + " " + Fixed(kBase + 0.5, 1) + "H" +
                      Fixed(kWidth - kLeft, 0) + "\"/>" + label(weights_.low, "start") +
                      label(weights_.high, "end");
    const double room = kWidth / 8;
    if (X(0) > X(weights_.low) + room && X(0) < X(weights_.high) - room) svg += label(0, "middle");
    return svg;
  }

  std::string Narrow() const { return weights_.levels.size() > 64 ? " n" : ""; }

  /// For who cannot see it.
  std::string Description() const {
    constexpr size_t kNamed = 32;
    std::string text = "Weights from " + Number(weights_.low) + " to " + Number(weights_.high) +
                       "; " + std::to_string(weights_.levels.size()) + " values";
    if (weights_.levels.size() > kNamed) return text + ".";
    const char* separator = ": ";
    for (const auto& level : weights_.levels) {
      text +=
          separator + Number(level.value) + " (" + Percent(level.count, weights_.weights) + " %)";
      separator = ", ";
    }
    return text + ".";
  }

  const WeightHistogram& weights_;
};

std::string FigureOf(const evaluate::LayerReport& layer, const WeightHistogram& weights) {
  const std::string name = Escape(layer.name) + ", " + Escape(layer.scheme);
  const auto used = std::ranges::count_if(
      weights.levels, [](const WeightHistogram::Level& level) { return level.count > 0; });
  std::string caption = "<b>" + Escape(layer.name) + "</b> " + Escape(layer.scheme) + ": " +
                        Thousands(weights.weights) + " weights, " + std::to_string(used) +
                        " values";
  if (weights.in_steps) caption += ", in steps of each channel&rsquo;s scale";
  const std::string before = Percent(weights.zeros_before, weights.weights);
  const std::string after = Percent(weights.zeros(), weights.weights);
  caption += "; zeros " + (before == after ? after : before + " &rarr; " + after) + " %";
  return "<figure>" + Figure(weights).Svg(name) + "<figcaption>" + caption +
         "</figcaption></figure>\n";
}

}  // namespace

std::string WeightFigures(const ConvertReport& report) {
  std::vector<std::pair<const evaluate::LayerReport*, const WeightHistogram*>> layers;
  for (const evaluate::LayerReport& layer : report.layers) {
    const auto found = report.weight_histograms.find(layer.name);
    // What prepares a layer's input goes by its name too, and has no weights.
    if (found == report.weight_histograms.end() || layer.fp32_bytes == 0) continue;
    layers.emplace_back(&layer, &found->second);
  }
  if (layers.empty()) return "";
  const size_t all = layers.size();
  if (all > kMostFigures) {
    std::vector<uint64_t> sizes;
    for (const auto& [layer, weights] : layers) sizes.push_back(weights->weights);
    std::ranges::nth_element(sizes, sizes.begin() + (kMostFigures - 1), std::greater());
    const uint64_t least = sizes[kMostFigures - 1];
    std::erase_if(layers, [&](const auto& layer) { return layer.second->weights < least; });
    layers.resize(std::min(layers.size(), kMostFigures));
  }
  std::string html =
      "<h2>Distribution of each layer's weights</h2>\n<p>"
      "<span class=k style=\"background:var(--before)\"></span>FP32 as given"
      "<span class=k style=\"background:var(--level)\"></span>as executed: a mark for each value "
      "that weights may have, a stem as high as it is frequent (zeros end at the top). The area "
      "leaves out zeros and is as high as the figure.</p>\n";
  if (all > layers.size()) {
    html += "<p>The " + std::to_string(layers.size()) + " largest of " + std::to_string(all) +
            " layers.</p>\n";
  }
  html += "<div class=f>\n";
  for (size_t i = 0; i < layers.size(); ++i) {
    if (i == kOpenFigures) {
      html += "</div>\n<details><summary>" + std::to_string(layers.size() - i) +
              " more layers</summary>\n<div class=f>\n";
    }
    html += FigureOf(*layers[i].first, *layers[i].second);
  }
  return html + (layers.size() > kOpenFigures ? "</div></details>\n" : "</div>\n");
}

}  // namespace lutra::converter::report
