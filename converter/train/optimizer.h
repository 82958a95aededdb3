// From gradients to new weights. Every element has a history of its own and nothing is summed over
// elements (but by ClipNorm), so parameters, and ranges within one, may be given to any number of
// threads: the bytes are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/graph/tensor.h"

namespace lutra::converter::train {

/// With w the weight, g its gradient, r the learning rate, d the weight decay and t the step from 1
/// (as PyTorch defines them; all in float32, corrections in double):
///
///   sgd    g += d w;  m = momentum m + g;  w -= r m, or with Nesterov's momentum r (g + momentum
///   m)
///          (Sutskever et al., "On the importance of initialization and momentum", 2013)
///   adam   g += d w;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
///          w -= r / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)
///          (Kingma and Ba, "Adam", 2015)
///   adamw  the same without d in g; before it w -= r d w
///          (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019)
struct OptimizerSettings {
  enum class Method { sgd, adam, adamw };

  Method method = Method::sgd;
  double momentum = 0.9;  ///< sgd; 0: none, and no state
  bool nesterov = true;   ///< sgd
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
};

/// "sgd", "adam", "adamw". Throws Error listing them.
OptimizerSettings::Method ParseMethod(std::string_view text);
std::string NameOf(OptimizerSettings::Method method);

class Optimizer {
 public:
  struct Parameter {
    std::string name;
    std::vector<int64_t> dims;
    bool decays = true;  ///< false for biases and for scales and shifts of normalization
  };

  /// Of one parameter, for checkpoints: "momentum/NAME", or "mean/NAME" and "square/NAME" of Adam.
  struct StateTensor {
    std::string name;
    Tensor values;  ///< float32, dims of the parameter
  };

  Optimizer(const OptimizerSettings& settings, std::vector<Parameter> parameters);

  /// Begins the next step, at this learning rate. Then every parameter is updated once.
  void Begin(double learning_rate);

  /// Elements first, first + 1, ... of one parameter. Thread-safe for ranges that do not overlap.
  /// Throws Error when the range leaves the parameter or values and gradient differ in length.
  void Update(size_t parameter, std::span<float> values, std::span<const float> gradient,
              size_t first = 0);

  uint64_t steps() const { return steps_; }  ///< begun
  /// In the order of the parameters.
  const std::vector<StateTensor>& state() const { return state_; }
  /// Goes on where steps() and state() were read. Throws Error naming the first tensor that is not
  /// the one it must be.
  void Restore(uint64_t steps, std::vector<StateTensor> state);

 private:
  OptimizerSettings settings_;
  std::vector<Parameter> parameters_;
  std::vector<StateTensor> state_;
  uint64_t steps_ = 0;
  // Of the step: the rate, divided by Adam's correction of the mean; the root of that of the
  // square.
  double rate_ = 0, mean_rate_ = 0, root_ = 1;
};

/// Scales all gradients so that their common Euclidean norm is at most `largest` (Pascanu, Mikolov,
/// Bengio, "On the difficulty of training recurrent neural networks", 2013), and returns the norm
/// that they had. Summed in double in one fixed order.
double ClipNorm(std::span<const std::span<float>> gradients, double largest);

}  // namespace lutra::converter::train
