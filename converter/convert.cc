#include "converter/convert.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "converter/error.h"
#include "converter/evaluate/compare.h"
#include "converter/evaluate/file_check.h"
#include "converter/executor/float_executor.h"
#include "converter/files.h"
#include "converter/float_quantizer.h"
#include "converter/json_text.h"
#include "converter/load_graph.h"
#include "converter/lower/byte_ports.h"
#include "converter/lower/lower.h"
#include "converter/one_line.h"
#include "converter/passes/passes.h"
#include "converter/qdq/export_qdq.h"
#include "converter/qdq/import_qdq.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/quantize.h"
#include "converter/quantize/recipe.h"
#include "converter/quantize/training_statistics.h"
#include "converter/states.h"
#include "runtime/hooks.h"
#include "schema/limits.h"

namespace lutra::converter {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();
// Any number does; the same one makes conversions reproducible.
constexpr uint64_t kGoldenSeed = 1;
// Runs of the unoptimized graph are slow; a mistake of import or passes shows in the first.
constexpr size_t kFileSamples = 2;

// The network in the forms that conversion needs.
struct Network {
  Graph imported;                             // no pass has seen it
  std::map<std::string, ValueInfo> declared;  // what the file states of its values
  Graph fused;                                // before the layout change, where it is needed
  Graph graph;                                // optimized
  std::optional<Graph> untrained;             // what `graph` was, if a picture of that is wanted
  Graph reference;         // what its values are compared with, if it is not `graph`
  bool quantized = false;  // was so in the file
  std::map<std::string, lowering::PortBytes> byte_ports;
  quantize::Quantization quantization;    // then what the file says
  quantize::TrainingStatistics training;  // of a float network
};

void CheckOperators(const Graph& graph) {
  if (graph.nodes.size() <= kMaxOperators) return;
  throw Error("the network has " + std::to_string(graph.nodes.size()) +
              " operators; a .lutra file holds at most " + std::to_string(kMaxOperators));
}

Network ReadNetwork(const ConvertOptions& options) {
  Network network;
  network.graph = options.model_bytes
                      ? ImportGraph(BytesOf(*options.model_bytes), options.model_path,
                                    options.import, &network.declared)
                      : ImportGraph(options.model_path, options.import, &network.declared);
  WithPath(options.model_path, [&] { SetStates(network.graph, options.states); });
  network.imported = network.graph;
  WithPath(options.model_path, [&] { qdq::RefuseDynamicallyQuantized(network.graph); });
  network.quantized = qdq::IsQuantized(network.graph);
  network.byte_ports = lowering::BytePortsOf(network.graph, network.quantized);
  if (!options.states.empty() && (network.quantized || options.emit_qdq_path || options.budget ||
                                  options.quantize || options.effort == Effort::high)) {
    throw Error(options.model_path +
                ": --state is for float networks, converted without --emit-qdq, "
                "--max-size, --max-drop and --effort high");
  }
  if (network.quantized && (options.recipe_path || options.emit_qdq_path || options.budget)) {
    throw Error(options.model_path + ": is quantized already; " +
                (options.recipe_path     ? "--recipe"
                 : options.emit_qdq_path ? "--emit-qdq"
                                         : options.budget->Text()) +
                " is for float networks");
  }
  WithPath(options.model_path, [&] {
    if (network.quantized) {
      qdq::ImportedNetwork imported = qdq::ImportQuantized(std::move(network.graph));
      network.graph = std::move(imported.graph);
      network.reference = std::move(imported.reference);
      network.quantization = std::move(imported.quantization);
      return;
    }
    if (options.emit_qdq_path || options.quantize) {
      network.fused = network.graph;
      passes::FuseGraph(network.fused);
    }
    network.training = quantize::ReadTrainingStatistics(network.graph);
    passes::OptimizeGraph(network.graph);
    lowering::RefuseIntegerInputs(network.graph);
  });
  WithPath(options.model_path, [&] { CheckOperators(network.graph); });
  return network;
}

std::string ReadRecipeFile(const ConvertOptions& options) {
  if (!options.recipe_path) return "";
  std::string text = ReadText(*options.recipe_path, kMostJsonBytes);
  if (text.empty()) throw Error(*options.recipe_path + ": is empty");
  return text;
}

void RefuseFallbacks(const quantize::Quantization& quantization) {
  if (quantization.float_reason.empty()) return;
  FaultList nodes;
  for (const auto& [label, reason] : quantization.float_reason) nodes.Add(label + ": " + reason);
  throw Error("--strict: these nodes would run in float32: " + nodes.text());
}

// What the file says about its own accuracy.
std::unique_ptr<schema::CertificateT> Certify(const evaluate::Comparison& comparison,
                                              uint64_t data_hash) {
  auto certificate = std::make_unique<schema::CertificateT>();
  certificate->metric = comparison.classifier ? kAgreementMetric : "output_sqnr_db";
  certificate->value = static_cast<float>(comparison.classifier ? comparison.Top1Agreement()
                                                                : comparison.WorstOutputDb());
  certificate->samples = static_cast<uint32_t>(comparison.samples);
  certificate->data_hash = data_hash;
  for (const evaluate::SquareSums& sums : comparison.cumulative) {
    certificate->layer_sqnr_db.push_back(static_cast<float>(sums.SqnrDb()));
  }
  return certificate;
}

// The runtime speaks of "operator 3 (Pool)"; the user knows the node that it was made from.
std::string InTermsOfNodes(std::string message,
                           const std::vector<lowering::LoweredOperator>& operators) {
  const std::string_view word = "operator ";
  const size_t at = message.find(word), open = message.find(" (", at),
               close = message.find(')', open);
  if (close == std::string::npos) return message;
  size_t index = 0;
  const char* const digits = message.data() + at + word.size();
  const auto [end, failed] = std::from_chars(digits, message.data() + open, index);
  if (failed != std::errc() || end != message.data() + open || index >= operators.size()) {
    return message;
  }
  const lowering::LoweredOperator& op = operators[index];
  return "node '" + op.layer + "' (" + op.op + ")" + message.substr(close + 1);
}

RuntimeSession OpenDraft(std::span<const uint8_t> draft, const ConvertOptions& options,
                         const lowering::LoweredModel& lowered) {
  try {
    return {draft, options.output_path};
  } catch (const Error& error) {
    throw Error(options.model_path + ": " + InTermsOfNodes(error.what(), lowered.operators));
  }
}

// Data on which the FP32 network itself does not work calibrates nothing either. (A network whose
// input is scaled otherwise than in training mostly answers with one and the same class.)
void WarnOfAnswers(const Graph& graph, const evaluate::Comparison& comparison, Warnings& warnings) {
  constexpr double kFewRight = 0.5, kOneClass = 0.5;
  constexpr size_t kEnoughSamples = 16, kFewestClasses = 3;
  const std::string cure =
      "; is the data as the network was trained on (scale, mean, std, channel order, layout, size)";
  if (comparison.Fp32Top1() < kFewRight) {
    warnings.Add("the FP32 network is right on " + std::to_string(comparison.fp32_right) + " of " +
                 std::to_string(comparison.labelled) + " labels of the calibration data" + cure +
                 ", and are the labels its classes?");
    return;
  }
  if (comparison.labelled > 0 && comparison.labelled < comparison.samples) {
    warnings.Add(std::to_string(comparison.samples - comparison.labelled) +
                 " labels of the calibration data are none of the network's " +
                 std::to_string(comparison.chosen.size()) + " classes, so no accuracy is measured");
  }
  // Without labels only a Softmax tells that the scores are those of classes.
  const bool classes = std::ranges::any_of(
      graph.nodes, [&](const Node& node) { return quantize::IsFinalSoftmax(graph, node); });
  if (!classes || comparison.labelled > 0 || comparison.samples < kEnoughSamples ||
      comparison.chosen.size() < kFewestClasses) {
    return;
  }
  const auto most = std::ranges::max_element(comparison.chosen);
  if (static_cast<double>(*most) > kOneClass * static_cast<double>(comparison.samples)) {
    warnings.Add("the FP32 network answers " + std::to_string(*most) + " of " +
                 std::to_string(comparison.samples) + " calibration samples with class " +
                 std::to_string(most - comparison.chosen.begin()) + cure +
                 ", and does it show all classes?");
  }
}

std::string Decibels(double db) {
  return std::isnan(db) ? "identical" : std::to_string(std::lround(db)) + " dB";
}

// What was compared so far are forms of one graph: now the file itself.
void CheckFile(const Network& network, const data::Dataset* data, RuntimeSession& session,
               ConvertReport& report) {
  const Graph& optimized = network.quantized ? network.reference : network.graph;
  std::vector<executor::TensorMap> samples;
  if (data != nullptr && optimized.DataInputs() == 1) {
    const std::string& input = optimized.inputs[0];
    for (size_t i = 0; i < std::min(kFileSamples, data->size()); ++i) {
      samples.push_back({{input, data::AsInput(data->Get(i), *optimized.Info(input)->dims)}});
    }
  } else {
    samples = evaluate::RandomSamples(network.imported, session, kFileSamples);
  }
  const evaluate::FileCheck check = evaluate::CheckAgainstFile(
      network.imported, network.declared, optimized, session, samples, report.warnings);
  if (network.quantized) {
    report.file_samples = check.samples;
    report.file_sqnr_db = check.model.sqnr_db;
    report.file_within_two = check.model.within_two;
  }
  const bool model_holds = !network.quantized || check.model.Holds();
  if (check.optimized.Holds() && model_holds) return;
  report.warnings.Add(
      "the conversion does not compute what the ONNX file says: on " +
      std::to_string(check.samples) + " samples the optimized network agrees with the file to " +
      Decibels(check.optimized.sqnr_db) + ", the model file to " + Decibels(check.model.sqnr_db) +
      ". That is a fault of this program: do not use the model, and report the network");
}

// Runs the file as it will be written, but for what these runs find out: errors and golden check.
void CheckModel(const Network& network, const data::Dataset* data, const ConvertOptions& options,
                lowering::LoweredModel& lowered, ConvertReport& report) {
  const Graph& graph = network.quantized ? network.reference : network.graph;
  const std::vector<uint8_t> draft = lowered.writer.Finish();
  RuntimeSession session = OpenDraft(draft, options, lowered);
  for (size_t i = 0; i < lowered.operators.size(); ++i) {
    const lowering::LoweredOperator& op = lowered.operators[i];
    evaluate::LayerReport layer = evaluate::DescribeLayer(DescribeOperator(session.model(), i));
    layer.name = op.layer;
    layer.op = op.op;
    layer.scheme = op.scheme;
    layer.fp32_bytes = op.fp32_bytes;
    layer.float_reason = op.float_reason;
    report.layers.push_back(std::move(layer));
  }
  if (data != nullptr && graph.DataInputs() == 1) {
    const evaluate::Comparison comparison =
        evaluate::CompareOnData(graph, session, *data, options.progress);
    evaluate::AddErrors(comparison, report.layers);
    report.samples = comparison.samples;
    report.top1_agreement = comparison.Top1Agreement();
    report.output_sqnr_db = comparison.WorstOutputDb();
    report.fp32_top1 = comparison.Fp32Top1();
    report.top1 = comparison.Top1();
    WarnOfAnswers(graph, comparison, report.warnings);
    lowered.writer.model.certificate = Certify(comparison, data->Hash());
  }
  CheckFile(network, data, session, report);
  lowered.writer.model.golden = std::make_unique<schema::GoldenCheckT>();
  lowered.writer.model.golden->seed = kGoldenSeed;
  lowered.writer.model.golden->output_crc = GoldenCrcs(session, kGoldenSeed);
}

// A layer's own bytes of the file, and the file's: what the search did not see may take some.
void KeepWithin(const budget::Limits& limits, uint64_t bytes, ConvertReport& report) {
  if (limits.max_size && bytes > *limits.max_size) {
    throw Error(limits.Text() + ": the file came out with " + std::to_string(bytes) +
                " bytes and is not written; give a smaller size");
  }
  if (!report.budget) return;
  for (budget::LayerChoice& choice : report.budget->layers) {
    const auto layer = std::ranges::find(report.layers, choice.name, &evaluate::LayerReport::name);
    if (layer != report.layers.end()) choice.bytes = layer->bytes;
  }
}

}  // namespace

