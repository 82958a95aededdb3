#include "converter/budget/search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/budget/divide.h"
#include "converter/error.h"
#include "converter/quantize/layer_name.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/recipe.h"

namespace lutra::converter::budget {
namespace {

using quantize::LayerScheme;

constexpr int kMostBits = 8, kFewestLinearBits = 2;
// Uniform schemes of each family that are measured, the largest that fit: fewer bits are hardly
// ever better.
constexpr size_t kUniformTrials = 2;
// Files are built until their sizes are what the layers' bytes add up to.
constexpr int kFitTurns = 6;
// What alignment may add to a file that adding up does not see.
constexpr uint64_t kAlignment = 64;
// Halvings of the range of sizes, on a scale of ratios, and where they end.
constexpr int kHalvings = 12;
constexpr double kCloseSizes = 1.005;
constexpr size_t kFewHeldOut = 50;
// A layer's weights by its table, where the table is nothing to it.
constexpr size_t kSmallTable = 32;
// One step of a layer's weight, and how many parameters all trials of it may have together.
constexpr double kReweight = 1.6;
constexpr double kRefinedParameters = 4e6;
constexpr const char* kMixed = "mixed";

LayerScheme WithWeights(LayerScheme scheme, WeightKind kind, int bits) {
  scheme.kind = kind;
  scheme.bits = bits;
  return scheme;
}

// 8 bits are in both.
constexpr auto kCodebooks = [](const LayerScheme& scheme) {
  return scheme.kind == WeightKind::codebook || scheme.bits == kMostBits;
};
constexpr auto kLinear = [](const LayerScheme& scheme) {
  return scheme.kind == WeightKind::linear;
};

}  // namespace

std::string Limits::Text() const {
  if (max_size) return "--max-size " + std::to_string(*max_size);
  char text[40];
  std::snprintf(text, sizeof text, "--max-drop %g", max_drop.value_or(0));
  return text;
}

Search::Search(const Graph& graph, Schemes schemes, const std::set<std::string>& fixed,
               Limits limits, const data::Dataset& data, coding::Codec codec, Build build,
               quantize::Progress progress, Warnings& warnings)
    : graph_(graph),
      given_(std::move(schemes)),
      limits_(std::move(limits)),
      codec_(codec),
      build_(std::move(build)),
      progress_(std::move(progress)),
      warnings_(warnings) {
  if (graph.inputs.size() != 1) {
    throw Error(limits_.Text() + ": needs a network with one input; this one has " +
                std::to_string(graph.inputs.size()));
  }
  FindCandidates(fixed);
  const Parts parts = Divide(data);
  calibration_data_ = std::make_unique<data::Subset>(data, parts.calibration);
  held_out_data_ = std::make_unique<data::Subset>(data, parts.held_out);
}

void Search::FindCandidates(const std::set<std::string>& fixed) {
  for (const Node& node : graph_.nodes) {
    const std::string& label = node.Label();
    if (!quantize::HasWeights(graph_, node)) continue;
    const LayerScheme& scheme = given_.at(label);
    if (fixed.contains(label) || !quantize::HasIntegerWeights(graph_, node, scheme)) {
      fixed_.insert(label);
    } else {
      layers_.push_back({&node, WorthTrying(node, scheme)});
    }
  }
  if (layers_.empty()) {
    throw Error(limits_.Text() +
                ": there is nothing to choose: no layer has integer weights that the recipe "
                "leaves open");
  }
}

// What the flags allow. 8 bits of codebook are all integers, as int8 without a table, and so are
// tried only when asked for.
std::vector<LayerScheme> Search::Allowed(const LayerScheme& base) const {
  const bool given = limits_.weights_given;
  std::vector<LayerScheme> schemes;
  for (int bits = given ? base.bits : kMostBits; bits >= 1; --bits) {
    const bool linear = !given || base.kind == WeightKind::linear;
    const bool codebook =
        given ? base.kind == WeightKind::codebook : bits < kMostBits && !base.asymmetric;
    if (linear && bits >= kFewestLinearBits) {
      schemes.push_back(WithWeights(base, WeightKind::linear, bits));
    }
    if (codebook) schemes.push_back(WithWeights(base, WeightKind::codebook, bits));
  }
  return schemes;
}

// Without a codec, linear weights save the table of a codebook of as many bits, which is nothing to
// most layers, and are never nearer. A codec makes up for that: their integers are more often 0.
std::vector<LayerScheme> Search::WorthTrying(const Node& node, const LayerScheme& base) const {
  std::vector<LayerScheme> allowed = Allowed(base);
  if (codec_ != coding::Codec::none) return allowed;
  const size_t weights = graph_.Constant(node.inputs[1])->elements();
  std::vector<LayerScheme> schemes = allowed;
  std::erase_if(schemes, [&](const LayerScheme& scheme) {
    const bool has_codebook = std::ranges::any_of(allowed, [&](const LayerScheme& other) {
      return other.kind == WeightKind::codebook && other.bits == scheme.bits;
    });
    const size_t table = size_t{1} << scheme.bits;
    return scheme.kind == WeightKind::linear && has_codebook &&
           kSmallTable * table < weights * static_cast<size_t>(scheme.bits) / 8;
  });
  return schemes;
}

void Search::Prepare() {
  Warnings of_a_part;  // of all the data they are said in the end
  calibration_ =
      quantize::CalibrateGraph(graph_, given_, calibration_data_.get(), progress_, of_a_part);
  store_ = std::make_unique<WeightStore>(graph_, calibration_, codec_);
  held_out_ = std::make_unique<HeldOut>(graph_, *held_out_data_, progress_, limits_.metric);
  samples_ = SensitivitySamples(graph_, layers_, *held_out_);
}

bool Search::Enough() const {
  return limits_.stop && limits_.stop() && (best_ || !limits_.at_least_one);
}

Schemes Search::Run() {
  Prepare();
  try {
    limits_.max_size ? SearchForSize() : SearchForDrop();
  } catch (const Stopped&) {
    Stop();
  }
  if (held_out_->size() < kFewHeldOut) {
    warnings_.Add(limits_.Text() + ": what each layer gets was chosen on " +
                  std::to_string(held_out_->size()) + " samples only, half of the data; give more");
  }
  return tried_[*best_].schemes;
}

void Search::Stop() {
  stopped_ = true;
  if (!best_) {
    throw Error(limits_.Text() + ": stopped before there was a model within it; give it more time");
  }
  warnings_.Add(limits_.Text() + ": stopped early; the best of " + std::to_string(tried_.size()) +
                " models so far is written");
}

Schemes Search::With(const std::function<LayerScheme(const Candidates&)>& scheme) const {
  Schemes schemes = given_;
  for (const Candidates& layer : layers_) schemes[layer.node->Label()] = scheme(layer);
  return schemes;
}

// Every scheme that all layers may have together; in each family most bits first.
std::vector<Search::Tried> Search::UniformTrials() const {
  std::vector<Tried> trials;
  for (const LayerScheme& scheme : Allowed(given_.at(layers_[0].node->Label()))) {
    Schemes schemes = With([&](const Candidates& layer) {
      const LayerScheme& base = given_.at(layer.node->Label());
      return base.asymmetric && scheme.kind == WeightKind::codebook
                 ? WithWeights(base, WeightKind::linear, std::max(scheme.bits, kFewestLinearBits))
                 : WithWeights(base, scheme.kind, scheme.bits);
    });
    trials.push_back({.weights = WeightsText(scheme), .schemes = std::move(schemes), .score = {}});
  }
  std::stable_partition(trials.begin(), trials.end(),
                        [](const Tried& t) { return t.weights.starts_with("codebook"); });
  return trials;
}

size_t Search::Add(Tried tried) {
  tried_.push_back(std::move(tried));
  return tried_.size() - 1;
}

uint64_t Search::SizeOf(const Schemes& schemes) {
  if (Enough()) throw Stopped();
  return build_(store_->Assemble(schemes)).size();
}

Score Search::ScoreOf(const Schemes& schemes) {
  return held_out_->Measure(build_(store_->Assemble(schemes)), [this] { return Enough(); });
}

const Score& Search::Measure(size_t tried) {
  Tried& trial = tried_[tried];
  if (!trial.score) {
    if (progress_) progress_("budget: trial " + std::to_string(tried + 1), 0, 1);
    trial.score = ScoreOf(trial.schemes);
  }
  return *trial.score;
}

double Search::Drop(const Score& score) const {
  if (score.metric) return score.metric_drop;
  return 100 * (held_out_->fp32().Right() - score.Right());
}

std::string Search::DropText(double drop) const {
  if (limits_.metric) return limits_.metric->DropText(drop);
  char text[40];
  std::snprintf(text, sizeof text, "%.2f points", drop);
  return text;
}

// Bytes and costs of every layer's options. Files of uniform schemes tell what of a file is not in
// the layers' bytes.
void Search::MeasureCosts() {
  if (!options_.empty()) return;
  std::vector<std::vector<Option>> options;
  size_t done = 0;
  for (const Candidates& layer : layers_) {
    std::vector<Option>& bytes = options.emplace_back();
    for (const LayerScheme& scheme : layer.schemes) {
      if (Enough()) throw Stopped();
      bytes.push_back({store_->Bytes(*layer.node, scheme), 0});
    }
    if (progress_) progress_("budget: bytes", ++done, layers_.size());
  }
  const std::vector<std::vector<double>> costs = MeasureSensitivities(
      graph_, layers_, *held_out_, samples_, *store_, progress_, [this] { return Enough(); });
  for (size_t l = 0; l < options.size(); ++l) {
    for (size_t o = 0; o < options[l].size(); ++o) options[l][o].cost = costs[l][o];
  }
  options_ = std::move(options);
  weight_.assign(options_.size(), 1.0);
}

double Search::CostOf(const Candidates& layer, const LayerScheme& scheme) const {
  const auto at =
      static_cast<size_t>(std::ranges::find(layer.schemes, scheme) - layer.schemes.begin());
  // A uniform linear scheme may be one that was not worth measuring in this layer.
  if (options_.empty() || at == layer.schemes.size()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return options_[static_cast<size_t>(&layer - layers_.data())][at].cost;
}

std::string Search::TooSmallText(uint64_t least_bytes) const {
  return limits_.Text() + ": the smallest file of this network has " + std::to_string(least_bytes) +
         " bytes" + (fixed_.empty() ? "" : " with what the recipe fixes") +
         (limits_.spared == 0 ? "" : ", and training may make it longer") +
         (codec_ == coding::Codec::none ? "; --codec best makes it smaller" : "");
}

Schemes Search::Smallest() const {
  return With([&](const Candidates& layer) {
    const auto& options = options_[static_cast<size_t>(&layer - layers_.data())];
    const auto fewest = std::ranges::min_element(options, {}, &Option::bytes);
    return layer.schemes[static_cast<size_t>(fewest - options.begin())];
  });
}

// The smallest mix tells the offset where no uniform file does.
uint64_t Search::FindOffset(const Schemes& smallest) {
  const uint64_t bytes = SizeOf(smallest);
  offset_ = static_cast<int64_t>(bytes);
  for (const std::vector<Option>& options : options_) {
    offset_ -= static_cast<int64_t>(std::ranges::min_element(options, {}, &Option::bytes)->bytes);
  }
  return bytes;
}

// The mix of least cost among files of at most so many bytes, or nothing.
std::optional<Search::Tried> Search::Fit(uint64_t limit, Filter allowed) {
  // The options that are allowed, by their index in options_.
  std::vector<std::vector<size_t>> index(layers_.size());
  std::vector<std::vector<Option>> options(layers_.size());
  for (size_t l = 0; l < layers_.size(); ++l) {
    for (size_t o = 0; o < options_[l].size(); ++o) {
      if (allowed != nullptr && !allowed(layers_[l].schemes[o])) continue;
      index[l].push_back(o);
      options[l].push_back({options_[l][o].bytes, weight_[l] * options_[l][o].cost});
    }
    if (index[l].empty()) return std::nullopt;
  }
  std::optional<Tried> best;
  double least = std::numeric_limits<double>::infinity();
  std::vector<size_t> before;
  uint64_t margin = 0;
  for (int turn = 0; turn < kFitTurns; ++turn) {
    const auto room = static_cast<int64_t>(limit - std::min(limit, margin)) - offset_;
    const auto chosen = room < 0 ? std::nullopt : Allocate(options, static_cast<uint64_t>(room));
    if (!chosen || *chosen == before) break;
    before = *chosen;
    Tried tried{.weights = kMixed, .schemes = {}, .score = {}};
    int64_t sum = offset_;
    size_t l = 0;
    tried.schemes = With([&](const Candidates& layer) {
      const Option& option = options[l][before[l]];
      sum += static_cast<int64_t>(option.bytes);
      tried.cost += option.cost;
      const LayerScheme scheme = layer.schemes[index[l][before[l]]];
      ++l;
      return scheme;
    });
    tried.bytes = SizeOf(tried.schemes);
    offset_ += static_cast<int64_t>(tried.bytes) - sum;
    if (tried.bytes > limit) {
      margin += kAlignment;
    } else if (tried.cost < least) {
      least = tried.cost;
      best = std::move(tried);
    }
  }
  return best;
}

// Of the files that are small enough, one more.
void Search::Consider(size_t tried) {
  if (!best_) best_ = tried;  // should the user have had enough while it is measured
  Measure(tried);
  fitting_.push_back(tried);
  std::vector<const Score*> scores;
  for (const size_t index : fitting_) scores.push_back(&*tried_[index].score);
  best_ = fitting_[BestOf(scores)];
}

bool Search::IsTried(const Schemes& schemes) const {
  return std::ranges::any_of(tried_, [&](const Tried& tried) { return tried.schemes == schemes; });
}

// Costs that were measured one layer at a time may be too small or too large beside those of
// others. So layer by layer the cost's weight is raised and lowered, and stays so where the mix
// that follows diverges less than all before. Large networks have fewer trials.
void Search::Refine(uint64_t limit) {
  double least = std::numeric_limits<double>::infinity();
  for (const size_t tried : fitting_) least = std::min(least, tried_[tried].score->divergence);
  double parameters = 0;
  for (const Candidates& layer : layers_) {
    parameters += static_cast<double>(graph_.Constant(layer.node->inputs[1])->elements());
  }
  const size_t most =
      std::min(2 * layers_.size(), static_cast<size_t>(kRefinedParameters / parameters));
  for (size_t trial = 0; trial < most; ++trial) {
    double& weight = weight_[trial / 2];
    const double before = weight;
    weight *= trial % 2 == 0 ? kReweight : 1 / kReweight;
    std::optional<Tried> mix = Fit(limit);
    if (mix && !IsTried(mix->schemes)) {
      mix->score = ScoreOf(mix->schemes);
      if (mix->score->divergence < least) {
        least = mix->score->divergence;
        Consider(Add(std::move(*mix)));
        continue;
      }
    }
    weight = before;
    if (progress_) progress_("budget: refine", trial + 1, most);
  }
}

void Search::SearchForSize() {
  const uint64_t limit = *limits_.max_size - limits_.spared;
  std::map<WeightKind, size_t> fitting;
  uint64_t smallest = std::numeric_limits<uint64_t>::max();
  std::vector<size_t> measured;
  for (Tried& trial : UniformTrials()) {
    const WeightKind type =
        trial.weights.starts_with("codebook") ? WeightKind::codebook : WeightKind::linear;
    if (fitting[type] == kUniformTrials) continue;
    trial.bytes = SizeOf(trial.schemes);
    smallest = std::min(smallest, trial.bytes);
    const size_t added = Add(std::move(trial));
    if (tried_[added].bytes > limit) continue;
    ++fitting[type];
    measured.push_back(added);
  }
  for (const size_t tried : measured) Consider(tried);
  MeasureCosts();
  const Schemes least = Smallest();
  const uint64_t least_bytes = FindOffset(least);
  for (const Filter allowed : {Filter(nullptr), Filter(kCodebooks), Filter(kLinear)}) {
    std::optional<Tried> mix = Fit(limit, allowed);
    if (mix && !IsTried(mix->schemes)) Consider(Add(std::move(*mix)));
  }
  Refine(limit);
  if (!best_ && least_bytes <= limit) {
    Consider(Add({.weights = kMixed, .schemes = least, .bytes = least_bytes, .score = {}}));
  }
  if (!best_) throw Error(TooSmallText(std::min(smallest, least_bytes)));
}

void Search::SearchForDrop() {
  if (!held_out_->classifier() && !limits_.metric) {
    throw Error(limits_.Text() +
                ": needs a classifier, whose output is a row of scores, or --targets and --metric, "
                "which say what another network is worth");
  }
  const double most = *limits_.max_drop;
  const double one = 100 / static_cast<double>(held_out_->size());
  if (one > most && !limits_.metric) {
    warnings_.Add(limits_.Text() + ": one of the " + std::to_string(held_out_->size()) +
                  " held-out samples is " + DropText(one) +
                  ", more than the drop that may be: what is measured says little about other "
                  "data; give more samples");
  }
  std::vector<Tried> uniform = UniformTrials();
  for (Tried& trial : uniform) trial.bytes = SizeOf(trial.schemes);
  std::ranges::sort(uniform, {}, &Tried::bytes);
  const uint64_t smallest = uniform.front().bytes;
  double least_drop = std::numeric_limits<double>::infinity();
  size_t least = 0;
  // The largest first, so that there is one when the user has had enough; then the smallest that
  // does.
  std::rotate(uniform.begin(), uniform.end() - 1, uniform.end());
  for (Tried& trial : uniform) {
    if (best_ && trial.bytes >= tried_[*best_].bytes) break;
    const size_t added = Add(std::move(trial));
    const double drop = Drop(Measure(added));
    if (drop < least_drop) {
      least_drop = drop;
      least = added;
    }
    if (drop <= most) best_ = added;
  }
  if (!best_) {
    throw Error(limits_.Text() + ": the least drop measured on " +
                std::to_string(held_out_->size()) + " held-out samples is " + DropText(least_drop) +
                ", with " + tried_[least].weights + " in " + std::to_string(tried_[least].bytes) +
                " bytes; try another --calibrator, or lutra tune");
  }
  MeasureCosts();
  double low = static_cast<double>(smallest);
  for (int i = 0; i < kHalvings; ++i) {
    const auto high = static_cast<double>(tried_[*best_].bytes);
    if (high < kCloseSizes * low) break;
    const double middle = std::sqrt(low * high);
    std::optional<Tried> mix = Fit(static_cast<uint64_t>(middle));
    bool passes = false;
    if (mix) {
      const size_t added = Add(std::move(*mix));
      passes = Drop(Measure(added)) <= most;
      if (passes) best_ = added;
    }
    if (!passes) low = middle;
  }
}

Schemes Search::Tighter(uint64_t over) {
  if (!options_.empty()) {
    reserve_ += over + kAlignment;
    const uint64_t kept = reserve_ + limits_.spared;
    const uint64_t limit = *limits_.max_size - std::min(*limits_.max_size, kept);
    if (std::optional<Tried> mix = Fit(limit)) {
      Measure(*(best_ = Add(std::move(*mix))));
      return tried_[*best_].schemes;
    }
  }
  throw Error(limits_.Text() + ": the file came out " + std::to_string(over) +
              " bytes larger; give a smaller one");
}

}  // namespace lutra::converter::budget
