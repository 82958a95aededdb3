// Sizes and positions are computed in float32, in the order in which ONNX Runtime and PyTorch do
// it: a scale like 0.6 or 1.7 is no float32, so x / scale lies a rounding away from a whole number
// or on it, and which pixel is nearest depends on that. Scales, sizes and axes are in ONNX's order
// whatever the layout.
#include "converter/graph/resize_axes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>

#include "converter/error.h"
#include "converter/graph/resize_mode.h"
#include "converter/graph/shape.h"

namespace lutra::converter {
namespace {

constexpr std::string_view kCoordinates[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
    "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                         kCeilToShrink};

struct Options {
  std::string coordinates, mode, nearest;
  double cubic_a;
  bool exclude_outside, antialias;
  bool crops() const { return coordinates == "tf_crop_and_resize"; }
};

Options OptionsOf(const Node& node) {
  return {node.String("coordinate_transformation_mode", "half_pixel"),
          node.String("mode", "nearest"),
          node.String("nearest_mode", "round_prefer_floor"),
          node.Float("cubic_coeff_a", -0.75f),
          node.Int("exclude_outside", 0) != 0,
          node.Int("antialias", 0) != 0};
}

/// One axis: its lengths, scale, and the region of interest (tf_crop_and_resize), as fractions.
struct AxisPlan {
  int64_t input = 1, output = 1;
  float scale = 1, start = 0, end = 1;
};

/// Where output position i lies on the input axis.
float Coordinate(const std::string& how, const AxisPlan& axis, int64_t i) {
  const auto x = static_cast<float>(i);
  const auto in = static_cast<float>(axis.input), out = static_cast<float>(axis.output);
  if (how == "asymmetric") return x / axis.scale;
  if (how == "align_corners") return axis.output == 1 ? 0 : x * (in - 1) / (out - 1);
  if (how == "pytorch_half_pixel" && axis.output == 1) return 0;
  if (how == "tf_half_pixel_for_nn") return (x + 0.5f) / axis.scale;
  if (how == "tf_crop_and_resize") {
    if (axis.output == 1) return 0.5f * (axis.start + axis.end) * (in - 1);
    return axis.start * (in - 1) + x * (axis.end - axis.start) * (in - 1) / (out - 1);
  }
  const float half_pixel = (x + 0.5f) / axis.scale - 0.5f;
  if (how != "half_pixel_symmetric") return half_pixel;
  // The true output length may be shorter than scale * input: keep the picture centred.
  return in / 2 * (1 - out / (axis.scale * in)) + half_pixel;
}

int64_t NearestIndex(const std::string& how, const AxisPlan& axis, float x) {
  const bool up = how == "ceil" || (how == kCeilToShrink && axis.scale < 1);
  float rounded = std::floor(x);
  if (up) rounded = std::ceil(x);
  if (how == "round_prefer_ceil") rounded = std::round(x);
  if (how == "round_prefer_floor") rounded = std::ceil(x - 0.5f);
  return static_cast<int64_t>(rounded);
}

/// Keys' cubic convolution kernel (1981) with its free parameter a.
double Cubic(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

ResizeTaps TapsAt(const Options& options, const AxisPlan& axis, int64_t i) {
  const float x = Coordinate(options.coordinates, axis, i);
  if (!(std::abs(x) <= static_cast<float>(kLargestAxis))) {
    throw Error("a position lies far outside the input");
  }
  const auto last = axis.input - 1;
  ResizeTaps taps;
  if (options.crops() && (x < 0 || x > static_cast<float>(last))) return taps;
  if (options.mode == "nearest") {
    return {{std::clamp<int64_t>(NearestIndex(options.nearest, axis, x), 0, last)}, {1}};
  }
  // A shrinking antialiased axis stretches the kernel over everything that it skips.
  const double stretch = options.antialias ? std::min<double>(axis.scale, 1.0) : 1;
  const double reach = options.mode == "cubic" ? 2 : 1;
  const double base = std::floor(x);
  const auto first = static_cast<int64_t>(std::floor(-reach / stretch)) + 1;
  std::vector<double> weights;
  double sum = 0;
  for (int64_t k = first; k < 2 - first; ++k) {
    const double distance = (static_cast<double>(k) - (x - base)) * stretch;
    double weight = options.mode == "cubic" ? Cubic(distance, options.cubic_a)
                                            : std::max(1 - std::abs(distance), 0.0);
    const int64_t index = static_cast<int64_t>(base) + k;
    if (options.exclude_outside && (index < 0 || index > last)) weight = 0;
    taps.index.push_back(std::clamp<int64_t>(index, 0, last));
    weights.push_back(weight);
    sum += weight;
  }
  const bool normalize = options.exclude_outside || options.antialias;
  for (const double weight : weights) {
    taps.weight.push_back(static_cast<float>(normalize ? weight / sum : weight));
  }
  return taps;
}

void CheckCount(size_t count, size_t expected, const char* what, size_t axes) {
  if (count == expected) return;
  throw Error(std::string("'") + what + "' does not fit " + std::to_string(axes) + " axes");
}

void PlanSizes(const Node& node, const std::vector<size_t>& axes, const Shape& lengths,
               std::vector<AxisPlan>& plans) {
  CheckCount(lengths.size(), axes.size(), "sizes", axes.size());
  const std::string policy = node.String("keep_aspect_ratio_policy", "stretch");
  std::optional<float> common;
  for (size_t i = 0; i < axes.size() && policy != "stretch"; ++i) {
    const float scale = static_cast<float>(lengths[i]) / static_cast<float>(plans[axes[i]].input);
    const bool better = common && (policy == "not_larger" ? scale > *common : scale < *common);
    if (!better) common = scale;
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisPlan& plan = plans[axes[i]];
    const auto input = static_cast<float>(plan.input);
    if (common && !(*common * input <= static_cast<float>(kLargestAxis))) {
      throw Error("a size is out of range");
    }
    plan.output = common ? static_cast<int64_t>(std::round(*common * input)) : lengths[i];
    plan.scale = common ? *common : static_cast<float>(lengths[i]) / input;
  }
}

void PlanScales(const std::vector<size_t>& axes, const std::vector<float>& scales,
                std::vector<AxisPlan>& plans) {
  CheckCount(scales.size(), axes.size(), "scales", axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisPlan& plan = plans[axes[i]];
    const float length = static_cast<float>(plan.input) * scales[i];
    if (!(scales[i] > 0 && length <= static_cast<float>(kLargestAxis))) {
      throw Error("a scale is out of range");
    }
    plan.scale = scales[i];
    plan.output = static_cast<int64_t>(length);
  }
}

bool IsGiven(const Tensor* tensor) { return tensor != nullptr && tensor->elements() > 0; }

}  // namespace

std::string WhyNotResize(const Node& node) {
  const auto check = [](const std::string& value, std::span<const std::string_view> known) {
    return std::find(known.begin(), known.end(), value) == known.end()
               ? "'" + value + "' is unknown"
               : std::string();
  };
  const Options options = OptionsOf(node);
  std::string why = check(options.coordinates, kCoordinates);
  if (why.empty()) why = check(options.mode, kModes);
  if (why.empty()) why = check(options.nearest, kNearest);
  return why;
}

std::vector<ResizeAxis> ResizeAxes(const Node& node, const Shape& dims, const Tensor* roi,
                                   const Tensor* scales, const Tensor* sizes) {
  const bool nhwc = node.layout == Layout::nhwc;
  std::vector<AxisPlan> plans(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) plans[d].input = plans[d].output = dims[d];
  if (nhwc) std::rotate(plans.begin() + 1, plans.end() - 1, plans.end());
  Shape all(dims.size());
  std::iota(all.begin(), all.end(), 0);
  const std::vector<size_t> axes = Axes(node.Ints("axes", all), dims.size());
  if (IsGiven(sizes)) {
    PlanSizes(node, axes, sizes->ToInts(), plans);
  } else if (IsGiven(scales)) {
    PlanScales(axes, scales->ToFloats(), plans);
  } else {
    throw Error("neither scales nor sizes are given");
  }
  const Options options = OptionsOf(node);
  if (IsGiven(roi) && options.crops()) {
    const std::vector<float> bounds = roi->ToFloats();
    CheckCount(bounds.size(), 2 * axes.size(), "roi", axes.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      plans[axes[i]].start = bounds[i];
      plans[axes[i]].end = bounds[axes.size() + i];
    }
  }
  if (nhwc) std::rotate(plans.begin() + 1, plans.begin() + 2, plans.end());
  Shape result;
  for (const AxisPlan& plan : plans) result.push_back(plan.output);
  CheckResult(result);
  std::vector<ResizeAxis> resized;
  for (const AxisPlan& plan : plans) {
    ResizeAxis& axis = resized.emplace_back();
    axis.input = plan.input;
    axis.changes = plan.input != plan.output || plan.scale != 1 || options.crops();
    for (int64_t i = 0; i < plan.output; ++i) {
      axis.taps.push_back(axis.changes ? TapsAt(options, plan, i) : ResizeTaps{{i}, {1}});
    }
  }
  return resized;
}

}  // namespace lutra::converter
