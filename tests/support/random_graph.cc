// The frame: an input, families in random order as long as what they make has a shape that is
// wanted, outputs.
#include "support/random_graph.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "converter/error.h"
#include "converter/passes/passes.h"
#include "support/random_graph_builder.h"

namespace lutra::test {

std::string RandomGraphBuilder::Constant(Tensor tensor) {
  const std::string name = "c" + std::to_string(names_++);
  graph_.initializers[name] = std::move(tensor);
  return name;
}

std::string RandomGraphBuilder::Floats(const Dims& dims, float low, float high) {
  std::vector<float> values(converter::ElementCount(dims));
  for (float& value : values) value = random_.Real(low, high);
  return Constant(Tensor::Of(dims, std::move(values)));
}

std::string RandomGraphBuilder::Ints(Dims values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant(Tensor::Of({count}, std::move(values)));
}

converter::Node& RandomGraphBuilder::Add(const std::string& op, std::vector<std::string> inputs,
                                         size_t outputs) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  for (size_t i = 0; i < outputs; ++i) node.outputs.push_back(Fresh());
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back();
}

std::string RandomGraphBuilder::PickOfRank(size_t least, size_t most) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    const std::string& value = Pick();
    const size_t rank = DimsOf(value).size();
    if (rank >= least && rank <= most) return value;
  }
  return "";
}

converter::Graph RandomGraphBuilder::Build() {
  Dims input = {1};
  const size_t rank = random_.OneIn(4) ? 2 + random_.Below(2) : 4;
  for (size_t d = 1; d < rank; ++d) {
    input.push_back(random_.Between(1, rank == 2 ? 100 : rank == 3 ? 24 : 13));
  }
  if (rank == 4 && random_.OneIn(2)) {
    switch (random_.Below(4)) {
      case 0:  // few channels and many pixels, more than 255 of them
        input = {1, random_.Between(1, 4), random_.Between(16, 36), random_.Between(16, 36)};
        break;
      case 1:  // channels that fill vectors
        input = {1, 16 * random_.Between(1, 3), random_.Between(7, 11), random_.Between(7, 11)};
        break;
      default:
        input[1] = random_.Between(14, 40);
        break;
    }
  }
  graph_.name = "random";
  graph_.inputs = {"x"};
  graph_.values["x"] = {DataType::float32, input};
  values_ = {"x"};
  using B = RandomGraphBuilder;
  using Family = void (B::*)();
  static const Family kFamilies[] = {
      &B::Convolution, &B::Convolution, &B::Convolution, &B::Pool,    &B::GlobalPool,
      &B::Resize,      &B::Blocks,      &B::Product,     &B::Product, &B::Winograd,
      &B::Winograd,    &B::LongProduct, &B::Unary,       &B::Unary,   &B::UnaryWithParameters,
      &B::Binary,      &B::BinaryOfTwo, &B::BinaryOfTwo, &B::Reduce,  &B::Softmax,
      &B::Transpose,   &B::Slice,       &B::Split,       &B::Pad,     &B::Concat,
      &B::Reshape,     &B::Gather,      &B::TopK};
  const size_t wanted = 1 + random_.Below(14);
  for (size_t attempt = 0; attempt < 40 && values_.size() <= wanted; ++attempt) {
    const size_t before = graph_.nodes.size();
    const Graph kept = graph_;
    (this->*kFamilies[random_.Below(std::size(kFamilies))])();
    bool fits = graph_.nodes.size() > before;
    try {
      converter::passes::InferShapes(graph_);
    } catch (const converter::Error&) {
      fits = false;
    }
    for (size_t i = before; i < graph_.nodes.size() && fits; ++i) {
      for (const std::string& output : graph_.nodes[i].outputs) {
        const converter::ValueInfo* info = graph_.Info(output);
        fits = fits && info != nullptr && info->dims && info->dims->size() >= 2 &&
               std::all_of(info->dims->begin(), info->dims->end(),
                           [](int64_t d) { return d > 0 && d <= kMostElements; }) &&
               (*info->dims)[0] == 1 &&
               converter::ElementCount(*info->dims) <= static_cast<size_t>(kMostElements);
      }
    }
    if (!fits) {
      graph_ = kept;
      continue;
    }
    const std::vector<std::string>& made = graph_.nodes.back().outputs;
    values_.insert(values_.end(), made.begin(), made.end());
  }
  if (graph_.nodes.empty()) Add("Relu", {"x"});
  for (const Node& node : graph_.nodes) {
    for (const std::string& output : node.outputs) {
      if (graph_.Consumers(output).empty()) graph_.outputs.push_back(output);
    }
  }
  converter::passes::InferShapes(graph_);
  return graph_;
}

converter::Graph RandomGraph(RandomNumbers& random) { return RandomGraphBuilder(random).Build(); }

}  // namespace lutra::test
