#include "converter/train/trained_weight.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "converter/error.h"

namespace lutra::converter::train {
namespace {

/// Of the largest entry: one entry holds many weights, so it goes in smaller steps than they.
constexpr float kEntryUnit = 0.25F;
constexpr float kLeastStep = 1e-3F;  // in units

Tensor Vector(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::Of({count}, std::move(values));
}

}  // namespace

TrainedWeight::TrainedWeight(std::string name, const Tensor& weights, bool decays)
    : TrainedWeight(std::move(name), weights, decays, {}, {1.0F}) {}

TrainedWeight::TrainedWeight(std::string name, const Tensor& weights, bool decays, ChannelAxis axis,
                             std::vector<float> unit)
    : name_(std::move(name)), decays_(decays), axis_(axis), unit_(std::move(unit)) {
  for (float& u : unit_) u = u > 0 ? u : 1;
  latents_.push_back({name_, weights, decays});
  const auto latent = latents_[0].values.as<float>();
  axis_.ForEach(latent.size(), [&](size_t i, size_t channel) { latent[i] /= unit_[channel]; });
}

void TrainedWeight::SetGrid(WeightGrid grid, bool one_scale) {
  grid_ = std::move(grid);
  first_scale_ = grid_->scale();
  latents_.resize(1);
  const size_t scales = one_scale ? 1 : first_scale_.size();
  latents_.push_back({name_ + "/scale", Vector(std::vector<float>(scales, 1.0F))});
  if (grid_->is_linear()) return;
  std::vector<float> entries = grid_->entries();
  entry_unit_ = 0;
  for (const float entry : entries) entry_unit_ = std::max(entry_unit_, std::fabs(entry));
  entry_unit_ = std::max(kEntryUnit * entry_unit_, 1.0F);
  for (float& entry : entries) entry /= entry_unit_;
  latents_.push_back({name_ + "/entries", Vector(std::move(entries))});
}

void TrainedWeight::SetKept(Mask kept) { kept_ = std::move(kept); }

std::vector<float> TrainedWeight::Real() const {
  std::vector<float> real(latents_[0].values.elements());
  TimesUnit(latents_[0].values.as<float>(), real);
  return real;
}

void TrainedWeight::TimesUnit(std::span<const float> from, std::span<float> to) const {
  if (unit_.size() == 1) {
    const float unit = unit_[0];
    for (size_t i = 0; i < to.size(); ++i) to[i] = from[i] * unit;
    return;
  }
  axis_.ForEach(to.size(), [&](size_t i, size_t channel) { to[i] = from[i] * unit_[channel]; });
}

void TrainedWeight::KeepOnly(std::span<float> values) const {
  for (size_t i = 0; i < kept_.size(); ++i) values[i] = kept_[i] != 0 ? values[i] : 0;
}

Tensor TrainedWeight::Weights() {
  Tensor weights;
  WriteWeights(weights);
  return weights;
}

void TrainedWeight::WriteWeights(Tensor& weights) {
  const Tensor& latent = latents_[0].values;
  if (weights.type() != latent.type() || weights.dims() != latent.dims()) {
    weights = Tensor(DataType::float32, latent.dims());
  }
  const auto values = weights.as<float>();
  TimesUnit(latent.as<float>(), values);
  if (grid_) {
    std::vector<float> scale = first_scale_;
    const auto relative = latents_[1].values.as<float>();
    for (size_t c = 0; c < scale.size(); ++c) scale[c] *= relative[relative.size() == 1 ? 0 : c];
    grid_->SetScale(scale);
    if (!grid_->is_linear()) {
      std::vector<float> entries(latents_[2].values.elements());
      std::ranges::transform(latents_[2].values.as<float>(), entries.begin(),
                             [this](float entry) { return entry * entry_unit_; });
      grid_->SetEntries(entries);
    }
    grid_->Apply(values, axis_, values);
  }
  if (step_factor_) {
    axis_.ForEach(values.size(), [&](size_t i, size_t channel) {
      values[i] = std::max(values[i], kLeastStep * unit_[channel]);
    });
  }
  KeepOnly(values);
}

std::vector<Tensor> TrainedWeight::Backward(Tensor gradient) const {
  const auto values = gradient.as<float>();
  KeepOnly(values);
  if (step_factor_) {
    for (float& g : values) g *= *step_factor_;
  }
  std::vector<Tensor> result;
  std::vector<float> by_scale, by_entry;
  if (grid_) {
    WeightGrid::Gradients of_grid = grid_->Backward(Real(), axis_, values);
    by_scale = std::move(of_grid.scale);
    for (size_t c = 0; c < by_scale.size(); ++c) by_scale[c] *= first_scale_[c];
    if (latents_[1].values.elements() == 1) {
      by_scale = {std::accumulate(by_scale.begin(), by_scale.end(), 0.0F)};
    }
    by_entry = std::move(of_grid.entries);
    for (float& g : by_entry) g *= entry_unit_;
  }
  if (unit_ != std::vector<float>{1}) TimesUnit(values, values);
  result.push_back(std::move(gradient));
  if (grid_) result.push_back(Vector(std::move(by_scale)));
  if (grid_ && !grid_->is_linear()) result.push_back(Vector(std::move(by_entry)));
  return result;
}

std::map<std::string, Tensor> TrainedWeight::State() const {
  std::map<std::string, Tensor> state;
  for (size_t l = 0; l < latents_.size(); ++l) {
    state.emplace("latent" + std::to_string(l), latents_[l].values);
  }
  state.emplace("unit", Vector(unit_));
  if (!kept_.empty()) {
    Tensor kept(DataType::uint8, {static_cast<int64_t>(kept_.size())});
    std::ranges::copy(kept_, kept.as<uint8_t>().begin());
    state.emplace("kept", std::move(kept));
  }
  if (grid_) {
    state.emplace("first_scale", Vector(first_scale_));
    state.emplace("scale", Vector(grid_->scale()));
    state.emplace("entries", Vector(grid_->entries()));
  }
  return state;
}

void TrainedWeight::Restore(const std::map<std::string, Tensor>& state) {
  std::map<std::string, Tensor> wanted = State();
  wanted.erase("kept");
  for (auto& [name, tensor] : wanted) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.type() != tensor.type() ||
        found->second.dims() != tensor.dims()) {
      throw Error("'" + name_ + "/" + name + "' of dimensions " + DimsText(tensor.dims()) +
                  " is not there");
    }
    tensor = found->second;
  }
  Mask kept;
  if (const auto found = state.find("kept"); found != state.end()) {
    if (found->second.type() != DataType::uint8 ||
        found->second.elements() != latents_[0].values.elements()) {
      throw Error("'" + name_ + "/kept' has not one flag for each weight");
    }
    for (const uint8_t flag : found->second.as<uint8_t>()) kept.push_back(flag != 0 ? 1 : 0);
  }
  const auto vector = [&](const char* name) {
    const auto values = std::as_const(wanted.at(name)).as<float>();
    return std::vector<float>(values.begin(), values.end());
  };
  kept_ = std::move(kept);
  unit_ = vector("unit");
  for (size_t l = 0; l < latents_.size(); ++l) {
    latents_[l].values = std::move(wanted.at("latent" + std::to_string(l)));
  }
  if (grid_) {
    first_scale_ = vector("first_scale");
    grid_->Restore(vector("scale"), vector("entries"));
  }
}

}  // namespace lutra::converter::train
