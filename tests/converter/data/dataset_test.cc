#include "converter/data/dataset.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <limits>

#include "base/npy.h"
#include "converter/error.h"
#include "support/temp_folder.h"

namespace lutra::converter::data {
namespace {

using test::TempFolder;

std::string Word(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// Pixel p of image i is 10 * i + p; label i is i % 10.
std::string IdxImages(uint32_t count, uint32_t height, uint32_t width) {
  std::string bytes = Word(0x803) + Word(count) + Word(height) + Word(width);
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t p = 0; p < height * width; ++p) bytes += static_cast<char>(10 * i + p);
  }
  return bytes;
}

std::string IdxLabels(uint32_t count) {
  std::string bytes = Word(0x801) + Word(count);
  for (uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

std::string Gzip(const TempFolder& folder, const std::string& bytes) {
  const std::string path = folder / "packed.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteNpy(const std::string& path, std::vector<int64_t> shape, const std::vector<float>& x) {
  NpyHeader header;
  header.shape = std::move(shape);
  std::string error;
  REQUIRE(WriteNpy(path, header,
                   {reinterpret_cast<const uint8_t*>(x.data()), x.size() * sizeof(float)}, &error));
}

void WriteLabels(const std::string& path, const std::vector<int64_t>& labels) {
  NpyHeader header{'i', 8, {static_cast<int64_t>(labels.size())}, 0};
  std::string error;
  REQUIRE(WriteNpy(path, header,
                   {reinterpret_cast<const uint8_t*>(labels.data()), labels.size() * 8}, &error));
}

std::vector<float> Values(const Sample& sample) {
  const auto values = sample.input.as<float>();
  return {values.begin(), values.end()};
}

std::string ErrorOf(const std::string& json_path) {
  try {
    const auto data = OpenDataset(json_path);
    for (size_t i = 0; i < data->size(); ++i) data->Get(i);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("targets: a row for each sample, whatever offset and limit leave") {
  const TempFolder folder;
  WriteNpy(folder / "x.npy", {4, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  WriteNpy(folder / "t.npy", {4, 1, 2}, {10, 11, 20, 21, 30, 31, 40, 41});
  const auto open = [&](const std::string& more) {
    return folder.Write("d.json", R"({"format": "npy", "images": "x.npy")" + more + "}");
  };
  const auto data = OpenDataset(open(R"(, "targets": "t.npy", "offset": 1, "limit": 2)"));
  CHECK(data->has_targets());
  CHECK(!data->labelled());
  CHECK(data->size() == 2);
  CHECK(data->Get(1).target == Tensor::Of({1, 2}, std::vector<float>{30, 31}));
  CHECK(data->Files().back() == folder / "t.npy");
  CHECK(!OpenDataset(open(""))->has_targets());

  WriteLabels(folder / "i.npy", {5, 6, 7, 8});
  const Tensor target = OpenDataset(open(R"(, "targets": "i.npy")"))->Get(2).target;
  CHECK(target.type() == DataType::int64);
  CHECK(target.ToInts() == std::vector<int64_t>{7});
  WriteLabels(folder / "i.npy", {5, 6, 7});
  CHECK(ErrorOf(open(R"(, "targets": "i.npy")")) ==
        folder /
            "i.npy: has 3 rows, but the data has 4 samples; targets are a row for each, before "
            "offset and limit");
  CHECK(ErrorOf(open(R"(, "targets": "i.npy", "limit": 3)")).empty());
  WriteNpy(folder / "t.npy", {4}, {1, 2, std::numeric_limits<float>::infinity(), 4});
  CHECK(ErrorOf(open(R"(, "targets": "t.npy")")) ==
        folder / "t.npy, row 2: element 0 is NaN or infinite; repair the data");
}

TEST_CASE("idx, plain and compressed, with offset, limit and normalization") {
  TempFolder folder;
  const std::string images = IdxImages(5, 2, 3);
  folder.Write("i.idx", images);
  folder.Write("i.gz", Gzip(folder, images));
  folder.Write("l.gz", Gzip(folder, IdxLabels(5)));
  for (const char* file : {"i.idx", "i.gz"}) {
    CAPTURE(file);
    const std::string spec =
        folder.Write("d.json", std::string(R"({"format": "idx", "images": ")") + file +
                                   R"(", "labels": "l.gz", "offset": 1, "limit": 3, "scale": 0.5,
                         "mean": [1], "std": [2]})");
    const auto data = OpenDataset(spec);
    CHECK(data->size() == 3);
    CHECK(data->labelled());
    const Sample sample = data->Get(2);  // image 3: pixels 30..35
    CHECK(sample.label == 3);
    CHECK(sample.input.dims() == std::vector<int64_t>{1, 2, 3});
    CHECK(Values(sample) == std::vector<float>{7, 7.25, 7.5, 7.75, 8, 8.25});
  }
}

TEST_CASE("idx: a small compressed file that stands for a full disk") {
  TempFolder folder;
  // 60,000 images of 16384 x 16384 announced: 16 TB.
  folder.Write("i.gz", Gzip(folder, Word(0x803) + Word(60000) + Word(16384) + Word(16384)));
  const std::string spec = R"({"format": "idx", "images": "i.gz")";
  CHECK(ErrorOf(folder.Write("d.json", spec + "}")) ==
        folder /
            "i.gz: is larger than 4 GB unpacked; unpack it (gzip -d), then it is read in place");
  // With a limit only so much is unpacked: here 256 MB are missing.
  CHECK(ErrorOf(folder.Write("d.json", spec + R"(, "limit": 1})"))
            .starts_with(folder / "i.gz: is cut off: "));
  // Of labels, one more than there should be.
  folder.Write("ok.idx", IdxImages(5, 2, 3));
  folder.Write("l.gz", Gzip(folder, IdxLabels(5) + std::string(1 << 24, '\0')));
  CHECK(ErrorOf(
            folder.Write("d.json", R"({"format": "idx", "images": "ok.idx", "labels": "l.gz"})")) ==
        folder / "l.gz: holds 6 labels (5 announced) for the 5 images of " + (folder / "ok.idx"));
}

TEST_CASE("the hash covers exactly the chosen samples' bytes") {
  TempFolder folder;
  folder.Write("i.idx", IdxImages(3, 1, 1));  // pixels 0, 10, 20
  const auto data =
      OpenDataset(folder.Write("d.json", R"({"format": "idx", "images": "i.idx", "limit": 1})"));
  // FNV-1a of the one byte 0: (offset basis ^ 0) * prime.
  CHECK(data->Hash() == 0xCBF29CE484222325ULL * 0x100000001B3ULL);
  CHECK_FALSE(data->labelled());
}

TEST_CASE("cifar10: planes become channels, BGR turns them round") {
  TempFolder folder;
  std::string record(1, '\7');
  for (int c = 0; c < 3; ++c) record += std::string(1024, static_cast<char>(c + 1));
  folder.Write("c.bin", record + record);
  const auto rgb = OpenDataset(folder.Write("d.json", R"({"format": "cifar10", "path": "c.bin"})"));
  CHECK(rgb->size() == 2);
  const Sample sample = rgb->Get(1);
  CHECK(sample.label == 7);
  CHECK(sample.input.dims() == std::vector<int64_t>{3, 32, 32});
  CHECK(Values(sample)[0] == 1);
  CHECK(Values(sample)[3 * 1024 - 1] == 3);
  const auto bgr = OpenDataset(
      folder.Write("d.json", R"({"format": "cifar10", "path": "c.bin", "channel_order": "BGR"})"));
  CHECK(Values(bgr->Get(0))[0] == 3);
}

TEST_CASE("npy: any shape, NHWC on request") {
  TempFolder folder;
  std::vector<float> x(2 * 2 * 3 * 2);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  WriteNpy(folder / "x.npy", {2, 2, 3, 2}, x);
  WriteLabels(folder / "y.npy", {4, 1});
  const auto data = OpenDataset(folder.Write(
      "d.json", R"({"format": "npy", "images": "x.npy", "labels": "y.npy", "layout": "NHWC"})"));
  const Sample sample = data->Get(1);
  CHECK(sample.label == 1);
  CHECK(sample.input.dims() == std::vector<int64_t>{2, 2, 3});
  CHECK(Values(sample) == std::vector<float>{12, 14, 16, 18, 20, 22, 13, 15, 17, 19, 21, 23});
}

TEST_CASE("bad descriptions: one line with file, field and cure") {
  TempFolder folder;
  folder.Write("i.idx", IdxImages(2, 1, 1));
  const auto error = [&](const std::string& json) {
    const std::string text = ErrorOf(folder.Write("d.json", json));
    const std::string prefix = folder / "d.json: ";
    CHECK(text.find('\n') == std::string::npos);
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  };
  CHECK(error("{") == "is not JSON (byte 2)");
  CHECK(error("1e999") == "is not JSON (a number is too large)");
  CHECK(error(std::string(100000, '[')) == "nests deeper than 32 levels");
  CHECK(error("[]") == R"(is no JSON object; a data description looks like )"
                       R"({"format": "npy", "images": "x.npy", "labels": "y.npy"})");
  CHECK(error("{}") ==
        "\"format\" is missing; it must be one of idx, cifar10, npy, folder, list, images");
  CHECK(error(R"({"format": "tfrecord"})") ==
        "\"format\" is \"tfrecord\"; it must be one of idx, cifar10, npy, folder, list, images");
  CHECK(error(R"({"format": "idx"})") == "\"images\" is missing; format idx needs it");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "rezise": 3})") ==
        "\"rezise\" is no field of a data description; docs/cli.md lists them");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "path": "x"})") ==
        "\"path\" does not apply to format idx; remove it");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "limit": 0})") ==
        "\"limit\" must be an integer of at least 1");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "resize": [4]})") ==
        "\"resize\" must be [height, width]");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "resize": [0, 4]})") ==
        "\"resize\" must hold integers of 1 to 16384");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "std": [1, 0]})") ==
        "\"std\" must not hold 0: the input is divided by it");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "std": 1e-40})") ==
        "\"std\" must not hold 0: the input is divided by it");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "scale": 0})") ==
        "\"scale\" must not be 0: it would make all inputs alike");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "scale": 1e39})") ==
        "\"scale\" must be a finite number");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "scale": "1"})") ==
        "\"scale\" must be a finite number");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "mean": [1, 2]})") ==
        "\"mean\" holds 2 values, but the samples have 1 channel; give one value, or one per "
        "channel");
  CHECK(error(R"({"format": "idx", "images": "i.idx", "offset": 2})") ==
        "\"offset\" 2 leaves nothing of the 2 samples of " + (folder / "i.idx"));
  CHECK(error(R"({"format": "idx", "images": "i.idx", "resize": [2, 2],
                  "resize_shorter_side": 3})") ==
        "\"resize_shorter_side\" and \"resize\" exclude each other; keep one");
  CHECK(ErrorOf(folder / "none.json") ==
        folder / "none.json: cannot be opened: No such file or directory");
}

