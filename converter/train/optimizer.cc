#include "converter/train/optimizer.h"

#include <array>
#include <cmath>
#include <utility>

#include "converter/error.h"
#include "converter/train/named.h"

namespace lutra::converter::train {
namespace {

using Method = OptimizerSettings::Method;

std::vector<const char*> StateNames(const OptimizerSettings& settings) {
  if (settings.method != Method::sgd) return {"mean/", "square/"};
  if (settings.momentum != 0) return {"momentum/"};
  return {};
}

constexpr std::array<Named<Method>, 3> kMethods = {
    {{Method::sgd, "sgd"}, {Method::adam, "adam"}, {Method::adamw, "adamw"}}};

}  // namespace

Method ParseMethod(std::string_view text) { return ByName(kMethods, "optimizer", text); }
std::string NameOf(Method method) { return NameIn(kMethods, method); }

Optimizer::Optimizer(const OptimizerSettings& settings, std::vector<Parameter> parameters)
    : settings_(settings), parameters_(std::move(parameters)) {
  for (const Parameter& parameter : parameters_) {
    for (const char* kind : StateNames(settings_)) {
      state_.push_back({kind + parameter.name, Tensor(DataType::float32, parameter.dims)});
    }
  }
}

void Optimizer::Begin(double learning_rate) {
  ++steps_;
  const auto t = static_cast<double>(steps_);
  rate_ = learning_rate;
  mean_rate_ = learning_rate / (1 - std::pow(settings_.beta1, t));
  root_ = std::sqrt(1 - std::pow(settings_.beta2, t));
}

void Optimizer::Update(size_t parameter, std::span<float> values, std::span<const float> gradient,
                       size_t first) {
  if (parameter >= parameters_.size()) {
    throw Error("the optimizer has " + std::to_string(parameters_.size()) +
                " parameters; an update is for number " + std::to_string(parameter));
  }
  const Parameter& which = parameters_[parameter];
  const size_t n = values.size();
  const size_t elements = ElementCount(which.dims);
  if (gradient.size() != n || first > elements || n > elements - first) {
    throw Error("parameter '" + which.name + "' holds " + std::to_string(elements) +
                " elements, but an update has " + std::to_string(n) + " values and " +
                std::to_string(gradient.size()) + " gradients from " + std::to_string(first));
  }
  const size_t kinds = state_.size() / parameters_.size();
  const auto state = [&](size_t kind) {
    return state_[parameter * kinds + kind].values.as<float>().data() + first;
  };
  float* const w = values.data();
  const float* const gradients = gradient.data();
  const double stated_decay = which.decays ? settings_.weight_decay : 0;
  const auto rate = static_cast<float>(rate_);

  if (settings_.method == Method::sgd) {
    const auto decay = static_cast<float>(stated_decay);
    const auto momentum = static_cast<float>(settings_.momentum);
    if (kinds == 0) {
      for (size_t i = 0; i < n; ++i) w[i] -= rate * (gradients[i] + decay * w[i]);
      return;
    }
    float* const m = state(0);
    // The gradient's own part of the step, beside that of the momentum.
    const float direct = settings_.nesterov ? 1 : 0;
    const float through = settings_.nesterov ? momentum : 1;
    for (size_t i = 0; i < n; ++i) {
      const float g = gradients[i] + decay * w[i];
      m[i] = momentum * m[i] + g;
      w[i] -= rate * (direct * g + through * m[i]);
    }
    return;
  }

  const bool decoupled = settings_.method == Method::adamw;
  const auto decay = static_cast<float>(decoupled ? 0 : stated_decay);
  const auto kept = static_cast<float>(decoupled ? 1 - rate_ * stated_decay : 1);
  const auto beta1 = static_cast<float>(settings_.beta1);
  const auto beta2 = static_cast<float>(settings_.beta2);
  const auto rest1 = static_cast<float>(1 - settings_.beta1);
  const auto rest2 = static_cast<float>(1 - settings_.beta2);
  const auto mean_rate = static_cast<float>(mean_rate_);
  const auto root = static_cast<float>(root_);
  const auto epsilon = static_cast<float>(settings_.epsilon);
  float* const m = state(0);
  float* const v = state(1);
  for (size_t i = 0; i < n; ++i) {
    const float g = gradients[i] + decay * w[i];
    m[i] = beta1 * m[i] + rest1 * g;
    v[i] = beta2 * v[i] + rest2 * g * g;
    w[i] = kept * w[i] - mean_rate * (m[i] / (std::sqrt(v[i]) / root + epsilon));
  }
}

void Optimizer::Restore(uint64_t steps, std::vector<StateTensor> state) {
  for (size_t i = 0; i < state_.size(); ++i) {
    const StateTensor& wanted = state_[i];
    if (i >= state.size() || state[i].name != wanted.name ||
        state[i].values.type() != DataType::float32 ||
        state[i].values.dims() != wanted.values.dims()) {
      throw Error("the optimizer's state '" + wanted.name + "' of dimensions " +
                  DimsText(wanted.values.dims()) +
                  " is not there; it belongs to another network or optimizer");
    }
  }
  if (state.size() > state_.size()) {
    throw Error("the optimizer's state '" + state[state_.size()].name +
                "' belongs to another network or optimizer");
  }
  state_ = std::move(state);
  steps_ = steps;
}

double ClipNorm(std::span<const std::span<float>> gradients, double largest) {
  // Sums of every eighth element: additions need not wait for each other.
  constexpr size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  for (const std::span<float> gradient : gradients) {
    size_t i = 0;
    for (; i + kLanes <= gradient.size(); i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const auto g = static_cast<double>(gradient[i + lane]);
        sums[lane] += g * g;
      }
    }
    for (; i < gradient.size(); ++i) {
      const auto g = static_cast<double>(gradient[i]);
      sums[0] += g * g;
    }
  }
  double squares = 0;
  for (const double sum : sums) squares += sum;
  const double norm = std::sqrt(squares);
  if (norm > largest) {
    const auto scale = static_cast<float>(largest / norm);
    for (const std::span<float> gradient : gradients) {
      for (float& g : gradient) g *= scale;
    }
  }
  return norm;
}

}  // namespace lutra::converter::train
