#include "converter/float_quantizer.h"

#include <algorithm>
#include <optional>

#include "converter/budget/activations.h"
#include "converter/coding/encode_model.h"
#include "converter/error.h"
#include "converter/passes/passes.h"
#include "converter/quantize/balance.h"
#include "converter/quantize/coordinates.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/quantize.h"
#include "converter/train/reconstruct.h"
#include "lutra/lutra.h"

namespace lutra::converter {
namespace {

// The share of a size that is left for what training makes of the weights: a codec's streams may
// become longer.
constexpr double kSpared = 0.03;

// The file as large as it will be: what its checks find out has its place.
std::vector<uint8_t> MakeDraft(lowering::LoweredModel lowered) {
  schema::ModelT& model = lowered.writer.model;
  model.certificate = std::make_unique<schema::CertificateT>();
  model.certificate->metric = kAgreementMetric;
  model.certificate->value = 1;  // numbers that are 0 take no place
  model.certificate->samples = 1;
  model.certificate->data_hash = 1;
  model.certificate->layer_sqnr_db.resize(lowered.operators.size());
  model.golden = std::make_unique<schema::GoldenCheckT>();
  model.golden->seed = 1;
  model.golden->output_crc.resize(model.outputs.size());
  return lowered.writer.Finish();
}

}  // namespace

lowering::LoweredModel LowerNetwork(const ConvertOptions& options, const data::Dataset* data,
                                    const BytePorts& byte_ports, const Graph& graph,
                                    const quantize::Quantization& quantization) {
  lowering::LowerOptions lower;
  lower.input_type = options.input_type;
  lower.byte_ports = byte_ports;
  lower.producer = "lutra " + std::string(lutra_version());
  if (data != nullptr) lower.normalization = data->normalization();
  try {
    lowering::LoweredModel lowered = lowering::Lower(graph, quantization, lower);
    lowered.writer.model.fp32_bytes = graph.fp32_bytes;
    encoding::EncodeModel(&lowered.writer, options.codec);
    return lowered;
  } catch (const Error& error) {
    throw Error(options.model_path + ": " + error.what());
  }
}

quantize::Quantization FloatQuantizer::Run(Graph& graph, Graph& fused, budget::Schemes schemes) {
  const std::set<std::string> coordinates = KeepCoordinates(graph, schemes);
  std::vector<std::string> added;
  if (!options_.quantize) added = Balance(graph, fused, schemes);
  if (options_.min_sqnr) schemes = Raised(graph, schemes);
  quantize::Quantization quantization = options_.quantize
                                            ? Trained(graph, fused, std::move(schemes))
                                        : options_.budget ? Budgeted(graph, std::move(schemes))
                                                          : Calibrated(graph, std::move(schemes));
  for (const std::string& label : coordinates) {
    quantization.float_reason[label] =
        "coordinates behind the last product, in which 8 bits would show (--strict has them in "
        "integers)";
  }
  // Recipes speak of the network's own layers.
  for (const std::string& label : added) quantization.schemes.erase(label);
  return quantization;
}

std::set<std::string> FloatQuantizer::KeepCoordinates(const Graph& graph,
                                                      budget::Schemes& schemes) const {
  std::set<std::string> kept;
  if (options_.strict) return kept;
  for (const std::string& label : quantize::FindCoordinates(graph)) {
    quantize::LayerScheme& scheme = schemes.at(label);
    if (scheme.activations != quantize::ActivationType::integer) continue;
    scheme.activations = quantize::ActivationType::float_;
    kept.insert(label);
  }
  return kept;
}

budget::Schemes FloatQuantizer::Raised(const Graph& graph, const budget::Schemes& schemes) {
  const auto build = [this, &graph](const quantize::Quantization& quantization) {
    return MakeDraft(LowerNetwork(options_, data_, byte_ports_, graph, quantization));
  };
  budget::Raised raised = budget::RaiseActivations(graph, schemes, *options_.min_sqnr, *data_,
                                                   build, options_.progress, report_.warnings);
  report_.activations = std::move(raised.report);
  return std::move(raised.schemes);
}

quantize::Quantization FloatQuantizer::Calibrated(const Graph& graph, budget::Schemes schemes) {
  quantize::Quantization quantization = quantize::QuantizeGraph(
      graph, std::move(schemes), data_, options_.progress, report_.warnings, !byte_ports_.empty());
  if (options_.effort == Effort::high) {
    if (data_ == nullptr) throw Error("--effort high learns from calibration data: give --data");
    train::Reconstruct(graph, *data_, {}, options_.progress, quantization, report_.warnings);
  }
  return quantization;
}

std::vector<std::string> FloatQuantizer::Balance(Graph& graph, Graph& fused,
                                                 budget::Schemes& schemes) {
  std::vector<std::string> added;
  if (data_ == nullptr) return added;
  const quantize::ChannelFactors factors =
      quantize::ChooseFactors(graph, schemes, *data_, options_.progress);
  for (const auto& [value, balanced] : quantize::ApplyFactors(factors, graph)) {
    schemes[balanced] = schemes.at(value);
    added.push_back(balanced);
  }
  if (!fused.nodes.empty()) quantize::ApplyFactors(factors, fused);
  return added;
}

quantize::Quantization FloatQuantizer::Trained(Graph& graph, Graph& fused,
                                               budget::Schemes schemes) {
  BudgetChoices choices;
  std::optional<budget::Search> search;
  std::map<std::string, double> sparsity_costs;  // by label
  const auto describe = [&] {
    report_.budget = search->Describe();
    for (budget::LayerChoice& layer : report_.budget->layers) {
      const auto cost = sparsity_costs.find(layer.label);
      if (cost != sparsity_costs.end()) layer.sparsity_cost = cost->second;
    }
  };
  if (options_.budget) {
    choices.schemes = [&](const Graph& pruned, budget::Schemes given) {
      budget::Limits limits = TrainedLimits();
      limits.at_least_one = true;
      search.emplace(MakeSearch(pruned, std::move(given), std::move(limits)));
      budget::Schemes chosen = search->Run();
      describe();
      return chosen;
    };
  }
  // Only with a codec the size depends on more than the schemes, and zeros are shorter.
  if (options_.budget && options_.budget->max_size && options_.codec != coding::Codec::none) {
    choices.excess = [&](const Graph& trained, const quantize::Quantization& quantization) {
      const uint64_t bytes = SizeOf(trained, quantization);
      return bytes - std::min(bytes, *options_.budget->max_size);
    };
    choices.tighter = [&](uint64_t bytes) {
      budget::Schemes chosen = search->Tighter(bytes);
      describe();
      return chosen;
    };
    choices.sparsities = [&](const Graph& dense, budget::Schemes given) {
      budget::Search zeros = MakeSearch(dense, std::move(given), TrainedLimits());
      budget::Schemes chosen = zeros.Sparsities();
      sparsity_costs = zeros.SparsityCosts();
      return chosen;
    };
  }
  quantize::Quantization quantization =
      options_.quantize(fused, std::move(schemes), choices, report_.warnings);
  graph = fused;
  passes::LayOutGraph(graph);
  return quantization;
}

budget::Limits FloatQuantizer::TrainedLimits() const {
  budget::Limits limits = *options_.budget;
  if (limits.max_size && options_.codec != coding::Codec::none) {
    limits.spared = static_cast<uint64_t>(kSpared * static_cast<double>(*limits.max_size));
  }
  return limits;
}

budget::Search FloatQuantizer::MakeSearch(const Graph& graph, budget::Schemes schemes,
                                          budget::Limits limits) {
  limits.weights_given = limits.weights_given || recipe_.by_default;
  const auto build = [this, &graph](const quantize::Quantization& quantization) {
    return MakeDraft(LowerNetwork(options_, data_, byte_ports_, graph, quantization));
  };
  return {graph, std::move(schemes), recipe_.layers,  std::move(limits), *data_, options_.codec,
          build, options_.progress,  report_.warnings};
}

uint64_t FloatQuantizer::SizeOf(const Graph& graph,
                                const quantize::Quantization& quantization) const {
  return MakeDraft(LowerNetwork(options_, data_, byte_ports_, graph, quantization)).size();
}

// The schemes were chosen with a part of the data; with all of it coded weights may have another
// size.
quantize::Quantization FloatQuantizer::Budgeted(const Graph& graph, budget::Schemes schemes) {
  budget::Search search = MakeSearch(graph, std::move(schemes), *options_.budget);
  budget::Schemes chosen = search.Run();
  const quantize::Calibration calibration = quantize::CalibrateGraph(
      graph, chosen, data_, options_.progress, report_.warnings, !byte_ports_.empty());
  for (;;) {
    quantize::Quantization quantization = calibration.quantization;
    quantization.schemes = chosen;
    quantize::QuantizeAllWeights(graph, calibration.moments, quantization);
    const uint64_t bytes = SizeOf(graph, quantization);
    if (bytes <= options_.budget->max_size.value_or(bytes)) {
      report_.budget = search.Describe();
      return quantization;
    }
    chosen = search.Tighter(bytes - *options_.budget->max_size);
  }
}

}  // namespace lutra::converter
