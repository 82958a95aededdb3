#include "converter/edit/prune.h"

#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>

#include "converter/edit/base64.h"
#include "converter/edit/share.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/graph/half.h"
#include "support/temp_folder.h"

namespace lutra::converter::edit {
namespace {

constexpr PerLayer::Range kPercent{0, 100};

LayerWeights WeightOf(const std::string& layer, std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return {layer, layer + ".weight", {count}, std::move(values)};
}

PruneOptions KeepOnly(const std::vector<std::string>& texts) {
  PruneOptions options;
  options.keep = PerLayer("--keep", texts, kPercent);
  return options;
}

PruneOptions Sensitivity(double sensitivity) {
  PruneOptions options;
  options.sensitivity = sensitivity;
  return options;
}

onnx::NodeProto* AddNode(onnx::GraphProto& graph, const char* op,
                         std::initializer_list<const char*> inputs, const char* output) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  for (const char* name : inputs) node.add_input(name);
  node.add_output(output);
  return &node;
}

// x -> Conv(conv1.weight, float) -> Gemm(Cast(fc1.weight_fp16)) -> MatMul(Constant): three layers.
onnx::ModelProto Network() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto node = [&](const char* op, std::initializer_list<const char*> in, const char* out) {
    return AddNode(graph, op, in, out);
  };
  onnx::TensorProto& conv = *graph.add_initializer();
  conv.set_name("conv1.weight");
  conv.set_data_type(onnx::TensorProto::FLOAT);
  for (const int64_t d : {2, 1, 1, 2}) conv.add_dims(d);
  for (const float w : {0.5F, -0.25F, 0.0F, 1.0F}) conv.add_float_data(w);
  onnx::TensorProto& fc = *graph.add_initializer();
  fc.set_name("fc1.weight_fp16");
  fc.set_data_type(onnx::TensorProto::FLOAT16);
  fc.add_dims(2);
  fc.add_dims(2);
  for (const double w : {0.125, -2.0, 3.0, 0.0625}) fc.add_int32_data(ToFloat16(w).bits);
  node("Conv", {"x", "conv1.weight"}, "a");
  node("Cast", {"fc1.weight_fp16"}, "fc1.weight");
  node("Gemm", {"a", "fc1.weight"}, "b");
  onnx::AttributeProto& value = *node("Constant", {}, "w")->add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  value.mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
  value.mutable_t()->add_dims(2);
  value.mutable_t()->add_dims(1);
  value.mutable_t()->add_float_data(7);
  value.mutable_t()->add_float_data(8);
  node("MatMul", {"b", "w"}, "y");
  return model;
}

void Save(const onnx::ModelProto& model, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  REQUIRE(model.SerializeToOstream(&out));
}

TEST_CASE("percentiles are linear between neighbours") {
  CHECK(Percentile({4, 1, 3, 2}, 0) == 1);
  CHECK(Percentile({4, 1, 3, 2}, 100) == 4);
  CHECK(Percentile({4, 1, 3, 2}, 50) == 2.5);
  CHECK(Percentile({4, 1, 3, 2, 5}, 30) == doctest::Approx(2.2));
  CHECK(Percentile({9}, 37) == 9);
}

TEST_CASE("strictly smaller than the percentile goes") {
  // The 40th percentile of the magnitudes 1, 2, 2, 3, 4, 5: rank 2 of 0..5, which is 2.
  std::vector<LayerWeights> weights{WeightOf("conv1", {-1, 2, -2, 3, 4, -5}),
                                    WeightOf("fc1", {1, 2, 3})};
  const std::vector<double> thresholds = Prune(weights, KeepOnly({"conv1=60"}));
  CHECK(thresholds == std::vector<double>{2, 0});
  CHECK(weights[0].values == std::vector<float>{0, 2, -2, 3, 4, -5});
  CHECK(weights[0].kept == std::vector<bool>{false, true, true, true, true, true});
  CHECK(weights[1].Kept() == 3);
  CHECK(!weights[1].masked);
}