ConvertReport Convert(const ConvertOptions& options, const data::Dataset* data) {
  Outputs outputs;
  ConvertReport report = Convert(options, data, outputs);
  outputs.Commit();
  return report;
}

ConvertReport Convert(const ConvertOptions& options, const data::Dataset* data, Outputs& outputs) {
  lowering::CheckInputType(options.input_type);
  if (options.fail_below && data == nullptr) {
    throw Error("--fail-below: needs data to measure the output on: give --data");
  }
  if (options.min_sqnr && data == nullptr) {
    throw Error("--min-sqnr: needs data to measure the outputs on: give --data");
  }
  if (options.budget && data == nullptr) {
    throw Error(options.budget->Text() + ": needs data to choose by: give --data");
  }
  Network network = ReadNetwork(options);
  ConvertReport report;
  report.top1_agreement = report.output_sqnr_db = kNotMeasured;
  report.fp32_top1 = report.top1 = kNotMeasured;
  if (data != nullptr) report.warnings.Add(data->warnings());
  if (network.quantized) {
    report.recipe_json =
        quantize::WriteRecipe(network.graph, quantize::LayerScheme{}, network.quantization.schemes);
  } else {
    const std::string recipe = ReadRecipeFile(options);
    quantize::RecipeWeights given;
    std::map<std::string, quantize::LayerScheme> schemes = quantize::ReadRecipe(
        network.graph, options.scheme, recipe, options.recipe_path.value_or("recipe"), &given);
    if (!options.budget) quantize::KeepDepthwiseBits(network.graph, given, schemes);
    if (options.weight_histograms && options.quantize) network.untrained = network.graph;
    FloatQuantizer quantizer(options, data, given, network.byte_ports, report);
    network.quantization = quantizer.Run(network.graph, network.fused, std::move(schemes));
    if (options.quantize) network.imported = network.fused;  // what the model is compared with
    report.recipe_json =
        quantize::WriteRecipe(network.graph, options.scheme, network.quantization.schemes);
    if (data != nullptr) {
      quantize::CompareWithTraining(std::move(network.training), *data, report.warnings);
    }
  }
  const Graph& graph = network.graph;
  const quantize::Quantization& quantization = network.quantization;
  if (options.strict) RefuseFallbacks(quantization);

  lowering::LoweredModel lowered =
      LowerNetwork(options, data, network.byte_ports, graph, quantization);
  CheckModel(network, data, options, lowered, report);
  if (report.output_sqnr_db < options.fail_below.value_or(report.output_sqnr_db)) {
    throw Error(
        options.model_path + ": the output SQNR is " + Decibels(report.output_sqnr_db) +
        ", below --fail-below, so nothing is written; --min-sqnr gives activations more bits where "
        "it takes them");
  }
  if (options.weight_histograms && !network.quantized) {
    report.weight_histograms = MakeWeightHistograms(
        network.untrained ? &*network.untrained : nullptr, graph, quantization);
  }
  std::string qdq;
  if (options.emit_qdq_path) qdq = qdq::ExportQdq(network.fused, quantization);

  const std::vector<uint8_t> file = lowered.writer.Finish();
  if (options.budget) KeepWithin(*options.budget, file.size(), report);
  outputs.Write(options.output_path, file);
  if (options.emit_qdq_path) outputs.Write(*options.emit_qdq_path, qdq);
  if (options.emit_float_path) {
    outputs.Write(*options.emit_float_path, qdq::ExportFloat(network.fused));
  }
  report.fp32_bytes = graph.fp32_bytes;
  report.output_bytes = file.size();
  report.output_channels = lowered.output_channels;
  report.operators = lowered.operators.size();
  report.float_fallbacks = quantization.float_reason.size();
  return report;
}

}  // namespace lutra::converter
