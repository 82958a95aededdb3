#include "converter/quantize/point.h"

#include <algorithm>
#include <cmath>

namespace lutra::converter::quantize {

bool IsPoint(const Node& node) { return node.op == kPointOp && node.domain.empty(); }

Point PointOf(const Node& node) {
  const auto integer = [&](std::string_view name, int64_t otherwise) {
    return static_cast<int32_t>(node.Int(name, otherwise));
  };
  return {.params = {node.Float("scale", 1.0F), integer("zero_point", 0)},
          .lo = integer("lo", -128),
          .hi = integer("hi", 127)};
}

Node MakePoint(const std::string& from, const std::string& to, const Point& point) {
  Node node;
  node.op = kPointOp;
  node.inputs = {from};
  node.outputs = {to};
  node.attributes["scale"] = point.params.scale;
  node.attributes["zero_point"] = int64_t{point.params.zero_point};
  if (!point.UsesAllIntegers()) {
    node.attributes["lo"] = int64_t{point.lo};
    node.attributes["hi"] = int64_t{point.hi};
  }
  return node;
}

Node MakeLearnedPoint(const std::string& from, const std::string& to, const Point& point,
                      const std::string& scale) {
  Node node = MakePoint(from, to, point);
  node.op = kLearnedPointOp;
  node.inputs.push_back(scale);
  return node;
}

float RoundTo(const Point& point, float x) {
  const auto [scale, zero_point] = point.params;
  const float low = static_cast<float>(point.lo - zero_point);
  const float high = static_cast<float>(point.hi - zero_point);
  return scale * std::clamp(std::nearbyint(x / scale), low, high);
}

bool LiesOn(const Point& point, const Tensor& constant) {
  constexpr float kTolerance = 1e-3F;  // of a step
  return std::ranges::all_of(constant.ToFloats(), [&](float x) {
    return std::fabs(x - RoundTo(point, x)) <= kTolerance * point.params.scale;
  });
}

}  // namespace lutra::converter::quantize
