// Pruning of checkpoints: what changes in the file, and what must not.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "converter/checkpoint/pickle_writer.h"
#include "converter/checkpoint/safetensors.h"
#include "converter/edit/prune.h"
#include "converter/edit/share.h"
#include "converter/error.h"
#include "converter/files.h"
#include "support/skip.h"
#include "support/temp_folder.h"

namespace lutra::converter::edit {
namespace {

PruneOptions Keep(const std::vector<std::string>& texts) {
  PruneOptions options;
  options.keep = PerLayer("--keep", texts, {.lowest = 0, .highest = 100});
  return options;
}

checkpoint::NamedTensor TensorOf(const std::string& name, std::vector<int64_t> dims,
                                 std::vector<float> values, DataType type) {
  return {name, Tensor::Of(std::move(dims), std::move(values)).Cast(type)};
}

// A wrapped network: weights of three floating types, a bias, a counter.
std::vector<checkpoint::NamedTensor> Tensors() {
  std::vector<checkpoint::NamedTensor> tensors;
  tensors.push_back(
      TensorOf("module.conv.weight", {2, 1, 1, 2}, {.5F, -.25F, 0, 1}, DataType::float16));
  tensors.push_back(TensorOf("module.conv.bias", {2}, {.125F, .25F}, DataType::float32));
  tensors.push_back({"module.bn.num_batches_tracked", Tensor::Of({}, std::vector<int64_t>{9})});
  checkpoint::NamedTensor fc{"module.fc.weight", Tensor(DataType::float64, {2, 2})};
  const double values[] = {0.1, -1e-3, 1.0 / 3, 2};
  std::ranges::copy(values, fc.tensor.as<double>().begin());
  tensors.push_back(std::move(fc));
  tensors.push_back(TensorOf("module.head", {1, 3}, {3, -1, 2}, DataType::bfloat16));
  return tensors;
}

std::string Save(const test::TempFolder& folder,
                 const std::vector<checkpoint::NamedTensor>& tensors,
                 const std::map<std::string, std::string>& metadata) {
  return folder.Write("in.safetensors", checkpoint::WriteSafetensors(tensors, metadata));
}

TEST_CASE("pruned elements become 0; everything else keeps its bytes, name, type and order") {
  const test::TempFolder folder;
  const std::vector<checkpoint::NamedTensor> tensors = Tensors();
  const std::string in = Save(folder, tensors, {{"format", "pt"}});
  const std::string out = folder / "out.safetensors";
  const std::unique_ptr<WeightsFile> file = OpenWeights(in);
  CHECK(!file->HasGraph());
  CHECK(file->Skipped().empty());
  REQUIRE(file->weights().size() == 3);
  CHECK(file->weights()[0].layer == "conv");
  CHECK(file->weights()[0].tensor == "module.conv.weight");
  CHECK(file->weights()[2].layer == "head");
  // 25th percentile of 0, .25, .5, 1: 0.1875. 50th of .001, .1, .333, 2: 0.2167. By both names.
  Prune(file->weights(), Keep({"conv=75", "fc.weight=50"}));
  WriteBytes(out, file->Bytes(out));

  const checkpoint::Checkpoint after = checkpoint::ReadCheckpoint(out);
  CHECK(after.metadata.size() == 3);
  CHECK(after.metadata.at("format") == "pt");
  CHECK(after.metadata.at("lutra.mask:module.conv.weight") == "Cw==");  // 1101, lowest bit first
  CHECK(after.metadata.at("lutra.mask:module.fc.weight") == "DA==");    // 0011
  REQUIRE(after.tensors.size() == tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    CHECK(after.tensors[i].name == tensors[i].name);
    CHECK(after.tensors[i].tensor.type() == tensors[i].tensor.type());
    if (i != 3) CHECK(after.tensors[i].tensor == tensors[i].tensor);  // conv lost a trained 0
  }
  const auto fc = after.tensors[3].tensor.as<double>();
  CHECK(std::vector<double>(fc.begin(), fc.end()) == std::vector<double>{0, 0, 1.0 / 3, 2});
}

TEST_CASE("a pruned checkpoint knows its mask, a later pruning and sharing keep it") {
  const test::TempFolder folder;
  const std::string in = Save(folder, Tensors(), {});
  const std::string out = folder / "out.safetensors";
  std::unique_ptr<WeightsFile> file = OpenWeights(in);
  CHECK(!file->weights()[0].masked);
  Prune(file->weights(), Keep({"module.conv.weight=75"}));
  WriteBytes(out, file->Bytes(out));
  file = OpenWeights(out);
  CHECK(file->weights()[0].masked);
  CHECK(file->weights()[0].kept == std::vector<bool>{true, true, false, true});
  CHECK(!file->weights()[1].masked);
  ShareWeights(file->weights(), PerLayer("--bits", {"conv=1"}, {1, 8, true}), false);
  WriteBytes(out, file->Bytes(out));  // over the file it was read from
  file = OpenWeights(out);
  // One value besides 0: the mean of .5, -.25 and 1, rounded to the tensor's FP16.
  CHECK(file->weights()[0].values[0] == doctest::Approx(1.25 / 3).epsilon(1e-3));
  CHECK(file->weights()[0].values[2] == 0);
  CHECK(file->weights()[0].Kept() == 3);

  // Another program trained on, and the pruned weight came back.
  checkpoint::Checkpoint changed = checkpoint::ReadCheckpoint(out);
  changed.tensors[0] =
      TensorOf("module.conv.weight", {2, 1, 1, 2}, {0, 1, 2, 3}, DataType::float16);
  file = OpenWeights(Save(folder, changed.tensors, changed.metadata));
  CHECK(file->weights()[0].kept == std::vector<bool>{true, true, true, true});

  changed.metadata["lutra.mask:module.conv.weight"] = "AAAA";
  try {
    OpenWeights(Save(folder, changed.tensors, changed.metadata));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          in + ": the mask of tensor 'module.conv.weight' does not fit it; prune the file it was "
               "made from again");
  }
}

TEST_CASE("PyTorch files are pruned into safetensors, without what is no tensor") {
  const test::TempFolder folder;
  test::Pickle pickle;
  pickle.Raw("}(").Text("epoch").Int(7).Text("state_dict").Raw("}(");
  pickle.Text("a.weight").Tensor("FloatStorage", "0", 4, 0, {2, 2}, {1, 2});  // transposed
  pickle.Text("a.bias").Tensor("FloatStorage", "0", 4, 2, {2}, {1}).Raw("uu");
  const std::string in = folder.Write(
      "in.pt", test::TorchZipOf(pickle.Stop(), {{"0", test::BytesOf<float>({1, -2, 3, -4})}}));
  const std::unique_ptr<WeightsFile> file = OpenWeights(in);
  REQUIRE(file->Skipped().size() == 1);
  CHECK(file->Skipped()[0].path == "epoch");
  PruneOptions options;
  options.sparsity = 50;  // 50th percentile of 1, 2, 3, 4: 2.5
  Prune(file->weights(), options);
  WriteBytes(folder / "out.safetensors", file->Bytes(folder / "out.safetensors"));
  const checkpoint::Checkpoint after = checkpoint::ReadCheckpoint(folder / "out.safetensors");
  CHECK(after.format == "safetensors");
  REQUIRE(after.tensors.size() == 2);
  CHECK(after.tensors[0].tensor == Tensor::Of({2, 2}, std::vector<float>{0, 3, 0, -4}));
  CHECK(after.tensors[1].tensor == Tensor::Of({2}, std::vector<float>{3, -4}));
}

TEST_CASE("files without weights") {
  const test::TempFolder folder;
  const auto error_of = [](const std::string& path) {
    try {
      OpenWeights(path);
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  const std::string vectors =
      Save(folder, {TensorOf("b", {2}, {1, 2}, DataType::float32)}, {{"format", "pt"}});
  CHECK(error_of(vectors) == vectors + ": has no floating-point tensor of two dimensions or more");
  const std::string text = folder.Write("x", std::string("no weights at all"));
  CHECK(error_of(text) == text + ": is no ONNX network, PyTorch checkpoint or safetensors file");
}

TEST_CASE("a shared checkpoint: StudentNet at a tenth of its weights" *
          doctest::test_suite("shared")) {
  const std::string in = LUTRA_SOURCE_DIR "/../shared/models/checkpoints/studentnet.bin";
  if (!std::filesystem::exists(in)) {
    return ::lutra::test::Skip("there is no " + in);
  }
  const test::TempFolder folder;
  const std::unique_ptr<WeightsFile> file = OpenWeights(in);
  PruneOptions options;
  options.sparsity = 90;
  Prune(file->weights(), options);
  WriteBytes(folder / "out.safetensors", file->Bytes(folder / "out.safetensors"));
  const checkpoint::Checkpoint before = checkpoint::ReadCheckpoint(in),
                               after = checkpoint::ReadCheckpoint(folder / "out.safetensors");
  REQUIRE(after.tensors.size() == before.tensors.size());
  size_t all = 0, zero = 0;
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    const Tensor &was = before.tensors[i].tensor, &is = after.tensors[i].tensor;
    CHECK(after.tensors[i].name == before.tensors[i].name);
    if (!IsFloating(was.type()) || was.rank() < 2) {
      CHECK(is == was);
      continue;
    }
    for (size_t j = 0; j < was.elements(); ++j) {
      if (is.as<float>()[j] != 0) REQUIRE(is.as<float>()[j] == was.as<float>()[j]);
      zero += is.as<float>()[j] == 0 ? 1 : 0;
    }
    all += was.elements();
  }
  CHECK(static_cast<double>(zero) / static_cast<double>(all) == doctest::Approx(0.9).epsilon(1e-3));
}

}  // namespace
}  // namespace lutra::converter::edit