TEST_CASE("standard deviations, and a sparsity over all layers together") {
  std::vector<LayerWeights> weights{WeightOf("a", {-3, -1, 1, 3})};  // deviation sqrt(5)
  CHECK(Prune(weights, Sensitivity(0.5))[0] == doctest::Approx(std::sqrt(5.0) / 2));
  CHECK(weights[0].values == std::vector<float>{-3, 0, 0, 3});
  std::vector<LayerWeights> two{WeightOf("a", {1, 2, 3, 4}), WeightOf("b", {10, 20, 30, 40}),
                                WeightOf("c", {0.5F})};
  PruneOptions options = KeepOnly({"c=100"});
  options.sparsity = 50;
  Prune(two, options);  // of a and b
  CHECK(two[0].Kept() == 0);
  CHECK(two[1].Kept() == 4);
  CHECK(two[2].Kept() == 1);
}

TEST_CASE("entries per layer: the last one that fits, and names that fit nothing are refused") {
  const std::vector<LayerWeights> weights{WeightOf("conv1", {1}), WeightOf("fc1", {1})};
  const PerLayer keep("--keep", {"50", "fc*=9"}, kPercent);
  CHECK(*keep.Find(weights[0]) == 50);
  CHECK(*keep.Find(weights[1]) == 9);
  CHECK(PerLayer("--keep", {"fc1=9"}, kPercent).Find(weights[0]) == nullptr);
  for (const char* text :
       {"conv1=101", "conv1=-1", "conv1=", "=5", "x", "conv1=5%", "nan", "fc1=-nan"}) {
    CHECK_THROWS_AS(PerLayer("--keep", {text}, kPercent), Error);
  }
  CHECK(*PerLayer("--bits", {"3"}, {1, 8, true}).Find(weights[0]) == 3);
  for (const char* text : {"2.5", "0", "9", "nan"}) {
    CHECK_THROWS_AS(PerLayer("--bits", {text}, {1, 8, true}), Error);
  }
  try {
    PerLayer("--keep", {"fc7=5"}, kPercent).CheckNames(weights);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "--keep: 'fc7' fits no layer; layers are conv1, fc1");
  }
}

TEST_CASE("weights that are not finite are refused by tensor and element") {
  const test::TempFolder folder;
  const std::string path = folder / "in.onnx";
  onnx::ModelProto model = Network();
  onnx::TensorProto& conv = *model.mutable_graph()->mutable_initializer(0);
  conv.set_float_data(2, std::numeric_limits<float>::quiet_NaN());
  Save(model, path);
  CHECK_THROWS_WITH_AS(OpenWeights(path),
                       (path + ": tensor 'conv1.weight' of layer 'conv1' is NaN at [1, 0, 0, 0]: "
                               "take a checkpoint whose numbers are finite")
                           .c_str(),
                       Error);
  conv.set_float_data(2, -std::numeric_limits<float>::infinity());
  Save(model, path);
  CHECK_THROWS_AS(OpenWeights(path), Error);
}

TEST_CASE("weights behind a Transpose, on the left, shared, and those that are left") {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto node = [&](const char* op, std::initializer_list<const char*> in, const char* out) {
    return AddNode(graph, op, in, out);
  };
  const auto matrix = [&](const char* name, int32_t type = onnx::TensorProto::FLOAT) {
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (int i = 0; i < 2; ++i) tensor.add_dims(2);
    for (int i = 0; i < 4; ++i) {
      type == onnx::TensorProto::FLOAT ? tensor.add_float_data(static_cast<float>(i))
                                       : tensor.add_int32_data(i);
    }
  };
  for (const char* name : {"a.weight", "left.weight", "tied", "rnn.w", "rnn.r", "table", "up.w"}) {
    matrix(name);
  }
  matrix("q", onnx::TensorProto::INT8);
  node("Transpose", {"a.weight"}, "t");
  node("Reshape", {"t", "shape"}, "r");
  node("Conv", {"x", "r"}, "c");
  node("ConvTranspose", {"c", "up.w"}, "u");
  node("MatMul", {"left.weight", "u"}, "m");
  node("Gemm", {"m", "tied"}, "g");
  node("Gather", {"tied", "i"}, "e");
  node("GRU", {"g", "rnn.w", "rnn.r"}, "h");
  node("Add", {"h", "table"}, "s");
  node("DequantizeLinear", {"q", "scale"}, "d");
  node("MatMul", {"s", "d"}, "y");
  const test::TempFolder folder;
  const std::string path = folder / "in.onnx";
  Save(model, path);
  const std::unique_ptr<WeightsFile> file = OpenWeights(path);
  std::vector<std::string> tensors;
  for (const LayerWeights& weight : file->weights()) tensors.push_back(weight.tensor);
  CHECK(tensors ==
        std::vector<std::string>{"a.weight", "up.w", "left.weight", "tied", "rnn.w", "rnn.r"});
  CHECK(file->weights()[0].layer == "a");
  CHECK(file->warnings().lines() ==
        std::vector<std::string>{
            path + ": left as they are, by the operators that read them: table (Add), q "
                   "(DequantizeLinear)",
            path + ": changed for other readers too: tied (Gather)"});
}

