// Sound inputs for the fuzz targets to start from, which a minute of mutations alone would not
// find:
//
//   make_seeds FOLDER
//
// writes FOLDER/TARGET/NAME. What they mean to each target, its own file says.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "coding/tensors.h"
#include "converter/archive/archive.h"
#include "converter/checkpoint/pickle_writer.h"
#include "converter/checkpoint/safetensors.h"
#include "converter/coding/encode.h"
#include "golden/golden_files.h"

namespace {

using namespace lutra;
using converter::DataType;
using converter::Tensor;
using converter::checkpoint::NamedTensor;

std::filesystem::path root;

void Write(const std::string& target, const std::string& name, const std::vector<uint8_t>& bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

std::vector<uint8_t> Behind(uint8_t first, std::vector<uint8_t> bytes) {
  bytes.insert(bytes.begin(), first);
  return bytes;
}

// Two layers, one mostly of zeros, a bias, a counter, a tied and a constant tensor.
std::vector<NamedTensor> Tensors() {
  std::vector<float> dense(64), sparse(48, 0.0F);
  for (size_t i = 0; i < dense.size(); ++i) {
    dense[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 64;
  }
  for (size_t i = 0; i < sparse.size(); i += 7) sparse[i] = dense[i];
  const Tensor w = Tensor::Of({4, 4, 2, 2}, dense);
  return {{"conv.weight", w},
          {"fc.weight", Tensor::Of({6, 8}, sparse).Cast(DataType::float16)},
          {"fc.bias", Tensor::Of({3}, std::vector<float>{1, -2, 0.5F})},
          {"steps", Tensor::Of({}, std::vector<int64_t>{12345678901})},
          {"tied", w},
          {"ones", Tensor::Of({2, 2}, std::vector<float>{1, 1, 1, 1})}};
}

void WriteArchives() {
  converter::checkpoint::Checkpoint checkpoint;
  checkpoint.tensors = Tensors();
  for (const char* weights : {"fp16", "linear2", "linear7", "linear16", "codebook1", "codebook5"}) {
    for (const auto codec : {coding::Codec::none, coding::Codec::huffman, coding::Codec::best}) {
      for (const bool asymmetric : {false, true}) {
        converter::archive::CompressOptions options;
        converter::archive::SetArchiveWeights(options.format, weights);
        options.format.asymmetric = asymmetric;
        options.codec = codec;
        Write("fuzz_archive",
              std::string(weights) + "_" + std::to_string(static_cast<int>(codec)) +
                  (asymmetric ? "_asymmetric" : ""),
              converter::archive::Compress(checkpoint, options).file);
      }
    }
  }
}

void WriteCheckpoints() {
  Write("fuzz_safetensors", "plain", converter::checkpoint::WriteSafetensors(Tensors()));
  Write("fuzz_safetensors", "metadata",
        converter::checkpoint::WriteSafetensors(Tensors(), {{"format", "pt"}}));
  // A nested state_dict, its tensors dense, transposed and tied; 64 bytes of storage "0".
  for (const bool legacy : {false, true}) {
    test::Pickle pickle;
    pickle.Raw("}(").Text("epoch").Int(7).Text("state_dict");
    pickle.Global("collections", "OrderedDict").Raw(")R(");
    pickle.Text("module.a").Tensor("FloatStorage", "0", 16, 0, {4, 4}, {4, 1}, legacy);
    pickle.Text("module.b").Tensor("FloatStorage", "0", 16, 2, {3, 2}, {1, 4}, legacy);
    pickle.Raw("uu");
    const std::string bytes(64, 'x');
    if (legacy) {
      Write("fuzz_pickle", "legacy",
            Behind(1, test::TorchLegacyOf(pickle.Stop(), {{"0", 16, bytes}})));
    } else {
      Write("fuzz_pickle", "pickle", Behind(0, test::ToBytes(pickle.Stop())));
      Write("fuzz_pickle", "zip", Behind(1, test::TorchZipOf(pickle.Stop(), {{"0", bytes}})));
    }
  }
}

void WriteStreams() {
  const std::vector<test::SymbolLayout> kinds = test::AllKinds();
  for (size_t kind = 0; kind < kinds.size(); kind += 3) {
    for (const auto content : {test::Content::bell, test::Content::sparse}) {
      test::SymbolLayout layout = kinds[kind];
      layout.rows = 12;
      layout.columns = 40;
      const std::vector<uint16_t> symbols = test::MakeSymbols(layout, content, 1);
      for (const auto codec : {coding::Codec::none, coding::Codec::huffman, coding::Codec::best}) {
        const std::vector<uint8_t> stream = converter::encoding::Encode(codec, layout, symbols);
        const auto code = static_cast<uint8_t>(codec);
        Write("fuzz_coding",
              std::to_string(kind) + "_" + std::to_string(code) +
                  (content == test::Content::sparse ? "_sparse" : ""),
              Behind(code, Behind(static_cast<uint8_t>(kind), Behind(12, Behind(40, stream)))));
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  root = argv[1];
  WriteArchives();
  WriteCheckpoints();
  WriteStreams();
  for (const test::GoldenFile& golden : test::kGoldenFiles) {
    Write("fuzz_model", golden.name, test::ReadGolden(golden));
  }
  return 0;
}
