#include "converter/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <utility>

#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/train/checkpoint.h"
#include "converter/train/fingerprint.h"
#include "converter/train/memory.h"
#include "converter/train/split.h"

namespace lutra::converter::train {
namespace {

// Of one learning rate; all trials together take a tenth of the run, but where it is very short.
constexpr size_t kFewestTrialSteps = 8, kMostTrialSteps = 30;
constexpr size_t kTrialShare = 10;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double Seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

struct Range {
  size_t first, count;
};

/// `size` samples in kParts parts, the larger ones first.
std::vector<Range> Parts(size_t size) {
  std::vector<Range> parts;
  const size_t count = std::min(kParts, size);
  size_t first = 0;
  for (size_t p = 0; p < count; ++p) {
    const size_t samples = size / count + (p < size % count ? 1 : 0);
    parts.push_back({first, samples});
    first += samples;
  }
  return parts;
}

size_t Best(std::span<const float> row) {
  return static_cast<size_t>(std::ranges::max_element(row) - row.begin());
}

/// Rows whose largest score is at the label.
size_t Right(const Tensor& scores, std::span<const int64_t> labels) {
  const auto values = scores.as<float>();
  const size_t classes = values.size() / labels.size();
  size_t right = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (static_cast<int64_t>(Best(values.subspan(i * classes, classes))) == labels[i]) ++right;
  }
  return right;
}

/// One label for each row: the teacher's choice.
std::vector<int64_t> Choices(const Tensor& scores, size_t rows) {
  const auto values = scores.as<float>();
  const size_t classes = values.size() / rows;
  std::vector<int64_t> choices;
  for (size_t i = 0; i < rows; ++i) {
    choices.push_back(static_cast<int64_t>(Best(values.subspan(i * classes, classes))));
  }
  return choices;
}

void AddScaled(const Tensor& from, float factor, Tensor& to) {
  const auto source = from.as<float>();
  const auto target = to.as<float>();
  for (size_t i = 0; i < target.size(); ++i) target[i] += factor * source[i];
}

void Scale(Tensor& tensor, float factor) {
  for (float& x : tensor.as<float>()) x *= factor;
}

std::set<std::string> Names(const std::vector<TrainedWeight>& weights) {
  std::set<std::string> names;
  for (const TrainedWeight& weight : weights) names.insert(weight.name());
  return names;
}

std::vector<Optimizer::Parameter> OptimizerParameters(const std::vector<TrainedWeight>& weights) {
  std::vector<Optimizer::Parameter> parameters;
  for (const TrainedWeight& weight : weights) {
    for (const TrainedWeight::Latent& latent : weight.latents()) {
      parameters.push_back({latent.name, latent.values.dims(), latent.decays});
    }
  }
  return parameters;
}

void CheckTargets(const SampleStore& store, const TrainSettings& settings) {
  if (!store.has_targets()) {
    throw Error("the data has no targets, which this training needs; give --targets FILE.npy");
  }
  if (settings.batches.augmentation.mixup > 0) {
    throw Error("--augment mixup needs labels; targets are of samples as they are");
  }
  if (!std::isnan(settings.target)) {
    throw Error("--target is an accuracy, which training against targets does not have");
  }
}

/// Labels that do not count do not part the samples either.
std::vector<int64_t> LabelsToSplitBy(const SampleStore& store, Goal goal) {
  return goal == Goal::labels ? store.labels() : std::vector<int64_t>(store.size(), -1);
}

}  // namespace

struct Trainer::State {
  State(Network& n, const SampleStore& s, TrainSettings chosen, Workers& w)
      : network(n),
        store(s),
        settings(std::move(chosen)),
        schedule(settings.schedule),
        workers(w),
        split(SplitSamples(LabelsToSplitBy(s, settings.goal),
                           ValidationCount(settings.validation, s.size()), settings.batches.seed)),
        batches(s, split.training, settings.batches),
        tape(n.graph, {Names(n.weights)}, w),
        optimizer(settings.optimizer, OptimizerParameters(n.weights)) {
    for (size_t p = 0; p < kParts; ++p) executors.emplace_back(n.graph);
  }

