// Quantization points: nodes of the graph at which a value is rounded to a grid and clamped to its
// ends. The node is called "FakeQuantize" (ONNX has none of its own: it writes a QuantizeLinear and
// a DequantizeLinear) and computes with real numbers
//
//   y = scale * clamp(round_half_even(x / scale), lo - zero_point, hi - zero_point)
//
// so a graph with points is a float graph that says where, and how, an integer network rounds. The
// float executor runs it; passes know it as a function of one element, no more; and what becomes of
// it is decided where integers are chosen: part of the operator before it, or an operator of its
// own.
#pragma once

#include <string>

#include "converter/quantize/quantization.h"

namespace lutra::converter::quantize {

inline constexpr const char* kPointOp = "FakeQuantize";
/// The same with the scale as a second input, which training changes. Only a graph that is trained
/// has these: no pass knows them.
inline constexpr const char* kLearnedPointOp = "LearnedFakeQuantize";

/// The grid of a point; lo and hi in the numbers of int8.
struct Point {
  QuantParams params;
  int32_t lo = -128, hi = 127;
  bool operator==(const Point&) const = default;

  bool UsesAllIntegers() const { return lo == -128 && hi == 127; }
};

bool IsPoint(const Node& node);
/// Of a node that IsPoint.
Point PointOf(const Node& node);
Node MakePoint(const std::string& from, const std::string& to, const Point& point);
/// `scale` is the value that holds the scale, one element.
Node MakeLearnedPoint(const std::string& from, const std::string& to, const Point& point,
                      const std::string& scale);

/// What the point makes of a number.
float RoundTo(const Point& point, float x);
/// Whether every element of the constant lies on the grid already, up to float32's own rounding.
bool LiesOn(const Point& point, const Tensor& constant);

}  // namespace lutra::converter::quantize
