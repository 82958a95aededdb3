// Entropy-coded blobs where none may be, or of impossible sizes. What is wrong within a stream
// shows when it is decoded (coding/coded_model_test.cc).
#include "corrupt/cases.h"
#include "corrupt/fixtures.h"

namespace lutra::test {
namespace {

using schema::Encoding;

/// A Linear of 2 x 65536 integer weights whose blob is this stream.
std::vector<uint8_t> LargeLinear(Encoding encoding, size_t stream_bytes) {
  schema::LinearT linear;
  return Int8Model(std::move(linear), {1, 65536}, {1, 2}, [&](ModelBuilder& b) {
    auto& options = *b.model().operators[0]->options.AsLinear();
    options.weights = b.IntWeights(std::vector<int8_t>(131072, 1), {1, 2}, {0.5F, 0.25F});
    b.Encode(options.weights->values, encoding, std::vector<uint8_t>(stream_bytes, 1));
  });
}

/// The Conv, `which` of whose blobs becomes a stream of 8 bytes.
std::vector<uint8_t> CodedConv(
    const std::function<uint16_t(ModelBuilder&, schema::ConvT&)>& which) {
  return ConvModel([&](ModelBuilder& b) {
    const uint16_t blob = which(b, *b.model().operators[0]->options.AsConv());
    b.Encode(blob, Encoding::huffman, std::vector<uint8_t>(8, 1));
  });
}

}  // namespace

std::vector<CorruptCase> CodedCases() {
  return {
      {"coded_params", Code::malformed,
       "operator 0 (Conv): channel parameters are in blob 1, which is entropy coded, as only "
       "weights may be",
       [] { return CodedConv([](auto&, auto& conv) { return conv.weights->params; }); }},
      {"coded_codebook", Code::malformed,
       "operator 0 (Conv): codebooks are in blob 3, which is entropy coded, as only weights may be",
       [] {
         return CodedConv([](ModelBuilder& b, schema::ConvT& conv) {
           conv.weights = b.WithCodebook(
               b.IntWeights(std::vector<int8_t>(54, 1), {1, 2, 3}, {0.5F, 0.25F, 1.0F}, {}, 2),
               {-1, 0, 1, 2});
           return conv.weights->codebook;
         });
       }},
      {"coded_float_weights", Code::malformed,
       "operator 0 (Linear): floating-point weights are entropy coded",
       [] {
         schema::LinearT linear;
         linear.compute = schema::Compute::float_;
         return FloatModel(std::move(linear), {1, 8}, {1, 4}, [](ModelBuilder& b) {
           auto& options = *b.model().operators[0]->options.AsLinear();
           options.weights = b.FloatWeights(std::vector<float>(32, 0.5F), {1, 2, 3, 4});
           b.Encode(options.weights->values, Encoding::best_v1, {1, 2, 3});
         });
       }},
      {"coded_lookup_table", Code::malformed,
       "operator 0 (Lookup): table entries are in blob 0, which is entropy coded, as only weights "
       "may be",
       [] {
         return Int8Model(schema::LookupT(), {1, 8}, {1, 8}, [](ModelBuilder& b) {
           auto& lookup = *b.model().operators[0]->options.AsLookup();
           lookup.table = b.BlobOf(std::vector<int8_t>(256, 1));
           b.Encode(lookup.table, Encoding::huffman, {0});
         });
       }},
      {"coded_constant", Code::malformed,
       "tensor 2: blob 2 is entropy coded, which only weights may be",
       [] {
         return CodedConv([](ModelBuilder& b, schema::ConvT&) {
           const auto constant = b.ConstantInt8({1, 300}, {0.5F, 0}, std::vector<int8_t>(300, 7));
           return b.tensor(constant).blob;
         });
       }},
      {"coded_pixel_table", Code::malformed,
       "input 0: the pixel table is not a blob of 256 entries for each of 2 channels",
       [] {
         return CodedConv([](ModelBuilder& b, schema::ConvT&) {
           return b.model().inputs[0]->pixel_table = b.BlobOf(std::vector<int8_t>(512, 7));
         });
       }},
      {"coded_weights_size_differs", Code::malformed,
       "operator 0 (Conv): weights take 54 bytes, blob 2 has 55",
       [] {
         return CodedConv([](ModelBuilder& b, schema::ConvT& conv) {
           return conv.weights->values = b.BlobOf(std::vector<int8_t>(55, 1));
         });
       }},
      {"coded_weights_bomb", Code::limit,
       "operator 0 (Linear): 131072 coded weights in 255 bytes of blob 0",
       [] { return LargeLinear(Encoding::huffman, 255); }},
      {"coded_weights_bomb_best", Code::limit,
       "operator 0 (Linear): 131072 coded weights in 4 bytes of blob 0",
       [] { return LargeLinear(Encoding::best_v1, 4); }},
      {"coded_weights_bomb_best_3", Code::limit,
       "operator 0 (Linear): 131072 coded weights in 63 bytes of blob 0",
       [] { return LargeLinear(Encoding::best, 63); }},
  };
}

}  // namespace lutra::test
