#include "converter/train/value_rows.h"

#include <algorithm>
#include <deque>
#include <numeric>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/train/trainer.h"

namespace lutra::converter::train {
namespace {

constexpr size_t kAtOnce = 8;  // rows of a run

}  // namespace

size_t Elements(const Graph& graph, const std::string& value) {
  const ValueInfo* info = graph.Info(value);
  return info == nullptr || !info->dims ? 1 : ElementCount(*info->dims);
}

Tensor ValueRows::Gather(std::span<const uint32_t> samples) const {
  std::vector<int64_t> all = dims;
  all[0] = static_cast<int64_t>(samples.size());
  Tensor batch(DataType::float32, all);
  auto to = batch.as<float>().begin();
  for (const uint32_t sample : samples) to = std::ranges::copy(Row(sample), to).out;
  return batch;
}

ValueRows ValueRows::Select(std::span<const uint32_t> samples) const {
  ValueRows rows{dims, {}};
  rows.values.reserve(samples.size() * elements());
  for (const uint32_t sample : samples) {
    rows.values.insert(rows.values.end(), Row(sample).begin(), Row(sample).end());
  }
  return rows;
}

std::vector<ValueRows> RunRows(const Graph& graph, const std::string& input, const ValueRows& rows,
                               const TensorMap& weights, Workers& workers) {
  const size_t count = rows.count(), batches = (count + kAtOnce - 1) / kAtOnce;
  std::vector<ValueRows> outputs(graph.outputs.size());
  for (size_t o = 0; o < outputs.size(); ++o) {
    outputs[o].dims = graph.Info(graph.outputs[o])->dims.value();
    outputs[o].values.resize(count * outputs[o].elements());
  }
  const size_t lanes = std::min(kParts, batches);
  std::deque<executor::FloatExecutor> executors;
  for (size_t lane = 0; lane < lanes; ++lane) executors.emplace_back(graph);
  workers.Run(lanes, [&](size_t lane) {
    for (size_t b = lane; b < batches; b += lanes) {
      const size_t first = b * kAtOnce, size = std::min(kAtOnce, count - first);
      std::vector<uint32_t> samples(size);
      std::iota(samples.begin(), samples.end(), static_cast<uint32_t>(first));
      const TensorMap results = executors[lane].Run({{input, rows.Gather(samples)}}, {}, weights);
      for (size_t o = 0; o < outputs.size(); ++o) {
        const Tensor& result = results.at(graph.outputs[o]);
        if (result.elements() != size * outputs[o].elements() || result.dims().empty() ||
            result.dims()[0] != static_cast<int64_t>(size)) {
          throw Error("output '" + graph.outputs[o] + "' of a batch of " + std::to_string(size) +
                      " has dimensions " + DimsText(result.dims()));
        }
        std::ranges::copy(
            result.as<float>(),
            outputs[o].values.begin() + static_cast<std::ptrdiff_t>(first * outputs[o].elements()));
      }
    }
  });
  return outputs;
}

}  // namespace lutra::converter::train
