// Resize as ONNX 18 defines it. It is separable: every axis has, per output position, a few input
// positions and their weights (nearest: one; linear: two; cubic: four; antialiased: more), and the
// axes are resized one after the other. Scales, sizes and axes are in ONNX's order whatever the
// layout.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "converter/executor/operator.h"
#include "converter/executor/spatial.h"

namespace lutra::converter {
namespace {

constexpr std::string_view kCoordinates[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
    "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                         "ceil"};

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

/// One axis: its lengths, scale, and the region of interest (tf_crop_and_resize), as fractions.
struct AxisPlan {
  int64_t input = 1, output = 1;
  double scale = 1, start = 0, end = 1;
  /// ONNX's length_resized in the coordinate formulas: scale * input, not rounded down. (Its
  /// reference and test cases do so; some runtimes take the rounded length.)
  double stretched = 1;
};

/// Where output position i lies on the input axis.
double Coordinate(const std::string& how, const AxisPlan& axis, int64_t i) {
  const auto x = static_cast<double>(i);
  const auto in = static_cast<double>(axis.input), out = axis.stretched;
  if (how == "asymmetric") return x / axis.scale;
  if (how == "align_corners") return axis.output == 1 ? 0 : x * (in - 1) / (out - 1);
  if (how == "pytorch_half_pixel" && axis.output == 1) return 0;
  if (how == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (how == "tf_crop_and_resize") {
    if (axis.output == 1) return 0.5 * (axis.start + axis.end) * (in - 1);
    return axis.start * (in - 1) + x * (axis.end - axis.start) * (in - 1) / (out - 1);
  }
  const double half_pixel = (x + 0.5) / axis.scale - 0.5;
  if (how != "half_pixel_symmetric") return half_pixel;
  // The true output length may be shorter than scale * input: keep the picture centred.
  return in / 2 * (1 - static_cast<double>(axis.output) / out) + half_pixel;
}

int64_t NearestIndex(const std::string& how, double x) {
  double rounded = std::ceil(x - 0.5);  // round_prefer_floor
  if (how == "round_prefer_ceil") rounded = std::floor(x + 0.5);
  if (how == "floor") rounded = std::floor(x);
  if (how == "ceil") rounded = std::ceil(x);
  return static_cast<int64_t>(rounded);
}

/// Keys' cubic convolution kernel (1981) with its free parameter a.
double Cubic(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/// The input positions of one output position; none: the extrapolation value.
struct Taps {
  Shape index;
  std::vector<float> weight;
};

Taps TapsAt(const Options& options, const AxisPlan& axis, int64_t i) {
  const double x = Coordinate(options.coordinates, axis, i);
  if (!(std::abs(x) <= static_cast<double>(kLargestAxis))) {
    throw Error("a position lies far outside the input");
  }
  const auto last = axis.input - 1;
  Taps taps;
  if (options.crops() && (x < 0 || x > static_cast<double>(last))) return taps;
  if (options.mode == "nearest") {
    return {{std::clamp<int64_t>(NearestIndex(options.nearest, x), 0, last)}, {1}};
  }
  // A shrinking antialiased axis stretches the kernel over everything that it skips.
  const double stretch = options.antialias ? std::min(axis.scale, 1.0) : 1;
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

Tensor ResizeAxis(const Tensor& x, size_t axis, const std::vector<Taps>& taps) {
  Shape dims = x.dims();
  const int64_t length = dims[axis];
  dims[axis] = static_cast<int64_t>(taps.size());
  Tensor y(DataType::float32, dims);
  const int64_t inner = Count(std::span(dims).subspan(axis + 1));
  const int64_t outer = Count(std::span(dims).first(axis));
  const float* from = x.as<float>().data();
  float* to = y.as<float>().data();
  for (int64_t o = 0; o < outer; ++o) {
    for (const Taps& position : taps) {
      for (size_t k = 0; k < position.index.size(); ++k) {
        const float weight = position.weight[k];
        const float* line = from + (o * length + position.index[k]) * inner;
        for (int64_t i = 0; i < inner; ++i) to[i] += weight * line[i];
      }
      to += inner;
    }
  }
  return y;
}

/// Scales and lengths per axis, as the tensor lies, from inputs roi, scales, sizes and their
/// attributes.
std::vector<AxisPlan> PlanAxes(const Call& call) {
  const Tensor& x = call.Input(0);
  if (x.elements() == 0) throw Error("the input is empty");
  const bool nhwc = call.node.layout == Layout::nhwc;
  const Shape dims = nhwc ? ActivationOf(x, Layout::nhwc).dims : x.dims();
  std::vector<AxisPlan> plans(x.rank());
  for (size_t i = 0; i < x.rank(); ++i) plans[i].input = plans[i].output = dims[i];
  Shape all(x.rank());
  std::iota(all.begin(), all.end(), 0);
  const std::vector<size_t> axes = Axes(call.node.Ints("axes", all), x.rank());
  const auto check = [&](size_t count, size_t per_axis, const char* what) {
    if (count != per_axis * axes.size()) {
      throw Error(std::string("'") + what + "' does not fit " + std::to_string(axes.size()) +
                  " axes");
    }
  };
  const Tensor* scales = call.Optional(2);
  const Tensor* sizes = call.Optional(3);
  if (sizes != nullptr && sizes->elements() > 0) {
    const Shape lengths = sizes->ToInts();
    check(lengths.size(), 1, "sizes");
    const std::string policy = call.node.String("keep_aspect_ratio_policy", "stretch");
    std::optional<double> common;
    for (size_t i = 0; i < axes.size() && policy != "stretch"; ++i) {
      const double scale =
          static_cast<double>(lengths[i]) / static_cast<double>(plans[axes[i]].input);
      const bool better = common && (policy == "not_larger" ? scale > *common : scale < *common);
      if (!better) common = scale;
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      AxisPlan& plan = plans[axes[i]];
      const auto input = static_cast<double>(plan.input);
      if (common && !(*common * input <= static_cast<double>(kLargestAxis))) {
        throw Error("a size is out of range");
      }
      plan.output = common ? static_cast<int64_t>(std::floor(*common * input + 0.5)) : lengths[i];
      plan.scale = common ? *common : static_cast<double>(lengths[i]) / input;
    }
  } else if (scales != nullptr && scales->elements() > 0) {
    const std::vector<float> factors = scales->ToFloats();
    check(factors.size(), 1, "scales");
    for (size_t i = 0; i < axes.size(); ++i) {
      AxisPlan& plan = plans[axes[i]];
      const double length = static_cast<double>(plan.input) * factors[i];
      if (!(factors[i] > 0 && length <= static_cast<double>(kLargestAxis))) {
        throw Error("a scale is out of range");
      }
      plan.scale = factors[i];
      plan.output = static_cast<int64_t>(std::floor(length));
    }
  } else {
    throw Error("neither scales nor sizes are given");
  }
  for (AxisPlan& plan : plans) plan.stretched = static_cast<double>(plan.input) * plan.scale;
  const Tensor* roi = call.Optional(1);
  if (roi != nullptr && roi->elements() > 0 && OptionsOf(call.node).crops()) {
    const std::vector<float> bounds = roi->ToFloats();
    check(bounds.size(), 2, "roi");
    for (size_t i = 0; i < axes.size(); ++i) {
      plans[axes[i]].start = bounds[i];
      plans[axes[i]].end = bounds[axes.size() + i];
    }
  }
  if (nhwc) std::rotate(plans.begin() + 1, plans.begin() + 2, plans.end());
  return plans;
}

Results Resize(const Call& call) {
  const Tensor& x = call.Input(0);
  const Options options = OptionsOf(call.node);
  const std::vector<AxisPlan> plans = PlanAxes(call);
  std::vector<std::vector<Taps>> taps(x.rank());
  Shape dims;
  for (const AxisPlan& plan : plans) dims.push_back(plan.output);
  CheckResult(dims);
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    for (int64_t i = 0; i < plans[axis].output; ++i) {
      taps[axis].push_back(TapsAt(options, plans[axis], i));
    }
  }
  // Where any axis lies outside the crop, the whole element is the extrapolation value.
  std::vector<Shape> maps(x.rank());
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    for (size_t i = 0; i < taps[axis].size(); ++i) {
      const bool outside = taps[axis][i].index.empty();
      const bool nearest = options.mode == "nearest" && !outside;
      maps[axis].push_back(outside ? -1
                                   : (nearest ? taps[axis][i].index[0] : static_cast<int64_t>(i)));
    }
  }
  const Tensor fill =
      Tensor::Of({}, std::vector<float>{call.node.Float("extrapolation_value", 0)}).Cast(x.type());
  if (options.mode == "nearest") return {SelectAxes(x, maps, &fill)};
  Tensor y = x.Cast(DataType::float32);
  for (size_t axis = 0; axis < x.rank(); ++axis) {
    const AxisPlan& plan = plans[axis];
    const bool same = plan.input == plan.output && plan.scale == 1 && !options.crops();
    if (!same) y = ResizeAxis(y, axis, taps[axis]);
  }
  y = y.Cast(x.type());
  return {options.crops() ? SelectAxes(y, maps, &fill) : std::move(y)};
}

constexpr Operator kResizeOperators[] = {{"Resize", Resize, Precision::any, WhyNotResize}};

}  // namespace

OperatorRows ResizeOperators() { return kResizeOperators; }

}  // namespace lutra::converter
