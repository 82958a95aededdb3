// Metrics against targets: values worked out by hand, what a program gets, and what it may not do.
#include "converter/metric.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/npy.h"
#include "converter/error.h"
#include "support/temp_folder.h"

namespace lutra::converter {
namespace {

using test::TempFolder;

/// Two rows of two.
double ValueOf(const Metric& metric, const std::vector<float>& outputs, const Tensor& first,
               const Tensor& second) {
  MetricOf value(metric, 2);
  value.Add(std::span(outputs).first(2), {1, 2}, first, "first");
  value.Add(std::span(outputs).subspan(2), {1, 2}, second, "second");
  CHECK(value.count() == 2);
  return value.Value();
}

std::string Script(const TempFolder& folder, const std::string& body) {
  const std::string path = folder.Write("score", "#!/bin/sh\n" + body + "\n");
  CHECK(::chmod(path.c_str(), 0755) == 0);
  return path;
}

std::string FaultOf(const std::string& program) {
  try {
    ValueOf(Metric(program), {1, 2, 3, 4}, Tensor::Of({2}, std::vector<float>{1, 2}),
            Tensor::Of({2}, std::vector<float>{1, 2}));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<float> Floats(const NpyArray& array) {
  std::vector<float> values(array.bytes.size() / sizeof(float));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

TEST_CASE("mean squared error and mean cosine similarity") {
  // Errors 1, 0, 0, 4.
  CHECK(ValueOf(Metric("mse"), {1, 2, 3, 5}, Tensor::Of({2}, std::vector<float>{0, 2}),
                Tensor::Of({1, 2}, std::vector<int64_t>{3, 1})) == 17.0 / 4);
  // Angles of 45 and 180 degrees.
  CHECK(ValueOf(Metric("cosine"), {3, 0, -2, 0}, Tensor::Of({2}, std::vector<float>{1, 1}),
                Tensor::Of({2}, std::vector<float>{5, 0})) ==
        doctest::Approx((std::sqrt(0.5) - 1) / 2));
  // What has no length has no direction.
  CHECK(ValueOf(Metric("cosine"), {0, 0, 1, 2}, Tensor::Of({2}, std::vector<float>{1, 1}),
                Tensor::Of({2}, std::vector<float>{2, 4})) == doctest::Approx(0.5));
}

TEST_CASE("a drop: percent of the error, points of the cosine, and what a program's numbers are") {
  CHECK(Metric("mse").Drop(2, 2.5) == doctest::Approx(25));
  CHECK(Metric("mse").Drop(0, 0) == 0);
  CHECK_THROWS_WITH_AS(Metric("mse").Drop(0, 0.1), doctest::Contains("--metric cosine"), Error);
  CHECK(Metric("cosine").Drop(0.9, 0.85) == doctest::Approx(5));
  CHECK(Metric("true").Drop(31.5, 30) == doctest::Approx(1.5));
  CHECK(Metric("mse").DropText(1.234) == "1.23 %");
  CHECK(Metric("cosine").DropText(1.234) == "1.23 points");
  CHECK(Metric("true").DropText(1.5) == "1.5");
}

TEST_CASE("outputs that are no numbers, or not as many as the target has") {
  MetricOf metric(Metric("mse"), 1);
  const Tensor two = Tensor::Of({2}, std::vector<float>{1, 2});
  const std::vector<float> three = {1, 2, 3};
  CHECK_THROWS_WITH_AS(metric.Add(three, {3}, two, "x.npy, sample 4"),
                       doctest::Contains("x.npy, sample 4: the output has 3 elements"), Error);
  const std::vector<float> nan = {1, std::numeric_limits<float>::quiet_NaN()};
  CHECK_THROWS_WITH_AS(metric.Add(nan, {2}, two, "x.npy, sample 4"),
                       doctest::Contains("element 1 is NaN"), Error);
}

TEST_CASE("a program gets outputs and targets as NumPy files, which then are gone") {
  const TempFolder folder;
  const std::string path =
      Script(folder, "cp \"$1\" " + (folder / "o.npy") + "; cp \"$2\" " + (folder / "t.npy") +
                         "; echo \"$1\" >" + (folder / "name") + "; echo ' -2.5e0 '");
  CHECK(ValueOf(Metric(path), {1, 2, 3, 4}, Tensor::Of({3}, std::vector<int64_t>{7, 8, 9}),
                Tensor::Of({3}, std::vector<int64_t>{10, 11, 12})) == -2.5);
  NpyArray outputs, targets;
  std::string error;
  REQUIRE(ReadNpy(folder / "o.npy", &outputs, &error));
  REQUIRE(ReadNpy(folder / "t.npy", &targets, &error));
  CHECK(outputs.header.TypeName() == "float32");
  CHECK(outputs.header.shape == std::vector<int64_t>{2, 2});
  CHECK(Floats(outputs) == std::vector<float>{1, 2, 3, 4});
  // Any shape and the type they have, as a map of classes needs it.
  CHECK(targets.header.TypeName() == "int64");
  CHECK(targets.header.shape == std::vector<int64_t>{2, 3});
  std::vector<int64_t> integers(6);
  REQUIRE(targets.bytes.size() == 48);
  std::memcpy(integers.data(), targets.bytes.data(), 48);
  CHECK(integers == std::vector<int64_t>{7, 8, 9, 10, 11, 12});
  std::ifstream name(folder / "name");
  std::string file;
  std::getline(name, file);
  CHECK(file.ends_with(".npy"));
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a program that fails or prints no number is an error that names it") {
  const TempFolder folder;
  const auto fault = [&](const std::string& body) {
    const std::string path = Script(folder, body), text = FaultOf(path);
    CHECK(text.starts_with("--metric " + path + ": "));
    return text.substr(std::min(text.size(), path.size() + 11));
  };
  const std::string number = "must print one finite number and nothing else on stdout, but ";
  CHECK(fault("exit 3").starts_with("ended with exit status 3"));
  CHECK(fault("kill -9 $$") == "was ended by signal 9");
  CHECK(fault("") == number + "prints nothing");
  CHECK(fault("echo good") == number + "prints 'good'");
  CHECK(fault("echo 1 2") == number + "prints '1 2'");
  CHECK(fault("echo nan") == number + "prints 'nan'");
  CHECK(fault("yes 1 | head -c 100000").starts_with(number + "prints '1?1?"));
  CHECK(FaultOf("no-such-program").find("must be mse, cosine or a program") != std::string::npos);
  CHECK(FaultOf(folder.Write("text", "1")).find("chmod +x") != std::string::npos);
  CHECK(FaultOf("MSE").find("must be mse, cosine or a program") != std::string::npos);
}

TEST_CASE("the output that targets are of") {
  const std::vector<NamedShape> several = {{"map", {1, 8, 4, 4}}, {"y", {1, 10}}};
  const Metric mse("mse"), program("true");
  CHECK(ChooseOutput({{"y", {1, 10}}}, 1, "", {10}, mse, "m") == 0);
  CHECK(ChooseOutput({{"y", {4, 1}}}, 4, "", {}, mse, "m") == 0);
  CHECK(ChooseOutput(several, 1, "", {8, 4, 4}, mse, "m") == 0);
  CHECK(ChooseOutput(several, 1, "", {10}, mse, "m") == 1);
  CHECK(ChooseOutput(several, 1, "map", {4, 4}, program, "m") == 0);
  CHECK_THROWS_WITH_AS(ChooseOutput(several, 1, "", {4, 4}, program, "m.onnx"),
                       doctest::Contains("name it with --scores: 'map' [1, 8, 4, 4], 'y' [1, 10]"),
                       Error);
  CHECK_THROWS_WITH_AS(ChooseOutput(several, 1, "z", {10}, mse, "m.onnx"),
                       "m.onnx: has no output 'z'; its outputs are 'map' [1, 8, 4, 4], 'y' [1, 10]",
                       Error);
  CHECK_THROWS_WITH_AS(ChooseOutput({{"y", {1, 10}}}, 1, "", {9}, mse, "m.onnx"),
                       "m.onnx: output 'y' [1, 10] does not have the shape [9] that the targets "
                       "have per sample",
                       Error);
}

}  // namespace
}  // namespace lutra::converter
