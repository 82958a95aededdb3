#include "converter/train/tape.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/passes/graph_builder.h"
#include "converter/train/random_tensor.h"
#include "converter/train/trainable.h"

namespace lutra::converter::train {
namespace {

using passes::GraphBuilder;

/// Convolutions with and without normalization, a residual, a flattening into a Gemm.
Graph SmallNetwork() {
  GraphBuilder b;
  b.Input("x", {1, 2, 6, 5});
  b.Weights("c1.w", {4, 2, 3, 3});
  b.Add("Conv", {"x", "c1.w"}, "c1", {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  b.Positive("n1.scale", {4});
  b.Weights("n1.bias", {4});
  b.Weights("n1.mean", {4});
  b.Positive("n1.variance", {4});
  b.Add("BatchNormalization", {"c1", "n1.scale", "n1.bias", "n1.mean", "n1.variance"}, "n1");
  b.Add("Sigmoid", {"n1"}, "s1");
  b.Weights("c2.w", {4, 1, 3, 1});
  b.Weights("c2.b", {4});
  b.Add("Conv", {"s1", "c2.w", "c2.b"}, "c2",
        {{"group", int64_t{4}}, {"pads", std::vector<int64_t>{1, 0, 1, 0}}});
  b.Add("Add", {"c2", "s1"}, "sum");
  b.Add("MaxPool", {"sum"}, "pool",
        {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  b.Add("Flatten", {"pool"}, "flat");
  b.Weights("g.w", {3, 24});
  b.Weights("g.b", {3});
  b.Add("Gemm", {"flat", "g.w", "g.b"}, "y", {{"transB", int64_t{1}}});
  return b.Finish({"y"});
}

TEST_CASE("which constants are parameters, and what they are to training") {
  GraphBuilder b;
  b.Input("x", {1, 2, 4, 4});
  b.Weights("c.w", {3, 2, 1, 1});
  b.Weights("c.b", {3});
  b.Add("Conv", {"x", "c.w", "c.b"}, "c");
  b.Positive("n.scale", {3});
  b.Weights("n.shift", {3});
  b.Weights("n.mean", {3});
  b.Positive("n.variance", {3});
  b.Add("BatchNormalization", {"c", "n.scale", "n.shift", "n.mean", "n.variance"}, "n");
  b.Weights("t.w", {3, 2, 1, 1});
  b.Add("ConvTranspose", {"n", "t.w"}, "t");
  b.Weights("t.b", {1, 2, 1, 1});
  b.Add("Add", {"t.b", "t"}, "u");
  b.Weights("factor", {1, 2, 1, 1});
  b.Add("Mul", {"u", "factor"}, "v");
  b.Add("Flatten", {"v"}, "flat");
  b.Weights("g.w", {32, 5});
  b.Weights("g.b", {5});
  b.Add("Gemm", {"flat", "g.w", "g.b"}, "g");
  b.Weights("m.w", {5, 3});
  b.Add("MatMul", {"g", "m.w"}, "m");
  b.Weights("m.b", {3});
  b.Add("Add", {"m", "m.b"}, "y");
  std::map<std::string, ParameterKind> kinds;
  for (const Parameter& parameter : MakeTrainable(b.Finish({"y"})).parameters) {
    CHECK(kinds.emplace(parameter.name, parameter.kind).second);
  }
  using enum ParameterKind;
  CHECK(kinds == std::map<std::string, ParameterKind>{{"c.w", weight},
                                                      {"c.b", bias},
                                                      {"n.scale", normalization},
                                                      {"n.shift", normalization},
                                                      {"n.mean", statistic},
                                                      {"n.variance", statistic},
                                                      {"t.w", weight},
                                                      {"t.b", bias},
                                                      {"g.w", weight},
                                                      {"g.b", bias},
                                                      {"m.w", weight},
                                                      {"m.b", bias}});
}

std::vector<TensorMap> Parts(const std::vector<int64_t>& sizes, std::vector<int64_t> dims,
                             const char* name, uint64_t seed) {
  std::vector<TensorMap> parts;
  // All parts together are the same samples however they are cut.
  int64_t total = 0;
  for (const int64_t size : sizes) total += size;
  dims[0] = total;
  const Tensor all = RandomTensor(dims, seed);
  size_t at = 0;
  for (const int64_t size : sizes) {
    dims[0] = size;
    Tensor part(DataType::float32, dims);
    const auto from = all.as<float>().subspan(at, part.elements());
    std::ranges::copy(from, part.as<float>().begin());
    at += part.elements();
    parts.push_back({{name, std::move(part)}});
  }
  return parts;
}

std::set<std::string> Learned(const Trainable& network) {
  std::set<std::string> names;
  for (const Parameter& parameter : network.parameters) {
    if (parameter.kind != ParameterKind::statistic) names.insert(parameter.name);
  }
  return names;
}

/// The sum of all outputs times fixed numbers, which are the gradients by them.
double WeightedSum(const std::vector<TensorMap>& outputs, const std::vector<TensorMap>& gradients) {
  double loss = 0;
  for (size_t p = 0; p < outputs.size(); ++p) {
    const auto y = outputs[p].at("y").as<float>(), g = gradients[p].at("y").as<float>();
    for (size_t i = 0; i < y.size(); ++i) loss += static_cast<double>(y[i]) * g[i];
  }
  return loss;
}

struct Run {
  std::vector<TensorMap> outputs;
  TensorMap gradients, values;
};

Run RunOnce(const Trainable& network, const std::vector<int64_t>& parts, size_t threads,
            bool frozen = false) {
  Workers workers(threads);
  Tape tape(network.graph, {Learned(network), frozen}, workers);
  Run run;
  run.values = network.values;
  run.outputs = tape.Forward(Parts(parts, {0, 2, 6, 5}, "x", 1), run.values);
  run.gradients = tape.Backward(Parts(parts, {0, 3}, "y", 2), run.values);
  return run;
}

void CheckClose(const Tensor& a, const Tensor& b, double tolerance) {
  REQUIRE(a.dims() == b.dims());
  for (size_t i = 0; i < a.elements(); ++i) {
    CHECK(std::abs(static_cast<double>(a.as<float>()[i]) - static_cast<double>(b.as<float>()[i])) <
          tolerance);
  }
}

}  // namespace

TEST_CASE("parameters leave the graph under their names") {
  const Trainable network = MakeTrainable(SmallNetwork());
  CHECK(network.inputs == std::vector<std::string>{"x"});
  std::map<std::string, ParameterKind> kinds;
  for (const Parameter& parameter : network.parameters) kinds[parameter.name] = parameter.kind;
  const std::map<std::string, ParameterKind> expected = {{"c1.w", ParameterKind::weight},
                                                         {"n1.scale", ParameterKind::normalization},
                                                         {"n1.bias", ParameterKind::normalization},
                                                         {"n1.mean", ParameterKind::statistic},
                                                         {"n1.variance", ParameterKind::statistic},
                                                         {"c2.w", ParameterKind::weight},
                                                         {"c2.b", ParameterKind::bias},
                                                         {"g.w", ParameterKind::weight},
                                                         {"g.b", ParameterKind::bias}};
  CHECK(kinds == expected);
  const Graph before = SmallNetwork();
  for (const auto& [name, value] : network.values) CHECK(value == *before.Constant(name));
}

TEST_CASE("frozen, the tape computes what the executor computes of the file") {
  const Graph plain = SmallNetwork();
  const Run run = RunOnce(MakeTrainable(plain), {3}, 1, true);
  executor::FloatExecutor executor(plain);
  const Tensor x = Parts({3}, {0, 2, 6, 5}, "x", 1)[0].at("x");
  const Tensor y = executor.Run({{"x", x}}).at("y");
  CheckClose(run.outputs[0].at("y"), y, 1e-4);
  CHECK(run.values == MakeTrainable(plain).values);
}

TEST_CASE("gradients of all parameters are those of finite differences") {
  const Trainable network = MakeTrainable(SmallNetwork());
  const std::vector<int64_t> parts = {3, 2};
  for (const bool frozen : {false, true}) {
    const Run run = RunOnce(network, parts, 2, frozen);
    Workers workers(1);
    Tape tape(network.graph, {Learned(network), frozen}, workers);
    const auto x = Parts(parts, {0, 2, 6, 5}, "x", 1), gradients = Parts(parts, {0, 3}, "y", 2);
    for (const std::string& name : Learned(network)) {
      CAPTURE(name);
      const Tensor& gradient = run.gradients.at(name);
      REQUIRE(gradient.dims() == network.values.at(name).dims());
      for (size_t i = 0; i < gradient.elements(); i += 5) {
        // Wide enough that float32 sums tell the two apart, narrow enough for few pools to change
        // their maximum: those that do are let through by the tolerance.
        constexpr float kStep = 2e-3F;
        TensorMap values = network.values;
        float& element = values.at(name).as<float>()[i];
        const float before = element;
        element = before + kStep;
        const double more = WeightedSum(tape.Forward(x, values), gradients);
        values.at(name).as<float>()[i] = before - kStep;
        const double less = WeightedSum(tape.Forward(x, values), gradients);
        const double slope = (more - less) / (2 * static_cast<double>(kStep));
        CHECK(static_cast<double>(gradient.as<float>()[i]) ==
              doctest::Approx(slope).epsilon(0.02).scale(2));
      }
    }
  }
}

TEST_CASE("the number of threads changes no byte, that of parts only the rounding") {
  const Trainable network = MakeTrainable(SmallNetwork());
  const Run one = RunOnce(network, {3, 2, 2}, 1);
  for (const size_t threads : {2, 3, 5}) {
    const Run more = RunOnce(network, {3, 2, 2}, threads);
    CHECK(one.outputs == more.outputs);
    CHECK(one.gradients == more.gradients);
    CHECK(one.values == more.values);
  }
  const Run whole = RunOnce(network, {7}, 1);
  for (const auto& [name, gradient] : one.gradients) {
    CheckClose(gradient, whole.gradients.at(name), 1e-3);
  }
  CheckClose(one.values.at("n1.mean"), whole.values.at("n1.mean"), 1e-5);
  CHECK(one.values.at("n1.mean") != network.values.at("n1.mean"));
}

TEST_CASE("nodes without a gradient are named, and only those in the way") {
  GraphBuilder b;
  b.Input("x", {1, 4});
  b.Weights("w", {4, 4});
  b.Add("Ceil", {"x"}, "before");  // no parameter stands before it
  b.Add("MatMul", {"before", "w"}, "product");
  b.Add("Round", {"product"}, "rounded");
  const Trainable network = MakeTrainable(b.Finish({"rounded"}));
  Workers workers(1);
  CHECK_THROWS_WITH_AS(Tape(network.graph, {{"w"}, false}, workers),
                       "cannot train the network: node 'rounded': operator Round has no gradient",
                       Error);
}

TEST_CASE("tasks run once each, and the first error is thrown") {
  for (const size_t threads : {1, 2, 4}) {
    Workers workers(threads);
    CHECK(workers.threads() == threads);
    for (int round = 0; round < 100; ++round) {
      std::vector<int> done(7, 0);
      workers.Run(done.size(), [&](size_t task) { ++done[task]; });
      CHECK(done == std::vector<int>(7, 1));
    }
    CHECK_THROWS_WITH_AS(workers.Run(5,
                                     [](size_t task) {
                                       if (task >= 2) throw Error(std::to_string(task));
                                     }),
                         "2", Error);
  }
}

}  // namespace lutra::converter::train
