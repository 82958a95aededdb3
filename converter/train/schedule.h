// The learning rate as a function of the step (of the optimizer: one minibatch), of a known total.
// A pure function, so that a resumed run goes on where it was.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::converter::train {

/// With r the peak rate, t the step from 0 and T the total, both after the warm-up:
///
///   constant   r
///   steps      r * gamma^k, k the number of milestones m with t >= floor(m * T)
///   cosine     r/2 * (1 + cos(pi * t / T)) (Loshchilov and Hutter, "SGDR", 2017, one period)
///   one_cycle  from r / start_divisor up to r in the first `rise` of the steps, then down to
///              r / start_divisor / end_divisor, both along half a cosine (Smith and Topin,
///              "Super-convergence", 2018, in the two phases of PyTorch's OneCycleLR)
///
/// A warm-up of W steps grows linearly in front of any of them, from r0 * warm_up_start at its
/// first step to r0 after its last, r0 being the schedule's own rate at t = 0 (Goyal et al.,
/// "Accurate, large minibatch SGD", 2017).
struct Schedule {
  enum class Shape { constant, steps, cosine, one_cycle };

  Shape shape = Shape::cosine;
  double rate = 0.1;                             ///< the highest of the run
  std::vector<double> milestones = {0.5, 0.75};  ///< steps: parts of the total
  double gamma = 0.1;                            ///< steps
  double rise = 0.3;                             ///< one_cycle: from 0 to 1
  double start_divisor = 25, end_divisor = 1e4;  ///< one_cycle
  size_t warm_up = 0;                            ///< steps
  double warm_up_start = 0.01;
};

/// Of step 0 to total - 1; later ones have the rate of the end.
double LearningRate(const Schedule& schedule, size_t step, size_t total);

/// "constant", "steps", "cosine", "one-cycle". Throws Error listing them.
Schedule::Shape ParseShape(std::string_view text);
std::string NameOf(Schedule::Shape shape);

}  // namespace lutra::converter::train
