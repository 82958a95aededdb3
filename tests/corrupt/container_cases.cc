// Header, FlatBuffer, blobs, versions, ports and records.
#include <cstring>
#include <limits>

#include "corrupt/cases.h"
#include "corrupt/fixtures.h"

namespace lutra::test {
namespace {

std::vector<uint8_t> Sound() {
  return ConvModel([](ModelBuilder&) {});
}

/// A sound file with bytes at `offset` replaced and the checksum repaired.
template <typename T>
std::vector<uint8_t> Patched(size_t offset, T value) {
  std::vector<uint8_t> file = Sound();
  std::memcpy(file.data() + offset, &value, sizeof value);
  RepairChecksum(file);
  return file;
}

std::vector<uint8_t> Cut(size_t bytes) {
  std::vector<uint8_t> file = Sound();
  file.resize(bytes);
  return file;
}

/// Blobs are written by Finish, so their records are patched in the finished file: the vector of
/// structs is found by its contents.
std::vector<uint8_t> PatchedBlob(size_t index, size_t field, uint32_t value) {
  std::vector<uint8_t> file = Sound();
  ModelView view;
  if (!OpenContainer(file.data(), file.size(), &view).ok()) return {};
  const uint8_t* blobs = view.model->blobs()->Data();
  const auto at = static_cast<size_t>(blobs - file.data()) + index * sizeof(schema::Blob) + field;
  std::memcpy(file.data() + at, &value, sizeof value);
  RepairChecksum(file);
  return file;
}

}  // namespace

std::vector<CorruptCase> ContainerCases() {
  return {
      {"empty_file", Code::not_a_model, "not a Lutra model: the identifier LUTR is missing",
       [] { return std::vector<uint8_t>(); }},
      {"wrong_identifier", Code::not_a_model, "not a Lutra model: the identifier LUTR is missing",
       [] { return Patched<uint8_t>(7, 'X'); }},
      {"header_cut_off", Code::truncated, "40 bytes of a header of 64: the file is cut off",
       [] { return Cut(40); }},
      {"segments_cut_off", Code::truncated, "592 bytes of 720: the file is cut off",
       [] { return Cut(592); }},
      {"trailing_bytes", Code::malformed, "3 bytes follow the end of the model",
       [] {
         std::vector<uint8_t> file = Sound();
         file.insert(file.end(), {1, 2, 3});
         return file;
       }},
      {"damaged_weight", Code::checksum,
       "checksum 0x260B089E instead of 0x3655CFF1: the file is damaged",
       [] {
         std::vector<uint8_t> file = Sound();
         file.back() ^= 0x10;
         return file;
       }},
      {"format_version_2", Code::version_too_new,
       "format version 2 is newer than this runtime's (1): update the runtime",
       [] { return Patched<uint16_t>(10, 2); }},
      {"format_version_0", Code::malformed, "format version 0",
       [] { return Patched<uint16_t>(10, 0); }},
      {"header_of_128_bytes", Code::malformed, "header of 128 bytes instead of 64",
       [] { return Patched<uint16_t>(8, 128); }},
      {"metadata_past_the_end", Code::malformed,
       "metadata of 1048576 bytes and segments from 640 on",
       [] { return Patched<uint32_t>(16, 1 << 20); }},
      {"metadata_too_large", Code::limit,
       "4294967295 bytes of metadata, at most 67108864 are supported",
       [] { return Patched<uint32_t>(16, 0xFFFFFFFF); }},
      {"segment_base_odd", Code::malformed, "segment base 648 is not a multiple of 64",
       [] { return Patched<uint32_t>(20, 648); }},
      {"segments_before_the_metadata_ends", Code::malformed,
       "metadata of 592 bytes and segments from 512 on", [] { return Patched<uint32_t>(20, 512); }},
      {"reserved_bytes_set", Code::malformed, "reserved header bytes are not zero",
       [] { return Patched<uint8_t>(63, 1); }},
      {"root_in_the_header", Code::malformed, "the root table lies in the header",
       [] { return Patched<uint32_t>(0, 16); }},
      {"root_past_the_end", Code::malformed, "the metadata is not a well-formed FlatBuffer",
       [] { return Patched<uint32_t>(0, 0x7FFFFFF0); }},
      {"needs_later_runtime", Code::version_too_new,
       "needs runtime version 99, this is 11: update the runtime",
       [] { return ConvModel([](auto& b) { b.model().min_runtime_version = 99; }); }},
      {"needs_later_numerics", Code::version_too_new,
       "needs numerics version 2, this runtime has 1: update the runtime",
       [] { return ConvModel([](auto& b) { b.model().numerics_version = 2; }); }},
      {"model_version_differs", Code::malformed, "format version 9 in a file of version 1",
       [] { return ConvModel([](auto& b) { b.model().format_version = 9; }); }},
      {"no_operators", Code::malformed, "the model has no operators",
       [] { return ConvModel([](auto& b) { b.model().operators.clear(); }); }},
      {"no_outputs", Code::malformed, "the model has no outputs",
       [] { return ConvModel([](auto& b) { b.model().outputs.clear(); }); }},
      {"too_many_inputs", Code::limit, "257 inputs, at most 256 are supported",
       [] {
         return ConvModel([](auto& b) {
           while (b.model().inputs.size() < 257) b.AddInputPort("x", 0);
         });
       }},
      {"model_name_with_newline", Code::malformed, "model 0: the name is not printable UTF-8",
       [] { return ConvModel([](auto& b) { b.model().name = "two\nlines"; }); }},
      {"blob_past_the_segments", Code::malformed,
       "blob 0: bytes 4096..4150 of segments of 80 bytes", [] { return PatchedBlob(0, 0, 4096); }},
      {"blob_wraps_around", Code::malformed, "blob 0: bytes 8..4294967303 of segments of 80 bytes",
       [] {
         std::vector<uint8_t> file = PatchedBlob(0, 4, 0xFFFFFFFF);
         ModelView view;
         if (!OpenContainer(file.data(), file.size(), &view).ok()) return file;
         const auto at = static_cast<size_t>(view.model->blobs()->Data() - file.data());
         file[at] = 8;
         RepairChecksum(file);
         return file;
       }},
      {"blob_misaligned", Code::malformed, "blob 0: offset 4 is not a multiple of 8",
       [] { return PatchedBlob(0, 0, 4); }},
      {"blob_encoding_unknown", Code::malformed, "blob 0: unknown encoding 7",
       [] { return PatchedBlob(0, 12, 7); }},
      {"blob_decoded_size_differs", Code::malformed, "blob 0: 55 decoded bytes of 54 raw ones",
       [] { return PatchedBlob(0, 8, 55); }},
      {"input_without_name", Code::malformed, "input 0: has no name",
       [] { return ConvModel([](auto& b) { b.model().inputs[0]->name.clear(); }); }},
      {"input_names_twice", Code::malformed, "input 1: has the name of input 0, \"x\"",
       [] { return ConvModel([](auto& b) { b.AddInputPort("x", 0); }); }},
      {"input_tensor_missing", Code::malformed, "input 0: tensor 9 of 2",
       [] { return ConvModel([](auto& b) { b.model().inputs[0]->tensor = 9; }); }},
      {"input_shape_differs", Code::malformed, "input 0: dimension 3 is 3, the tensor has 2",
       [] { return ConvModel([](auto& b) { b.model().inputs[0]->shape[3] = 3; }); }},
      {"input_permutation_repeats", Code::malformed, "input 0: the permutation is none",
       [] { return ConvModel([](auto& b) {
              b.model().inputs[0]->permutation = {0, 1, 1, 2};
            }); }},
      {"input_permutation_moves_batch", Code::malformed,
       "input 0: the permutation moves dimension 0 of a batchable model",
       [] {
         return Int8Model(schema::ReshapeT{}, {2, 2, 2}, {2, 4}, [](auto& b) {
           b.model().inputs[0]->permutation = {1, 0, 2};
         });
       }},
      {"uint8_without_pixel_table", Code::malformed, "input 0: uint8 without pixel table",
       [] {
         return ConvModel(
             [](auto& b) { b.model().inputs[0]->preferred = schema::TensorType::uint8; });
       }},
      {"input_prefers_another_type", Code::malformed,
       "input 0: preferred type 0 does not fit the tensor",
       [] {
         return TypedModel(
             schema::CastT{}, schema::TensorType::int32, {1, 4}, schema::TensorType::float32,
             {1, 4}, [](auto& b) { b.model().inputs[0]->preferred = schema::TensorType::float32; });
       }},
      {"pixel_table_of_uint8", Code::malformed, "input 0: a pixel table is for int8 inputs only",
       [] {
         return TypedModel(schema::CastT{}, schema::TensorType::uint8, {1, 4},
                           schema::TensorType::float32, {1, 4}, [](auto& b) {
                             const std::vector<int8_t> table(4 * 256, 1);
                             b.model().inputs[0]->pixel_table = b.BlobOf(table);
                           });
       }},
      {"pixel_table_too_short", Code::malformed,
       "input 0: the pixel table is not a blob of 256 entries for each of 2 channels",
       [] { return ConvModel([](auto& b) { b.model().inputs[0]->pixel_table = 0; }); }},
      {"certificate_layers_differ", Code::malformed, "the certificate has 2 layers for 1 operators",
       [] {
         return ConvModel([](auto& b) {
           b.model().certificate = std::make_unique<schema::CertificateT>();
           b.model().certificate->layer_sqnr_db = {30.0F, 31.0F};
         });
       }},
      {"golden_sums_missing", Code::malformed, "the golden check has 0 sums for 1 outputs",
       [] {
         return ConvModel(
             [](auto& b) { b.model().golden = std::make_unique<schema::GoldenCheckT>(); });
       }},
  };
}

}  // namespace lutra::test
