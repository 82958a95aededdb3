#include "converter/train/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "converter/error.h"
#include "converter/train/named.h"

namespace lutra::converter::train {
namespace {

// From a to b while part goes from 0 to 1.
double AlongCosine(double a, double b, double part) {
  return b + (a - b) / 2 * (1 + std::cos(std::numbers::pi * part));
}

double OneCycle(const Schedule& schedule, double t, double total) {
  const double start = schedule.rate / schedule.start_divisor;
  const double top = schedule.rise * total - 1;  // the step of the peak
  if (t <= top) return AlongCosine(start, schedule.rate, top > 0 ? t / top : 1);
  const double way_down = total - 1 - top;
  return AlongCosine(schedule.rate, start / schedule.end_divisor,
                     way_down > 0 ? (t - top) / way_down : 1);
}

double AfterWarmUp(const Schedule& schedule, size_t step, size_t total) {
  const auto t = static_cast<double>(step), all = static_cast<double>(total);
  switch (schedule.shape) {
    case Schedule::Shape::constant:
      return schedule.rate;
    case Schedule::Shape::steps: {
      const auto passed = std::ranges::count_if(
          schedule.milestones, [&](double part) { return t >= std::floor(part * all); });
      return schedule.rate * std::pow(schedule.gamma, static_cast<double>(passed));
    }
    case Schedule::Shape::cosine:
      return AlongCosine(schedule.rate, 0, t / all);
    case Schedule::Shape::one_cycle:
      return OneCycle(schedule, t, all);
  }
  return schedule.rate;
}

constexpr std::array<Named<Schedule::Shape>, 4> kShapes = {
    {{Schedule::Shape::constant, "constant"},
     {Schedule::Shape::steps, "steps"},
     {Schedule::Shape::cosine, "cosine"},
     {Schedule::Shape::one_cycle, "one-cycle"}}};

}  // namespace

double LearningRate(const Schedule& schedule, size_t step, size_t total) {
  const size_t warm_up = schedule.warm_up;
  const size_t rest = total > warm_up ? total - warm_up : 1;
  if (step < warm_up) {
    const double part = static_cast<double>(step) / static_cast<double>(warm_up);
    return AfterWarmUp(schedule, 0, rest) *
           (schedule.warm_up_start + (1 - schedule.warm_up_start) * part);
  }
  return AfterWarmUp(schedule, std::min(step - warm_up, rest - 1), rest);
}

Schedule::Shape ParseShape(std::string_view text) { return ByName(kShapes, "schedule", text); }
std::string NameOf(Schedule::Shape shape) { return NameIn(kShapes, shape); }

}  // namespace lutra::converter::train
