// Learning rates against PyTorch's schedulers, and at the ends.
#include "converter/train/schedule.h"

#include <doctest/doctest.h>

#include "converter/error.h"
#include "converter/train/pytorch_values.h"

namespace lutra::converter::train {
namespace {

using Shape = Schedule::Shape;

Schedule Of(Shape shape) {
  Schedule schedule;
  schedule.shape = shape;
  schedule.rate = 0.5;
  return schedule;
}

void CheckRates(const Schedule& schedule, const std::vector<double>& expected) {
  for (size_t step = 0; step < expected.size(); ++step) {
    CAPTURE(step);
    CHECK(LearningRate(schedule, step, expected.size()) ==
          doctest::Approx(expected[step]).epsilon(1e-8));
  }
}

TEST_CASE("schedules are PyTorch's") {
  CheckRates(Of(Shape::constant), std::vector<double>(5, 0.5));
  CheckRates(Of(Shape::steps), pytorch::kRatesSteps);
  CheckRates(Of(Shape::cosine), pytorch::kRatesCosine);
  CheckRates(Of(Shape::one_cycle), pytorch::kRatesOneCycle);
  Schedule other = Of(Shape::one_cycle);
  other.rise = 0.5;
  other.start_divisor = 10;
  other.end_divisor = 100;
  CheckRates(other, pytorch::kRatesOneCycleOther);
  Schedule warm = Of(Shape::cosine);
  warm.warm_up = 4;
  warm.warm_up_start = 0.25;
  CheckRates(warm, pytorch::kRatesWarmCosine);
}

TEST_CASE("runs of few steps, and steps after the last, have a rate") {
  for (const Shape shape : {Shape::constant, Shape::steps, Shape::cosine, Shape::one_cycle}) {
    for (const size_t warm_up : {0, 2, 9}) {
      for (const double rise : {0.0, 0.3, 0.5, 1.0}) {
        Schedule schedule = Of(shape);
        schedule.warm_up = warm_up;
        schedule.rise = rise;
        for (size_t total = 0; total < 6; ++total) {
          for (size_t step = 0; step < 9; ++step) {
            const double rate = LearningRate(schedule, step, total);
            CHECK((rate >= 0 && rate <= 0.5));
            if (step >= total && step > warm_up) {
              CHECK(rate == LearningRate(schedule, step + 1, total));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("names of schedules") {
  CHECK(ParseShape("one-cycle") == Shape::one_cycle);
  CHECK_THROWS_WITH_AS(ParseShape("poly"),
                       "schedule 'poly' is not known; known are constant, steps, cosine, one-cycle",
                       Error);
}

}  // namespace
}  // namespace lutra::converter::train
