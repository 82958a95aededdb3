// Minibatches: what they hold, and that nothing but seed, epoch and number decides it.
#include "converter/train/batches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "converter/error.h"
#include "converter/train/given_samples.h"

namespace lutra::converter::train {
namespace {

// Samples, their store, and minibatches of all of them.
struct Fixture {
  explicit Fixture(size_t count, BatchSettings settings = {}, std::vector<int64_t> dims = {1, 4})
      : data(GivenSamples::Count(count, 3)),
        workers(1),
        store(*data, std::move(dims), workers),
        samples(count) {
    std::iota(samples.begin(), samples.end(), 0U);
    batches = std::make_unique<Batches>(store, samples, settings);
  }

  std::unique_ptr<GivenSamples> data;
  Workers workers;
  SampleStore store;
  std::vector<uint32_t> samples;
  std::unique_ptr<Batches> batches;
};

BatchSettings Settings(size_t size, const std::string& augmentation = "none") {
  BatchSettings settings;
  settings.size = size;
  settings.seed = 9;
  settings.augmentation = ParseAugmentation(augmentation);
  settings.classes = 3;
  return settings;
}

TEST_CASE("an epoch holds every sample once, in an order of its own") {
  const Fixture f(12, Settings(4));
  CHECK(f.batches->per_epoch() == 3);
  const Batches::Epoch first = f.batches->Shuffled(0), second = f.batches->Shuffled(1);
  CHECK(std::set<uint32_t>(first.samples.begin(), first.samples.end()).size() == 12);
  CHECK(first.samples != second.samples);
  CHECK(first.samples == f.batches->Shuffled(0).samples);
  for (size_t b = 0; b < 3; ++b) {
    const Batch batch = f.batches->Get(first, b, 0, 4);
    CHECK(batch.input.dims() == std::vector<int64_t>{4, 4});
    CHECK(batch.soft_labels.type() == DataType::undefined);
    for (size_t i = 0; i < 4; ++i) {
      const uint32_t sample = first.samples[b * 4 + i];
      CHECK(batch.input.as<float>()[i * 4 + 2] == static_cast<float>(4 * sample + 2));
      CHECK(batch.labels[i] == sample % 3);
    }
  }
}

TEST_CASE("what does not fill a minibatch waits for another epoch") {
  const Fixture f(11, Settings(4));
  CHECK(f.batches->per_epoch() == 2);
  std::set<uint32_t> seen;
  for (size_t e = 0; e < 12; ++e) {
    const Batches::Epoch epoch = f.batches->Shuffled(e);
    CHECK(epoch.samples.size() == 8);
    seen.insert(epoch.samples.begin(), epoch.samples.end());
  }
  CHECK(seen.size() == 11);  // left out 12 times: (3/11)^12 each
}

TEST_CASE("inputs have the network's layout") {
  // [N, H, W, C] from [C, H, W] = [1, 2, 2].
  const Fixture f(3, Settings(1), {-1, 2, 2, 1});
  const Batch batch = Assemble(f.store, std::vector<uint32_t>{2, 0});
  CHECK(batch.input == Tensor::Of({2, 2, 2, 1}, std::vector<float>{8, 9, 10, 11, 0, 1, 2, 3}));
  CHECK(batch.labels == std::vector<int64_t>{2, 0});
}

TEST_CASE("a minibatch may be assembled in any parts, and again") {
  const Fixture f(16, Settings(8, "flip,crop:1,noise:0.5,mixup:0.4"));
  for (const size_t e : {0, 3}) {
    const Batches::Epoch epoch = f.batches->Shuffled(e);
    const Batch whole = f.batches->Get(epoch, 1, 0, 8);
    REQUIRE(whole.soft_labels.dims() == std::vector<int64_t>{8, 3});
    const auto inputs = whole.input.as<float>(), soft = whole.soft_labels.as<float>();
    for (const auto& [first, count] : {std::pair<size_t, size_t>{5, 3}, {0, 1}, {1, 4}}) {
      const Batch part = f.batches->Get(epoch, 1, first, count);
      CHECK(std::ranges::equal(part.input.as<float>(), inputs.subspan(first * 4, count * 4)));
      CHECK(std::ranges::equal(part.soft_labels.as<float>(), soft.subspan(first * 3, count * 3)));
      CHECK(std::ranges::equal(part.labels, std::span(whole.labels).subspan(first, count)));
    }
  }
  const Batch early = f.batches->Get(f.batches->Shuffled(0), 0, 0, 8);
  const Batch late = f.batches->Get(f.batches->Shuffled(1), 0, 0, 8);
  CHECK(!(early.input == late.input));
}

TEST_CASE("mix-up mixes inputs and labels alike") {
  const Fixture f(12, Settings(12, "mixup:1"));
  const Batches::Epoch epoch = f.batches->Shuffled(2);
  const Batch batch = f.batches->Get(epoch, 0, 0, 12);
  std::set<float> parts;
  for (size_t i = 0; i < 12; ++i) {
    const auto soft = batch.soft_labels.as<float>().subspan(i * 3, 3);
    CHECK(soft[0] + soft[1] + soft[2] == doctest::Approx(1));
    const auto own_label = static_cast<size_t>(batch.labels[i]);
    // Some partner explains the input, and its label the soft labels.
    const float own = static_cast<float>(4 * epoch.samples[i]);
    const float p = soft[own_label];
    const bool same_label = p > 0.999999F;
    if (!same_label) parts.insert(p);
    if (same_label) continue;
    const double partner =
        static_cast<double>((batch.input.as<float>()[i * 4] - p * own) / (1 - p));
    const double sample = std::round(partner / 4);
    CHECK(partner / 4 == doctest::Approx(sample).epsilon(1e-4).scale(1));
    CHECK(soft[static_cast<size_t>(sample) % 3] == doctest::Approx(1 - p));
  }
  // One part for all, up to float32's rounding.
  REQUIRE(!parts.empty());
  CHECK(*parts.rbegin() - *parts.begin() < 1e-6F);
}

TEST_CASE("mix-up without labels") {
  BatchSettings settings = Settings(4, "mixup:1");
  settings.classes = 0;
  const Fixture f(4, settings);
  const Batch batch = f.batches->Get(f.batches->Shuffled(0), 0, 0, 4);
  CHECK(batch.soft_labels.type() == DataType::undefined);
}

TEST_CASE("sizes of minibatches") {
  const auto chosen = [](size_t samples) { return Fixture(samples).batches->size(); };
  CHECK(chosen(1) == 1);
  CHECK(chosen(7) == 1);
  CHECK(chosen(8) == 2);
  CHECK(chosen(60) == 8);
  CHECK(chosen(100) == 16);
  CHECK(chosen(600) == 128);
  CHECK_THROWS_WITH_AS(Fixture(5, Settings(6)),
                       "a minibatch of 6 samples, but there are 5 to train on; give more data or a "
                       "smaller --batch",
                       Error);
  const Fixture f(5);
  CHECK_THROWS_WITH_AS(Batches(f.store, {}, {}), "no samples are left to train on; give more data",
                       Error);
  CHECK_THROWS_AS(Fixture(5, Settings(2, "jitter:0.1")), Error);
}

}  // namespace
}  // namespace lutra::converter::train
