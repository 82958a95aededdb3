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

#include "base/npy.h"
#include "coding/tensors.h"
#include "converter/archive/archive.h"
#include "converter/checkpoint/pickle_writer.h"
#include "converter/checkpoint/safetensors.h"
#include "converter/coding/encode.h"
#include "converter/data/test_images.h"
#include "converter/graph/weight_text.h"
#include "fuzz/onnx_networks.h"
#include "golden/golden_files.h"

namespace {

using namespace lutra;
using converter::DataType;
using converter::Tensor;
using converter::checkpoint::NamedTensor;
using test::Bytes;

constexpr coding::Codec kCodecs[] = {coding::Codec::none, coding::Codec::huffman,
                                     coding::Codec::best_v1, coding::Codec::best};

std::filesystem::path root;

void Write(const std::string& target, const std::string& name, const Bytes& bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Bytes Joined(const Bytes& first, const Bytes& second) {
  Bytes bytes = first;
  bytes.insert(bytes.end(), second.begin(), second.end());
  return bytes;
}

Bytes Behind(uint8_t first, const Bytes& bytes) { return Joined({first}, bytes); }

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
    for (const auto codec : kCodecs) {
      for (const bool asymmetric : {false, true}) {
        converter::archive::CompressOptions options;
        converter::SetWeights(options.format, weights, converter::kArchiveWords);
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
      for (const auto codec : kCodecs) {
        const Bytes stream = converter::encoding::Encode(codec, layout, symbols);
        const auto code = static_cast<uint8_t>(codec);
        Write("fuzz_coding",
              std::to_string(kind) + "_" + std::to_string(code) +
                  (content == test::Content::sparse ? "_sparse" : ""),
              Behind(code, Behind(static_cast<uint8_t>(kind), Behind(12, Behind(40, stream)))));
      }
    }
  }
}

// Each network as the command line converts it by default, and in one other way.
void WriteNetworks() {
  uint64_t choice = 1;
  for (test::OnnxNetwork& network : test::OnnxNetworks()) {
    for (const char* way : {"", "_otherwise"}) {
      Write("fuzz_onnx", network.name + way, test::ToBytes(network.model.SerializeAsString()));
      network.model.set_model_version(static_cast<int64_t>(choice++));
    }
  }
}

Bytes Gzip(const Bytes& bytes) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;
  ::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(::deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

// For fuzz_images: format, choice, and how much of the rest holds labels, in parts of 256.
void WriteData() {
  enum : uint8_t { kIdx, kCifar10, kNpy, kImage };
  const auto write = [](const std::string& name, uint8_t format, uint8_t choice,
                        const Bytes& samples, const Bytes& labels) {
    const size_t all = samples.size() + labels.size();
    const auto share = static_cast<uint8_t>((256 * labels.size() + all - 1) / all);
    Write("fuzz_images", name, Joined({format, choice, share}, Joined(samples, labels)));
  };
  Bytes pixels(48);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(37 * i);
  const Bytes images = Joined({0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 4}, pixels);
  write("idx", kIdx, 0, images, {0, 0, 8, 1, 0, 0, 0, 4, 3, 1, 4, 1});
  write("idx_gzip", kIdx, 1, Gzip(images), {});
  write("cifar10", kCifar10, 3, Bytes(size_t{2} * 3073, 7), {});
  NpyHeader floats{'f', 4, {2, 3, 2}, 0}, labels{'i', 8, {2}, 0};
  // Halves of the rest are halves of these: both are 128 bytes of header and 48 and 16 of data.
  write("npy", kNpy, 0, EncodeNpy(floats, Bytes(48, 1)), EncodeNpy(labels, Bytes(16, 0)));
  floats.shape = {3, 2, 2, 1};
  write("npy_channels_last", kNpy, 2, EncodeNpy(floats, pixels), {});
  const test::PngLayout grey{.width = 5, .height = 4, .colour_type = 0};
  write("png", kImage, 0, test::PngFile(grey, Bytes(size_t{4} * 6, 0)), {});
  const test::PngLayout colours{.width = 3,
                                .height = 3,
                                .bit_depth = 2,
                                .colour_type = 3,
                                .interlaced = true,
                                .palette = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                                .alphas = {0, 255}};
  write("png_palette", kImage, 3, test::PngFile(colours, Bytes(16, 0)), {});
  write("jpeg", kImage, 1, test::RgbJpeg(), {});
  write("jpeg_cmyk", kImage, 2, test::CmykJpeg(), {});
}

// For fuzz_recipe: what the text is, and the text.
void WriteTexts() {
  const auto write = [](const std::string& name, uint8_t kind, const std::string& text) {
    Write("fuzz_recipe", name, Behind(kind, test::ToBytes(text)));
  };
  write("network", 0, R"({"default": {"weights": "int8", "activations": "int8",
    "granularity": "channel", "asymmetric": false, "calibrator": "mse"},
    "layers": [{"name": "conv1", "weights": "codebook4", "codebook_channels": 16},
               {"pattern": "c?nv*", "activations": "float", "weights": "fp16"}]})");
  write("archive", 1, R"({"default": {"weights": "linear8", "granularity": "group:64"},
    "layers": [{"name": "conv.weight", "weights": "codebook4", "asymmetric": true},
               {"pattern": "*.w?ight", "granularity": "tensor"}]})");
  write("images", 2, R"({"format": "folder", "path": "photos", "limit": 7, "offset": 1,
    "resize_shorter_side": 36, "center_crop": 32, "channel_order": "BGR", "scale": 0.0039,
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})");
  write("arrays", 2, R"({"format": "npy", "images": "x.npy", "labels": "/y.npy",
    "layout": "NHWC", "mean": 1e2, "std": -0.5})");
  write("list", 3,
        "\xEF\xBB\xBF"
        "a.png\t0\r\n\nfolder/b c.jpg\t17\n");
  write("flags", 4, "conv1=84\nf?c*=9.5\n50\nlinear4\ncodebook3\ngroup:32\n");
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
  WriteNetworks();
  WriteData();
  WriteTexts();
  for (const test::GoldenFile& golden : test::kGoldenFiles) {
    Write("fuzz_model", golden.name, test::ReadGolden(golden));
  }
  return 0;
}
