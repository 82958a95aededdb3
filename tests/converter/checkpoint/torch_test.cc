// PyTorch checkpoints: what the reader makes of sound files, and what it says of others.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "converter/checkpoint/checkpoint.h"
#include "converter/checkpoint/pickle_writer.h"
#include "converter/error.h"
#include "support/skip.h"

namespace lutra::converter::checkpoint {
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

TEST_CASE("Foreign classes and functions are named, and nothing is executed") {
  // os.system("touch FILE"), in every way that a pickle can call or construct.
  const std::string file = "/tmp/lutra_pickle_was_executed";
  std::filesystem::remove(file);
  const std::string command = "touch " + file;
  const Pickle calls[] = {
      Pickle().Global("posix", "system").Raw("(").Text(command).Raw("tR"),
      Pickle().Global("posix", "system").Raw("(").Text(command).Raw("t\x81"),
      Pickle().Raw("(").Global("posix", "system").Text(command).Raw("o"),
      Pickle().Raw("(").Text(command).Raw("iposix\nsystem\n"),
      Pickle("\x80\x04").Text("posix").Text("system").Raw("\x93(").Text(command).Raw("tR"),
      Pickle("\x80\x04").Global("posix", "system").Raw("(").Text(command).Raw("t}\x92")};
  for (const Pickle& call : calls) {
    CHECK(Mentions(ErrorOf(test::TorchZipOf(call.Stop(), {})), "holds no tensors"));
    CHECK(Mentions(ErrorOf(test::TorchLegacyOf(call.Stop(), {})), "holds no tensors"));
    CHECK(Mentions(ErrorOf(test::ToBytes(call.Stop())), "none of torch.save"));
    // The same before the weights, once beside them and once thrown away.
    for (const bool beside : {true, false}) {
      Pickle pickle = call;
      if (beside) {
        pickle.Raw("q\x01\x30}(").Text("evil").Raw("h\x01");
      } else {
        pickle.Raw("0}(");
      }
      pickle.Text("w").Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("u");
      const Checkpoint checkpoint =
          ReadCheckpointBytes(test::TorchZipOf(pickle.Stop(), {{"0", "abcd"}}), "x.pt");
      REQUIRE(checkpoint.tensors.size() == 1);
      CHECK(checkpoint.warnings.lines() ==
            std::vector<std::string>{
                "x.pt: objects of posix.system are not read, and nothing was executed"});
      CHECK(checkpoint.skipped.size() == (beside ? 1 : 0));
    }
  }
  CHECK(!std::filesystem::exists(file));
}

// What programs put beside their weights: NumPy numbers and arrays, a Namespace with a state,
// objects that are dictionaries and lists, objects in a circle.
TEST_CASE("Objects beside the weights are listed by the name of their class") {
  Pickle pickle;
  pickle.Raw("}(").Text("w").Tensor("FloatStorage", "0", 1, 0, {1}, {1});
  pickle.Text("best").Global("numpy.core.multiarray", "scalar").Raw("(");
  pickle.Global("numpy", "dtype")
      .Raw("(")
      .Text("f8")
      .Raw("\x89\x88tR(K\x03")
      .Text("<")
      .Raw("NNNtb");
  pickle.Raw("C\x08").Raw("12345678").Raw("tR");
  pickle.Text("history").Global("numpy.core.multiarray", "_reconstruct").Raw("(");
  pickle.Global("numpy", "ndarray")
      .Raw(
          "K\x01\x85"
          "C\x01"
          "btR(K\x01K\x01\x85N\x89"
          "C\x01xtb");
  pickle.Text("args").Global("argparse", "Namespace").Raw(")\x81}(").Text("lr").Int(3).Raw("ub");
  pickle.Text("old").Global("copy_reg", "_reconstructor").Raw("(").Global("argparse", "Namespace");
  pickle.Global("__builtin__", "object").Raw("NtR}b");
  pickle.Text("config").Global("easydict", "EasyDict").Raw(")R(").Text("a").Int(1).Raw("u");
  pickle.Text("queue").Global("collections", "deque").Raw(")R(").Int(1).Int(2).Raw("e");
  pickle.Text("loop").Global("a", "Node").Raw(")\x81q\x07}(").Text("self").Raw("h\x07ubu");
  const Checkpoint checkpoint =
      ReadCheckpointBytes(test::TorchZipOf(pickle.Stop(), {{"0", "abcd"}}), "x.pt");
  REQUIRE(checkpoint.tensors.size() == 1);
  std::vector<std::string> skipped;
  for (const SkippedEntry& entry : checkpoint.skipped) {
    skipped.push_back(entry.path + ": " + entry.what);
  }
  CHECK(skipped == std::vector<std::string>{
                       "best: a NumPy number", "history: a NumPy array",
                       "args: object of argparse.Namespace", "old: object of argparse.Namespace",
                       "config: dictionary of 1 (easydict.EasyDict)",
                       "queue: object of collections.deque", "loop: object of a.Node"});
  CHECK(checkpoint.warnings.lines() ==
        std::vector<std::string>{
            "x.pt: objects of a.Node, argparse.Namespace, collections.deque, "
            "numpy.core.multiarray._reconstruct, numpy.core.multiarray.scalar and 1 more are not "
            "read, and nothing was executed"});
}

// class StateDict(OrderedDict) and class Config(dict), as torch.save writes them: made of nothing,
// then keys and values, then perhaps attributes.
TEST_CASE("Objects of a dictionary's class are read as dictionaries") {
  for (const char* made : {")R", ")\x81"}) {
    Pickle pickle;
    pickle.Raw("}(").Text("state_dict").Global("net", "StateDict").Raw(made).Raw("(");
    pickle.Text("w").Tensor("FloatStorage", "0", 1, 0, {1}, {1});
    pickle.Raw("u}(").Text("version").Int(2).Raw("ub");
    pickle.Text("epoch").Int(3).Raw("u");
    const Checkpoint checkpoint =
        ReadCheckpointBytes(test::TorchZipOf(pickle.Stop(), {{"0", "abcd"}}), "x.pt");
    REQUIRE(checkpoint.tensors.size() == 1);
    CHECK(checkpoint.tensors[0].name == "w");
    REQUIRE(checkpoint.skipped.size() == 1);
    CHECK(checkpoint.skipped[0].path == "epoch");
    CHECK(checkpoint.warnings.lines() ==
          std::vector<std::string>{"x.pt: objects of net.StateDict are read as dictionaries, "
                                   "without attributes of their own"});
  }
  // One that was given something is not known to be one.
  Pickle given;
  given.Global("net", "Bag").Raw("(").Int(1).Raw("tR(").Text("w");
  given.Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("u");
  CHECK(Mentions(ErrorOf(test::TorchZipOf(given.Stop(), {{"0", "abcd"}})), "an object of net.Bag"));
}

TEST_CASE("NumPy arrays alone are no weights, and the error says how to make them some") {
  Pickle pickle;
  pickle.Raw("}(").Text("w").Global("numpy.core.multiarray", "_reconstruct").Raw("(");
  pickle.Global("numpy", "ndarray").Raw("K\x01\x85").Raw("C\x01").Raw("btRu");
  CHECK(Mentions(ErrorOf(test::TorchZipOf(pickle.Stop(), {})),
                 "holds no tensors but 1 NumPy arrays; save them as tensors (torch.from_numpy)"));
}

// Legacy files hold storages one after another: those of types that are not read have a size, too.
TEST_CASE("Quantized and complex storages of legacy files lie beside the weights") {
  Pickle pickle;
  pickle.Raw("}(").Text("state_dict").Raw("}(").Text("w");
  pickle.Tensor("FloatStorage", "0", 1, 0, {1}, {1}, true).Raw("u").Text("rest").Raw("(");
  pickle.Tensor("ComplexDoubleStorage", "1", 2, 0, {2}, {1}, true);
  pickle.Tensor("ComplexFloatStorage", "2", 3, 0, {3}, {1}, true);
  for (const char* type : {"QInt8Storage", "QUInt8Storage", "QInt32Storage"}) {
    pickle.Global("torch._utils", "_rebuild_qtensor").Raw("(").Storage(type, type, 5, true);
    pickle.Raw("tR");
  }
  const Checkpoint checkpoint = ReadCheckpointBytes(
      test::TorchLegacyOf(pickle.Raw("tu").Stop(), {{"1", 2, std::string(32, 'x')},
                                                    {"QInt32Storage", 5, std::string(20, 'x')},
                                                    {"QInt8Storage", 5, std::string(5, 'x')},
                                                    {"2", 3, std::string(24, 'x')},
                                                    {"QUInt8Storage", 5, std::string(5, 'x')},
                                                    {"0", 1, BytesOf<float>({2.5F})}}),
      "x.pt");
  REQUIRE(checkpoint.tensors.size() == 1);
  CHECK(checkpoint.tensors[0].tensor.ToFloats() == std::vector<float>{2.5F});
}

TEST_CASE("Tensors inside objects are never left out silently") {
  const auto object = [](const char* module, const char* name) {
    Pickle pickle;
    pickle.Global(module, name).Raw(")\x81}(").Text("w");
    return pickle.Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("ub");
  };
  const auto fault = [](const Pickle& pickle) {
    return ErrorOf(test::TorchZipOf(pickle.Stop(), {{"0", "abcd"}}));
  };
  CHECK(Mentions(fault(object("net", "Model")), "holds an object of net.Model with tensors"));
  // What builds a tensor in a way that is not known is a tensor.
  Pickle sparse;
  sparse.Raw("}(").Text("w").Global("torch._utils", "_rebuild_sparse_tensor").Raw(")Ru");
  CHECK(Mentions(fault(sparse), "'w': the file holds an object of torch._utils._rebuild_sparse"));
  CHECK(Mentions(fault(sparse), "Make it an ordinary tensor before saving (to_dense() of"));
  Pickle quantized;
  quantized.Raw("}(").Text("w").Global("torch.ao", "_rebuild").Raw("(");
  quantized.Storage("FloatStorage", "0", 1).Raw("tRu");
  CHECK(Mentions(fault(quantized), "'w': the file holds an object of torch.ao._rebuild"));
  Pickle subclass;
  subclass.Raw("}(").Text("w").Global("torch._tensor", "_rebuild_from_type_v2").Raw("(");
  subclass.Global("torch._utils", "_rebuild_tensor_v2").Global("my", "Tensor").Raw("(");
  subclass.Storage("FloatStorage", "0", 1).Raw("t}tRu");
  CHECK(Mentions(fault(subclass), "'w': the file holds an object of my.Tensor"));

  // Beside a state_dict it may.
  Pickle beside;
  beside.Raw("}(").Text("state_dict").Raw("}(").Text("w");
  beside.Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("u").Text("optimizer");
  beside.Global("my", "Adam").Raw("(").Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("tRu");
  const Checkpoint checkpoint =
      ReadCheckpointBytes(test::TorchZipOf(beside.Stop(), {{"0", "abcd"}}), "x.pt");
  REQUIRE(checkpoint.skipped.size() == 1);
  CHECK(checkpoint.skipped[0].what == "object of my.Adam, with 1 tensors");
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
  CHECK(Mentions(ErrorOf(test::TorchZipOf(deep.Stop(), {{"0", "abcd"}})), "too many times"));
}

TEST_CASE("Pickles that ask for much") {
  const auto error = [](const Pickle& pickle) {
    return ErrorOf(test::TorchZipOf(pickle.Stop(), {{"0", "abcd"}}));
  };
  std::string long_program;
  for (int i = 0; i < 1 << 21; ++i) long_program += "N0";  // pushed and dropped
  CHECK(Mentions(error(Pickle().Raw(long_program)), "more than 4194304 instructions"));
  // {"a": {"a": ... {"w": tensor}}}
  const auto nested = [&](int levels) {
    Pickle pickle;
    for (int i = 1; i < levels; ++i) pickle.Raw("}(").Text("a");
    pickle.Raw("}(").Text("w").Tensor("FloatStorage", "0", 1, 0, {1}, {1});
    for (int i = 0; i < levels; ++i) pickle.Raw("u");
    return error(pickle);
  };
  CHECK(nested(63) == "");
  CHECK(Mentions(nested(64), "nested too deeply"));
  const auto named = [&](size_t bytes) {
    Pickle pickle;
    pickle.Raw("}(").Text(std::string(bytes, 'n'));
    return error(pickle.Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("u"));
  };
  CHECK(named(1024) == "");
  CHECK(Mentions(named(1025), "a name of more than 1024 bytes"));
  // One element again and again: 64 MB and 8 bytes for each of the file are the most.
  CHECK(ErrorOf(OneTensor(0, {1 << 24}, {0})) == "");
  CHECK(Mentions(ErrorOf(OneTensor(0, {(1 << 24) + (1 << 14)}, {0})), "far larger than the file"));
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
    CHECK(Mentions(error.what(), "is a pickle, but none of torch.save"));
  }
}

}  // namespace
}  // namespace lutra::converter::checkpoint