  Network& network;
  const SampleStore& store;
  const TrainSettings settings;
  Schedule schedule;
  Workers& workers;
  const Split split;
  const Batches batches;
  Tape tape;
  Optimizer optimizer;
  std::deque<executor::FloatExecutor> executors;  // of validation, one for each part
  Teacher teacher;
  std::function<void(size_t, size_t)> before_step, after_step, on_resume;
  std::function<bool()> may_be_kept;

  TensorMap shared;
  std::vector<Tensor> average;  // of the latents, in their order
  std::optional<Kept> best;
  Progress progress;
  Fingerprint fingerprint;
  double last_checkpoint = 0;  // when

  size_t Steps() const { return settings.epochs * batches.per_epoch(); }
  void MakeShared();
  Tensor TeacherScores(const Tensor& input, size_t part) const;
  Loss LossOf(const Tensor& scores, const Batch& batch, size_t part, size_t total) const;
  double Step(const Batches::Epoch& epoch, size_t minibatch, size_t step, size_t& right);
  void Update(TensorMap gradients, size_t step);
  double TrialLoss(double rate);
  double ChosenRate();
  void UpdateAverage();
  void SwapAverage();
  using Scores = std::function<Tensor(const Tensor& input, size_t lane)>;
  Measured Validate(const Scores& scores_of) const;
  Measured Validate();
  /// `reached`: the target, so these it is.
  bool KeepIfBest(const Measured& measured, size_t epoch, bool reached = false);
  void TakeBest();
  RunState Changing() {
    return {progress, network.weights, network.statistics, optimizer, average, best};
  }
  void Resume();
  void SaveCheckpoint();
};

void Trainer::State::MakeShared() {
  std::vector<Tensor*> made;
  for (const TrainedWeight& weight : network.weights) made.push_back(&shared[weight.name()]);
  workers.Run(made.size(), [&](size_t i) { network.weights[i].WriteWeights(*made[i]); });
}

/// Where a mirror image is of the same class, the mean over both: it errs less than either.
Tensor Trainer::State::TeacherScores(const Tensor& input, size_t part) const {
  Tensor scores = teacher(input, part);
  if (settings.batches.augmentation.flip) {
    AddScaled(teacher(Mirrored(input, store.sample_dims()), part), 1, scores);
    Scale(scores, 0.5F);
  }
  return scores;
}

Loss Trainer::State::LossOf(const Tensor& scores, const Batch& batch, size_t part,
                            size_t total) const {
  if (settings.goal == Goal::targets) return MeanSquaredError(scores, batch.targets, total);
  const bool soft = batch.soft_labels.type() != DataType::undefined;
  const auto hard = [&] {
    return soft ? CrossEntropy(network.kind, scores, batch.soft_labels, total, settings.smoothing)
                : CrossEntropy(network.kind, scores, batch.labels, total, settings.smoothing);
  };
  if (!teacher) return hard();
  Loss loss = Distillation(scores, TeacherScores(batch.input, part), settings.temperature, total);
  if (settings.goal == Goal::teacher) return loss;
  const auto share = static_cast<float>(settings.teacher_share);
  const Loss labels = hard();
  Scale(loss.gradient, share);
  AddScaled(labels.gradient, 1 - share, loss.gradient);
  loss.sum = settings.teacher_share * loss.sum + (1 - settings.teacher_share) * labels.sum;
  return loss;
}

double Trainer::State::Step(const Batches::Epoch& epoch, size_t minibatch, size_t step,
                            size_t& right) {
  if (before_step) before_step(step, Steps());
  const std::vector<Range> ranges = Parts(batches.size());
  std::vector<Batch> parts(ranges.size());
  std::vector<TensorMap> inputs(ranges.size()), gradients(ranges.size());
  workers.Run(ranges.size(), [&](size_t p) {
    parts[p] = batches.Get(epoch, minibatch, ranges[p].first, ranges[p].count);
    inputs[p].emplace(network.input, parts[p].input);
  });
  MakeShared();
  const std::vector<TensorMap> outputs = tape.Forward(std::move(inputs), shared);
  std::vector<double> sums(ranges.size());
  std::vector<size_t> rights(ranges.size());
  workers.Run(ranges.size(), [&](size_t p) {
    const Tensor& scores = outputs[p].at(network.scores);
    Loss loss = LossOf(scores, parts[p], p, batches.size());
    sums[p] = loss.sum;
    if (settings.goal != Goal::targets) rights[p] = Right(scores, parts[p].labels);
    gradients[p].emplace(network.scores, std::move(loss.gradient));
  });
  double loss = 0;
  for (size_t p = 0; p < ranges.size(); ++p) {
    loss += sums[p];
    right += rights[p];
  }
  if (!std::isfinite(loss)) {
    TakeBest();
    throw Diverged("the loss is no number any more at step " + std::to_string(step + 1) +
                       "; a lower --rate, or --clip, may help",
                   best ? best->epoch : 0);
  }
  Update(tape.Backward(std::move(gradients), shared), step);
  return loss;
}

