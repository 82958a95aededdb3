// Tensors, the order of execution, and the arena.
#include <cmath>
#include <limits>

#include "corrupt/cases.h"
#include "corrupt/fixtures.h"

namespace lutra::test {

std::vector<CorruptCase> TensorCases() {
  return {
      {"tensor_type_unknown", Code::malformed, "tensor 1: unknown type 200",
       [] {
         return ConvModel([](auto& b) { b.tensor(1).type = static_cast<schema::TensorType>(200); });
       }},
      {"tensor_lifetime_unknown", Code::malformed, "tensor 1: unknown lifetime 3",
       [] {
         return ConvModel([](auto& b) { b.tensor(1).lifetime = static_cast<schema::Lifetime>(3); });
       }},
      {"tensor_without_shape", Code::malformed, "tensor 0: 0 dimensions, 1 to 6 are allowed",
       [] { return ConvModel([](auto& b) { b.tensor(0).shape.clear(); }); }},
      {"tensor_of_rank_7", Code::malformed, "tensor 0: 7 dimensions, 1 to 6 are allowed",
       [] { return ConvModel([](auto& b) { b.tensor(0).shape = {1, 1, 1, 1, 1, 1, 1}; }); }},
      {"tensor_dimension_zero", Code::malformed, "tensor 0: dimension 2 is 0",
       [] { return ConvModel([](auto& b) { b.tensor(0).shape[2] = 0; }); }},
      {"tensor_dimension_negative", Code::malformed, "tensor 0: dimension 0 is -1",
       [] { return ConvModel([](auto& b) { b.tensor(0).shape[0] = -1; }); }},
      {"tensor_dimension_too_large", Code::limit,
       "tensor 0: dimension 1 is 67108865, at most 67108864 is supported",
       [] { return ConvModel([](auto& b) { b.tensor(0).shape[1] = (1 << 26) + 1; }); }},
      {"tensor_elements_overflow", Code::limit, "tensor 0: more than 2147483584 bytes",
       [] {
         return ConvModel([](auto& b) { b.tensor(0).shape = {1 << 26, 1 << 26, 1 << 26, 2}; });
       }},
      {"tensor_scale_zero", Code::malformed, "tensor 1: scale 0 is not finite, normal and positive",
       [] { return ConvModel([](auto& b) { b.tensor(1).scale = 0.0F; }); }},
      {"tensor_scale_denormal", Code::malformed,
       "tensor 1: scale 1e-39 is not finite, normal and positive",
       [] { return ConvModel([](auto& b) { b.tensor(1).scale = 1e-39F; }); }},
      {"tensor_scale_infinite", Code::malformed,
       "tensor 1: scale inf is not finite, normal and positive",
       [] {
         return ConvModel(
             [](auto& b) { b.tensor(1).scale = std::numeric_limits<float>::infinity(); });
       }},
      {"tensor_name_not_utf8", Code::malformed, "tensor 0: the name is not printable UTF-8",
       [] { return ConvModel([](auto& b) { b.tensor(0).name = "\xC0\xAF"; }); }},
      {"tensor_name_too_long", Code::limit,
       "tensor 0: a name of 1025 bytes, at most 1024 are supported",
       [] { return ConvModel([](auto& b) { b.tensor(0).name.assign(1025, 'n'); }); }},
      {"constant_blob_missing", Code::malformed, "tensor 1: blob 0 of 0",
       [] {
         return PairModel(schema::BinaryT{}, {1, 4}, {1, 4}, {1, 4},
                          [](auto& b) { b.tensor(1).lifetime = schema::Lifetime::constant; });
       }},
      {"constant_blob_size_differs", Code::malformed, "tensor 1: 4 bytes, blob 0 has 5",
       [] {
         return PairModel(schema::BinaryT{}, {1, 4}, {1, 4}, {1, 4}, [](auto& b) {
           b.tensor(1).lifetime = schema::Lifetime::constant;
           b.tensor(1).blob = b.BlobOf(std::vector<int8_t>(5, 1));
         });
       }},
      {"constant_bool_is_2", Code::malformed, "tensor 1: element 2 of bool is 2",
       [] {
         return PairModel(schema::ConcatT{}, {1, 4}, {1, 4}, {1, 8}, [](auto& b) {
           b.model().operators[0]->options.AsConcat()->axis = 1;
           b.model().inputs.pop_back();
           b.tensor(1).type = schema::TensorType::bool_;
           b.tensor(1).lifetime = schema::Lifetime::constant;
           b.tensor(1).blob = b.BlobOf(std::vector<uint8_t>{0, 1, 2, 1});
         });
       }},
      {"constant_int64_of_int32_bytes", Code::malformed, "tensor 1: 32 bytes, blob 0 has 16",
       [] {
         return PairModel(schema::ConcatT{}, {1, 4}, {1, 4}, {1, 8}, [](auto& b) {
           b.model().inputs.pop_back();
           b.tensor(1).type = schema::TensorType::int64;
           b.tensor(1).lifetime = schema::Lifetime::constant;
           b.tensor(1).blob = b.BlobOf(std::vector<int32_t>{0, 1, 2, 1});
         });
       }},
      {"arena_holds_int32_not_int64", Code::malformed,
       "tensor 1: overlaps tensor 0 in the arena while both are needed",
       [] {
         return TypedModel(schema::CastT{}, schema::TensorType::int64, {1, 16},
                           schema::TensorType::int32, {1, 16}, [](auto& b) {
                             b.PlaceTensors();
                             b.tensor(1).arena_offset = 64;
                           });
       }},
      {"arena_offset_odd", Code::malformed, "tensor 1: arena offset 96 is not a multiple of 64",
       [] { return ChainModel([](auto& b) { b.tensor(1).arena_offset = 96; }); }},
      {"arena_too_small", Code::malformed, "tensor 3: bytes 192..200 of an arena of 199",
       [] { return ChainModel([](auto& b) { b.model().arena_bytes = 199; }); }},
      {"arena_offset_wraps", Code::malformed,
       "tensor 1: bytes 4294967232..4294967240 of an arena of 256",
       [] { return ChainModel([](auto& b) { b.tensor(1).arena_offset = 0xFFFFFFC0; }); }},
      {"output_on_its_input", Code::malformed,
       "tensor 1: overlaps tensor 0 in the arena while both are needed",
       [] { return ChainModel([](auto& b) { b.tensor(1).arena_offset = 0; }); }},
      {"output_on_a_tensor_read_later", Code::malformed,
       "tensor 2: overlaps tensor 0 in the arena while both are needed",
       [] {
         return ChainModel([](auto& b) {
           b.tensor(2).arena_offset = 0;
           b.model().operators[2]->inputs = {0};
           b.model().operators[2]->options.Set(schema::PadT{});
           b.model().operators[2]->options.AsPad()->before = {0, 0};
           b.model().operators[2]->options.AsPad()->after = {0, 0};
         });
       }},
      {"output_overwritten_before_the_end", Code::malformed,
       "tensor 3: overlaps tensor 1 in the arena while both are needed",
       [] {
         return ChainModel([](auto& b) {
           b.tensor(3).arena_offset = b.tensor(1).arena_offset;
           b.Output("early", 1);
         });
       }},
      {"read_before_written", Code::malformed,
       "operator 0 (Pad): reads tensor 2 before it is written",
       [] { return ChainModel([](auto& b) { b.model().operators[0]->inputs = {2}; }); }},
      {"tensor_written_twice", Code::malformed, "tensor 1: is written twice",
       [] {
         return ChainModel([](auto& b) {
           b.model().operators[1]->outputs = {1};
           b.model().operators[1]->inputs = {0};
         });
       }},
      {"input_overwritten", Code::malformed, "tensor 0: is written twice",
       [] { return ChainModel([](auto& b) { b.model().operators[2]->outputs = {0}; }); }},
      {"operator_reads_its_output", Code::malformed,
       "tensor 1: is read and written by one operator",
       [] { return ChainModel([](auto& b) { b.model().operators[1]->outputs = {1}; }); }},
      {"tensor_never_written", Code::malformed, "tensor 2: is never written",
       [] {
         return ChainModel([](auto& b) {
           b.model().operators[2]->inputs = {1};
           b.model().operators.erase(b.model().operators.begin() + 1);
         });
       }},
      {"output_is_an_input", Code::malformed, "tensor 0: is an output that no operator writes",
       [] { return ChainModel([](auto& b) { b.model().outputs[0]->tensor = 0; }); }},
      {"input_tensor_twice", Code::malformed, "tensor 0: is two inputs of the model",
       [] { return ChainModel([](auto& b) { b.AddInputPort("again", 0); }); }},
      {"part_of_itself", Code::malformed, "tensor 1: inside tensor 1 of 4",
       [] { return InPlaceConcatModel([](auto& b) { b.tensor(1).inside = 1; }); }},
      {"part_of_another_shape", Code::malformed, "tensor 1: cannot be a part of tensor 3 [1,2,3,8]",
       [] { return InPlaceConcatModel([](auto& b) {
              b.tensor(3).shape = {1, 2, 3, 8};
            }); }},
      {"part_of_a_part", Code::malformed, "tensor 1: cannot be a part of tensor 2 [1,2,2,4]",
       [] { return InPlaceConcatModel([](auto& b) { b.tensor(1).inside = 2; }); }},
      {"part_at_the_wrong_place", Code::malformed,
       "tensor 2: no concat places it 3 bytes into tensor 3",
       [] { return InPlaceConcatModel([](auto& b) { b.tensor(2).arena_offset = 3; }); }},
      {"parts_on_each_other", Code::malformed,
       "tensor 2: no concat places it 0 bytes into tensor 3",
       [] { return InPlaceConcatModel([](auto& b) { b.tensor(2).arena_offset = 0; }); }},
      {"whole_overlaps_input_through_its_part", Code::malformed,
       "tensor 3: overlaps tensor 0 in the arena while both are needed",
       [] {
         return InPlaceConcatModel(
             [](auto& b) { b.tensor(3).arena_offset = b.tensor(0).arena_offset; });
       }},
      {"output_is_a_part", Code::malformed, "output 0: tensor 1 is not transient and dense",
       [] { return InPlaceConcatModel([](auto& b) { b.model().outputs[0]->tensor = 1; }); }},
  };
}

}  // namespace lutra::test
