#include "converter/checkpoint/safetensors.h"

#include <doctest/doctest.h>

#include <string>

#include "converter/checkpoint/pickle_writer.h"
#include "converter/error.h"

namespace lutra::converter::checkpoint {
namespace {

std::vector<uint8_t> FileOf(const std::string& header, const std::string& data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i));
  return test::ToBytes(file + header + data);
}

std::string ErrorOf(const std::string& header, const std::string& data) {
  try {
    ReadSafetensors(FileOf(header, data));
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_CASE("A file by hand: order, types, metadata, scalars and empty tensors") {
  const Checkpoint checkpoint =
      ReadSafetensors(FileOf(R"({"__metadata__":{"format":"pt"},)"
                             R"("z":{"dtype":"I16","shape":[2],"data_offsets":[4,8]},)"
                             R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                             R"("e":{"dtype":"BF16","shape":[0,3],"data_offsets":[8,8]}}   )",
                             test::BytesOf<float>({2.5F}) + test::BytesOf<int16_t>({-3, 300})));
  REQUIRE(checkpoint.tensors.size() == 3);
  CHECK(checkpoint.tensors[0].name == "z");
  CHECK(checkpoint.tensors[0].tensor.ToInts() == std::vector<int64_t>{-3, 300});
  CHECK(checkpoint.tensors[1].tensor.ToFloats() == std::vector<float>{2.5F});
  CHECK(checkpoint.tensors[2].tensor.dims() == std::vector<int64_t>{0, 3});
  CHECK(checkpoint.skipped.size() == 1);
}

TEST_CASE("What is written is read back, wide types first and aligned") {
  std::vector<NamedTensor> tensors;
  tensors.push_back({"flags", Tensor(DataType::boolean, {3}).Cast(DataType::boolean)});
  tensors.push_back({"w\"\xC3\xA9", Tensor::Of({2, 2}, std::vector<float>{1, -2, 3.5F, 1e-30F})});
  tensors.push_back({"n", Tensor::Of({}, std::vector<int64_t>{-9})});
  const std::vector<uint8_t> file = WriteSafetensors(tensors);
  const Checkpoint checkpoint = ReadSafetensors(file);
  REQUIRE(checkpoint.tensors.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(checkpoint.tensors[i].name == tensors[i].name);
    CHECK(checkpoint.tensors[i].tensor == tensors[i].tensor);
  }
  CHECK(file[0] % 8 == 0);  // the header's length: the data begins aligned
  const std::string text(file.begin(), file.end());
  CHECK(text.find(R"("data_offsets":[0,8])") != std::string::npos);    // n, int64
  CHECK(text.find(R"("data_offsets":[24,27])") != std::string::npos);  // flags
}

TEST_CASE("Metadata is written, read and no tensor's name") {
  const std::vector<NamedTensor> tensors{{"w", Tensor::Of({1}, std::vector<float>{2})}};
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"a\"b", "\xC3\xA9"}};
  const Checkpoint checkpoint = ReadSafetensors(WriteSafetensors(tensors, metadata));
  CHECK(checkpoint.metadata == metadata);
  CHECK(checkpoint.tensors[0].tensor == tensors[0].tensor);
  CHECK_THROWS_AS(WriteSafetensors(std::vector<NamedTensor>{{"__metadata__", Tensor()}}), Error);
  CHECK(ErrorOf(R"({"__metadata__":{"a":1}})", "") == "its metadata is no map from text to text");
  CHECK(ErrorOf(R"({"__metadata__":"a"})", "") == "its metadata is no map from text to text");
}

TEST_CASE("Many tensors keep their order; each costs the same") {
  std::vector<NamedTensor> tensors;
  for (int i = 20'000; i-- > 0;) {  // quadratic time would show
    tensors.push_back({"layer." + std::to_string(i), Tensor::Of({1}, std::vector<float>{1})});
  }
  const Checkpoint checkpoint = ReadSafetensors(WriteSafetensors(tensors));
  REQUIRE(checkpoint.tensors.size() == tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    REQUIRE(checkpoint.tensors[i].name == tensors[i].name);
  }
}

TEST_CASE("Malformed headers are refused") {
  const std::string four(4, 'x');
  const auto refused = [&](const std::string& header, const char* why) {
    CHECK_MESSAGE(ErrorOf(header, four).find(why) != std::string::npos, header);
  };
  refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", "offsets outside");
  refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "offsets outside");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "needs 8");
  refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "no count");
  refused(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "no count");
  refused(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", "F8_E4M3");
  refused(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", "no dtype");
  refused(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", "no shape");
  refused(R"({"a":[1]})", "no object");
  refused(R"({"a":[[[[1]]]]})", "nests deeper than 3 levels");
  refused(R"({"a":)", "no JSON");
  std::string many = R"({"a":[0)";
  for (int i = 0; i < 1 << 22; ++i) many += ",0";
  refused(many + "]}", "more than 4194304 parts");
  refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "bytes follow");
  refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})", "gaps");
  refused(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
          R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
          "gaps");
  refused(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
          R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
          "twice");
  refused(R"({"a":{"dtype":"U8","shape":[1073741824,1073741824],"data_offsets":[0,4]}})", "");
  refused("{" + std::string(100'000'000, ' '), "more than 100 MB");
  const std::vector<uint8_t> file =
      FileOf(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", four);
  for (size_t size = 0; size < file.size(); ++size) {
    CHECK_THROWS_AS(ReadSafetensors(std::span(file).first(size)), Error);
  }
}

}  // namespace
}  // namespace lutra::converter::checkpoint