void Trainer::State::Update(TensorMap gradients, size_t step) {
  std::vector<std::vector<Tensor>> by_latent(network.weights.size());
  workers.Run(by_latent.size(), [&](size_t i) {
    by_latent[i] = network.weights[i].Backward(std::move(gradients.at(network.weights[i].name())));
  });
  if (settings.largest_norm > 0) {
    std::vector<std::span<float>> all;
    for (std::vector<Tensor>& tensors : by_latent) {
      for (Tensor& tensor : tensors) all.push_back(tensor.as<float>());
    }
    ClipNorm(all, settings.largest_norm);
  }
  optimizer.Begin(LearningRate(schedule, step, Steps()));
  // Elements are independent of each other: large latents are shared out in pieces.
  constexpr size_t kPiece = size_t{1} << 16;
  struct Piece {
    size_t weight, latent, parameter, first;
  };
  std::vector<Piece> pieces;
  size_t parameter = 0;
  for (size_t w = 0; w < by_latent.size(); ++w) {
    for (size_t l = 0; l < by_latent[w].size(); ++l, ++parameter) {
      for (size_t at = 0; at < by_latent[w][l].elements(); at += kPiece) {
        pieces.push_back({w, l, parameter, at});
      }
    }
  }
  workers.Run(pieces.size(), [&](size_t i) {
    const Piece& piece = pieces[i];
    const auto gradient = by_latent[piece.weight][piece.latent].as<float>();
    const size_t count = std::min(kPiece, gradient.size() - piece.first);
    Tensor& values = network.weights[piece.weight].latents()[piece.latent].values;
    optimizer.Update(piece.parameter, values.as<float>().subspan(piece.first, count),
                     gradient.subspan(piece.first, count), piece.first);
  });
  if (settings.average > 0) UpdateAverage();
}

/// Mean loss of the second half of the first steps, which are then undone.
double Trainer::State::TrialLoss(double rate) {
  const size_t trial_steps =
      std::clamp(Steps() / (kTrialShare * kRates.size()), kFewestTrialSteps, kMostTrialSteps);
  const std::vector<TrainedWeight> weights = network.weights;
  schedule.shape = Schedule::Shape::constant;
  schedule.warm_up = 0;
  schedule.rate = rate;
  double sum = 0;
  size_t right = 0;
  Batches::Epoch epoch;
  for (size_t step = 0; step < trial_steps && std::isfinite(sum); ++step) {
    const size_t minibatch = step % batches.per_epoch();
    if (minibatch == 0) epoch = batches.Shuffled(step / batches.per_epoch());
    try {
      const double loss = Step(epoch, minibatch, step, right);
      if (step >= trial_steps / 2) sum += loss;
    } catch (const Diverged&) {
      sum = std::numeric_limits<double>::infinity();
    }
  }
  network.weights = weights;
  for (const auto& [name, tensor] : network.statistics) shared.insert_or_assign(name, tensor);
  average.clear();
  optimizer = Optimizer(settings.optimizer, OptimizerParameters(weights));
  schedule = settings.schedule;
  const size_t steps = trial_steps - trial_steps / 2;
  return sum / static_cast<double>(steps * batches.size());
}

/// High rates learn more in the end, as long as they do not throw away what the network knows.
double Trainer::State::ChosenRate() {
  constexpr double kMostTimes = 2;
  // Cross-entropies may be 0; what is little of a squared error depends on its unit.
  const double most_more = settings.goal == Goal::targets ? 0 : 0.1;
  const double limit = kMostTimes * TrialLoss(0) + most_more;
  const auto* const found = std::ranges::find_if(
      kRates.begin(), kRates.end() - 1, [&](double rate) { return TrialLoss(rate) <= limit; });
  return *found;
}

