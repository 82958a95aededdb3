// PyTorch checkpoints: what the reader makes of sound files, and what it says of others.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "converter/checkpoint/checkpoint.h"
#include "converter/checkpoint/pickle_writer.h"
#include "converter/error.h"
#include "support/skip.h"

namespace lutra::converter {
namespace {

using test::BytesOf;
using test::Pickle;

std::string ErrorOf(const std::vector<uint8_t>& file) {
  try {
    ReadCheckpointBytes(file, "x.pt");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

bool Mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// {"w": tensor over storage "0" of six floats 0..5}
std::vector<uint8_t> OneTensor(int64_t offset, const std::vector<int64_t>& sizes,
                               const std::vector<int64_t>& strides, int64_t claimed = 6) {
  const std::string pickle = Pickle()
                                 .Raw("}(")
                                 .Text("w")
                                 .Tensor("FloatStorage", "0", claimed, offset, sizes, strides)
                                 .Raw("u")
                                 .Stop();
  return test::TorchZipOf(pickle, {{"0", BytesOf<float>({0, 1, 2, 3, 4, 5})}});
}

std::vector<float> Floats(const std::vector<uint8_t>& file) {
  const Checkpoint checkpoint = ReadCheckpointBytes(file, "x.pt");
  REQUIRE(checkpoint.tensors.size() == 1);
  return checkpoint.tensors[0].tensor.ToFloats();
}

TEST_CASE("Windows into storages: dense, transposed, sliced, expanded, scalar, empty") {
  CHECK(Floats(OneTensor(0, {2, 3}, {3, 1})) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(Floats(OneTensor(0, {3, 2}, {1, 3})) == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK(Floats(OneTensor(1, {2, 2}, {3, 1})) == std::vector<float>{1, 2, 4, 5});
  CHECK(Floats(OneTensor(4, {2, 3}, {1, 0})) == std::vector<float>{4, 4, 4, 5, 5, 5});
  CHECK(Floats(OneTensor(3, {}, {})) == std::vector<float>{3});
  CHECK(Floats(OneTensor(0, {0, 3}, {3, 1})).empty());
}

TEST_CASE("Windows that leave their storage are refused") {
  CHECK(Mentions(ErrorOf(OneTensor(1, {2, 3}, {3, 1})), "tensor 'w': it reaches to element"));
  CHECK(Mentions(ErrorOf(OneTensor(7, {}, {})), "it reaches to element"));
  CHECK(Mentions(ErrorOf(OneTensor(0, {2, 3}, {-3, 1})), "is no count"));
  CHECK(Mentions(ErrorOf(OneTensor(-1, {1}, {1})), "is no count"));
  CHECK(Mentions(ErrorOf(OneTensor(0, {2, 3}, {3})), "do not belong together"));
  CHECK(Mentions(ErrorOf(OneTensor(0, {7}, {1}, 7)), "holds 24 bytes instead of 28"));
  const int64_t huge = std::numeric_limits<int64_t>::max();
  CHECK(Mentions(ErrorOf(OneTensor(0, {3, 3}, {huge, huge})), "leave the storage"));
  CHECK(Mentions(ErrorOf(OneTensor(0, {2, 2}, {int64_t{1} << 60, 1})), "it reaches to element"));
  CHECK(ErrorOf(OneTensor(0, {huge, huge}, {0, 0})) != "");
  CHECK(Mentions(ErrorOf(OneTensor(0, {1 << 15, 1 << 14}, {0, 0})), "far larger than the file"));
}

TEST_CASE("Legacy files: nested dictionary, prefix kept, shared and tied storages, other data") {
  Pickle pickle;
  pickle.Raw("}(").Text("epoch").Int(7);
  pickle.Text("state_dict").Global("collections", "OrderedDict").Raw(")R(");
  pickle.Text("module.a").Tensor("DoubleStorage", "k1", 2, 0, {2}, {1}, true);
  pickle.Text("module.b").Tensor("LongStorage", "k2", 3, 1, {2}, {1}, true);
  pickle.Text("module.tied").Tensor("DoubleStorage", "k1", 2, 0, {2}, {1}, true);
  pickle.Raw("u}b");  // the state of the dictionary, empty
  pickle.Text("optimizer").Global("torch.optim.sgd", "SGD");
  const std::vector<uint8_t> file = test::TorchLegacyOf(
      pickle.Raw("u").Stop(),
      {{"k2", 3, BytesOf<int64_t>({-1, 1LL << 40, 5})}, {"k1", 2, BytesOf<double>({0.1, -2})}});
  const Checkpoint checkpoint = ReadCheckpointBytes(file, "x.pt");
  CHECK(checkpoint.format == "PyTorch (legacy)");
  REQUIRE(checkpoint.tensors.size() == 3);
  CHECK(checkpoint.tensors[0].name == "module.a");
  CHECK(checkpoint.tensors[0].tensor.as<double>()[0] == 0.1);
  CHECK(checkpoint.tensors[1].tensor.ToInts() == std::vector<int64_t>{1LL << 40, 5});
  CHECK(checkpoint.tensors[2].tensor == checkpoint.tensors[0].tensor);
  REQUIRE(checkpoint.skipped.size() == 2);
  CHECK(checkpoint.skipped[0].path == "epoch");
  CHECK(checkpoint.skipped[0].what == "integer 7");
  CHECK(checkpoint.skipped[1].what == "the name of torch.optim.sgd.SGD");
  for (size_t size = 0; size < file.size(); ++size) {
    CHECK(ErrorOf({file.begin(), file.begin() + static_cast<ptrdiff_t>(size)}) != "");
  }
}

TEST_CASE("Foreign classes and functions are refused by name, and nothing is executed") {
  // os.system("touch FILE"), in every way that a pickle can call or construct.
  const std::string file = "/tmp/lutra_pickle_was_executed";
  std::filesystem::remove(file);
  const std::string command = "touch " + file;
  const std::string calls[] = {
      Pickle().Global("posix", "system").Raw("(").Text(command).Raw("tR").Stop(),
      Pickle().Global("posix", "system").Raw("(").Text(command).Raw("t\x81").Stop(),
      Pickle().Raw("(").Global("posix", "system").Text(command).Raw("o").Stop(),
      Pickle().Raw("(").Text(command).Raw("iposix\nsystem\n").Stop(),
      Pickle("\x80\x04").Text("posix").Text("system").Raw("\x93(").Text(command).Raw("tR").Stop(),
      Pickle("\x80\x04").Global("posix", "system").Raw("(").Text(command).Raw("t}\x92").Stop()};
  for (const std::string& pickle : calls) {
    const std::string zip = ErrorOf(test::TorchZipOf(pickle, {}));
    CHECK(Mentions(zip, "an object of posix.system, which is not read"));
    CHECK(Mentions(ErrorOf(test::TorchLegacyOf(pickle, {})), "posix.system"));
    CHECK(Mentions(ErrorOf(test::ToBytes(pickle)), "posix.system"));
  }
  CHECK(!std::filesystem::exists(file));
}

TEST_CASE("Damaged pickles are refused") {
  const auto refused = [](const Pickle& pickle, const char* why) {
    CHECK(Mentions(ErrorOf(test::TorchZipOf(pickle.Stop(), {})), why));
  };
  refused(Pickle().Raw("0"), "the stack is empty");
  refused(Pickle().Raw("t"), "there is no mark");
  refused(Pickle().Raw("h\x05"), "nothing was stored under 5");
  refused(Pickle().Raw("}(").Text("a").Raw("u"), "a key without a value");
  refused(Pickle().Raw("N(").Text("a").Raw("N"), "holds no tensors");
  refused(Pickle().Raw(")]a"), "takes none");
  refused(Pickle().Raw("N}b"), "sets the state");
  refused(Pickle().Raw("\xff"), "instruction 255");
  refused(Pickle().Raw("\x82\x01"), "instruction 130");
  refused(Pickle().Raw("\x8e\xff\xff\xff\xff\xff\xff\xff\xff"), "the data ends");
  refused(Pickle("\x80\x09"), "newer than 5");
  refused(Pickle().Text("x").Raw("Q"), "no storage");
  // A list that holds itself is no tensor; a dictionary shared 2^40-fold ends the walk.
  refused(Pickle().Raw("]q\x01h\x01"
                       "a"),
          "holds no tensors");
  Pickle deep;
  deep.Raw("}q").Raw(std::string_view("\0", 1)).Raw("(").Text("t");
  deep.Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("u");
  for (char level = 1; level < 40; ++level) {
    deep.Raw("}q").Raw({&level, 1}).Raw("(");
    const char before = static_cast<char>(level - 1);
    for (const char* key : {"a", "b"}) deep.Text(key).Raw("h").Raw({&before, 1});
    deep.Raw("u");
  }
  refused(deep, "too many times");
}

TEST_CASE("Containers that torch does not write") {
  const std::string pickle =
      Pickle().Raw("}(").Text("w").Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("u").Stop();
  CHECK(Mentions(ErrorOf(test::TorchZipOf(pickle, {})), "its entry net/data/0 is missing"));
  CHECK(Mentions(ErrorOf(test::ZipOf({{"net/x", "1"}})), "without data.pkl"));
  CHECK(Mentions(ErrorOf(test::ZipOf({{"net/data.pkl", pickle}, {"net/data/0", "abcd", 8}})),
                 "is compressed"));
  std::vector<uint8_t> damaged = test::TorchZipOf(pickle, {{"0", "abcd"}});
  const std::string_view storage = "abcd";
  *std::search(damaged.begin(), damaged.end(), storage.begin(), storage.end()) = 'A';
  CHECK(Mentions(ErrorOf(damaged), "net/data/0 is damaged"));
  CHECK(Mentions(ErrorOf(test::TorchZipOf(Pickle()
                                              .Raw("}(")
                                              .Text("w")
                                              .Tensor("ComplexFloatStorage", "0", 1, 0, {1}, {1})
                                              .Raw("u")
                                              .Stop(),
                                          {})),
                 "torch.ComplexFloatStorage is not supported"));
}

TEST_CASE("The shared checkpoints" * doctest::test_suite("shared")) {
  const std::string folder = LUTRA_SOURCE_DIR "/../shared/models/checkpoints/";
  if (!std::filesystem::exists(folder)) {
    return ::lutra::test::Skip("there is no " + folder);
  }
  const Checkpoint legacy = ReadCheckpoint(folder + "studentnet.bin");
  const Checkpoint zip = ReadCheckpoint(folder + "studentnet_zip.pt");
  REQUIRE(legacy.tensors.size() == 72);
  REQUIRE(zip.tensors.size() == 72);
  size_t floats = 0;
  for (size_t i = 0; i < 72; ++i) {
    CHECK(legacy.tensors[i].name == zip.tensors[i].name);
    CHECK(legacy.tensors[i].tensor == zip.tensors[i].tensor);
    if (IsFloating(zip.tensors[i].tensor.type())) floats += zip.tensors[i].tensor.elements();
  }
  CHECK(floats == 258835 - 8);  // the count in models.json has the eight counters in it

  const Checkpoint resnet = ReadCheckpoint(folder + "cifar10_resnet20.th");
  CHECK(resnet.tensors[0].name == "module.conv1.weight");
  CHECK(resnet.tensors.size() == 97);
  CHECK(ReadCheckpoint(folder + "mnist_ai8x.pth.tar").tensors.size() == 6);
  CHECK(ReadCheckpoint(folder + "mnist.safetensors").tensors.size() == 20);

  // lenet5.pt and the initializers of lenet5.onnx are the same weights.
  const Checkpoint lenet = ReadCheckpoint(folder + "lenet5.pt");
  const Checkpoint onnx = ReadCheckpoint(folder + "../classifiers/lenet5.onnx");
  for (const NamedTensor& tensor : lenet.tensors) {
    const auto same = [&](const NamedTensor& other) { return other.tensor == tensor.tensor; };
    CHECK_MESSAGE(std::ranges::any_of(onnx.tensors, same), tensor.name);
  }
  try {
    ReadCheckpoint(folder + "studentnet_8bit_reference.pkl");
    FAIL("a pickle of numpy arrays was read");
  } catch (const Error& error) {
    CHECK(Mentions(error.what(), "an object of numpy.dtype, which is not read"));
  }
}

}  // namespace
}  // namespace lutra::converter
