// Whole runs on points of the plane: what is learned, what is kept, and that nothing depends on the
// number of threads.
#include "converter/train/trainer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/train/plane.h"

namespace lutra::converter::train {
namespace {

struct Outcome {
  Network network = PlaneNetwork();
  std::vector<EpochReport> reports;
  Warnings warnings;
};

Outcome TrainOn(const GivenSamples& points, const TrainSettings& settings, size_t threads = 1,
                const std::function<void(Network&, Trainer&)>& prepare = {}) {
  Outcome outcome;
  Workers workers(threads);
  const SampleStore store(points, outcome.network.input_dims, workers);
  Trainer trainer(outcome.network, store, settings, workers, outcome.warnings);
  if (prepare) prepare(outcome.network, trainer);
  trainer.Run([&](const EpochReport& report) {
    outcome.reports.push_back(report);
    return true;
  });
  return outcome;
}

/// Fraction of the points on which the network is right, by the executor.
double Accuracy(Network& network, const GivenSamples& points) {
  executor::FloatExecutor executor(network.graph);
  TensorMap inputs = network.Shared();
  size_t right = 0;
  for (const data::Sample& sample : points.samples) {
    inputs["x"] = sample.input.Reshaped({1, 2});
    const auto scores = executor.Run(inputs).at(network.scores);
    const auto s = scores.as<float>();
    const auto in = sample.input.as<float>();
    if ((s[1] > s[0]) == (in[0] * in[1] > 0)) ++right;
  }
  return static_cast<double>(right) / static_cast<double>(points.samples.size());
}

}  // namespace

TEST_CASE("a network learns what no linear function tells, to the same bytes on any threads") {
  const auto points = Points(400);
  Outcome one = TrainOn(*points, PlaneSettings());
  REQUIRE(one.reports.size() == 40);
  CHECK(one.reports.back().loss < 0.5 * one.reports.front().loss);
  CHECK(Accuracy(one.network, *points) > 0.95);
  Outcome three = TrainOn(*points, PlaneSettings(), 3);
  CHECK(one.network.Shared() == three.network.Shared());
  TrainSettings other = PlaneSettings();
  other.batches.seed = 4;
  Outcome another = TrainOn(*points, other);
  CHECK(one.network.Shared() != another.network.Shared());
}

TEST_CASE("the scores before a Softmax are what is trained") {
  const Network network = PlaneNetwork();
  CHECK(network.scores == "h2");
  CHECK(network.kind == ScoreKind::logits);
  CHECK(network.classes == 2);
}

TEST_CASE("the best epoch's weights are left, and training ends at its target") {
  const auto points = Points(200);
  TrainSettings settings = PlaneSettings();
  settings.target = 0.9;
  Outcome outcome = TrainOn(*points, settings, 2);
  CHECK(outcome.reports.size() < 40);
  CHECK(outcome.reports.back().validation_accuracy >= 0.9);
  CHECK(outcome.reports.back().best);
  Workers workers(1);
  Warnings warnings;
  const SampleStore store(*points, outcome.network.input_dims, workers);
  Trainer again(outcome.network, store, settings, workers, warnings);
  CHECK(again.Validate().accuracy == outcome.reports.back().validation_accuracy);
}

TEST_CASE("of few validation samples the lowest loss is the best epoch, of many the accuracy") {
  for (const size_t count : {200, 1200}) {
    const auto points = Points(count);
    TrainSettings settings = PlaneSettings();
    settings.epochs = 8;
    Outcome outcome = TrainOn(*points, settings, 2);
    const auto& reports = outcome.reports;
    const auto kept = std::ranges::find(reports.rbegin(), reports.rend(), true, &EpochReport::best);
    for (const EpochReport& report : reports) {
      if (count == 200) {
        CHECK(kept->validation_loss <= report.validation_loss);
      } else {
        CHECK(kept->validation_accuracy >= report.validation_accuracy);
      }
    }
    Workers workers(1);
    Warnings warnings;
    const SampleStore store(*points, outcome.network.input_dims, workers);
    Trainer again(outcome.network, store, settings, workers, warnings);
    CHECK(again.Validate().loss == kept->validation_loss);
  }
}

TEST_CASE("weights that may not be kept are not, and are no target") {
  const auto points = Points(200);
  TrainSettings settings = PlaneSettings();
  settings.epochs = 12;
  settings.target = 0.3;
  settings.first_kept = 0;
  const Outcome none = TrainOn(*points, settings, 1, [](Network&, Trainer& trainer) {
    trainer.KeepOnlyIf([] { return false; });
  });
  CHECK(none.reports.size() == 12);
  Network fresh = PlaneNetwork(), kept = none.network;
  CHECK(kept.Shared() == fresh.Shared());
  size_t asked = 0;
  const Outcome later = TrainOn(*points, settings, 1, [&](Network&, Trainer& trainer) {
    trainer.KeepOnlyIf([&] { return ++asked == 3; });
  });
  CHECK(later.reports.size() == 3);
  CHECK(later.reports.back().best);
}

TEST_CASE("without labels a teacher is followed") {
  const auto points = Points(400, false);
  TrainSettings settings = PlaneSettings();
  settings.goal = Goal::teacher;
  Outcome outcome = TrainOn(*points, settings, 2, [](Network&, Trainer& trainer) {
    trainer.SetTeacher([](const Tensor& input, size_t) {
      Tensor scores(DataType::float32, {input.dims()[0], 2});
      const auto x = input.as<float>();
      for (size_t i = 0; i < scores.elements() / 2; ++i) {
        scores.as<float>()[2 * i + 1] = x[2 * i] * x[2 * i + 1] > 0 ? 4.0F : -4.0F;
      }
      return scores;
    });
  });
  CHECK(Accuracy(outcome.network, *points) > 0.95);
}

TEST_CASE("a teacher gives the mean over sample and mirror image where training flips") {
  GivenSamples images;
  for (int i = 0; i < 10; ++i) images.Add({1, 1, 2}, {4, 1}, -1);
  passes::GraphBuilder b;
  b.Input("x", {1, 1, 1, 2});
  b.Add("Flatten", {"x"}, "f");
  b.Floats("w", {2, 2}, {1, 0, 0, 1});
  b.Add("Gemm", {"f", "w"}, "y");
  Network network = MakeNetwork(MakeTrainable(b.Finish({"y"})));
  Workers workers(1);
  Warnings warnings;
  const SampleStore store(images, network.input_dims, workers);
  const auto loss = [&](const std::string& augmentation) {
    TrainSettings settings = PlaneSettings();
    settings.batches.size = 4;
    settings.goal = Goal::teacher;
    settings.temperature = 2;
    settings.batches.augmentation = ParseAugmentation(augmentation);
    Trainer trainer(network, store, settings, workers, warnings);
    trainer.SetTeacher([](const Tensor& input, size_t) {
      return input.Reshaped({input.dims()[0], 2});
    });
    return trainer.Validate().loss;
  };
  CHECK(loss("none") == doctest::Approx(0));
  // The teacher then takes both classes for alike: T^2 sum 1/2 (log 1/2 - log p), with p of 4 / T
  // and 1 / T.
  const double p = 1 / (1 + std::exp(-1.5));
  CHECK(loss("flip") == doctest::Approx(-2 * (std::log(2 * p) + std::log(2 * (1 - p)))));
}

TEST_CASE("labels that do not count keep no sample from validation") {
  GivenSamples points;
  for (int i = 0; i < 40; ++i) points.Add({2}, {0.1F * static_cast<float>(i), 1}, i);
  TrainSettings settings = PlaneSettings();
  settings.goal = Goal::teacher;
  settings.epochs = 1;
  const Outcome outcome = TrainOn(points, settings, 1, [](Network&, Trainer& trainer) {
    trainer.SetTeacher([](const Tensor& input, size_t) {
      return Tensor(DataType::float32, {input.dims()[0], 2});
    });
  });
  CHECK(outcome.reports.size() == 1);
}

TEST_CASE("where no rate is given the highest is taken that does not ruin the network") {
  const auto points = Points(400);
  Outcome trained = TrainOn(*points, PlaneSettings());
  TrainSettings settings = PlaneSettings();
  settings.epochs = 1;
  settings.schedule.shape = Schedule::Shape::constant;
  settings.schedule.rate = 0;
  // A step at the rate r changes a weight by about r units.
  const auto chosen = [&](float unit, size_t threads) {
    return TrainOn(*points, settings, threads, [&](Network& network, Trainer&) {
      for (size_t w = 0; w < network.weights.size(); ++w) {
        TrainedWeight& from = trained.network.weights[w];
        network.weights[w] = {from.name(), from.Weights(), from.decays(), {}, {unit}};
      }
    });
  };
  CHECK(chosen(1, 1).reports[0].rate == kRates.front());
  Outcome large = chosen(3000, 1);
  CHECK(large.reports[0].rate < kRates.front());
  CHECK(large.network.Shared() == chosen(3000, 3).network.Shared());
  // The trial leaves nothing behind.
  settings.schedule.rate = large.reports[0].rate;
  CHECK(large.network.Shared() == chosen(3000, 1).network.Shared());
}

TEST_CASE("trials of rates are a modest part of a run") {
  const auto points = Points(400);
  TrainSettings settings = PlaneSettings();
  settings.schedule.rate = 0;
  for (const size_t epochs : {1, 10, 100}) {
    settings.epochs = epochs;
    size_t calls = 0;
    TrainOn(*points, settings, 1, [&](Network&, Trainer& trainer) {
      trainer.BeforeStep([&](size_t, size_t) { ++calls; });
    });
    const size_t steps = epochs * 320 / 20, trials = calls - steps;
    CAPTURE(steps);
    CHECK(trials >= 2 * 8);  // none, and the highest
    CHECK(trials <= std::max<size_t>(steps / 10, 4 * 8));
    CHECK(trials <= 4 * 30);
  }
}

TEST_CASE("masked weights stay 0, and grids hold") {
  const auto points = Points(200);
  Outcome outcome = TrainOn(*points, PlaneSettings(), 1, [](Network& network, Trainer&) {
    Mask kept(24, 1);
    kept[3] = kept[17] = 0;
    network.weights[0].SetKept(kept);
  });
  const Tensor weights = outcome.network.Shared().at("w1");
  for (size_t i = 0; i < 24; ++i) CHECK((weights.as<float>()[i] == 0) == (i == 3 || i == 17));
}

TEST_CASE("a loss that is no number ends training with advice") {
  TrainSettings settings = PlaneSettings();
  settings.schedule.rate = 1e39;
  CHECK_THROWS_WITH_AS(TrainOn(*Points(200), settings),
                       doctest::Contains("a lower --rate, or --clip, may help"), Error);
}

TEST_CASE("a moving average is validated and kept") {
  TrainSettings settings = PlaneSettings();
  settings.average = 0.9;
  const auto points = Points(400);
  Outcome outcome = TrainOn(*points, settings);
  CHECK(Accuracy(outcome.network, *points) > 0.95);
  Outcome plain = TrainOn(*points, PlaneSettings());
  CHECK(outcome.network.Shared() != plain.network.Shared());
}

}  // namespace lutra::converter::train
