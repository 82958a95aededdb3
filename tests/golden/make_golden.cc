// Writes the golden models, their checks computed by the naive evaluator:
//   make_golden tests/golden
// Never needed again: the files are stored and must not change. (coded_best_2 has what today's
// writer puts into coded_best_3, with parameters as they were before version 6.)
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>

#include "golden/golden_models.h"
#include "golden/naive.h"
#include "schema/validate.h"

namespace {

using Make = std::function<std::vector<uint8_t>(const std::vector<uint32_t>&)>;

/// `raw` makes the same network with raw weights, which is what the naive evaluator reads.
int Write(const std::string& path, const Make& make, const Make& raw, size_t outputs) {
  const std::vector<uint8_t> draft = raw(std::vector<uint32_t>(outputs));
  lutra::ModelView view;
  lutra::Status status = lutra::OpenContainer(draft.data(), draft.size(), &view);
  if (status.ok()) status = lutra::Validate(view);
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), status.message());
    return 1;
  }
  std::vector<uint32_t> crc;
  for (const auto& output : lutra::test::NaiveRun(view, lutra::test::kGoldenSeed)) {
    const std::vector<uint8_t> bytes = output.Bytes();
    crc.push_back(lutra::Crc32c(bytes.data(), bytes.size()));
  }
  const std::vector<uint8_t> file = make(crc);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  std::printf("%s: %zu bytes, CRC-32C 0x%08X\n", path.c_str(), file.size(),
              lutra::Crc32c(file.data(), file.size()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_golden FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  const auto coded = [](lutra::coding::Codec codec) {
    return
        [codec](const std::vector<uint32_t>& crc) { return lutra::test::CodedModel(crc, codec); };
  };
  using lutra::coding::Codec;
  return Write(folder + "/integer.lutra", lutra::test::IntegerModel, lutra::test::IntegerModel, 2) |
         Write(folder + "/mixed.lutra", lutra::test::MixedModel, lutra::test::MixedModel, 2) |
         Write(folder + "/codebook.lutra", lutra::test::CodebookModel, lutra::test::CodebookModel,
               3) |
         Write(folder + "/grouped.lutra", lutra::test::GroupedModel, lutra::test::GroupedModel, 3) |
         Write(folder + "/curve.lutra", lutra::test::CurveModel, lutra::test::CurveModel, 2) |
         Write(folder + "/wide.lutra", lutra::test::WideModel, lutra::test::WideModel, 2) |
         Write(folder + "/typed.lutra", lutra::test::TypedModel, lutra::test::TypedModel, 21) |
         Write(folder + "/top_k.lutra", lutra::test::TopKModel, lutra::test::TopKModel, 7) |
         Write(folder + "/coded_none.lutra", coded(Codec::none), coded(Codec::none), 1) |
         Write(folder + "/coded_huffman.lutra", coded(Codec::huffman), coded(Codec::none), 1) |
         Write(folder + "/coded_best.lutra", coded(Codec::best_v1), coded(Codec::none), 1) |
         Write(folder + "/coded_best_3.lutra", coded(Codec::best), coded(Codec::none), 1);
}