// x -> MatMul by w -> If, whose branch multiplies by w again and by a matrix of its own, and a
// local function with a third one, which lies in another file.
TEST_CASE("weights inside branches and functions are named, and come into the file written") {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto fill = [](onnx::TensorProto& tensor, const char* name) {
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (int i = 0; i < 2; ++i) tensor.add_dims(2);
    for (int i = 0; i < 4; ++i) tensor.add_float_data(static_cast<float>(i));
  };
  fill(*graph.add_initializer(), "w");
  AddNode(graph, "MatMul", {"x", "w"}, "m");
  onnx::NodeProto& choice = *AddNode(graph, "If", {"c"}, "y");
  onnx::AttributeProto& branch = *choice.add_attribute();
  branch.set_name("then_branch");
  branch.set_type(onnx::AttributeProto::GRAPH);
  fill(*branch.mutable_g()->add_initializer(), "inside");
  AddNode(*branch.mutable_g(), "MatMul", {"m", "w"}, "n");
  AddNode(*branch.mutable_g(), "MatMul", {"n", "inside"}, "o");
  onnx::FunctionProto& function = *model.add_functions();
  function.set_name("Dense");
  onnx::NodeProto& constant = *function.add_node();
  constant.set_op_type("Constant");
  constant.add_output("k");
  onnx::AttributeProto& value = *constant.add_attribute();
  value.set_name("value");
  fill(*value.mutable_t(), "k");
  value.mutable_t()->clear_float_data();
  value.mutable_t()->set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto& location = *value.mutable_t()->add_external_data();
  location.set_key("location");
  location.set_value("k.bin");

  const test::TempFolder folder;
  const std::string path = folder / "in.onnx";
  folder.Write("k.bin", std::string("abcdefghijklmnop"));
  Save(model, path);
  const std::unique_ptr<WeightsFile> file = OpenWeights(path);
  REQUIRE(file->weights().size() == 1);
  CHECK(file->warnings().lines() ==
        std::vector<std::string>{
            path + ": left as they are, in branches, loops and functions: inside (If), k (function "
                   "Dense)",
            path + ": changed for other readers too: w (If)"});
  const std::vector<uint8_t> bytes = file->Bytes(path);
  onnx::ModelProto written;
  REQUIRE(written.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  const onnx::TensorProto& k = written.functions(0).node(0).attribute(0).t();
  CHECK(k.data_location() == onnx::TensorProto::DEFAULT);
  CHECK(k.raw_data() == "abcdefghijklmnop");
}

TEST_CASE("a network without layers of its own: the error names the matrices that it has") {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("table");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (int i = 0; i < 2; ++i) tensor.add_dims(2);
  for (int i = 0; i < 4; ++i) tensor.add_float_data(1);
  AddNode(*model.mutable_graph(), "Einsum", {"x", "table"}, "y");
  const test::TempFolder folder;
  const std::string path = folder / "in.onnx";
  Save(model, path);
  CHECK_THROWS_WITH_AS(
      OpenWeights(path),
      (path + ": has no convolution, Gemm, MatMul or recurrent layer with constant floating-point "
              "weights in its main graph; left as they are, by the operators that read them: table "
              "(Einsum)")
          .c_str(),
      Error);
}

TEST_CASE("an ONNX file keeps all but the pruned weights, and says which they are") {
  const test::TempFolder folder;
  const std::string in = folder / "in.onnx", out = folder / "out.onnx";
  Save(Network(), in);
  const std::unique_ptr<WeightsFile> file = OpenWeights(in);
  WeightsFile& network = *file;
  CHECK(network.HasGraph());
  REQUIRE(network.weights().size() == 3);
  CHECK(network.weights()[0].layer == "conv1");
  CHECK(network.weights()[1].layer == "fc1");
  CHECK(network.weights()[1].tensor == "fc1.weight_fp16");
  CHECK(network.weights()[1].values == std::vector<float>{0.125F, -2, 3, 0.0625F});
  CHECK(network.weights()[2].layer == "y");
  Prune(network.weights(), KeepOnly({"conv1=75", "fc1=50"}));
  WriteBytes(out, network.Bytes(out));

  // The 25th percentile of 0, .25, .5, 1 is 0.1875: the trained 0 goes, too.
  const std::unique_ptr<WeightsFile> reopened = OpenWeights(out);
  WeightsFile& again = *reopened;
  CHECK(again.weights()[0].values == std::vector<float>{0.5F, -0.25F, 0, 1});
  CHECK(again.weights()[0].kept == std::vector<bool>{true, true, false, true});
  CHECK(again.weights()[0].masked);
  CHECK(again.weights()[1].values == std::vector<float>{0, -2, 3, 0});
  CHECK(again.weights()[2].values == std::vector<float>{7, 8});
  CHECK(!again.weights()[2].masked);
  // A second pruning leaves the pruned ones pruned.
  Prune(again.weights(), KeepOnly({"conv1=100"}));
  CHECK(again.weights()[0].Kept() == 3);

  onnx::ModelProto model;
  std::ifstream pruned(out, std::ios::binary);
  REQUIRE(model.ParseFromIstream(&pruned));
  CHECK(model.graph().node_size() == 5);
  CHECK(model.graph().initializer(1).data_type() == onnx::TensorProto::FLOAT16);
  CHECK(model.metadata_props_size() == 2);

  model.mutable_metadata_props(0)->set_value("AAAA");
  Save(model, out);
  CHECK_THROWS_AS(OpenWeights(out), Error);
}

TEST_CASE("shared weights: the optimum's centroids, and pruned ones stay 0") {
  std::vector<LayerWeights> weights{WeightOf("a", {0, 1, 1.5F, 5, 5.5F, -4, 0, 0.25F})};
  weights[0].kept[0] = weights[0].kept[6] = false;
  const auto layers = ShareWeights(weights, PerLayer("--bits", {"2"}, {1, 8, true}), true);
  REQUIRE(layers.size() == 1);
  // Three values and 0: the kept ones part into {-4}, {.25, 1, 1.5} and {5, 5.5}.
  const float middle = 2.75F / 3;
  CHECK(weights[0].values == std::vector<float>{0, middle, middle, 5.25F, 5.25F, -4, 0, middle});
  CHECK(layers[0].values == 4);
  CHECK(layers[0].clustering.LargestGap() == 0);
  for (const double lloyd : layers[0].lloyd) {
    CHECK(lloyd >= layers[0].clustering.distortion * (1 - 1e-12));
  }
}

TEST_CASE("Base64 as RFC 4648 shows it") {
  const auto bytes = [](std::string_view text) {
    return std::vector<uint8_t>(text.begin(), text.end());
  };
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : cases) {
    CHECK(ToBase64(bytes(plain)) == coded);
    CHECK(FromBase64(coded) == bytes(plain));
  }
  for (const char* text : {"Zg", "Zg=", "Z===", "Zm9*"}) CHECK(!FromBase64(text));
}

}  // namespace
}  // namespace lutra::converter::edit