void Trainer::State::UpdateAverage() {
  size_t at = 0;
  const bool first = average.empty();
  for (const TrainedWeight& weight : network.weights) {
    for (const TrainedWeight::Latent& latent : weight.latents()) {
      if (first) {
        average.push_back(latent.values);
        continue;
      }
      Scale(average[at], static_cast<float>(settings.average));
      AddScaled(latent.values, static_cast<float>(1 - settings.average), average[at++]);
    }
  }
}

void Trainer::State::SwapAverage() {
  size_t at = 0;
  if (average.empty()) return;
  for (TrainedWeight& weight : network.weights) {
    for (TrainedWeight::Latent& latent : weight.latents()) {
      std::swap(latent.values, average[at++]);
    }
  }
}

Trainer::Measured Trainer::State::Validate(const Scores& scores_of) const {
  const std::vector<uint32_t>& samples = split.validation;
  if (samples.empty()) return {kNone, kNone};
  const size_t size = std::min<size_t>(batches.size(), 64);
  const size_t count = (samples.size() + size - 1) / size;
  std::vector<double> losses(count);
  std::vector<size_t> rights(count);
  // Whatever computes the scores belongs to one task at a time.
  const size_t lanes = std::min(kParts, count);
  workers.Run(lanes, [&](size_t lane) {
    for (size_t b = lane; b < count; b += lanes) {
      const size_t first = b * size, rows = std::min(size, samples.size() - first);
      Batch batch = Assemble(store, std::span(samples).subspan(first, rows));
      const Tensor scores = scores_of(batch.input, lane);
      if (settings.goal == Goal::targets) {
        losses[b] = MeanSquaredError(scores, batch.targets, samples.size()).sum;
        continue;
      }
      if (settings.goal == Goal::labels) {
        losses[b] = CrossEntropy(network.kind, scores, batch.labels, samples.size()).sum;
      } else {
        const Tensor wanted = TeacherScores(batch.input, lane);
        losses[b] = Distillation(scores, wanted, settings.temperature, samples.size()).sum;
        batch.labels = Choices(wanted, rows);
      }
      rights[b] = Right(scores, batch.labels);
    }
  });
  Measured measured;
  for (size_t b = 0; b < count; ++b) {
    measured.loss += losses[b] / static_cast<double>(samples.size());
    measured.accuracy += static_cast<double>(rights[b]) / static_cast<double>(samples.size());
  }
  if (settings.goal == Goal::targets) measured.accuracy = kNone;
  return measured;
}

Trainer::Measured Trainer::State::Validate() {
  MakeShared();
  return Validate([&](const Tensor& input, size_t lane) {
    return executors[lane].Run({{network.input, input}}, {}, shared).at(network.scores);
  });
}

bool Trainer::State::KeepIfBest(const Measured& measured, size_t epoch, bool reached) {
  // Without validation samples the last epoch is the best guess. Of a few the loss tells more than
  // how many are right.
  constexpr size_t kFew = 200;
  const bool few = split.validation.size() < kFew || settings.goal == Goal::targets;
  const auto rank = [&](double accuracy, double loss) {
    return few ? std::pair(-loss, accuracy) : std::pair(accuracy, -loss);
  };
  const bool better = reached || !best || split.validation.empty() ||
                      rank(measured.accuracy, measured.loss) > rank(best->accuracy, best->loss);
  const bool kept = better && (epoch == 0 || !may_be_kept || may_be_kept());
  if (kept) {
    best = Kept{network.weights, network.statistics, measured.loss, measured.accuracy, epoch};
  }
  return kept;
}

void Trainer::State::TakeBest() {
  if (!best) return;
  network.weights = best->weights;
  network.statistics = best->statistics;
}

void Trainer::State::Resume() {
  if (settings.checkpoint.empty()) return;
  fingerprint = FingerprintOf(settings, batches.size(), network, store);
  if (!ReadCheckpoint(settings.checkpoint, fingerprint, Changing())) {
    // A disk without room is found before any time has gone into training.
    SaveCheckpoint();
    return;
  }
  for (const auto& [name, tensor] : network.statistics) shared.insert_or_assign(name, tensor);
  last_checkpoint = Seconds();
  if (on_resume) on_resume(optimizer.steps(), Steps());
}

