// A task for tests of whole runs: points of the plane whose class is the sign of x * y, which no
// linear function tells.
#pragma once

#include <memory>

#include "converter/passes/graph_builder.h"
#include "converter/train/given_samples.h"
#include "converter/train/trainer.h"
#include "support/random_numbers.h"

namespace lutra::converter::train {

inline std::unique_ptr<GivenSamples> Points(size_t count, bool labelled = true) {
  auto points = std::make_unique<GivenSamples>();
  test::RandomNumbers random(5);
  for (size_t i = 0; i < count; ++i) {
    const float x = random.Real(-1, 1), y = random.Real(-1, 1);
    points->Add({2}, {x, y}, labelled ? (x * y > 0 ? 1 : 0) : -1);
  }
  return points;
}

/// Gemm, normalization, Tanh, Gemm, Softmax.
inline Network PlaneNetwork() {
  passes::GraphBuilder b;
  b.Input("x", {1, 2});
  b.Weights("w1", {2, 12});
  b.Weights("b1", {12});
  b.Add("Gemm", {"x", "w1", "b1"}, "h1");
  b.Weights("scale", {12});
  b.Weights("bias", {12});
  b.Weights("mean", {12});
  b.Positive("variance", {12});
  b.Add("BatchNormalization", {"h1", "scale", "bias", "mean", "variance"}, "n1");
  b.Add("Tanh", {"n1"}, "t1");
  b.Weights("w2", {2, 12});
  b.Weights("b2", {2});
  b.Add("Gemm", {"t1", "w2", "b2"}, "h2", {{"transB", int64_t{1}}});
  b.Add("Softmax", {"h2"}, "y");
  Trainable trainable = MakeTrainable(b.Finish({"y"}));
  MakeFresh(trainable.graph, trainable.parameters, 1, trainable.values);
  return MakeNetwork(std::move(trainable));
}

inline TrainSettings PlaneSettings() {
  TrainSettings settings;
  settings.epochs = 40;
  settings.batches.size = 20;
  settings.batches.seed = 3;
  settings.optimizer.method = OptimizerSettings::Method::adam;
  settings.schedule.shape = Schedule::Shape::cosine;
  settings.schedule.rate = 0.03;
  settings.validation = 0.2;
  return settings;
}

}  // namespace lutra::converter::train