TEST_CASE("bad data: one line with the file") {
  TempFolder folder;
  const auto idx = [&](const std::string& images, const std::string& labels) {
    folder.Write("i", images);
    folder.Write("l", labels);
    return ErrorOf(folder.Write("d.json", R"({"format": "idx", "images": "i", "labels": "l"})"));
  };
  const std::string i = folder / "i", l = folder / "l";
  CHECK(idx("abc", "") == i + ": is too short for an IDX file of images");
  CHECK(idx(IdxLabels(20), IdxLabels(2)) ==
        i + ": is no IDX file of images (unsigned bytes): its magic number is 2049 and should be "
            "2051");
  CHECK(idx(IdxImages(2, 2, 2).substr(0, 20), IdxLabels(2)) ==
        i + ": is cut off: 2 images of 2 x 2 are announced and 20 bytes are there");
  CHECK(idx(IdxImages(2, 2, 2), IdxLabels(3)) ==
        l + ": holds 3 labels (3 announced) for the 2 images of " + i);
  CHECK(idx(Word(0x803) + Word(1) + Word(0xFFFFFFFF) + Word(0xFFFFFFFF), IdxLabels(1))
            .starts_with(i + ": announces images of 4294967295 x 4294967295"));
  const std::string packed = Gzip(folder, IdxImages(50, 9, 9));
  CHECK(idx(packed.substr(0, packed.size() / 2), IdxLabels(50))
            .starts_with(i + ": cannot be unpacked ("));

  folder.Write("c.bin", std::string(3072, 'x'));
  CHECK(ErrorOf(folder.Write("d.json", R"({"format": "cifar10", "path": "c.bin"})")) ==
        folder / "c.bin: is no CIFAR-10 binary file: its 3072 bytes are no multiple of 3073");
  folder.Write("c.bin", std::string(3073, 'x'));
  CHECK(ErrorOf(folder / "d.json") ==
        folder / "c.bin, record 0: label 120 is not 0 to 9; this is no CIFAR-10 binary file");

  WriteNpy(folder / "x.npy", {2, 2}, {1, 2, std::numeric_limits<float>::quiet_NaN(), 4});
  folder.Write("d.json", R"({"format": "npy", "images": "x.npy"})");
  CHECK(ErrorOf(folder / "d.json") ==
        folder / "x.npy, sample 1: element 0 is NaN or infinite; repair the data");
  WriteLabels(folder / "y.npy", {1, 2, 3});
  folder.Write("d.json", R"({"format": "npy", "images": "x.npy", "labels": "y.npy"})");
  CHECK(ErrorOf(folder / "d.json") ==
        folder / "y.npy: labels must be integers of shape [2] (one per sample of " +
            (folder / "x.npy), but are int64 [3]"));

  folder.Write("a/x.png", "no image");
  folder.Write("d.json", R"({"format": "images", "path": "a"})");
  CHECK(ErrorOf(folder / "d.json")
            .starts_with(folder / "a/x.png: cannot be decoded as PNG or JPEG: "));
  folder.Write("d.json", R"({"format": "images", "path": "b"})");
  CHECK(ErrorOf(folder / "d.json") ==
        folder / "b: cannot be read as a folder: No such file or directory");
  folder.Write("d.json", R"({"format": "folder", "path": "a"})");
  CHECK(ErrorOf(folder / "d.json") ==
        folder / "a: holds no class folders; use format images for a flat folder");
  folder.Write("list.tsv", "x.png 3\n");
  folder.Write("d.json", R"({"format": "list", "path": "list.tsv"})");
  CHECK(ErrorOf(folder / "d.json") ==
        folder / "list.tsv: line 1 is not FILE, a tab and a class number");
}

