#include "converter/evaluate/file_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "converter/evaluate/compare.h"
#include "converter/qdq/import_qdq.h"

namespace lutra::converter::evaluate {
namespace {

constexpr uint32_t kSeed = 1;
// How far random samples reach beyond an input's range, so that both ends saturate.
constexpr float kBeyond = 1.05F;
// Values named when the file states other shapes than it computes.
constexpr size_t kNamedShapes = 3;
constexpr double kTwoSteps = 2.001;  // and float32's own rounding

struct InputRange {
  float lo, hi;
};

// The ends of the first QuantizeLinear that reads the value, if there is one with constants.
std::optional<InputRange> RangeOfQuantize(const Graph& graph, const std::string& value) {
  for (const size_t reader : graph.Consumers(value)) {
    const Node& node = graph.nodes[reader];
    const Tensor* scale = graph.Constant(node.Input(1));
    if (node.op != "QuantizeLinear" || scale == nullptr || scale->elements() != 1) continue;
    const Tensor* zero_point = graph.Constant(node.Input(2));
    const bool is_signed = zero_point != nullptr && zero_point->type() == DataType::int8;
    const int64_t lowest = is_signed ? -128 : 0;
    const int64_t zero = zero_point == nullptr ? 0 : zero_point->ToInts().at(0);
    const float s = scale->ToFloats()[0];
    return InputRange{s * static_cast<float>(lowest - zero),
                      s * static_cast<float>(lowest + 255 - zero)};
  }
  return std::nullopt;
}

bool IsByte(DataType type) { return type == DataType::int8 || type == DataType::uint8; }

// Bytes of a quantized network are integers of a grid, those of others numbers.
bool OnGrid(const Graph& imported, DataType type) {
  return IsByte(type) && qdq::IsQuantized(imported);
}

// Numbers that every network may be asked for: few are indices.
InputRange NumbersOf(DataType type) {
  switch (type) {
    case DataType::boolean:
      return {0, 1};
    case DataType::uint8:
      return {0, 255};
    case DataType::int8:
    case DataType::int16:
    case DataType::int32:
    case DataType::int64:
      return {-128, 127};
    default:
      return {0, 127};
  }
}

// What the ONNX graph takes, or gives, for real values of a port whose ONNX type is 8 bits.
int64_t UnsignedShift(DataType type) { return type == DataType::uint8 ? 128 : 0; }

Tensor ForGraph(const Graph& imported, const Tensor& sample, const lutra_port& port) {
  const ValueInfo& info = *imported.Info(port.name);
  if (!OnGrid(imported, info.type)) return sample.Cast(info.type);
  std::vector<float> integers = sample.ToFloats();
  const float zero = static_cast<float>(port.zero_point + UnsignedShift(info.type));
  for (float& x : integers) x = std::nearbyint(x / port.scale) + zero;
  return Tensor::Of(sample.dims(), std::move(integers)).Cast(info.type);
}

std::vector<float> RealOf(const Tensor& result, const lutra_port& port) {
  std::vector<float> values = result.ToFloats();
  if (!IsByte(result.type())) return values;
  const float zero = static_cast<float>(port.zero_point + UnsignedShift(result.type()));
  for (float& x : values) x = port.scale * (x - zero);
  return values;
}

// Errors of one output.
struct Errors {
  SquareSums sums;
  size_t count = 0, within_two = 0;

  void Add(const std::vector<float>& wanted, const std::vector<float>& got, double step) {
    for (size_t i = 0; i < wanted.size() && i < got.size(); ++i) {
      // Random numbers reach where a function is not defined.
      if (!std::isfinite(wanted[i]) || !std::isfinite(got[i])) continue;
      const double w = static_cast<double>(wanted[i]), g = static_cast<double>(got[i]);
      sums.signal += w * w;
      sums.noise += (w - g) * (w - g);
      ++count;
      within_two += std::fabs(w - g) <= kTwoSteps * step ? 1 : 0;
    }
  }
};

FileCheck::Agreement Worst(const std::vector<Errors>& outputs) {
  FileCheck::Agreement worst{std::numeric_limits<double>::quiet_NaN(), 1};
  for (const Errors& output : outputs) {
    worst.sqnr_db = std::fmin(worst.sqnr_db, output.sums.SqnrDb());
    if (output.count == 0) continue;
    worst.within_two = std::min(worst.within_two, static_cast<double>(output.within_two) /
                                                      static_cast<double>(output.count));
  }
  return worst;
}

double StepOf(const lutra_port& port, const std::vector<float>& values) {
  if (port.native_type == LUTRA_INT8) return static_cast<double>(port.scale);
  float low = 0, high = 0;
  for (const float x : values) {
    if (!std::isfinite(x)) continue;
    low = std::min(low, x);
    high = std::max(high, x);
  }
  return static_cast<double>(high - low) / 255;
}

bool Contradicts(const ValueInfo& declared, const Tensor& tensor) {
  if (!declared.dims) return false;
  const std::vector<int64_t>& dims = *declared.dims;
  if (dims.size() != tensor.rank()) return true;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] >= 0 && dims[i] != tensor.dims()[i]) return true;
  }
  return false;
}

}  // namespace

