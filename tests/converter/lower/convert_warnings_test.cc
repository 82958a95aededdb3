// Calibration data on which the FP32 network itself does not work is warned of. The network is one
// whose answer is known: of three classes the one whose input is the largest.
#include <doctest/doctest.h>

#include <algorithm>

#include "converter/convert.h"
#include "converter/import/model_proto.h"
#include "support/temp_folder.h"

namespace lutra::converter {
namespace {

/// x [1, 2, 4, 4] -> 8 times its first three elements, through Softmax if wanted.
std::string ThreeClasses(bool softmax) {
  onnx::ModelProto model = importing::EmptyModel(13);
  std::vector<float> weights(3 * 32);
  for (size_t i = 0; i < 3; ++i) weights[i * 32 + i] = 8;
  importing::AddFloats(model, "w", {3, 32}, weights);
  importing::AddNode(model, "Flatten", {"x"}, {"flat"});
  importing::SetInt(importing::AddNode(model, "Gemm", {"flat", "w"}, {softmax ? "scores" : "y"}),
                    "transB", 1);
  if (softmax) importing::AddNode(model, "Softmax", {"scores"}, {"y"});
  return model.SerializeAsString();
}

struct Answered {
  size_t answer;       ///< the network's
  int64_t label = -1;  ///< -1: none
};

class GivenAnswers : public data::Dataset {
 public:
  explicit GivenAnswers(std::vector<Answered> samples) : samples_(std::move(samples)) {}
  size_t size() const override { return samples_.size(); }
  bool labelled() const override {
    return std::ranges::all_of(samples_, [](const Answered& s) { return s.label >= 0; });
  }
  data::Sample Get(size_t index) const override {
    std::vector<float> values(32);
    for (size_t i = 0; i < 32; ++i) values[i] = 0.01F * static_cast<float>((7 * i + index) % 32);
    values[samples_[index].answer] = 1;
    return {Tensor::Of({2, 4, 4}, std::move(values)), samples_[index].label, "sample"};
  }
  uint64_t Hash() const override { return 0; }

 private:
  std::vector<Answered> samples_;
};

using List = std::vector<std::string>;

/// What is said of the answers.
List Said(const std::vector<Answered>& samples, bool softmax = true) {
  const test::TempFolder folder;
  ConvertOptions options;
  options.model_path = folder.Write("model.onnx", ThreeClasses(softmax));
  options.output_path = folder / "model.lutra";
  const GivenAnswers data(samples);
  const ConvertReport report = Convert(options, &data);
  List said;
  for (const std::string& line : report.warnings.lines()) {
    if (line.starts_with("the FP32 network ") || line.find(" labels ") != std::string::npos) {
      said.push_back(line);
    }
  }
  return said;
}

/// `count` samples whose answers are 0, 1, 2, 0, ... and whose labels are right for the first
/// `right` of them, else the next class.
std::vector<Answered> Labelled(size_t count, size_t right) {
  std::vector<Answered> samples;
  for (size_t i = 0; i < count; ++i) {
    samples.push_back({i % 3, static_cast<int64_t>((i < right ? i : i + 1) % 3)});
  }
  return samples;
}

/// `most` samples of class 1, the others of class 2.
std::vector<Answered> Unlabelled(size_t count, size_t most) {
  std::vector<Answered> samples;
  for (size_t i = 0; i < count; ++i) samples.push_back({i < most ? size_t{1} : size_t{2}});
  return samples;
}

const std::string kCure =
    "; is the data as the network was trained on (scale, mean, std, channel order, layout, size)";

TEST_CASE("labels of which the network knows few") {
  CHECK(Said(Labelled(20, 20)) == List{});
  CHECK(Said(Labelled(20, 10)) == List{});
  CHECK(Said(Labelled(20, 9)) == List{"the FP32 network is right on 9 of 20 labels of the "
                                      "calibration data" +
                                      kCure + ", and are the labels its classes?"});
  CHECK(Said(Labelled(20, 9), false) == Said(Labelled(20, 9)));
}

TEST_CASE("labels that are none of the classes") {
  std::vector<Answered> samples = Labelled(20, 20);
  samples[3].label = 3;
  samples[4].label = 1000;
  CHECK(Said(samples) == List{"2 labels of the calibration data are none of the network's 3 "
                              "classes, so no accuracy is measured"});
}

TEST_CASE("one answer to almost everything") {
  const List warned = {"the FP32 network answers 11 of 20 calibration samples with class 1" +
                       kCure + ", and does it show all classes?"};
  CHECK(Said(Unlabelled(20, 11)) == warned);
  CHECK(Said(Unlabelled(20, 10)) == List{});
  // Scores without a Softmax may be no classes; a few samples tell nothing.
  CHECK(Said(Unlabelled(20, 11), false) == List{});
  CHECK(Said(Unlabelled(15, 15)) == List{});
}

}  // namespace
}  // namespace lutra::converter