TEST_CASE("compressed labels: one too many, and far too many") {
  TempFolder folder;
  folder.Write("i", IdxImages(2, 1, 1));
  folder.Write("l", Gzip(folder, IdxLabels(2) + std::string(1 << 20, 'x')));
  CHECK(ErrorOf(folder.Write("d.json", R"({"format": "idx", "images": "i", "labels": "l"})")) ==
        folder / "l: holds 3 labels (2 announced) for the 2 images of " + (folder / "i"));
}

TEST_CASE("class folders take turns; a list keeps its order") {
  TempFolder folder;
  for (const char* name : {"f/b/1.png", "f/b/2.png", "f/a/9.png", "f/a/note.txt", "f/.git/x.png"}) {
    folder.Write(name, name);
  }
  // The hash reads the files in order and needs no decoding: a/9, b/1, b/2.
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : std::string("f/a/9.pngf/b/1.pngf/b/2.png")) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  }
  const auto data = OpenDataset(folder.Write("d.json", R"({"format": "folder", "path": "f"})"));
  CHECK(data->size() == 3);
  CHECK(data->Hash() == hash);
}

TEST_CASE("samples are shaped for the network's input, or refused with both shapes") {
  Sample sample{Tensor::Of({2, 2, 3}, std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), -1,
                "s.png"};
  CHECK(AsInput(sample, {1, 2, 2, 3}).dims() == std::vector<int64_t>{1, 2, 2, 3});
  CHECK(AsInput(sample, {1, 12}).dims() == std::vector<int64_t>{1, 12});
  const Tensor last = AsInput(sample, {1, 2, 3, 2});
  const auto values = last.as<float>();
  CHECK(std::vector<float>(values.begin(), values.end()) ==
        std::vector<float>{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  CHECK_THROWS_WITH_AS(AsInput(sample, {4, 2, 2, 3}),
                       "s.png: is one sample, but the network's input has the fixed batch 4 ([4, "
                       "2, 2, 3]); convert it for a batch of 1: --input-shape INPUT=1,2,2,3",
                       Error);
  CHECK_THROWS_WITH_AS(AsInput(sample, {1, 3, 2, 2}),
                       "s.png: gives a sample of shape [2, 2, 3], but the network's input has "
                       "shape [1, 3, 2, 2]; set resize, center_crop or layout in the data "
                       "description",
                       Error);
}

}  // namespace
}  // namespace lutra::converter::data