bool FileCheck::Agreement::Holds() const {
  // A step that a tie makes grows from layer to layer: a detector of 50 layers, each of them right
  // to 75 dB by itself, has 95 % and 23 dB. What means something else is far below.
  constexpr double kMostWithinTwo = 0.9, kRoundingDb = 20;
  return within_two >= kMostWithinTwo || !(sqnr_db < kRoundingDb);
}

std::vector<executor::TensorMap> RandomSamples(const Graph& imported, const RuntimeSession& session,
                                               size_t count) {
  std::mt19937 random(kSeed);
  const std::vector<lutra_port> ports = session.Inputs();
  std::vector<executor::TensorMap> samples(count);
  for (executor::TensorMap& sample : samples) {
    for (const lutra_port& port : ports) {
      const ValueInfo* info = imported.Info(port.name);
      if (info == nullptr || info->type == DataType::undefined) return {};
      const bool numbers = !IsFloating(info->type) && !OnGrid(imported, info->type);
      std::optional<InputRange> range = RangeOfQuantize(imported, port.name);
      if (numbers) {
        range = NumbersOf(info->type);
      } else if (!range && port.native_type == LUTRA_INT8) {
        range = {port.scale * static_cast<float>(-128 - port.zero_point),
                 port.scale * static_cast<float>(127 - port.zero_point)};
      }
      // A fixed formula: the distributions of the C++ library differ between libraries.
      const auto uniform = [&] { return static_cast<float>(random() >> 8) * 0x1p-24F; };
      const float beyond = IsFloating(info->type) ? kBeyond : 1;
      std::vector<float> values(port.elements);
      for (float& x : values) {
        if (range) {
          x = beyond * (range->lo + uniform() * (range->hi - range->lo));
          if (numbers) x = std::nearbyint(x);
        } else {
          // Twelve uniform numbers: a normal deviate to all that matters here.
          x = -6;
          for (int i = 0; i < 12; ++i) x += uniform();
        }
      }
      sample[port.name] = Tensor::Of({port.shape, port.shape + port.rank}, std::move(values));
    }
  }
  return samples;
}

FileCheck CheckAgainstFile(const Graph& imported, const std::map<std::string, ValueInfo>& declared,
                           const Graph& optimized, RuntimeSession& session,
                           const std::vector<executor::TensorMap>& samples, Warnings& warnings) {
  const std::vector<lutra_port> inputs = session.Inputs(), outputs = session.Outputs();
  std::vector<Errors> of_graph(outputs.size()), of_model(outputs.size());
  executor::FloatExecutor of_file(imported), of_optimized(optimized);
  std::map<std::string, std::string> wrong_shapes;
  FileCheck check;
  lutra_context_reset(session.context());
  for (const executor::TensorMap& sample : samples) {
    executor::TensorMap for_file;
    std::vector<Tensor> for_model;
    for (const lutra_port& port : inputs) {
      const Tensor& x = sample.at(port.name);
      for_file[port.name] = ForGraph(imported, x, port);
      for_model.push_back(x);
    }
    const auto look = [&](const std::string& value, const Tensor& tensor) {
      const auto found = declared.find(value);
      if (found == declared.end() || !Contradicts(found->second, tensor)) return;
      wrong_shapes[value] = "value '" + value + "' is stated as " + DimsText(*found->second.dims) +
                            " in the file, but computed it is " + DimsText(tensor.dims());
    };
    const executor::TensorMap wanted = of_file.Run(for_file, look);
    const executor::TensorMap got = of_optimized.Run(sample);
    session.Run(for_model);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::vector<float> exact = RealOf(wanted.at(outputs[i].name), outputs[i]);
      const double step = StepOf(outputs[i], exact);
      of_graph[i].Add(exact, got.at(outputs[i].name).ToFloats(), step);
      of_model[i].Add(exact, session.Output(i).ToFloats(), step);
    }
    ++check.samples;
  }
  size_t named = 0;
  for (const auto& [value, text] : wrong_shapes) {
    if (++named <= kNamedShapes) warnings.Add(text);
  }
  check.optimized = Worst(of_graph);
  check.model = Worst(of_model);
  return check;
}

}  // namespace lutra::converter::evaluate
