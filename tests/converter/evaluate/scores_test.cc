#include "converter/evaluate/scores.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "converter/error.h"

namespace lutra::converter::evaluate {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

data::Sample Labelled(int64_t label) {
  data::Sample sample;
  sample.label = label;
  sample.source = "x.npy, sample 3";
  return sample;
}

std::string FaultOf(const std::vector<NamedShape>& outputs, const std::string& wanted = "",
                    int64_t batch = 1) {
  Warnings warnings;
  try {
    ChooseScores(outputs, batch, wanted, "m.onnx", warnings);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("the scores are the output that has the shape of scores") {
  Warnings warnings;
  CHECK(ChooseScores({{"y", {1, 10}}}, 1, "", "m", warnings) == 0);
  CHECK(ChooseScores({{"y", {10}}}, 1, "", "m", warnings) == 0);
  CHECK(ChooseScores({{"y", {1, 10, 1, 1}}}, 1, "", "m", warnings) == 0);
  CHECK(ChooseScores({{"map", {1, 8, 7, 7}}, {"y", {1, 10}}}, 1, "", "m", warnings) == 1);
  CHECK(ChooseScores({{"features", {1, 64}}, {"y", {1, 10}}}, 1, "y", "m", warnings) == 1);
  CHECK(ChooseScores({{"map", {4, 8, 7, 7}}, {"y", {4, 10}}}, 4, "", "m", warnings) == 1);
  CHECK(warnings.empty());
  CHECK(ChooseScores({{"p", {1, 10}}, {"aux", {1, 10}}}, 1, "", "m.onnx", warnings) == 0);
  CHECK(warnings.lines() ==
        std::vector<std::string>{"m.onnx: the accuracy is that of output 'p'; --scores chooses "
                                 "another of 'p' [1, 10], 'aux' [1, 10]"});
}

TEST_CASE("what is no row of scores is refused with its shape and a way out") {
  CHECK(FaultOf({{"mask", {1, 4, 8, 8}}}) ==
        "m.onnx: output 'mask' [1, 4, 8, 8] is no row of scores, one per class ([N, C]); "
        "networks that classify nothing are measured with --targets and --metric");
  CHECK(FaultOf({{"a", {1, 4, 8}}, {"b", {1, 1}}}) ==
        "m.onnx: no output is a row of scores, one per class ([N, C]): 'a' [1, 4, 8], 'b' [1, 1]");
  CHECK(FaultOf({{"features", {1, 64}}, {"y", {1, 10}}}) ==
        "m.onnx: several outputs could be the scores; name one with --scores: 'features' [1, 64], "
        "'y' [1, 10]");
  CHECK(FaultOf({{"y", {1, 10}}}, "z") == "m.onnx: has no output 'z'; its outputs are 'y' [1, 10]");
  CHECK(FaultOf({{"y", {1, 1}}})
            .starts_with("m.onnx: output 'y' [1, 1] is one score, as of a "
                         "binary classifier"));
  CHECK(FaultOf({{"y", {8, 10}}}, "", 4).starts_with("m.onnx: output 'y' [8, 10] is no row"));
}

TEST_CASE("accuracy and cross entropy") {
  ScoreCounter counter(ScoreKind::logits, "y");
  counter.Add(std::vector<float>{0, 0, 0, 0, 0, 0}, Labelled(0));  // of equal scores the lowest
  counter.Add(std::vector<float>{0, 0, 0, 0, 0, 0}, Labelled(5));
  CHECK(counter.count() == 2);
  CHECK(counter.Top1() == 0.5);
  CHECK(counter.Top5() == 0.5);
  CHECK(counter.Loss() == doctest::Approx(std::log(6.0)));

  ScoreCounter probabilities(ScoreKind::probabilities, "y");
  probabilities.Add(std::vector<float>{0.25F, 0.75F}, Labelled(1));
  CHECK(probabilities.Loss() == doctest::Approx(-std::log(0.75)));
  ScoreCounter logarithms(ScoreKind::log_probabilities, "y");
  logarithms.Add(std::vector<float>{-kInfinity, -0.5F}, Labelled(0));
  CHECK(logarithms.Loss() == doctest::Approx(-std::log(1e-7)));
}

TEST_CASE("scores that are no numbers are no accuracy") {
  const auto fault = [](const std::vector<float>& scores, int64_t label) -> std::string {
    try {
      ScoreCounter(ScoreKind::logits, "y").Add(scores, Labelled(label));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(fault({1, kNan}, 0) ==
        "x.npy, sample 3: output 'y' is not finite, class 1 is NaN; check the network, and scale, "
        "mean and std of the data");
  CHECK(fault({kInfinity, 0}, 1).find("class 0 is infinite") != std::string::npos);
  CHECK(fault({-kInfinity, 0}, 0).empty());
  CHECK(fault({-kInfinity, -kInfinity}, 0) == "x.npy, sample 3: output 'y' has no finite score");
  CHECK(
      fault({1, 2}, 2).starts_with("x.npy, sample 3: has class 2, but the network gives 2 scores"));
}

}  // namespace
}  // namespace lutra::converter::evaluate
