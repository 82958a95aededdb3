// How a float network comes to the number formats of its layers: by calibration, by a budget's
// choice, by training, or by the last two.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "converter/budget/search.h"
#include "converter/convert.h"
#include "converter/lower/lower.h"
#include "converter/quantize/recipe.h"

namespace lutra::converter {

using BytePorts = std::map<std::string, lowering::PortBytes>;

/// What a certificate's value is, of a classifier; the other name is as long.
inline constexpr const char* kAgreementMetric = "top1_agreement";

/// The model file but for what runs of it find out (certificate and golden check), weights coded.
lowering::LoweredModel LowerNetwork(const ConvertOptions& options, const data::Dataset* data,
                                    const BytePorts& byte_ports, const Graph& graph,
                                    const quantize::Quantization& quantization);

class FloatQuantizer {
 public:
  /// Keeps references. `recipe`: which weights are not a budget's to choose. Into `report` go
  /// warnings, and what a budget chose.
  FloatQuantizer(const ConvertOptions& options, const data::Dataset* data,
                 const quantize::RecipeWeights& recipe, const BytePorts& byte_ports,
                 ConvertReport& report)
      : options_(options), data_(data), recipe_(recipe), byte_ports_(byte_ports), report_(report) {}

  /// `graph` is optimized; channels of its activations may come out balanced (quantize/balance.h).
  /// `fused` is the same before LayOutGraph, or empty unless options.quantize is given, and gets
  /// what the graph gets: the factors, or the weights that training leaves. Throws Error.
  quantize::Quantization Run(Graph& graph, Graph& fused, budget::Schemes schemes);

 private:
  /// Labels of the nodes that float is chosen for (quantize/coordinates.h).
  std::set<std::string> KeepCoordinates(const Graph& graph, budget::Schemes& schemes) const;
  /// Returns the labels of the nodes that it adds, whose schemes it adds too.
  std::vector<std::string> Balance(Graph& graph, Graph& fused, budget::Schemes& schemes);
  /// With more bits for activations, as many as options.min_sqnr takes.
  budget::Schemes Raised(const Graph& graph, const budget::Schemes& schemes);
  quantize::Quantization Calibrated(const Graph& graph, budget::Schemes schemes);
  quantize::Quantization Trained(Graph& graph, Graph& fused, budget::Schemes schemes);
  quantize::Quantization Budgeted(const Graph& graph, budget::Schemes schemes);
  budget::Limits TrainedLimits() const;
  budget::Search MakeSearch(const Graph& graph, budget::Schemes schemes, budget::Limits limits);
  uint64_t SizeOf(const Graph& graph, const quantize::Quantization& quantization) const;

  const ConvertOptions& options_;
  const data::Dataset* data_;
  const quantize::RecipeWeights& recipe_;
  const BytePorts& byte_ports_;
  ConvertReport& report_;
};

}  // namespace lutra::converter
