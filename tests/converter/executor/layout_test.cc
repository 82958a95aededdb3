// The same node in NCHW and, between two transposes, in NHWC gives the same numbers up to the order
// of float additions.
#include <doctest/doctest.h>

#include "converter/executor/strides.h"
#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {
namespace {

/// |difference| of two sums of `terms` products of numbers in [-1, 1], each sum rounded at every
/// step: at most 2 * terms * terms / 2 * 2^-24, far less in practice.
void CheckLayouts(Node node, const std::vector<Tensor>& inputs, double terms) {
  CAPTURE(node.op);
  const Tensor expected = ExecuteNode(node, inputs).at(0);
  node.layout = Layout::nhwc;
  std::vector<Tensor> nhwc = inputs;
  nhwc[0] = FromNchw(inputs[0]);
  const Tensor result = ToNchw(ExecuteNode(node, nhwc).at(0));
  REQUIRE(result.dims() == expected.dims());
  REQUIRE(result.type() == expected.type());
  const double tolerance = terms * terms * 0x1p-24;
  const Floats a = result.ToFloats(), b = expected.ToFloats();
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(a[i] - b[i]) <= tolerance);
  }
}

TEST_CASE("Conv") {
  struct Case {
    Int64s x, w;
    std::map<std::string, Attribute> attributes;
  };
  const Case cases[] = {
      {{2, 3, 9}, {5, 3, 3}, {{"pads", Int64s{2, 0}}, {"strides", Int64s{2}}}},
      {{2, 3, 7, 6}, {4, 3, 1, 1}, {}},
      {{1, 3, 9, 10}, {8, 3, 3, 2}, {{"pads", Int64s{1, 0, 2, 1}}, {"strides", Int64s{2, 3}}}},
      {{1, 6, 9, 9}, {6, 1, 3, 3}, {{"group", int64_t{6}}, {"dilations", Int64s{2, 3}}}},
      {{2, 4, 6, 6}, {8, 1, 3, 3}, {{"group", int64_t{4}}, {"pads", Int64s{1, 1, 1, 1}}}},
      {{1, 4, 6, 6}, {6, 2, 3, 3}, {{"group", int64_t{2}}}},
      {{1, 17, 5, 5}, {19, 17, 3, 3}, {{"auto_pad", std::string("SAME_LOWER")}}},
      {{1, 2, 4, 5, 6}, {3, 2, 2, 3, 2}, {{"pads", Int64s{0, 1, 1, 0, 0, 1}}}},
  };
  for (const Case& c : cases) {
    CAPTURE(DimsText(c.w));
    const auto terms = static_cast<double>(Count(std::span(c.w).subspan(1)));
    const Tensor x = Random(c.x, 11), w = Random(c.w, 12), bias = Random({c.w[0]}, 13);
    CheckLayouts(MakeNode("Conv", {"x", "w"}, {"y"}, c.attributes), {x, w}, terms);
    CheckLayouts(MakeNode("Conv", {"x", "w", "b"}, {"y"}, c.attributes), {x, w, bias}, terms + 1);
  }
}

TEST_CASE("ConvTranspose") {
  const Tensor x = Random({2, 4, 5, 6}, 21), w = Random({4, 3, 3, 2}, 22), bias = Random({3}, 23);
  CheckLayouts(MakeNode("ConvTranspose", {"x", "w", "b"}, {"y"}), {x, w, bias}, 25);
  CheckLayouts(MakeNode("ConvTranspose", {"x", "w"}, {"y"},
                        {{"strides", Int64s{2, 3}},
                         {"pads", Int64s{1, 0, 0, 1}},
                         {"output_padding", Int64s{1, 2}}}),
               {x, w}, 24);
  CheckLayouts(MakeNode("ConvTranspose", {"x", "w"}, {"y"},
                        {{"group", int64_t{2}}, {"dilations", Int64s{2, 1}}}),
               {x, w}, 24);
}

TEST_CASE("Pooling") {
  const Tensor x = Random({2, 5, 9, 8}, 31);
  const Attribute kernel = Int64s{3, 2};
  CheckLayouts(MakeNode("MaxPool", {"x"}, {"y"}, {{"kernel_shape", kernel}}), {x}, 0);
  CheckLayouts(
      MakeNode("MaxPool", {"x"}, {"y"}, {{"kernel_shape", kernel}, {"dilations", Int64s{2, 3}}}),
      {x}, 0);
  for (const int64_t include : {0, 1}) {
    for (const int64_t ceil : {0, 1}) {
      CheckLayouts(MakeNode("AveragePool", {"x"}, {"y"},
                            {{"kernel_shape", kernel},
                             {"strides", Int64s{2, 3}},
                             {"pads", Int64s{1, 0, 2, 1}},
                             {"count_include_pad", include},
                             {"ceil_mode", ceil}}),
                   {x}, 6);
    }
  }
  CheckLayouts(MakeNode("GlobalAveragePool", {"x"}, {"y"}), {x}, 72);
  CheckLayouts(MakeNode("GlobalMaxPool", {"x"}, {"y"}), {x}, 0);
  CheckLayouts(MakeNode("LpPool", {"x"}, {"y"}, {{"kernel_shape", kernel}}), {x}, 6);
}

TEST_CASE("Resize takes scales and sizes in ONNX's order") {
  const Tensor x = Random({1, 3, 4, 5}, 41), none;
  const Tensor scales = Tensor::Of({4}, Floats{1, 1, 2, 3});
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    const Node node = MakeNode("Resize", {"x"}, {"y"}, {{"mode", std::string(mode)}});
    CheckLayouts(node, {x, none, scales}, 0);
    CheckLayouts(node, {x, none, none, Ints({1, 3, 7, 2})}, 0);
  }
}

TEST_CASE("Normalization and depth") {
  const Tensor x = Random({2, 8, 4, 6}, 51), scale = Random({8}, 52), bias = Random({8}, 53);
  const Tensor mean = Random({8}, 54);
  Tensor variance = Random({8}, 55);
  for (float& v : variance.as<float>()) v = v * v + 0.5f;
  CheckLayouts(MakeNode("BatchNormalization", {}, {"y"}), {x, scale, bias, mean, variance}, 0);
  CheckLayouts(MakeNode("InstanceNormalization", {}, {"y"}), {x, scale, bias}, 0);
  CheckLayouts(MakeNode("LRN", {"x"}, {"y"}, {{"size", int64_t{3}}}), {x}, 0);
  for (const char* mode : {"DCR", "CRD"}) {
    CheckLayouts(MakeNode("DepthToSpace", {"x"}, {"y"},
                          {{"blocksize", int64_t{2}}, {"mode", std::string(mode)}}),
                 {x}, 0);
  }
  CheckLayouts(MakeNode("SpaceToDepth", {"x"}, {"y"}, {{"blocksize", int64_t{2}}}), {x}, 0);
}

}  // namespace
}  // namespace lutra::converter::executor
