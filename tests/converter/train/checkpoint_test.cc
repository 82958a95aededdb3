// Runs that end at some step, as if they had been killed, and go on from their checkpoint: to the
// same bytes as a run that nothing disturbed. And what is no checkpoint of the run.
#include "converter/train/checkpoint.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "converter/error.h"
#include "converter/files.h"
#include "converter/train/plane.h"
#include "support/temp_folder.h"

namespace lutra::converter::train {
namespace {

struct Killed {};

using Prepare = std::function<void(Network&)>;

struct Attempt {
  Network network = PlaneNetwork();
  std::vector<EpochReport> reports;
  size_t resumed_at = 0;  // steps
};

/// Ends by Killed after `last_step`, if that is not 0.
void TrainUntil(const TrainSettings& settings, const Prepare& prepare, size_t last_step,
                Attempt& run) {
  const auto points = Points(100);
  prepare(run.network);
  Workers workers(2);
  Warnings warnings;
  const SampleStore store(*points, run.network.input_dims, workers);
  Trainer trainer(run.network, store, settings, workers, warnings);
  trainer.OnResume([&](size_t step, size_t) { run.resumed_at = step; });
  trainer.AfterStep([&](size_t step, size_t) {
    if (step == last_step) throw Killed();
  });
  trainer.Run([&](const EpochReport& report) {
    run.reports.push_back(report);
    return true;
  });
}

TrainSettings Short(const test::TempFolder& folder) {
  TrainSettings settings = PlaneSettings();
  settings.epochs = 6;  // of 4 minibatches
  settings.checkpoint = folder / "run.checkpoint";
  settings.checkpoint_seconds = 0;
  return settings;
}

/// The text of the error that a run with these settings ends in.
std::string ErrorOf(const TrainSettings& settings) {
  Attempt run;
  try {
    TrainUntil(
        settings, [](Network&) {}, 0, run);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

void ConstrainAll(Network& network) {
  // A third of the first layer is pruned, and both weights have grids of their own kind.
  for (TrainedWeight& weight : network.weights) {
    if (weight.name() == "w1") {
      Mask kept(24, 1);
      for (size_t i = 0; i < 24; i += 3) kept[i] = 0;
      weight.SetKept(kept);
      weight.SetGrid(WeightGrid::Linear(7, {0.2F}));
    }
    if (weight.name() == "w2") {
      const std::vector<int8_t> table = {-127, -40, 0, 90};
      weight.SetGrid(WeightGrid::Codebook(table, 1, {0.01F}));
    }
  }
}

}  // namespace

TEST_CASE("a run that ends at any step goes on to the same bytes") {
  struct Case {
    const char* name;
    Prepare prepare;
    std::function<void(TrainSettings&)> change;
  };
  const std::vector<Case> cases = {
      {"adam", [](Network&) {}, [](TrainSettings&) {}},
      {"sgd, moving average, minutes-old checkpoints", [](Network&) {},
       [](TrainSettings& settings) {
         settings.optimizer.method = OptimizerSettings::Method::sgd;
         settings.average = 0.9;
         settings.checkpoint_seconds = 1e9;
       }},
      {"masks, grids, no validation", ConstrainAll,
       [](TrainSettings& settings) { settings.validation = 0; }},
      {"a rate that is chosen", [](Network&) {},
       [](TrainSettings& settings) { settings.schedule.rate = 0; }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const test::TempFolder folder;
    TrainSettings settings = Short(folder);
    c.change(settings);
    TrainSettings alone = settings;
    alone.checkpoint = "";
    Attempt whole;
    TrainUntil(alone, c.prepare, 0, whole);
    const size_t steps = whole.reports.size() * (settings.validation > 0 ? 4 : 5);
    for (const size_t step : {size_t{1}, size_t{4}, size_t{7}, size_t{14}, steps}) {
      CAPTURE(step);
      std::filesystem::remove(settings.checkpoint);
      Attempt first, second;
      CHECK_THROWS_AS(TrainUntil(settings, c.prepare, step, first), Killed);
      TrainUntil(settings, c.prepare, 0, second);
      // Within an epoch it is either there at each step, or that of the epoch before.
      const size_t per_epoch = settings.validation > 0 ? 4 : 5;
      CHECK(second.resumed_at ==
            (settings.checkpoint_seconds > 0 ? (step - 1) / per_epoch * per_epoch : step));
      CHECK(second.network.Shared() == whole.network.Shared());
      CHECK(second.reports.back().loss == whole.reports.back().loss);
      CHECK(second.reports.back().accuracy == whole.reports.back().accuracy);
      CHECK(first.reports.size() + second.reports.size() == whole.reports.size());
    }
  }
}

TEST_CASE("a run that is killed again and again comes to its end") {
  const test::TempFolder folder;
  const TrainSettings settings = Short(folder);
  TrainSettings alone = settings;
  alone.checkpoint = "";
  Attempt whole, last;
  TrainUntil(
      alone, [](Network&) {}, 0, whole);
  for (const size_t step : {2, 3, 9, 16, 17, 23}) {
    Attempt run;
    CHECK_THROWS_AS(TrainUntil(
                        settings, [](Network&) {}, step, run),
                    Killed);
  }
  TrainUntil(
      settings, [](Network&) {}, 0, last);
  CHECK(last.resumed_at == 23);
  CHECK(last.network.Shared() == whole.network.Shared());
  // It is complete, and stays so.
  Attempt after;
  TrainUntil(
      settings, [](Network&) {}, 0, after);
  CHECK(after.reports.empty());
  CHECK(after.network.Shared() == whole.network.Shared());
  RemoveCheckpoint(settings.checkpoint);
  CHECK(!std::filesystem::exists(settings.checkpoint));
}

TEST_CASE("a target that was reached before the kill stays reached") {
  const test::TempFolder folder;
  TrainSettings settings = Short(folder);
  settings.epochs = 40;
  settings.target = 0.7;
  Attempt first, second;
  TrainUntil(
      settings, [](Network&) {}, 0, first);
  REQUIRE(first.reports.size() < 40);
  TrainUntil(
      settings, [](Network&) {}, 0, second);
  CHECK(second.reports.empty());
  CHECK(second.network.Shared() == first.network.Shared());
}

TEST_CASE("checkpoints of other runs are refused by what differs") {
  const test::TempFolder folder;
  const TrainSettings settings = Short(folder);
  Attempt run;
  TrainUntil(
      settings, [](Network&) {}, 0, run);
  const std::string bytes = ReadText(settings.checkpoint);
  TrainSettings other = settings;
  other.epochs = 7;
  other.schedule.rate = 0.25;
  other.batches.augmentation.noise = 0.5;
  other.fingerprint["--sparsity"] = "50";
  CHECK(ErrorOf(other) ==
        settings.checkpoint +
            ": no checkpoint that this run could go on from: belongs to another run: --epochs is 6 "
            "there and 7 here, --rate is 0.03 there and 0.25 here, --sparsity is unknown there and "
            "50 here, the --augment is another; give "
            "the same to go on with that run; remove it, or give another file to --checkpoint, to "
            "begin anew");
  // Other masks and grids.
  Attempt constrained;
  CHECK_THROWS_WITH_AS(TrainUntil(settings, ConstrainAll, 0, constrained),
                       doctest::Contains("the network is another"), Error);
  CHECK(ReadText(settings.checkpoint) == bytes);
}

TEST_CASE("what is damaged, or no checkpoint, is refused and stays as it is") {
  const test::TempFolder folder;
  TrainSettings settings = Short(folder);
  settings.epochs = 1;
  Attempt run;
  TrainUntil(
      settings, [](Network&) {}, 0, run);
  const std::string whole = ReadText(settings.checkpoint);
  const auto refused = [&](const std::string& bytes, const std::string& why) {
    CAPTURE(why);
    WriteText(settings.checkpoint, bytes);
    const std::string error = ErrorOf(settings);
    CHECK(error.starts_with(settings.checkpoint + ": no checkpoint that this run could go on " +
                            "from: " + why));
    CHECK(error.ends_with("; remove it, or give another file to --checkpoint, to begin anew"));
    CHECK(ReadText(settings.checkpoint) == bytes);
  };
  refused("", "is no safetensors file");
  refused(whole.substr(0, whole.size() / 2), "");
  refused(whole.substr(0, whole.size() - 1), "tensor '");
  std::string flipped = whole;
  flipped[flipped.size() - 9] ^= 1;
  refused(flipped, "its checksum is wrong");
  std::string other = whole;
  other.replace(other.find("lutra_checkpoint"), 16, "lutra_checkpoinT");
  refused(other, "is a safetensors file of something else");
  CHECK(ErrorOf(Short(folder)).find("lutra_checkpoinT") == std::string::npos);
}

TEST_CASE("a disk without room ends the run before it has begun") {
  TrainSettings settings = PlaneSettings();
  settings.checkpoint = "/none/run.checkpoint";
  CHECK(ErrorOf(settings) ==
        "--checkpoint: /none/run.checkpoint: cannot be created: No such file or directory; the "
        "same command goes on from the checkpoint before, if there is one");
}

}  // namespace lutra::converter::train
