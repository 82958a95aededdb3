// Random networks, each converted in memory (optimize, quantize, lower, entropy code) and run on
// every row of this machine with 1 to 3 threads and a batch of 1 to 5: all must give the bytes of
// the reference row with one thread, and the batch those of its samples one by one. Networks of
// float32 weights and activations are compared with the float executor too.
//
//   differential FIRST COUNT [--all-operators] [--verbose]
//
// runs the seeds FIRST .. FIRST + COUNT - 1; a seed that fails is named, and fails alone too. Ends
// with what was seen, and with status 1 if that is too little to mean anything: with
// --all-operators every operator of the file format and every kind of weights must be among it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "converter/coding/encode_model.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/lower/lower.h"
#include "converter/passes/passes.h"
#include "converter/quantize/quantize.h"
#include "lutra/lutra.h"
#include "support/random_graph.h"
#include "support/random_schemes.h"

namespace lutra::test {
namespace {

using converter::Graph;
using converter::Tensor;
using Bytes = std::vector<uint8_t>;

struct Failure {
  std::string what;
};

void Want(lutra_status status, const lutra_error& error) {
  if (status != LUTRA_OK) throw Failure{error.message};
}

class FewSamples : public converter::data::Dataset {
 public:
  explicit FewSamples(std::vector<Tensor> samples) : samples_(std::move(samples)) {}
  size_t size() const override { return samples_.size(); }
  bool labelled() const override { return false; }
  converter::data::Sample Get(size_t i) const override { return {samples_[i], -1, "sample"}; }
  uint64_t Hash() const override { return 0; }

