// Mutations of a network are worth something if they stay networks that can be parsed, are the same
// for the same seed, and reach every part of a file.
#include "fuzz/onnx_inputs.h"

#include <doctest/doctest.h>
#include <google/protobuf/util/message_differencer.h>

#include <map>
#include <string>

#include "converter/convert.h"
#include "fuzz/onnx_networks.h"
#include "support/temp_folder.h"

namespace lutra::test {
namespace {

using google::protobuf::util::MessageDifferencer;

// The last field of each path that the differences of two messages name: how often each was seen.
class SeenFields : public MessageDifferencer::Reporter {
 public:
  using Message = google::protobuf::Message;
  using Path = std::vector<MessageDifferencer::SpecificField>;
  void ReportAdded(const Message&, const Message&, const Path& path) override { Add("+", path); }
  void ReportDeleted(const Message&, const Message&, const Path& path) override { Add("-", path); }
  void ReportModified(const Message&, const Message&, const Path& path) override { Add("", path); }

  std::map<std::string, size_t> seen;

 private:
  void Add(const std::string& how, const Path& path) {
    if (path.back().field != nullptr) ++seen[how + path.back().field->full_name()];
  }
};

onnx::ModelProto Network(const std::string& name) {
  for (OnnxNetwork& network : OnnxNetworks()) {
    if (network.name == name) return std::move(network.model);
  }
  FAIL("no such network");
  return {};
}

TEST_CASE("the networks that mutations start from are converted") {
  const TempFolder folder;
  for (const OnnxNetwork& network : OnnxNetworks()) {
    CAPTURE(network.name);
    converter::ConvertOptions options;
    options.model_path = folder.Write("network.onnx", network.model.SerializeAsString());
    options.output_path = folder / "network.lutra";
    options.scheme.activations = converter::quantize::ActivationType::float_;  // needs no data
    CHECK_NOTHROW(converter::Convert(options, nullptr));
  }
}

TEST_CASE("mutations can be parsed and reach different fields") {
  const onnx::ModelProto source = Network("classifier");
  SeenFields fields;
  MessageDifferencer differencer;
  differencer.ReportDifferencesTo(&fields);
  RandomNumbers random(1);
  constexpr int kMutations = 2000;
  int changed = 0;
  for (int i = 0; i < kMutations; ++i) {
    onnx::ModelProto model = source, again;
    MutateOnnx(model, source, random);
    REQUIRE(again.ParsePartialFromString(model.SerializePartialAsString()));
    changed += differencer.Compare(source, again) ? 0 : 1;
  }
  CHECK(changed > kMutations * 3 / 4);  // else nodes change places with themselves
  for (const char* field : {"onnx.NodeProto.op_type",
                            "onnx.NodeProto.input",
                            "+onnx.NodeProto.input",
                            "-onnx.NodeProto.input",
                            "onnx.NodeProto.output",
                            "+onnx.GraphProto.node",
                            "-onnx.GraphProto.node",
                            "onnx.AttributeProto.ints",
                            "+onnx.AttributeProto.ints",
                            "onnx.AttributeProto.type",
                            "onnx.AttributeProto.i",
                            "onnx.AttributeProto.name",
                            "+onnx.NodeProto.attribute",
                            "-onnx.NodeProto.attribute",
                            "onnx.TensorProto.raw_data",
                            "onnx.TensorProto.dims",
                            "+onnx.TensorProto.dims",
                            "onnx.TensorProto.data_type",
                            "onnx.TensorShapeProto.Dimension.dim_value",
                            "-onnx.GraphProto.initializer",
                            "onnx.OperatorSetIdProto.version",
                            "+onnx.GraphProto.output",
                            "+onnx.ModelProto.functions",
                            "+onnx.AttributeProto.g"}) {
    CAPTURE(field);
    CHECK(fields.seen[field] > 0);
  }
}

TEST_CASE("the same seed makes the same mutation, with pieces of the donor") {
  const onnx::ModelProto source = Network("classifier"), donor = Network("branches");
  bool borrowed = false;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    onnx::ModelProto first = source, second = source;
    RandomNumbers random(seed), same(seed);
    MutateOnnx(first, donor, random);
    MutateOnnx(second, donor, same);
    CHECK(first.SerializePartialAsString() == second.SerializePartialAsString());
    for (const onnx::NodeProto& node : first.graph().node()) {
      borrowed = borrowed || node.op_type() == "If";
    }
  }
  CHECK(borrowed);
}

TEST_CASE("contents mostly have the size that the dimensions say") {
  const onnx::ModelProto source = Network("classifier");
  RandomNumbers random(2);
  int fitting = 0, resized = 0;
  for (int i = 0; i < 1000; ++i) {
    onnx::ModelProto model = source;
    MutateOnnx(model, source, random);
    if (model.graph().initializer().empty()) continue;
    const onnx::TensorProto& tensor = model.graph().initializer(0);
    if (tensor.dims_size() != 4 || tensor.data_type() != onnx::TensorProto::FLOAT) continue;
    double bytes = 4;
    for (const int64_t dim : tensor.dims()) bytes *= static_cast<double>(dim);
    if (bytes == 4.0 * 8 * 3 * 3 * 3) continue;
    ++resized;
    fitting += static_cast<double>(tensor.raw_data().size()) == bytes ? 1 : 0;
  }
  CHECK(resized > 0);
  CHECK(fitting > 0);
}

}  // namespace
}  // namespace lutra::test
