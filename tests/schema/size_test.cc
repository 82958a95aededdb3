// What the metadata of a model costs: docs/model_format.md states these numbers, and small models
// depend on them (a file may take a quarter of its FP32 weights + 12 bytes per output channel + 200
// bytes per operator + 2 KB).
#include <doctest/doctest.h>

#include <string>

#include "schema/limits.h"
#include "schema/validate.h"
#include "support/model_builder.h"

namespace lutra {
namespace {

/// `count` 3x3 convolutions of 16 channels in a row, every tensor with a name of `name_bytes`.
std::vector<uint8_t> ConvChain(size_t count, size_t name_bytes) {
  test::ModelBuilder b;
  auto last = b.Input("x", {1, 8, 8, 16}, {0.5F, 0});
  for (size_t i = 0; i < count; ++i) {
    const auto next = b.Int8({1, 8, 8, 16}, {0.5F, 3});
    schema::ConvT conv;
    conv.kernel_h = conv.kernel_w = 3;
    conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
    conv.int_range =
        std::make_unique<schema::IntRange>(static_cast<int8_t>(3), static_cast<int8_t>(127));
    conv.weights = b.IntWeights(std::vector<int8_t>(16 * 144, static_cast<int8_t>(i % 100)),
                                std::vector<int32_t>(16, static_cast<int32_t>(i)),
                                std::vector<float>(16, 0.01F));
    b.Add(std::move(conv), {last}, {next});
    last = next;
  }
  b.Output("y", last);
  for (size_t t = 0; t < b.model().tensors.size(); ++t) {
    std::string name = std::to_string(t);
    name.resize(name_bytes, 'n');
    b.model().tensors[t]->name = name;
  }
  return b.Finish();
}

size_t MetadataBytes(const std::vector<uint8_t>& file) {
  return flatbuffers::ReadScalar<uint32_t>(file.data() + 16);
}

TEST_CASE("Metadata of a Conv") {
  const size_t bare = (MetadataBytes(ConvChain(90, 0)) - MetadataBytes(ConvChain(10, 0))) / 80;
  const size_t named = (MetadataBytes(ConvChain(90, 40)) - MetadataBytes(ConvChain(10, 40))) / 80;
  MESSAGE(bare << " bytes per Conv without names, " << named << " with names of 40 bytes");
  CHECK(bare <= 176);
  CHECK(named <= 224);
}

TEST_CASE("A file keeps within its budget") {
  for (const size_t count : {1U, 4U, 50U}) {
    const std::vector<uint8_t> file = ConvChain(count, 40);
    ModelView view;
    REQUIRE(OpenContainer(file.data(), file.size(), &view).ok());
    const Status status = Validate(view);
    REQUIRE_MESSAGE(status.ok(), status.message());
    const size_t weights = count * 16 * 144;
    CHECK(file.size() <= weights + count * (12 * 16 + 200) + 2048);
  }
}

}  // namespace
}  // namespace lutra