 private:
  std::vector<Tensor> samples_;
};

Tensor RandomInput(const Graph& graph, RandomNumbers& random) {
  const std::vector<int64_t> dims = *graph.Info(graph.inputs[0])->dims;
  std::vector<float> values(converter::ElementCount(dims));
  for (float& value : values) value = random.Real(-2, 2);
  return Tensor::Of(dims, std::move(values));
}

struct Network {
  Graph source;     ///< as it was made, in ONNX's layout
  bool is_float32;  ///< in weights and activations of every layer
  Bytes file;
  std::set<std::string> operators, weights;
};

std::string WeightsName(const schema::WeightsT& weights, schema::Compute compute) {
  std::string name = schema::EnumNameWeightKind(weights.kind);
  if (weights.kind == schema::WeightKind::linear || weights.kind == schema::WeightKind::codebook) {
    name += std::to_string(weights.bits);
  }
  return name + " " + schema::EnumNameCompute(compute);
}

void Look(const schema::ModelT& model, Network& network) {
  for (const auto& op : model.operators) {
    std::string name = schema::EnumNameOptions(op->options.type);
    if (const auto* binary = op->options.AsBinary()) {
      name += std::string(" ") + schema::EnumNameBinaryKind(binary->kind);
    } else if (const auto* unary = op->options.AsUnary()) {
      name += std::string(" ") + schema::EnumNameUnaryKind(unary->kind);
    } else if (const auto* pool = op->options.AsPool()) {
      name += std::string(" ") + schema::EnumNamePoolKind(pool->kind);
    } else if (const auto* reduce = op->options.AsReduce()) {
      name += std::string(" ") + schema::EnumNameReduceKind(reduce->kind);
    } else if (const auto* resize = op->options.AsResize()) {
      name += std::string(" ") + schema::EnumNameResizeKind(resize->kind);
    } else if (const auto* pad = op->options.AsPad()) {
      name += std::string(" ") + schema::EnumNamePadKind(pad->kind);
    } else if (const auto* conv = op->options.AsConv()) {
      network.weights.insert(WeightsName(*conv->weights, conv->compute));
    } else if (const auto* linear = op->options.AsLinear()) {
      network.weights.insert(WeightsName(*linear->weights, linear->compute));
    }
    const bool real = model.tensors[op->outputs[0]]->type == schema::TensorType::float32;
    network.operators.insert(name + (real ? " float" : " int8"));
  }
}

/// Throws converter::Error where the converter refuses the network.
Network MakeNetwork(RandomNumbers& random) {
  Network network;
  network.source = RandomGraph(random);
  Graph graph = network.source;
  converter::passes::OptimizeGraph(graph);
  const FewSamples data({RandomInput(graph, random), RandomInput(graph, random)});
  auto schemes = RandomSchemes(graph, random);
  network.is_float32 = std::all_of(schemes.begin(), schemes.end(), [](const auto& entry) {
    return entry.second.activations == converter::quantize::ActivationType::float_ &&
           entry.second.kind == WeightKind::fp32;
  });
  converter::Warnings warnings;
  const converter::quantize::Quantization quantization =
      converter::quantize::QuantizeGraph(graph, std::move(schemes), &data, {}, warnings);
  converter::lowering::LoweredModel lowered = converter::lowering::Lower(graph, quantization, {});
  converter::encoding::EncodeModel(&lowered.writer, static_cast<coding::Codec>(random.Below(3)));
  Look(lowered.writer.model, network);
  network.file = lowered.writer.Finish();
  return network;
}

/// A model opened for one row.
class Model {
 public:
  Model(const Bytes& file, const char* row) {
    lutra_error_init(&error_);
    lutra_options_init(&options_);
    options_.row = row;
    Want(lutra_model_open_buffer(file.data(), file.size(), &options_, &model_, &error_), error_);
  }
  ~Model() { lutra_model_close(model_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  lutra_port Input() {
    lutra_port port;
    lutra_port_init(&port);
    Want(lutra_model_input(model_, 0, &port, &error_), error_);
    return port;
  }

  /// The outputs by name, float32 in ONNX's layout.
  std::map<std::string, std::vector<float>> RunFloats(const std::vector<float>& input) {
    options_.batch = options_.threads = 1;
    lutra_context* context = nullptr;
    Want(lutra_context_create(model_, &options_, &context, &error_), error_);
    lutra_status status = lutra_context_set_input(context, 0, LUTRA_FLOAT32, input.data(),
                                                  input.size() * sizeof(float), &error_);
    if (status == LUTRA_OK) status = lutra_context_run(context, &error_);
    std::map<std::string, std::vector<float>> outputs;
    for (size_t i = 0; i < lutra_model_output_count(model_) && status == LUTRA_OK; ++i) {
      lutra_port port;
      lutra_port_init(&port);
      status = lutra_model_output(model_, i, &port, &error_);
      if (status != LUTRA_OK) break;
      std::vector<float>& values = outputs[port.name];
      values.resize(port.elements);
      status = lutra_context_get_output(context, i, LUTRA_FLOAT32, values.data(),
                                        values.size() * sizeof(float), &error_);
    }
    lutra_context_destroy(context);
    Want(status, error_);
    return outputs;
  }

  /// All outputs, native, one after another.
  std::vector<Bytes> Run(const Bytes& input, size_t batch, size_t threads) {
    options_.batch = batch;
    options_.threads = threads;
    lutra_context* context = nullptr;
    Want(lutra_context_create(model_, &options_, &context, &error_), error_);
    std::vector<Bytes> outputs;
    lutra_status status = lutra_context_set_input(context, 0, Input().native_type, input.data(),
                                                  input.size(), &error_);
    if (status == LUTRA_OK) status = lutra_context_run(context, &error_);
    for (size_t i = 0; i < lutra_model_output_count(model_) && status == LUTRA_OK; ++i) {
      const void* data = nullptr;
      size_t bytes = 0;
      status = lutra_context_output_data(context, i, &data, &bytes, &error_);
      const auto* begin = static_cast<const uint8_t*>(data);
      if (status == LUTRA_OK) outputs.emplace_back(begin, begin + bytes);
    }
    lutra_context_destroy(context);
    Want(status, error_);
    return outputs;
  }

 private:
  lutra_error error_;
  lutra_options options_;
  lutra_model* model_ = nullptr;
};

/// Any int8; floats as calibration saw them.
Bytes NativeInput(const lutra_port& port, size_t batch, RandomNumbers& random) {
  const bool real = port.native_type == LUTRA_FLOAT32;
  Bytes bytes(batch * port.elements * (real ? sizeof(float) : 1));
  for (size_t i = 0; i < batch * port.elements; ++i) {
    if (real) {
      const float value = random.Real(-2, 2);
      std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
    } else {
      bytes[i] = static_cast<uint8_t>(random.Bits());
    }
  }
  return bytes;
}

void Compare(const std::vector<Bytes>& got, const std::vector<Bytes>& wanted,
             const std::string& where) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (got[i] == wanted[i]) continue;
    const auto differ = std::mismatch(wanted[i].begin(), wanted[i].end(), got[i].begin());
    throw Failure{where + ": output " + std::to_string(i) +
                  " differs from the reference row at byte " +
                  std::to_string(differ.first - wanted[i].begin()) + " of " +
                  std::to_string(wanted[i].size())};
  }
}

std::vector<const char*> Rows() {
  std::vector<const char*> rows;
  for (size_t i = 0; const char* name = lutra_row_name(i); ++i) {
    if (lutra_row_available(name) != 0) rows.push_back(name);
  }
  return rows;
}

/// Returns the number of runs that were compared.
size_t RunEverywhere(const Network& network, const std::vector<const char*>& rows,
                     RandomNumbers& random) {
  Model reference(network.file, "reference");
  const lutra_port port = reference.Input();
  size_t batch = 1 + random.Below(5), runs = 0;
  lutra_options options;
  lutra_options_init(&options);
  options.batch = batch;
  lutra_memory need;
  lutra_memory_init(&need);
  if (lutra_requirements(network.file.data(), network.file.size(), &options, &need, nullptr) ==
      LUTRA_INVALID_ARGUMENT) {
    batch = 1;  // an operator mixes samples
  }
  const Bytes input = NativeInput(port, batch, random);
  const std::vector<Bytes> wanted = reference.Run(input, batch, 1);
  for (const char* row : rows) {
    Model model(network.file, row);
    for (size_t threads = 1; threads <= 3; ++threads) {
      Compare(model.Run(input, batch, threads), wanted,
              std::string("row ") + row + ", " + std::to_string(threads) + " threads, batch " +
                  std::to_string(batch));
      ++runs;
    }
  }
  Model best(network.file, rows[0]);
  for (size_t sample = 0; sample < batch && batch > 1; ++sample) {
    const auto part = [&](const Bytes& all) {
      const auto size = static_cast<ptrdiff_t>(all.size() / batch);
      const auto begin = all.begin() + static_cast<ptrdiff_t>(sample) * size;
      return Bytes(begin, begin + size);
    };
    std::vector<Bytes> expected;
    for (const Bytes& output : wanted) expected.push_back(part(output));
    Compare(best.Run(part(input), 1, 1), expected, "sample " + std::to_string(sample) + " alone");
    ++runs;
  }
  return runs;
}

/// The largest error of a float32 network against the float executor on the graph as it was before
/// any pass, in parts of the output's largest magnitude; below 0: not comparable, for a step of a
/// function may lie between two roundings of the same value.
double CompareWithExecutor(const Network& network, RandomNumbers& random) {
  static const std::set<std::string> kSteps = {"Floor", "Ceil", "Round", "Sign", "ThresholdedRelu"};
  for (const converter::Node& node : network.source.nodes) {
    if (kSteps.contains(node.op)) return -1;
  }
  const Tensor input = RandomInput(network.source, random);
  converter::executor::FloatExecutor executor(network.source);
  const converter::executor::TensorMap wanted = executor.Run({{network.source.inputs[0], input}});
  const auto got = Model(network.file, "reference").RunFloats(input.ToFloats());
  double worst = 0;
  std::string where;
  for (const auto& [name, values] : got) {
    const std::vector<float> expected = wanted.at(name).ToFloats();
    if (expected.size() != values.size()) throw Failure{"output " + name + " has another size"};
    // Operands are of size 1: where they cancel to nothing, their rounding is all that is left.
    double largest = 1e-2, error = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double a = static_cast<double>(expected[i]), b = static_cast<double>(values[i]);
      if (!std::isfinite(a)) continue;
      largest = std::max(largest, std::fabs(a));
      error = std::max(error, std::isfinite(b) ? std::fabs(a - b) : INFINITY);
    }
    if (error > worst * largest) {
      worst = error / largest;
      where = name + ", " + std::to_string(values.size()) + " elements up to " +
              std::to_string(largest) + ", off by " + std::to_string(error);
    }
  }
  // A sum of up to 6000 products, summed in another order, is off by 2^-24 for each at worst, that
  // is 4e-4, and mostly far less; functions of the generator multiply that by a few. A wrong
  // operator is off by its whole value.
  if (worst > 1e-3) throw Failure{"float32, against the float executor: " + where};
  return worst;
}

struct Seen {
  std::map<std::string, size_t> operators, weights;
  size_t networks = 0, refused = 0, runs = 0;
  size_t executed = 0;     ///< networks compared with the float executor
  double float_error = 0;  ///< the largest of them
};

bool RunSeed(uint64_t seed, bool verbose, const std::vector<const char*>& rows, Seen& seen) {
  RandomNumbers random(seed);
  std::string failure;
  try {
    const Network network = MakeNetwork(random);
    seen.runs += RunEverywhere(network, rows, random);
    if (network.is_float32) {
      const double error = CompareWithExecutor(network, random);
      seen.executed += error >= 0 ? 1 : 0;
      seen.float_error = std::max(seen.float_error, error);
    }
    ++seen.networks;
    for (const std::string& name : network.operators) ++seen.operators[name];
    for (const std::string& name : network.weights) ++seen.weights[name];
    if (verbose) std::printf("seed %llu: ran\n", static_cast<unsigned long long>(seed));
  } catch (const converter::Error& error) {
    ++seen.refused;
    if (verbose) {
      std::printf("seed %llu: refused: %s\n", static_cast<unsigned long long>(seed), error.what());
    }
  } catch (const Failure& error) {
    failure = error.what;
  } catch (const std::exception& error) {
    failure = std::string("exception: ") + error.what();
  }
  if (failure.empty()) return true;
  std::printf("FAILED seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
  return false;
}

void Print(const char* what, const std::map<std::string, size_t>& counts) {
  std::printf("%zu %s:", counts.size(), what);
  for (const auto& [name, count] : counts) std::printf(" %s %zu;", name.c_str(), count);
  std::printf("\n");
}

/// What must have been seen for a run to mean anything.
bool SawAll(const Seen& seen) {
  bool all = true;
  const auto want = [&](const std::map<std::string, size_t>& counts, const std::string& prefix) {
    const auto found = counts.lower_bound(prefix);
    if (found != counts.end() && found->first.starts_with(prefix)) return;
    std::printf("never seen: %s\n", prefix.c_str());
    all = false;
  };
  for (const schema::Options type : schema::EnumValuesOptions()) {
    if (type != schema::Options::NONE) want(seen.operators, schema::EnumNameOptions(type));
  }
  for (int bits = 1; bits <= 8; ++bits) {
    if (bits > 1) want(seen.weights, "linear" + std::to_string(bits) + " ");
    want(seen.weights, "codebook" + std::to_string(bits) + " ");
  }
  for (const char* kind : {"fp16 float_", "fp32 float_"}) want(seen.weights, kind);
  return all;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: differential FIRST COUNT [--all-operators] [--verbose]\n");
    return 2;
  }
  const uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const uint64_t count = std::strtoull(argv[2], nullptr, 10);
  bool all_operators = false, verbose = false;
  for (int i = 3; i < argc; ++i) {
    all_operators = all_operators || std::strcmp(argv[i], "--all-operators") == 0;
    verbose = verbose || std::strcmp(argv[i], "--verbose") == 0;
  }
  const std::vector<const char*> rows = Rows();
  Seen seen;
  size_t failed = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    failed += RunSeed(seed, verbose, rows, seen) ? 0 : 1;
  }
  std::string names;
  for (const char* row : rows) names += std::string(" ") + row;
  std::printf(
      "seeds %llu to %llu: %zu networks ran, %zu were refused by the converter, %zu failed\n",
      static_cast<unsigned long long>(first), static_cast<unsigned long long>(first + count - 1),
      seen.networks, seen.refused, failed);
  std::printf("%zu runs compared, rows:%s\n", seen.runs, names.c_str());
  std::printf("%zu float32 networks compared with the float executor, largest error %.2g\n",
              seen.executed, seen.float_error);
  Print("operators", seen.operators);
  Print("kinds of weights", seen.weights);
  if (rows.empty() || seen.networks * 5 < count * 4 || seen.runs < count) {
    std::printf("too few networks ran\n");
    return 1;
  }
  if (all_operators && (!SawAll(seen) || seen.executed == 0)) return 1;
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace lutra::test

int main(int argc, char** argv) { return lutra::test::Main(argc, argv); }
