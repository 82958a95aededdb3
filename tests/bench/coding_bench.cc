// The table of entropy coding: bytes of all payloads of three networks under every codec, against
// the order-0 entropy and the figures of Huffman coding and of the open implementation of ISO/IEC
// 15938-17 (NNCodec), and the speed of decoding on one core (processor time, for each tensor the
// best of forty).
//
//   coding_bench MODELS        the folder with checkpoints/studentnet.bin and the others
//
// Weights are q = round(w / s), s = max|w| of the output channel / (2^(bits - 1) - 1), of tensors
// of rank 2 and more; pruned: the 90 % of smallest magnitude of each tensor are zero.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "converter/checkpoint/checkpoint.h"
#include "converter/coding/encode.h"
#include "converter/error.h"
#include "converter/graph/tensor.h"

namespace {

using lutra::coding::Codec;
using lutra::coding::SymbolLayout;
using lutra::converter::checkpoint::NamedTensor;

struct Row {
  const char* file;
  unsigned bits;
  bool pruned;
  size_t huffman, nncodec;  ///< bytes to compare with
};

constexpr Row kRows[] = {
    {"studentnet.bin", 8, false, 231524, 235956},
    {"studentnet.bin", 5, false, 135589, 135657},
    {"studentnet.bin", 4, false, 101475, 100954},
    {"studentnet.bin", 5, true, 44491, 28687},
    {"cifar10_resnet20.th", 8, false, 242804, 243806},
    {"cifar10_resnet20.th", 4, false, 104687, 100474},
    {"cifar10_resnet20.th", 5, true, 47300, 28541},
    {"lenet300100.pt", 8, false, 216181, 211035},
    {"lenet300100.pt", 4, false, 80716, 66847},
    {"lenet300100.pt", 5, true, 47969, 24069},
};

void Prune(std::vector<float>* weights) {
  std::vector<float> sizes;
  for (const float w : *weights) sizes.push_back(std::fabs(w));
  const auto cut = sizes.begin() + static_cast<ptrdiff_t>(sizes.size() * 9 / 10);
  std::nth_element(sizes.begin(), cut, sizes.end());
  for (float& w : *weights) {
    if (std::fabs(w) < *cut) w = 0;
  }
}

std::vector<uint16_t> Quantize(const std::vector<float>& weights, const SymbolLayout& layout) {
  std::vector<uint16_t> symbols;
  for (size_t row = 0; row < layout.rows; ++row) {
    const std::span<const float> channel(weights.data() + row * layout.columns, layout.columns);
    double largest = 0;
    for (const float w : channel) largest = std::max(largest, std::fabs(double{w}));
    const double scale = largest / ((1 << (layout.bits - 1)) - 1);
    for (const float w : channel) {
      const double q = scale > 0 ? std::nearbyint(w / scale) : 0;
      symbols.push_back(static_cast<uint16_t>(static_cast<int16_t>(q)));
    }
  }
  return symbols;
}

/// Bytes of an ideal code of the tensor's own frequencies.
double EntropyBytes(const std::vector<uint16_t>& symbols) {
  std::vector<size_t> counts(65536);
  for (const uint16_t symbol : symbols) ++counts[symbol];
  const auto total = static_cast<double>(symbols.size());
  double bits = 0;
  for (const size_t count : counts) {
    if (count > 0)
      bits += static_cast<double>(count) * std::log2(total / static_cast<double>(count));
  }
  return bits / 8;
}

/// Least processor time in seconds of a decoding.
double DecodeSeconds(Codec codec, const SymbolLayout& layout, const std::vector<uint8_t>& stream,
                     const std::vector<uint16_t>& expected) {
  void* scratch =
      std::aligned_alloc(64, lutra::coding::DecodeScratchBytes(codec, layout) / 64 * 64 + 64);
  std::vector<uint16_t> symbols(expected.size());
  const int repeats = codec == Codec::best ? 1 : 10;
  double least = 1e9;
  for (int run = 0; run < 40; ++run) {
    const std::clock_t begin = std::clock();
    for (int i = 0; i < repeats; ++i) {
      const lutra::Status status = lutra::coding::Decode(codec, layout, stream.data(),
                                                         stream.size(), scratch, symbols.data());
      if (!status.ok()) throw lutra::converter::Error(status.message());
    }
    least = std::min(least, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / repeats);
  }
  std::free(scratch);
  if (symbols != expected) throw lutra::converter::Error("decoding gave other weights");
  return least;
}

void Run(const std::string& models) {
  std::printf("%-20s %4s %6s %8s %8s %8s %7s %6s %8s %8s %7s %6s\n", "weights", "bits", "pruned",
              "packed", "entropy", "huffman", "ratio", "M/s", "best", "NNCodec", "diff", "M/s");
  size_t sum = 0, reference = 0;
  for (const Row& row : kRows) {
    const auto checkpoint =
        lutra::converter::checkpoint::ReadCheckpoint(models + "/checkpoints/" + row.file);
    size_t weights = 0, bytes[4] = {};
    double seconds[4] = {}, entropy = 0;
    for (const NamedTensor& named : checkpoint.tensors) {
      const lutra::converter::Tensor& tensor = named.tensor;
      if (tensor.rank() < 2) continue;
      std::vector<float> values = tensor.ToFloats();
      SymbolLayout layout{.bits = row.bits, .rows = static_cast<size_t>(tensor.dims()[0])};
      layout.columns = values.size() / layout.rows;
      if (row.pruned) Prune(&values);
      const std::vector<uint16_t> symbols = Quantize(values, layout);
      weights += symbols.size();
      entropy += EntropyBytes(symbols);
      for (const Codec codec : {Codec::none, Codec::huffman, Codec::best}) {
        const auto stream = lutra::converter::encoding::Encode(codec, layout, symbols);
        const auto c = static_cast<size_t>(codec);
        bytes[c] += stream.size();
        seconds[c] += DecodeSeconds(codec, layout, stream, symbols);
      }
    }
    const double millions = static_cast<double>(weights) / 1e6;
    std::printf("%-20s %4u %6s %8zu %8.0f %8zu %7.3f %6.0f %8zu %8zu %+6.2f%% %6.1f\n", row.file,
                row.bits, row.pruned ? "90 %" : "0", bytes[0], entropy, bytes[1],
                static_cast<double>(bytes[1]) / static_cast<double>(row.huffman),
                millions / seconds[1], bytes[3], row.nncodec,
                100 * (static_cast<double>(bytes[3]) / static_cast<double>(row.nncodec) - 1),
                millions / seconds[3]);
    sum += bytes[3];
    reference += row.nncodec;
  }
  std::printf("best in all %zu, NNCodec %zu, %+.2f%%\n", sum, reference,
              100 * (static_cast<double>(sum) / static_cast<double>(reference) - 1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: coding_bench MODELS\n");
    return 2;
  }
  try {
    Run(argv[1]);
  } catch (const lutra::converter::Error& error) {
    std::fprintf(stderr, "coding_bench: %s\n", error.what());
    return 1;
  }
}
