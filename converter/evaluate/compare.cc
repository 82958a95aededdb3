#include "converter/evaluate/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/half.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/graph/check_finite.h"
#include "runtime/hooks.h"
#include "runtime/port_type.h"
#include "schema/limits.h"

namespace lutra::converter::evaluate {
namespace {

// Isolated errors need a second run per sample; a few samples say enough about one operator.
constexpr size_t kIsolatedSamples = 16;

// Every element in row-major order, `index` counting them.
template <typename Function>
void ForEachElement(const TensorAccess& tensor, const Function& function) {
  const auto columns = static_cast<size_t>(tensor.shape[tensor.rank - 1]);
  size_t index = 0;
  for (size_t row = 0; row < tensor.elements / columns; ++row) {
    for (size_t c = 0; c < columns; ++c) function(index++, row * tensor.pixel_stride + c);
  }
}

double RealAt(const TensorAccess& tensor, size_t at) {
  return VisitType(ToTensorType(tensor.type), [&](auto kind) {
    using Element = decltype(kind);
    const Element element = static_cast<const Element*>(tensor.data)[at];
    if constexpr (std::is_same_v<Element, Half>) {
      return static_cast<double>(HalfToFloat(element.bits));
    } else if constexpr (std::is_same_v<Element, Boolean>) {
      return static_cast<double>(element.byte);
    } else if constexpr (std::is_same_v<Element, int8_t>) {
      return static_cast<double>(tensor.scale) * (element - tensor.zero_point);
    } else if constexpr (std::is_same_v<Element, int16_t>) {
      return (tensor.scale > 0 ? static_cast<double>(tensor.scale) : 1) * element;
    } else {
      return static_cast<double>(element);
    }
  });
}

// `channels` may be null.
void AddErrors(const TensorAccess& tensor, std::span<const float> exact, SquareSums& sums,
               std::vector<SquareSums>* channels) {
  const auto count = static_cast<size_t>(tensor.shape[tensor.rank - 1]);
  if (channels != nullptr) channels->resize(count);
  ForEachElement(tensor, [&](size_t i, size_t at) {
    const double value = RealAt(tensor, at);
    const double wanted = static_cast<double>(exact[i]);
    const SquareSums square{wanted * wanted, (wanted - value) * (wanted - value)};
    sums.signal += square.signal;
    sums.noise += square.noise;
    if (channels == nullptr) return;
    (*channels)[i % count].signal += square.signal;
    (*channels)[i % count].noise += square.noise;
  });
}

// Channels of nothing but zeros that came out so count for none.
double MedianDb(const std::vector<SquareSums>& channels) {
  std::vector<double> db;
  for (const SquareSums& channel : channels) {
    if (channel.signal == 0 && channel.noise == 0) continue;
    const double own = channel.SqnrDb();
    db.push_back(std::isnan(own) ? std::numeric_limits<double>::infinity() : own);
  }
  if (db.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = db.begin() + static_cast<ptrdiff_t>(db.size() / 2);
  std::ranges::nth_element(db, middle);
  return std::isinf(*middle) ? std::numeric_limits<double>::quiet_NaN() : *middle;
}

// Integers and bools stay: what they were computed from is exact.
void Overwrite(const TensorAccess& tensor, std::span<const float> exact) {
  ForEachElement(tensor, [&](size_t i, size_t at) {
    if (tensor.type == LUTRA_INT8) {
      const float low = static_cast<float>(-128 - tensor.zero_point);
      const float high = static_cast<float>(127 - tensor.zero_point);
      const float q = std::nearbyint(std::clamp(exact[i] / tensor.scale, low, high));
      static_cast<int8_t*>(tensor.data)[at] =
          static_cast<int8_t>(tensor.zero_point + static_cast<int32_t>(q));
    } else if (tensor.type == LUTRA_INT16 && tensor.scale > 0) {
      constexpr float kLargest = kLargestInt16;
      static_cast<int16_t*>(tensor.data)[at] = static_cast<int16_t>(
          std::nearbyint(std::clamp(exact[i] / tensor.scale, -kLargest, kLargest)));
    } else if (tensor.type == LUTRA_FLOAT32) {
      static_cast<float*>(tensor.data)[at] = exact[i];
    }
  });
}

struct Watch {
  const executor::TensorMap* exact;
  std::vector<SquareSums>* sums;
  std::vector<std::vector<SquareSums>>* channels;  // null: not wanted

  // The float value of a tensor; empty when there is none of its size.
  std::span<const float> Exact(const TensorAccess& tensor) const {
    const auto found = exact->find(tensor.name);
    if (found == exact->end() || found->second.elements() != tensor.elements) return {};
    return found->second.as<float>();
  }
};

void MakeInputsExact(void* user, const OperatorEvent& event) {
  const Watch& watch = *static_cast<const Watch*>(user);
  for (size_t i = 0; i < event.input_count; ++i) {
    const TensorAccess tensor = event.Input(i);
    if (tensor.constant) continue;
    const std::span<const float> exact = watch.Exact(tensor);
    if (!exact.empty()) Overwrite(tensor, exact);
  }
}

void MeasureOutput(void* user, const OperatorEvent& event, uint64_t) {
  const Watch& watch = *static_cast<const Watch*>(user);
  const TensorAccess tensor = event.Output(0);
  const std::span<const float> exact = watch.Exact(tensor);
  if (exact.empty()) return;
  AddErrors(tensor, exact, (*watch.sums)[event.index],
            watch.channels == nullptr ? nullptr : &(*watch.channels)[event.index]);
}

bool IsRowOfScores(const lutra_port& port) {
  size_t wide = 0;
  for (size_t d = 0; d < port.rank; ++d) wide += port.shape[d] > 1 ? 1 : 0;
  return wide == 1 && port.elements > 1;
}

size_t Largest(std::span<const float> scores) {
  return static_cast<size_t>(std::ranges::max_element(scores) - scores.begin());
}

double FractionOfLabelled(const Comparison& comparison, size_t right) {
  if (comparison.labelled == 0 || comparison.labelled < comparison.samples) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return static_cast<double>(right) / static_cast<double>(comparison.labelled);
}

void AddScores(std::span<const float> exact, std::span<const float> actual, int64_t label,
               Comparison& comparison) {
  const size_t wanted = Largest(exact), got = Largest(actual);
  comparison.chosen.resize(exact.size());
  ++comparison.chosen[wanted];
  comparison.agreeing += got == wanted ? 1 : 0;
  if (label < 0 || static_cast<size_t>(label) >= exact.size()) return;
  ++comparison.labelled;
  comparison.fp32_right += wanted == static_cast<size_t>(label) ? 1 : 0;
  comparison.right += got == static_cast<size_t>(label) ? 1 : 0;
}

}  // namespace

double SquareSums::SqnrDb() const {
  if (noise == 0) return std::numeric_limits<double>::quiet_NaN();
  // A signal of nothing but zeros that came out otherwise.
  if (signal == 0) return 0;
  return 10 * std::log10(signal / noise);
}

double Comparison::WorstOutputDb() const {
  double worst = std::numeric_limits<double>::quiet_NaN();
  for (const SquareSums& output : outputs) worst = std::fmin(worst, output.SqnrDb());
  return worst;
}

double Comparison::Top1Agreement() const {
  if (!classifier || samples == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(agreeing) / static_cast<double>(samples);
}

double Comparison::Fp32Top1() const { return FractionOfLabelled(*this, fp32_right); }

double Comparison::Top1() const { return FractionOfLabelled(*this, right); }

Comparison CompareOnData(const Graph& graph, RuntimeSession& session, const data::Dataset& data,
                         const quantize::Progress& progress) {
  if (graph.DataInputs() != 1) throw Error("comparing needs a network with one input");
  const size_t operators = OperatorCount(session.model());
  const std::vector<lutra_port> outputs = session.Outputs();
  std::set<std::string> names(graph.outputs.begin(), graph.outputs.end());
  for (size_t i = 0; i < TensorCount(session.model()); ++i) {
    names.insert(AccessTensor(session.context(), i).name);
  }
  Comparison result;
  result.cumulative.resize(operators);
  result.isolated.resize(operators);
  result.outputs.resize(outputs.size());
  result.classifier = outputs.size() == 1 && IsRowOfScores(outputs[0]);
  std::vector<std::vector<SquareSums>> channels(operators);
  executor::FloatExecutor executor(graph);
  lutra_context_reset(session.context());
  const std::string& input = graph.inputs[0];
  for (size_t s = 0; s < data.size(); ++s) {
    const data::Sample given = data.Get(s);
    const Tensor sample = data::AsInput(given, *graph.Info(input)->dims);
    executor::TensorMap exact;
    executor.Run({{input, sample}}, [&](const std::string& value, const Tensor& tensor) {
      RefuseNan(value, tensor, given.source);
      if (names.contains(value)) {
        exact[value] = tensor.Cast(DataType::float32);
      }
    });
    Watch watch{&exact, &result.cumulative, nullptr};
    SetHook(session.context(), {&watch, nullptr, MeasureOutput});
    session.Run({sample});
    for (size_t o = 0; o < outputs.size(); ++o) {
      const Tensor actual = session.Output(o);
      const std::span<const float> got = actual.as<float>();
      const std::span<const float> wanted = exact.at(outputs[o].name).as<float>();
      if (got.size() != wanted.size()) {
        throw Error(std::string("output '") + outputs[o].name + "' differs in size from ONNX's");
      }
      for (size_t i = 0; i < got.size(); ++i) {
        const double w = static_cast<double>(wanted[i]), g = static_cast<double>(got[i]);
        result.outputs[o].signal += w * w;
        result.outputs[o].noise += (w - g) * (w - g);
      }
      if (result.classifier) AddScores(wanted, got, given.label, result);
    }
    // A second run would move the states on.
    if (s < kIsolatedSamples && graph.states.empty()) {
      watch.sums = &result.isolated;
      watch.channels = &channels;
      SetHook(session.context(), {&watch, MakeInputsExact, MeasureOutput});
      session.Run({sample});
    }
    SetHook(session.context(), {});
    ++result.samples;
    if (progress) progress("check", s + 1, data.size());
  }
  for (const auto& of_operator : channels) {
    result.channel_median_db.push_back(MedianDb(of_operator));
  }
  return result;
}

}  // namespace lutra::converter::evaluate