void Trainer::State::SaveCheckpoint() {
  if (settings.checkpoint.empty()) return;
  for (auto& [name, tensor] : network.statistics) tensor = shared.at(name);
  WriteCheckpoint(settings.checkpoint, fingerprint, Changing());
  last_checkpoint = Seconds();
}

Trainer::Trainer(Network& network, const SampleStore& store, TrainSettings settings,
                 Workers& workers, Warnings& warnings) {
  KeepFreedMemory();
  if (settings.goal == Goal::labels) CheckLabels(store, network.classes, warnings);
  if (settings.goal == Goal::targets) CheckTargets(store, settings);
  settings.batches.classes = settings.goal == Goal::labels ? network.classes : 0;
  state_ = std::make_unique<State>(network, store, std::move(settings), workers);
  state_->shared = network.statistics;
}

Trainer::~Trainer() = default;

void Trainer::SetTeacher(Teacher teacher) { state_->teacher = std::move(teacher); }
void Trainer::KeepOnlyIf(std::function<bool()> may_be_kept) {
  state_->may_be_kept = std::move(may_be_kept);
}
void Trainer::BeforeStep(std::function<void(size_t, size_t)> change) {
  state_->before_step = std::move(change);
}
void Trainer::AfterStep(std::function<void(size_t, size_t)> show) {
  state_->after_step = std::move(show);
}
void Trainer::OnResume(std::function<void(size_t, size_t)> show) {
  state_->on_resume = std::move(show);
}

size_t Trainer::best_epoch() const { return state_->best ? state_->best->epoch : 0; }

Trainer::Measured Trainer::Validate() { return state_->Validate(); }
Trainer::Measured Trainer::ValidateTeacher() { return state_->Validate(state_->teacher); }

void Trainer::Run(const std::function<bool(const EpochReport&)>& report) {
  State& state = *state_;
  Progress& progress = state.progress;
  const TrainSettings& settings = state.settings;
  state.Resume();
  const double start = Seconds() - progress.seconds;
  if (progress.rate == 0) {
    progress.rate = settings.schedule.rate == 0 ? state.ChosenRate() : settings.schedule.rate;
    progress.seconds = Seconds() - start;
    state.SaveCheckpoint();
  }
  state.schedule.rate = progress.rate;
  const size_t per_epoch = state.batches.per_epoch();
  if (settings.first_kept == 0 && !state.best) state.KeepIfBest(state.Validate(), 0);
  while (!progress.ended && progress.epochs < settings.epochs) {
    const size_t number = progress.epochs;
    const Batches::Epoch epoch = state.batches.Shuffled(number);
    while (progress.minibatches < per_epoch) {
      const size_t step = number * per_epoch + progress.minibatches;
      progress.loss += state.Step(epoch, progress.minibatches, step, progress.right);
      ++progress.minibatches;
      progress.seconds = Seconds() - start;
      if (Seconds() - state.last_checkpoint >= settings.checkpoint_seconds) state.SaveCheckpoint();
      if (state.after_step) state.after_step(step + 1, state.Steps());
    }
    const auto samples = static_cast<double>(per_epoch * state.batches.size());
    EpochReport line;
    line.epoch = number + 1;
    line.epochs = settings.epochs;
    line.loss = progress.loss / samples;
    line.accuracy =
        settings.goal == Goal::targets ? kNone : static_cast<double>(progress.right) / samples;
    line.rate = LearningRate(state.schedule, (number + 1) * per_epoch - 1, state.Steps());
    for (auto& [name, tensor] : state.network.statistics) tensor = state.shared.at(name);
    state.SwapAverage();
    const Measured measured = state.Validate();
    line.validation_loss = measured.loss;
    line.validation_accuracy = measured.accuracy;
    const bool final = number + 1 >= settings.first_kept;
    const bool reached = final && measured.accuracy >= settings.target;
    line.best = final && state.KeepIfBest(measured, number + 1, reached);
    state.SwapAverage();
    line.seconds = Seconds() - start;
    line.remaining = line.seconds / static_cast<double>(number + 1) *
                     static_cast<double>(settings.epochs - number - 1);
    progress = {.epochs = number + 1,
                .seconds = line.seconds,
                .rate = progress.rate,
                .ended = (reached && line.best) || line.seconds >= settings.time_limit};
    state.SaveCheckpoint();
    if (!report(line)) break;
  }
  state.TakeBest();
}

}  // namespace lutra::converter::train
