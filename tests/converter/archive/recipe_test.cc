#include "converter/archive/recipe.h"

#include <doctest/doctest.h>

#include "converter/error.h"

namespace lutra::converter::archive {
namespace {

Tensor Ramp(float step) {
  Tensor tensor(DataType::float32, {8, 8});
  float value = 0;
  for (float& element : tensor.as<float>()) element = value += step;
  return tensor;
}

checkpoint::Checkpoint Holding(std::vector<checkpoint::NamedTensor> tensors) {
  checkpoint::Checkpoint checkpoint;
  checkpoint.tensors = std::move(tensors);
  return checkpoint;
}

TEST_CASE("Recipes by name and pattern, with or without the module. prefix") {
  const checkpoint::Checkpoint checkpoint =
      Holding({{"module.a.weight", Ramp(1)}, {"module.b.weight", Ramp(2)}});
  CompressOptions options;
  ReadArchiveRecipe(checkpoint,
                    R"({"default": {"weights": "linear4"},
                        "layers": [{"pattern": "*.weight", "granularity": "tensor"},
                                   {"name": "b.weight", "weights": "fp16"}]})",
                    "r.json", options);
  const CompressedArchive archive = Compress(checkpoint, options);
  CHECK(archive.listing.rows[0].scheme == "linear4");
  CHECK(archive.listing.rows[1].scheme == "fp16");
  CHECK(options.formats[0]->granularity == Granularity::tensor);
  const auto fails = [&](const char* json, const char* why) {
    try {
      ReadArchiveRecipe(checkpoint, json, "r.json", options);
      FAIL_CHECK(json);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find(why) != std::string::npos);
    }
  };
  fails("{", "r.json: is not JSON");
  fails(R"({"layers": [{"name": "c"}]})", "r.json: $.layers[0].name: 'c' fits no tensor");
  fails(R"({"default": {"weights": "linear9"}})", "$.default.weights: weights 'linear9'");
  fails(R"({"default": {"granularity": "group:0"}})", "use channel, tensor or group:N");
  fails(R"({"default": {"bits": 4}})", "$.default.bits: is no field");
}

}  // namespace
}  // namespace lutra::converter::archive
