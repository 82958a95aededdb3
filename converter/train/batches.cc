#include "converter/train/batches.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <string>
#include <utility>

#include "converter/error.h"
#include "converter/train/random.h"

namespace lutra::converter::train {
namespace {

constexpr size_t kLargestDefault = 128, kLeastPerEpoch = 4;

Batch Empty(const SampleStore& store, size_t count) {
  std::vector<int64_t> dims = store.input_dims();
  dims[0] = static_cast<int64_t>(count);
  return {Tensor(DataType::float32, dims), std::vector<int64_t>(count), {}, {}};
}

void AddTarget(const SampleStore& store, uint32_t sample, size_t i, Batch& batch) {
  if (!store.has_targets()) return;
  const std::span<const float> target = store.target(sample).as<float>();
  if (batch.targets.type() == DataType::undefined) {
    batch.targets = Tensor(DataType::float32, {static_cast<int64_t>(batch.labels.size()),
                                               static_cast<int64_t>(target.size())});
  }
  std::ranges::copy(target, batch.targets.as<float>().subspan(i * target.size()).begin());
}

// Room for the input of one sample of the batch.
std::span<float> Place(Batch& batch, size_t i) {
  const std::span<float> all = batch.input.as<float>();
  const size_t each = all.size() / batch.labels.size();
  return all.subspan(i * each, each);
}

Tensor AsInput(const SampleStore& store, Tensor sample) {
  return data::AsInput({std::move(sample), -1, {}}, store.input_dims());
}

// How the samples of one minibatch are mixed.
struct Mix {
  Mix(const BatchSettings& settings, size_t epoch, size_t minibatch) : partners(settings.size) {
    Random random(settings.seed, Purpose::mix, epoch, minibatch);
    own = static_cast<float>(random.Beta(settings.augmentation.mixup));
    std::iota(partners.begin(), partners.end(), 0U);
    random.Shuffle(std::span(partners));
  }

  float own = 1;                   // part of each sample that it keeps
  std::vector<uint32_t> partners;  // positions in the minibatch
};

}  // namespace

Batch Assemble(const SampleStore& store, std::span<const uint32_t> samples) {
  Batch batch = Empty(store, samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const Tensor input = AsInput(store, store.Get(samples[i]));
    std::ranges::copy(input.as<float>(), Place(batch, i).begin());
    batch.labels[i] = store.labels()[samples[i]];
    AddTarget(store, samples[i], i, batch);
  }
  return batch;
}

Batches::Batches(const SampleStore& store, std::vector<uint32_t> samples,
                 const BatchSettings& settings)
    : store_(store), samples_(std::move(samples)), settings_(settings) {
  if (samples_.empty()) throw Error("no samples are left to train on; give more data");
  if (settings_.size == 0) {
    settings_.size = std::min(
        kLargestDefault, std::bit_floor(std::max<size_t>(samples_.size() / kLeastPerEpoch, 1)));
  }
  if (settings_.size > samples_.size()) {
    throw Error("a minibatch of " + std::to_string(settings_.size) + " samples, but there are " +
                std::to_string(samples_.size()) +
                " to train on; give more data or a smaller --batch");
  }
  CheckAugmentation(settings_.augmentation, store_.sample_dims());
}

Batches::Epoch Batches::Shuffled(size_t number) const {
  Epoch epoch{number, samples_};
  Random(settings_.seed, Purpose::order, number).Shuffle(std::span(epoch.samples));
  epoch.samples.resize(per_epoch() * size());
  return epoch;
}

Tensor Batches::Augmented(const Epoch& epoch, uint32_t sample) const {
  Tensor values = store_.Get(sample);
  Augment(settings_.augmentation, store_.normalization(),
          Random(settings_.seed, Purpose::augment, epoch.number, sample), values);
  return AsInput(store_, std::move(values));
}

Batch Batches::Get(const Epoch& epoch, size_t minibatch, size_t first, size_t count) const {
  const auto samples = std::span(epoch.samples).subspan(minibatch * size(), size());
  Batch batch = Empty(store_, count);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t sample = samples[first + i];
    std::ranges::copy(Augmented(epoch, sample).as<float>(), Place(batch, i).begin());
    batch.labels[i] = store_.labels()[sample];
    AddTarget(store_, sample, i, batch);
  }
  if (settings_.augmentation.mixup == 0) return batch;

  const Mix mix(settings_, epoch.number, minibatch);
  const auto classes = static_cast<int64_t>(settings_.classes);
  if (classes > 0) {
    batch.soft_labels = Tensor(DataType::float32, {static_cast<int64_t>(count), classes});
  }
  for (size_t i = 0; i < count; ++i) {
    const uint32_t partner = samples[mix.partners[first + i]];
    const Tensor other = Augmented(epoch, partner);
    const std::span<const float> from = other.as<float>();
    const std::span<float> to = Place(batch, i);
    for (size_t p = 0; p < to.size(); ++p) to[p] = mix.own * to[p] + (1 - mix.own) * from[p];
    if (classes == 0) continue;
    const auto row =
        batch.soft_labels.as<float>().subspan(i * settings_.classes, settings_.classes);
    row[static_cast<size_t>(batch.labels[i])] += mix.own;
    row[static_cast<size_t>(store_.labels()[partner])] += 1 - mix.own;
  }
  return batch;
}

}  // namespace lutra::converter::train
