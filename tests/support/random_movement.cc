// Operators that only move elements.
#include <algorithm>
#include <iterator>
#include <utility>

#include "support/random_graph_builder.h"

namespace lutra::test {

void RandomGraphBuilder::Transpose() {
  const std::string x = Pick();
  Dims perm;
  for (size_t d = 0; d < DimsOf(x).size(); ++d) perm.push_back(static_cast<int64_t>(d));
  for (size_t d = perm.size() - 1; d > 1; --d) std::swap(perm[d], perm[1 + random_.Below(d)]);
  Add("Transpose", {x}).attributes["perm"] = perm;
}

void RandomGraphBuilder::Slice() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  Dims starts, ends, axes, steps;
  for (size_t axis = 1; axis < dims.size(); ++axis) {
    if (random_.OneIn(2)) continue;
    const int64_t size = dims[axis];
    const int64_t begin = random_.Between(0, size - 1), end = random_.Between(begin + 1, size);
    const int64_t step = random_.OneIn(3) ? random_.Between(1, 3) : 1;
    const bool backwards = random_.OneIn(4);
    axes.push_back(static_cast<int64_t>(axis));
    starts.push_back(backwards ? end - 1 : begin);
    ends.push_back(backwards ? begin - 1 - size : end);
    steps.push_back(backwards ? -step : step);
  }
  if (axes.empty()) return;
  const std::string s = Ints(starts), e = Ints(ends), a = Ints(axes), t = Ints(steps);
  Add("Slice", {x, s, e, a, t});
}

void RandomGraphBuilder::Split() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  const size_t axis = 1 + random_.Below(dims.size() - 1);
  if (dims[axis] < 2) return;
  const int64_t first = random_.Between(1, dims[axis] - 1);
  Add("Split", {x, Ints({first, dims[axis] - first})}, 2).attributes["axis"] =
      static_cast<int64_t>(axis);
}

void RandomGraphBuilder::Pad() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  static const char* const kModes[] = {"constant", "reflect", "edge"};
  const std::string mode = kModes[random_.Below(std::size(kModes))];
  Dims pads(2 * dims.size());
  for (size_t d = 1; d < dims.size(); ++d) {
    for (const size_t side : {d, dims.size() + d}) {
      if (random_.OneIn(2)) continue;
      pads[side] = random_.Between(0, mode == "reflect" ? std::min<int64_t>(3, dims[d] - 1) : 3);
      if (mode == "constant" && random_.OneIn(5) && dims[d] > 2) pads[side] = -1;
    }
  }
  std::vector<std::string> inputs = {x, Ints(pads)};
  if (mode == "constant" && random_.OneIn(2)) inputs.push_back(Floats({}, -1, 1));
  Add("Pad", inputs).attributes["mode"] = mode;
}

void RandomGraphBuilder::Concat() {
  const std::string first = Pick();
  const Dims dims = DimsOf(first);
  const size_t axis = random_.OneIn(2) ? 1 : 1 + random_.Below(dims.size() - 1);
  std::vector<std::string> parts = {first};
  for (int attempt = 0; attempt < 12 && parts.size() < 4; ++attempt) {
    const std::string& next = Pick();
    Dims other = DimsOf(next);
    if (other.size() != dims.size()) continue;
    other[axis] = dims[axis];
    if (other == dims) parts.push_back(next);
  }
  Add("Concat", parts).attributes["axis"] = static_cast<int64_t>(axis);
}

void RandomGraphBuilder::Reshape() {
  const std::string x = Pick();
  const Dims dims = DimsOf(x);
  const auto elements = static_cast<int64_t>(converter::ElementCount(dims));
  switch (random_.Below(4)) {
    case 0:
      Add("Flatten", {x});
      break;
    case 1:
      if (dims.size() < 5) Add("Unsqueeze", {x, Ints({random_.Between(1, 2)})});
      break;
    case 2:
      for (size_t axis = 1; axis < dims.size() && dims.size() > 2; ++axis) {
        if (dims[axis] != 1) continue;
        Add("Squeeze", {x, Ints({static_cast<int64_t>(axis)})});
        break;
      }
      break;
    default: {
      // Two or three factors of what there is.
      Dims target = {1};
      int64_t rest = elements;
      for (size_t factors = 1 + random_.Below(2); factors > 0; --factors) {
        int64_t factor = random_.Between(1, std::min<int64_t>(rest, 12));
        while (rest % factor != 0) --factor;
        target.push_back(factor);
        rest /= factor;
      }
      target.push_back(random_.OneIn(2) ? -1 : rest);
      Add("Reshape", {x, Ints(target)});
      break;
    }
  }
}

void RandomGraphBuilder::Gather() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  const size_t axis = 1 + random_.Below(dims.size() - 1);
  // Evenly spaced, which is a slice.
  const int64_t step = random_.Between(1, 2), first = random_.Between(0, dims[axis] - 1);
  Dims indices;
  for (int64_t i = first; i < dims[axis]; i += step) indices.push_back(i);
  Add("Gather", {x, Ints(indices)}).attributes["axis"] = static_cast<int64_t>(axis);
}

/// The largest or smallest elements beside their places.
void RandomGraphBuilder::TopK() {
  const std::string x = Pick();
  const Dims dims = DimsOf(x);
  const auto axis = static_cast<int64_t>(1 + random_.Below(dims.size() - 1));
  const int64_t k = random_.Between(1, dims[static_cast<size_t>(axis)]);
  Node& top = Add("TopK", {x, Ints({k})}, 2);
  top.attributes["axis"] = axis;
  top.attributes["largest"] = static_cast<int64_t>(random_.OneIn(2));
  const std::vector<std::string> made = top.outputs;
  Node& real = Add("Cast", {made[1]});
  real.attributes["to"] = static_cast<int64_t>(DataType::float32);
  const std::string places = real.outputs[0];
  Add("Concat", {made[0], places}).attributes["axis"] = axis;
}

}  // namespace lutra::test
