#include "support/random_schemes.h"

namespace lutra::test {
namespace {

using converter::Graph;
using converter::Node;
using converter::quantize::ActivationType;
using converter::quantize::LayerScheme;

LayerScheme RandomScheme(RandomNumbers& random, ActivationType activations) {
  LayerScheme scheme;
  scheme.activations = activations;
  switch (random.Below(4)) {
    case 0:
      scheme.bits = 8;
      break;
    case 1:
      scheme.bits = static_cast<int>(random.Between(2, 7));
      if (scheme.bits == 4 && random.OneIn(2)) {
        scheme.granularity = Granularity::group;
        scheme.group = uint64_t{32} << random.Below(3);
        return scheme;
      }
      break;
    case 2:
      scheme.kind = WeightKind::codebook;
      scheme.bits = static_cast<int>(random.Between(1, 8));
      if (random.OneIn(3)) scheme.codebook_channels = 16;
      break;
    default:
      scheme.bits = static_cast<int>(random.Between(2, 8));
      scheme.asymmetric = true;
      break;
  }
  if (activations == ActivationType::float_ && random.OneIn(2)) {
    scheme = LayerScheme{};
    scheme.activations = activations;
    scheme.kind = random.OneIn(2) ? WeightKind::fp16 : WeightKind::fp32;
  }
  if (scheme.kind == WeightKind::linear && random.OneIn(4)) {
    scheme.granularity = Granularity::tensor;
  }
  return scheme;
}

}  // namespace

std::map<std::string, LayerScheme> RandomSchemes(const Graph& graph, RandomNumbers& random) {
  static const ActivationType kTypes[] = {ActivationType::integer, ActivationType::dynamic,
                                          ActivationType::float_, ActivationType::wide};
  // Half of the networks are integer throughout, as most are; others dynamic, float32 without any
  // rounding of weights, of 16 bits, or all of that mixed.
  const size_t kind = random.Below(9);
  LayerScheme plain;
  plain.activations = ActivationType::float_;
  plain.kind = WeightKind::fp32;
  std::map<std::string, LayerScheme> schemes;
  for (const Node& node : graph.nodes) {
    const size_t type = kind < 4 ? 0 : kind == 4 ? 1 : kind == 8 ? 3 : random.Below(4);
    schemes[node.Label()] = kind == 5 ? plain : RandomScheme(random, kTypes[type]);
  }
  return schemes;
}

}  // namespace lutra::test
