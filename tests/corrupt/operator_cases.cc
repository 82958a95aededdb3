// One rule of one operator broken at a time.
#include <limits>

#include "corrupt/cases.h"
#include "corrupt/fixtures.h"

namespace lutra::test {
namespace {

std::vector<uint8_t> EditedConv(const std::function<void(ModelBuilder&, schema::ConvT&)>& edit) {
  return ConvModel([&](ModelBuilder& b) { edit(b, *b.model().operators[0]->options.AsConv()); });
}

/// The Conv with a curve, a sound one but for what `edit` does.
std::vector<uint8_t> CurvedConv(
    const std::function<void(ModelBuilder&, schema::ConvT&, schema::CurveT&)>& edit) {
  return EditedConv([&](ModelBuilder& b, schema::ConvT& conv) {
    conv.curve = std::make_unique<schema::CurveT>();
    conv.curve->coefficients.assign(40, 0.0F);
    edit(b, conv, *conv.curve);
  });
}

/// The Conv with a codebook of 2 bits.
std::vector<uint8_t> CodebookConv(
    const std::vector<int8_t>& table, uint32_t channels,
    const std::function<void(schema::WeightsT&)>& edit = [](schema::WeightsT&) {}) {
  return EditedConv([&](ModelBuilder& b, schema::ConvT& conv) {
    const std::vector<int8_t> indices(3 * 9 * 2, 1);
    conv.weights = b.WithCodebook(b.IntWeights(indices, {1, 2, 3}, {0.5F, 0.25F, 1.0F}, {}, 2),
                                  table, channels);
    edit(*conv.weights);
  });
}

schema::PoolT Pool(schema::PoolKind kind, uint16_t kernel, uint16_t stride, uint16_t pad) {
  schema::PoolT pool;
  pool.kind = kind;
  pool.kernel_h = pool.kernel_w = kernel;
  pool.stride_h = pool.stride_w = stride;
  pool.pad_top = pool.pad_left = pool.pad_bottom = pool.pad_right = pad;
  return pool;
}

schema::PoolT Average(std::vector<uint32_t> counts) {
  schema::PoolT pool = Pool(schema::PoolKind::average, 3, 1, 1);
  pool.multipliers.assign(counts.size(), 0.25F);
  pool.counts = std::move(counts);
  return pool;
}

schema::BinaryT Add(int32_t multiplier) {
  schema::BinaryT add;
  add.multiplier_a = add.multiplier_b = multiplier;
  add.multiplier = 0.5F;
  return add;
}

schema::SliceT Slice(std::vector<int32_t> begin, std::vector<int32_t> step) {
  schema::SliceT slice;
  slice.begin = std::move(begin);
  slice.step = std::move(step);
  return slice;
}

schema::PadT Pad(schema::PadKind kind, std::vector<int32_t> before, std::vector<int32_t> after) {
  schema::PadT pad;
  pad.kind = kind;
  pad.before = std::move(before);
  pad.after = std::move(after);
  return pad;
}

schema::ReduceT Reduce(schema::ReduceKind kind, std::vector<uint8_t> axes) {
  schema::ReduceT reduce;
  reduce.kind = kind;
  reduce.axes = std::move(axes);
  reduce.multiplier = 0.5F;
  return reduce;
}

schema::ResizeT Nearest(std::vector<uint16_t> height, std::vector<uint16_t> width) {
  schema::ResizeT resize;
  resize.height = std::make_unique<schema::ResizeAxisT>();
  resize.height->source = std::move(height);
  resize.width = std::make_unique<schema::ResizeAxisT>();
  resize.width->source = std::move(width);
  return resize;
}

schema::MatMulT MatMul() {
  schema::MatMulT matmul;
  matmul.multiplier = 0.01F;
  return matmul;
}

/// Linear [1,k] -> [1,1] with every weight the same.
/// A Linear of int16 inputs (tensor 0) and one float output (tensor 1), all weights alike.
std::vector<uint8_t> WideModel(
    int32_t k, int8_t weight, const Edit& edit = [](ModelBuilder&) {}) {
  schema::LinearT linear;
  linear.compute = schema::Compute::wide;
  return TypedModel(std::move(linear), schema::TensorType::int16, {1, k},
                    schema::TensorType::float32, {1, 1}, [&](ModelBuilder& b) {
                      b.model().operators[0]->options.AsLinear()->weights = b.ScaledWeights(
                          std::vector<int8_t>(static_cast<size_t>(k), weight), {0.0F}, {1.0F});
                      edit(b);
                    });
}

std::vector<uint8_t> LinearModel(size_t k, int8_t weight, int32_t bias, float multiplier) {
  return Int8Model(schema::LinearT{}, {1, static_cast<int32_t>(k)}, {1, 1}, [&](auto& b) {
    auto* linear = b.model().operators[0]->options.AsLinear();
    linear->weights = b.IntWeights(std::vector<int8_t>(k, weight), {bias}, {multiplier});
  });
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<CorruptCase> StructureCases() {
  return {
      {"operator_unknown", Code::malformed, "operator 0: unknown operator 0",
       [] { return ConvModel([](auto& b) { b.model().operators[0]->options.Reset(); }); }},
      {"operator_without_inputs", Code::malformed, "operator 0 (Conv): has no input",
       [] { return ConvModel([](auto& b) { b.model().operators[0]->inputs.clear(); }); }},
      {"operator_with_two_outputs", Code::malformed,
       "operator 0 (Conv): has not exactly one output",
       [] { return ConvModel([](auto& b) {
              b.model().operators[0]->outputs = {1, 1};
            }); }},
      {"operator_input_missing", Code::malformed, "operator 0 (Conv): an input is tensor 2 of 2",
       [] { return ConvModel([](auto& b) { b.model().operators[0]->inputs = {2}; }); }},
      {"operator_too_many_inputs", Code::malformed, "operator 0 (Conv): 2 inputs instead of 1",
       [] { return ConvModel([](auto& b) {
              b.model().operators[0]->inputs = {0, 0};
            }); }},
      {"operator_on_constants_alone", Code::malformed,
       "operator 0 (Binary): a constant input is not allowed here",
       [] {
         return PairModel(Add(1), {1, 4}, {1, 4}, {1, 4}, [](auto& b) {
           b.model().inputs.resize(1);
           b.tensor(1).lifetime = schema::Lifetime::constant;
           b.tensor(1).blob = b.BlobOf(std::vector<int8_t>(4, 1));
           b.model().operators[0]->inputs = {1, 1};
         });
       }},
  };
}

std::vector<CorruptCase> ConvCases() {
  return {
      {"conv_stride_zero", Code::malformed, "operator 0 (Conv): kernel, stride or dilation is 0",
       [] { return EditedConv([](auto&, auto& conv) { conv.stride_w = 0; }); }},
      {"conv_window_too_large", Code::malformed,
       "operator 0 (Conv): a window of 65535 over 6 padded positions",
       [] { return EditedConv([](auto&, auto& conv) { conv.kernel_h = 65535; }); }},
      {"conv_output_shape_wrong", Code::malformed,
       "operator 0 (Conv): the output's shape is [1,4,4,3] instead of [1,2,4,3]",
       [] { return EditedConv([](auto&, auto& conv) { conv.stride_h = 2; }); }},
      {"conv_groups_zero", Code::malformed,
       "operator 0 (Conv): 0 groups of 2 input and 3 output channels",
       [] { return EditedConv([](auto&, auto& conv) { conv.groups = 0; }); }},
      {"conv_groups_do_not_divide", Code::malformed,
       "operator 0 (Conv): 2 groups of 2 input and 3 output channels",
       [] { return EditedConv([](auto&, auto& conv) { conv.groups = 2; }); }},
      {"conv_dynamic", Code::malformed, "operator 0 (Conv): compute dynamic is for Linear only",
       [] {
         return EditedConv([](auto&, auto& conv) { conv.compute = schema::Compute::dynamic; });
       }},
      {"conv_compute_unknown", Code::malformed, "operator 0 (Conv): unknown compute 4",
       [] {
         return EditedConv(
             [](auto&, auto& conv) { conv.compute = static_cast<schema::Compute>(4); });
       }},
      {"conv_float_on_int8", Code::malformed,
       "operator 0 (Conv): the output is int8 instead of float32",
       [] {
         return EditedConv([](auto&, auto& conv) { conv.compute = schema::Compute::float_; });
       }},
      {"conv_without_weights", Code::malformed, "operator 0 (Conv): has no weights",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights.reset(); }); }},
      {"conv_weights_too_short", Code::malformed,
       "operator 0 (Conv): weights take 54 bytes, blob 2 has 53",
       [] {
         return EditedConv([](auto& b, auto& conv) {
           conv.weights->values = b.BlobOf(std::vector<int8_t>(53, 1));
         });
       }},
      {"conv_weights_blob_missing", Code::malformed,
       "operator 0 (Conv): weights are in blob 40 of 2",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->values = 40; }); }},
      {"conv_params_without_zero_points", Code::malformed,
       "operator 0 (Conv): channel parameters take 27 bytes, blob 1 has 24",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->has_zero_points = true; }); }},
      {"conv_params_longer_than_one_scale", Code::malformed,
       "operator 0 (Conv): channel parameters take 16 bytes, blob 1 has 24",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->one_scale = true; }); }},
      {"conv_params_longer_than_short_bias", Code::malformed,
       "operator 0 (Conv): channel parameters take 20 bytes, blob 1 has 24",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->short_bias = true; }); }},
      {"conv_weights_of_9_bits", Code::malformed,
       "operator 0 (Conv): weights of 9 bits, 2 to 8 are allowed",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->bits = 9; }); }},
      {"conv_fp16_weights_on_int8", Code::malformed,
       "operator 0 (Conv): floating-point weights go with compute float alone",
       [] {
         return EditedConv(
             [](auto&, auto& conv) { conv.weights->kind = schema::WeightKind::fp16; });
       }},
      {"conv_codebook_on_linear_weights", Code::malformed,
       "operator 0 (Conv): a codebook on weights that are none",
       [] {
         return EditedConv([](auto& b, auto& conv) {
           conv.weights->codebook = b.BlobOf(std::vector<int8_t>(256, 0));
         });
       }},
      {"conv_codebook_of_9_bits", Code::malformed,
       "operator 0 (Conv): a codebook of 9 bits, 1 to 8 are allowed",
       [] {
         return CodebookConv({-1, 0, 1, 2}, 0, [](auto& weights) { weights.bits = 9; });
       }},
      {"conv_codebook_of_0_bits", Code::malformed,
       "operator 0 (Conv): a codebook of 0 bits, 1 to 8 are allowed",
       [] {
         return CodebookConv({-1, 0, 1, 2}, 0, [](auto& weights) { weights.bits = 0; });
       }},
      {"conv_codebook_missing", Code::malformed,
       "operator 0 (Conv): codebooks are in blob 65535 of 4",
       [] {
         return CodebookConv({-1, 0, 1, 2}, 0, [](auto& weights) { weights.codebook = 65535; });
       }},
      {"conv_codebook_with_zero_points", Code::malformed,
       "operator 0 (Conv): a codebook with weight zero points",
       [] {
         return CodebookConv({-1, 0, 1, 2}, 0,
                             [](auto& weights) { weights.has_zero_points = true; });
       }},
      {"conv_codebook_of_8_channels", Code::malformed,
       "operator 0 (Conv): 8 channels share a codebook, no multiple of 16",
       [] {
         return CodebookConv({-1, 0, 1, 2}, 8);
       }},
      {"conv_codebook_too_short", Code::malformed,
       "operator 0 (Conv): codebooks take 4 bytes, blob 3 has 3",
       [] {
         return CodebookConv({-1, 0, 1}, 16);
       }},
      {"conv_codebook_falls", Code::malformed,
       "operator 0 (Conv): entry -1 of codebook 0 follows 0",
       [] {
         return CodebookConv({0, -1, 1, 2}, 0);
       }},
      {"conv_codebook_with_minus_128", Code::malformed,
       "operator 0 (Conv): entry -128 of codebook 0 follows -127",
       [] {
         return CodebookConv({-128, 0, 1, 2}, 0);
       }},
      {"curve_of_float_product", Code::malformed,
       "operator 0 (Conv): a curve goes with compute integer alone",
       [] {
         return FloatModel(schema::ConvT{}, {1, 1, 1, 1}, {1, 1, 1, 1}, [](auto& b) {
           auto* conv = b.model().operators[0]->options.AsConv();
           conv->compute = schema::Compute::float_;
           conv->weights = b.FloatWeights({1.0F}, {0.0F});
           conv->curve = std::make_unique<schema::CurveT>();
         });
       }},
      {"curve_without_coefficients", Code::malformed,
       "operator 0 (Conv): a curve of 0 coefficients, not 40",
       [] { return CurvedConv([](auto&, auto&, auto& curve) { curve.coefficients.clear(); }); }},
      {"curve_of_too_many_coefficients", Code::malformed,
       "operator 0 (Conv): a curve of 41 coefficients, not 40",
       [] { return CurvedConv([](auto&, auto&, auto& curve) { curve.coefficients.resize(41); }); }},
      {"curve_offset_nan", Code::malformed,
       "operator 0 (Conv): the curve's offset is not finite, or above 2^30",
       [] {
         return CurvedConv([](auto&, auto&, auto& curve) {
           curve.offset = std::numeric_limits<float>::quiet_NaN();
         });
       }},
      {"curve_coefficient_infinite", Code::malformed,
       "operator 0 (Conv): coefficient 9 of the curve is not finite, or above 2^30",
       [] {
         return CurvedConv([](auto&, auto&, auto& curve) { curve.coefficients[9] = kInfinity; });
       }},
      {"curve_end_bends", Code::malformed,
       "operator 0 (Conv): piece 7 of the curve, which has no end, is no straight line",
       [] {
         return CurvedConv([](auto&, auto&, auto& curve) { curve.coefficients[23] = 1e-9F; });
       }},
      {"curve_multiplier_large", Code::malformed,
       "operator 0 (Conv): multiplier 2.19902e+12 of channel 1 leads to a curve and is above 2^40",
       [] {
         return CurvedConv([](auto& b, auto& conv, auto&) {
           conv.weights =
               b.IntWeights(std::vector<int8_t>(3 * 9 * 2, 1), {1, 2, 3}, {0.5F, 0x1p41F, 1.0F});
         });
       }},
      {"curve_factors_absent", Code::malformed,
       "operator 0 (Conv): factors of a curve are in blob 77 of 2",
       [] { return CurvedConv([](auto&, auto&, auto& curve) { curve.factors = 77; }); }},
      {"curve_factor_negative", Code::malformed,
       "operator 0 (Conv): factor -1 of channel 2 is not normal, positive and at most 2^20",
       [] {
         return CurvedConv([](auto& b, auto&, auto& curve) {
           const std::vector<float> factors = {1.0F, 0x1p20F, -1.0F};
           const auto* bytes = reinterpret_cast<const uint8_t*>(factors.data());
           curve.factors = b.Blob({bytes, bytes + 12});
         });
       }},
      {"conv_group_of_48", Code::malformed,
       "operator 0 (Conv): 48 weights share a scale, 32, 64 and 128 are allowed",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->group = 48; }); }},
      {"conv_group_of_8_bits", Code::malformed,
       "operator 0 (Conv): a scale per group goes with linear weights of 4 bits alone",
       [] { return EditedConv([](auto&, auto& conv) { conv.weights->group = 32; }); }},
      {"conv_group_of_many_pixels", Code::malformed,
       "operator 0 (Conv): a scale per group in a convolution of more than one pixel, or of groups",
       [] {
         return EditedConv([](auto&, auto& conv) {
           conv.weights->group = 32;
           conv.weights->bits = 4;
         });
       }},
      {"conv_range_empty", Code::malformed, "operator 0 (Conv): range 5..4 is empty",
       [] {
         return EditedConv([](auto&, auto& conv) {
           conv.int_range =
               std::make_unique<schema::IntRange>(static_cast<int8_t>(5), static_cast<int8_t>(4));
         });
       }},
      {"conv_float_range_on_int8", Code::malformed,
       "operator 0 (Conv): a float range on an operator that takes none",
       [] {
         return EditedConv([](auto&, auto& conv) {
           conv.float_range = std::make_unique<schema::FloatRange>(0.0F, 6.0F);
         });
       }},
  };
}

std::vector<CorruptCase> WeightCases() {
  return {
      {"multiplier_negative", Code::malformed,
       "operator 0 (Linear): multiplier -1 of channel 0 is not finite, normal and positive",
       [] { return LinearModel(4, 1, 0, -1.0F); }},
      {"multiplier_infinite", Code::malformed,
       "operator 0 (Linear): multiplier inf of channel 0 is not finite, normal and positive",
       [] { return LinearModel(4, 1, 0, kInfinity); }},
      // 4 * 127 over the bias, or 4 * 128 below it: the bias is chosen so that the largest sum is
      // INT32_MAX + 1.
      {"sum_overflows_by_bias", Code::malformed,
       "operator 0 (Linear): sums 2147482628..2147483648 of channel 0 do not fit int32",
       [] { return LinearModel(4, 1, INT32_MAX - 4 * 127 + 1, 1.0F); }},
      // A negative weight turns the two round: 4 * 3 * 127 below the bias.
      {"sum_underflows_by_bias", Code::malformed,
       "operator 0 (Linear): sums -2147483649..-2147480589 of channel 0 do not fit int32",
       [] { return LinearModel(4, -3, INT32_MIN + 4 * 3 * 127 - 1, 1.0F); }},
      // 16 weights of 7 - (-100) = 107: 16 * 107 * 127 = 217424 over, 16 * 107 * 128 below.
      {"sum_overflows_in_4_bits_with_zero_point", Code::malformed,
       "operator 0 (Linear): sums 2147047088..2147483648 of channel 0 do not fit int32",
       [] {
         return Int8Model(schema::LinearT{}, {1, 16}, {1, 1}, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->weights = b.IntWeights(
               std::vector<int8_t>(16, 7), {INT32_MAX - 217424 + 1}, {1.0F}, {-100}, 4);
         });
       }},
      // Entries, not indices, decide: 4 * 64 * 127 over the bias.
      {"sum_overflows_in_a_codebook", Code::malformed,
       "operator 0 (Linear): sums 2147418368..2147483648 of channel 0 do not fit int32",
       [] {
         return Int8Model(schema::LinearT{}, {1, 4}, {1, 1}, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->weights =
               b.WithCodebook(b.IntWeights(std::vector<int8_t>(4, 1),
                                           {INT32_MAX - 4 * 64 * 127 + 1}, {1.0F}, {}, 1),
                              {0, 64});
         });
       }},
      {"wide_reads_int8", Code::malformed, "operator 0 (Conv): an input is int8 instead of int16",
       [] { return EditedConv([](auto&, auto& conv) { conv.compute = schema::Compute::wide; }); }},
      {"wide_gives_int8", Code::malformed,
       "operator 0 (Linear): the output is int8 instead of float32",
       [] {
         return WideModel(2, 1, [](auto& b) {
           b.tensor(1).type = schema::TensorType::int8;
           b.tensor(1).scale = 1;
         });
       }},
      {"wide_with_integer_range", Code::malformed,
       "operator 0 (Linear): an integer range on an operator that takes none",
       [] {
         return WideModel(2, 1, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->int_range =
               std::make_unique<schema::IntRange>(-1, 1);
         });
       }},
      {"wide_with_curve", Code::malformed,
       "operator 0 (Linear): a curve goes with compute integer alone",
       [] {
         return WideModel(2, 1, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->curve = std::make_unique<schema::CurveT>();
         });
       }},
      {"wide_bias_infinite", Code::malformed,
       "operator 0 (Linear): bias of channel 0 is not finite",
       [] {
         return WideModel(1, 1, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->weights =
               b.ScaledWeights({1}, {kInfinity}, {1.0F});
         });
       }},
      {"wide_float_weights", Code::malformed,
       "operator 0 (Linear): floating-point weights go with compute float alone",
       [] {
         return WideModel(1, 1, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->weights = b.FloatWeights({1.0F}, {0.0F});
         });
       }},
      // 128 * 128 * 131072 = 2^31.
      {"wide_sum_overflows", Code::malformed,
       "operator 0 (Linear): sums -2130706432..2147483648 of channel 0 do not fit int32",
       [] { return WideModel(131072, -128); }},
      {"float_weight_nan", Code::malformed, "operator 0 (Linear): weight 2 is not finite",
       [] {
         return FloatModel(schema::LinearT{}, {1, 3}, {1, 1}, [](auto& b) {
           auto* linear = b.model().operators[0]->options.AsLinear();
           linear->compute = schema::Compute::float_;
           linear->weights =
               b.FloatWeights({1.0F, 2.0F, std::numeric_limits<float>::quiet_NaN()}, {0.0F});
         });
       }},
      {"float_bias_infinite", Code::malformed,
       "operator 0 (Linear): bias of channel 0 is not finite",
       [] {
         return FloatModel(schema::LinearT{}, {1, 1}, {1, 1}, [](auto& b) {
           auto* linear = b.model().operators[0]->options.AsLinear();
           linear->compute = schema::Compute::dynamic;
           linear->weights = b.ScaledWeights({1}, {kInfinity}, {1.0F});
         });
       }},
      {"linear_output_shape_wrong", Code::malformed,
       "operator 0 (Linear): the output's shape is [1,3,1] instead of [1,2,1]",
       [] {
         return Int8Model(schema::LinearT{}, {1, 2, 4}, {1, 3, 1}, [](auto& b) {
           b.model().operators[0]->options.AsLinear()->weights =
               b.IntWeights({1, 1, 1, 1}, {0}, {1.0F});
         });
       }},
  };
}

std::vector<CorruptCase> ArithmeticCases() {
  return {
      {"quantize_int16_without_scale", Code::malformed,
       "operator 0 (Quantize): the output's scale 0 is not finite, normal and positive",
       [] {
         return TypedModel(schema::QuantizeT{}, schema::TensorType::float32, {1, 3},
                           schema::TensorType::int16, {1, 3},
                           [](auto& b) { b.tensor(1).scale = 0; });
       }},
      {"matmul_wide", Code::malformed, "operator 0 (MatMul): compute is neither integer nor float",
       [] {
         auto matmul = MatMul();
         matmul.compute = schema::Compute::wide;
         return PairModel(std::move(matmul), {1, 2, 3}, {1, 3, 2}, {1, 2, 2});
       }},
      {"matmul_inner_sizes_differ", Code::malformed,
       "operator 0 (MatMul): cannot multiply [1,2,3] by [1,4,2]",
       [] {
         return PairModel(MatMul(), {1, 2, 3}, {1, 4, 2}, {1, 2, 2});
       }},
      {"matmul_mixes_samples", Code::malformed,
       "operator 0 (MatMul): mixes the samples of a batch in a model that is batchable",
       [] {
         return PairModel(MatMul(), {2, 3}, {3, 2}, {2, 2});
       }},
      {"matmul_sum_overflows", Code::malformed,
       "operator 0 (MatMul): sums up to 2147500032 do not fit int32",
       [] {
         return PairModel(MatMul(), {1, 1, 131073}, {1, 131073, 1}, {1, 1, 1});
       }},
      {"binary_cannot_broadcast", Code::malformed,
       "operator 0 (Binary): cannot broadcast [1,3] and [1,2]",
       [] {
         return PairModel(Add(1), {1, 3}, {1, 2}, {1, 3});
       }},
      {"binary_kind_unknown", Code::malformed, "operator 0 (Binary): unknown kind 7",
       [] {
         auto add = Add(1);
         add.kind = static_cast<schema::BinaryKind>(7);
         return PairModel(std::move(add), {1, 3}, {1, 3}, {1, 3});
       }},
      {"binary_int8_division", Code::malformed, "operator 0 (Binary): kind div has no int8 form",
       [] {
         auto div = Add(1);
         div.kind = schema::BinaryKind::div;
         return PairModel(std::move(div), {1, 3}, {1, 3}, {1, 3});
       }},
      {"binary_sum_overflows", Code::malformed,
       "operator 0 (Binary): sums up to 2147483648 do not fit int32",
       [] {
         return PairModel(Add(1 << 23), {1, 3}, {1, 3}, {1, 3});
       }},
      {"binary_types_differ", Code::malformed,
       "operator 0 (Binary): an input is float32 instead of int8",
       [] {
         return PairModel(Add(1), {1, 3}, {1, 3}, {1, 3},
                          [](auto& b) { b.tensor(1).type = schema::TensorType::float32; });
       }},
      {"unary_on_int8", Code::malformed, "operator 0 (Unary): an input is int8 instead of float32",
       [] {
         return Int8Model(schema::UnaryT{}, {1, 3}, {1, 3});
       }},
      {"unary_kind_unknown", Code::malformed, "operator 0 (Unary): unknown kind 200",
       [] {
         schema::UnaryT unary;
         unary.kind = static_cast<schema::UnaryKind>(200);
         return FloatModel(unary, {1, 3}, {1, 3});
       }},
      {"swish_by_nan", Code::malformed, "operator 0 (Unary): a parameter is NaN",
       [] {
         schema::UnaryT swish;
         swish.kind = schema::UnaryKind::swish;
         swish.alpha = std::numeric_limits<float>::quiet_NaN();
         return FloatModel(swish, {1, 3}, {1, 3});
       }},
      {"prelu_without_slope", Code::malformed, "operator 0 (Unary): 1 inputs instead of 2",
       [] {
         schema::UnaryT prelu;
         prelu.kind = schema::UnaryKind::prelu;
         return FloatModel(std::move(prelu), {1, 3}, {1, 3});
       }},
      {"lookup_table_too_short", Code::malformed,
       "operator 0 (Lookup): table entries take 256 bytes, blob 0 has 255",
       [] {
         return Int8Model(schema::LookupT{}, {1, 3}, {1, 3},
                          [](auto& b) { b.BlobOf(std::vector<int8_t>(255, 0)); });
       }},
      {"softmax_table_rises", Code::malformed,
       "operator 0 (Softmax): entry 1 of the table, 16777217, is not below the one before",
       [] {
         schema::SoftmaxT softmax;
         softmax.multiplier = 256.0F;
         return Int8Model(std::move(softmax), {1, 3}, {1, 3}, [](auto& b) {
           std::vector<uint32_t> table(256, 1U << 24);
           table[1] += 1;
           b.BlobOf(table);
         });
       }},
      {"requantize_multiplier_zero", Code::malformed,
       "operator 0 (Requantize): multiplier 0 is not finite, normal and positive",
       [] {
         return Int8Model(schema::RequantizeT{}, {1, 3}, {1, 3});
       }},
      {"quantize_int8", Code::malformed,
       "operator 0 (Quantize): an input is int8 instead of float32",
       [] {
         return Int8Model(schema::QuantizeT{}, {1, 3}, {1, 3});
       }},
  };
}

std::vector<CorruptCase> ImageCases() {
  return {
      {"pool_of_padding_alone", Code::malformed, "operator 0 (Pool): window 0 covers padding only",
       [] {
         return Int8Model(Pool(schema::PoolKind::max, 1, 1, 1), {1, 2, 2, 1}, {1, 4, 4, 1});
       }},
      {"pool_output_shape_wrong", Code::malformed,
       "operator 0 (Pool): the output's shape is [1,4,4,1], the windows give 2 x 2",
       [] {
         return Int8Model(Pool(schema::PoolKind::max, 2, 2, 0), {1, 5, 5, 1}, {1, 4, 4, 1});
       }},
      {"pool_changes_scale", Code::malformed,
       "operator 0 (Pool): input 0 and the output differ in scale or zero point",
       [] {
         return Int8Model(Pool(schema::PoolKind::max, 2, 2, 0), {1, 4, 4, 1}, {1, 2, 2, 1},
                          [](auto& b) { b.tensor(1).scale = 0.75F; });
       }},
      {"average_count_missing", Code::malformed,
       "operator 0 (Pool): no multiplier for windows of 6 elements",
       [] {
         return Int8Model(Average({4, 9}), {1, 4, 4, 1}, {1, 4, 4, 1});
       }},
      {"average_counts_unordered", Code::malformed,
       "operator 0 (Pool): count 6 is out of order or range",
       [] {
         return Int8Model(Average({4, 9, 6}), {1, 4, 4, 1}, {1, 4, 4, 1});
       }},
      {"pool_window_too_many_elements", Code::limit,
       "operator 0 (Pool): windows of more than 65536 elements",
       [] {
         return Int8Model(Pool(schema::PoolKind::max, 257, 1, 128), {1, 300, 300, 1},
                          {1, 300, 300, 1});
       }},
      {"reduce_axes_with_a_gap", Code::malformed,
       "operator 0 (Reduce): the axes are not consecutive dimensions",
       [] {
         return Int8Model(Reduce(schema::ReduceKind::mean, {1, 3}), {1, 2, 2, 2}, {1, 1, 2, 1});
       }},
      {"reduce_mixes_samples", Code::malformed,
       "operator 0 (Reduce): mixes the samples of a batch in a model that is batchable",
       [] {
         return Int8Model(Reduce(schema::ReduceKind::mean, {0}), {2, 2}, {1, 2});
       }},
      {"reduce_int8_product", Code::malformed, "operator 0 (Reduce): kind prod has no int8 form",
       [] {
         return Int8Model(Reduce(schema::ReduceKind::prod, {1}), {1, 2}, {1, 1});
       }},
      {"resize_reads_outside", Code::malformed,
       "operator 0 (Resize): position 1 reads beyond the input's 2",
       [] {
         return Int8Model(Nearest({0, 2}, {0, 1}), {1, 2, 2, 1}, {1, 2, 2, 1});
       }},
      {"resize_positions_missing", Code::malformed,
       "operator 0 (Resize): 3 positions and 0 weights for an axis of 4",
       [] {
         return Int8Model(Nearest({0, 0, 1, 1}, {0, 0, 1}), {1, 2, 2, 1}, {1, 4, 4, 1});
       }},
  };
}

std::vector<CorruptCase> MovementCases() {
  return {
      {"transpose_repeats", Code::malformed,
       "operator 0 (Transpose): the permutation names dimension 2 twice or not at all",
       [] {
         schema::TransposeT transpose;
         transpose.permutation = {0, 1, 1};
         return Int8Model(std::move(transpose), {1, 2, 3}, {1, 2, 2});
       }},
      {"slice_past_the_end", Code::malformed,
       "operator 0 (Slice): dimension 1: 3 values from 1 with step 2 leave 0..4",
       [] {
         return Int8Model(Slice({0, 1}, {1, 2}), {1, 5}, {1, 3});
       }},
      {"slice_step_zero", Code::malformed,
       "operator 0 (Slice): dimension 1: 3 values from 1 with step 0 leave 0..4",
       [] {
         return Int8Model(Slice({0, 1}, {1, 0}), {1, 5}, {1, 3});
       }},
      {"slice_step_overflows", Code::malformed,
       "operator 0 (Slice): dimension 1: 3 values from 0 with step 2147483647 leave 0..4",
       [] {
         return Int8Model(Slice({0, 0}, {1, INT32_MAX}), {1, 5}, {1, 3});
       }},
      {"slice_mixes_samples", Code::malformed,
       "operator 0 (Slice): mixes the samples of a batch in a model that is batchable",
       [] {
         return Int8Model(Slice({1, 0}, {1, 1}), {2, 5}, {1, 5});
       }},
      {"pad_reflects_too_much", Code::malformed,
       "operator 0 (Pad): dimension 1: reflecting 3 and 0 of 3",
       [] {
         return Int8Model(Pad(schema::PadKind::reflect, {0, 3}, {0, 0}), {1, 3}, {1, 6});
       }},
      {"pad_crops_everything", Code::malformed,
       "operator 0 (Pad): dimension 1: cropping by -4 and 4",
       [] {
         return Int8Model(Pad(schema::PadKind::constant, {0, -4}, {0, 4}), {1, 3}, {1, 3});
       }},
      {"pad_output_shape_wrong", Code::malformed,
       "operator 0 (Pad): the output's shape is [1,4] instead of [1,5]",
       [] {
         return Int8Model(Pad(schema::PadKind::constant, {0, 1}, {0, 1}), {1, 3}, {1, 4});
       }},
      {"pad_value_beyond_int16", Code::malformed, "operator 0 (Pad): a value of 40000 for int16",
       [] {
         schema::PadT pad = Pad(schema::PadKind::constant, {0, 1}, {0, 1});
         pad.wide_value = 40000;
         return TypedModel(std::move(pad), schema::TensorType::int16, {1, 3},
                           schema::TensorType::int16, {1, 5});
       }},
      {"pad_value_2_of_bool", Code::malformed, "operator 0 (Pad): a value of 2 for bool",
       [] {
         schema::PadT pad = Pad(schema::PadKind::constant, {0, 1}, {0, 1});
         pad.wide_value = 2;
         return TypedModel(std::move(pad), schema::TensorType::bool_, {1, 3},
                           schema::TensorType::bool_, {1, 5});
       }},
      {"reshape_changes_type", Code::malformed,
       "operator 0 (Reshape): an input is int64 instead of int32",
       [] {
         return TypedModel(schema::ReshapeT{}, schema::TensorType::int64, {1, 4},
                           schema::TensorType::int32, {4, 1});
       }},
      {"unary_of_int64", Code::malformed,
       "operator 0 (Unary): an input is int64; it takes float32 and int8",
       [] {
         return TypedModel(schema::UnaryT{}, schema::TensorType::int64, {1, 4},
                           schema::TensorType::int64, {1, 4});
       }},
      {"reduce_of_float16", Code::malformed,
       "operator 0 (Reduce): an input is float16; it takes float32 and int8",
       [] {
         return TypedModel(Reduce(schema::ReduceKind::max, {1}), schema::TensorType::float16,
                           {1, 4}, schema::TensorType::float16, {1, 1});
       }},
      {"cast_changes_shape", Code::malformed,
       "operator 0 (Cast): the output's shape is [4,1] instead of [1,4]",
       [] {
         return TypedModel(schema::CastT{}, schema::TensorType::int64, {1, 4},
                           schema::TensorType::float32, {4, 1});
       }},
      {"cast_of_scaled_int8", Code::malformed,
       "operator 0 (Cast): int8 of scale 0.5 and zero point 0 is no plain integer",
       [] {
         return TypedModel(schema::CastT{}, schema::TensorType::int8, {1, 4},
                           schema::TensorType::float32, {1, 4},
                           [](auto& b) { b.tensor(0).scale = 0.5F; });
       }},
      {"top_k_without_indices", Code::malformed, "operator 0 (TopK): 1 outputs instead of 2",
       [] {
         return TopKModel([](auto& b) {
           b.model().operators[0]->outputs.pop_back();
           b.model().outputs.pop_back();
         });
       }},
      {"top_k_of_more_than_there_are", Code::malformed, "operator 0 (TopK): 6 of 5 values",
       [] {
         return TopKModel([](auto& b) {
           b.tensor(1).shape = {2, 6};
           b.model().outputs[0]->shape = {2, 6};
         });
       }},
      {"top_k_indices_of_another_shape", Code::malformed,
       "operator 0 (TopK): the output's shape is [2,2] instead of [2,3]",
       [] {
         return TopKModel([](auto& b) {
           b.tensor(2).shape = {2, 2};
           b.model().outputs[1]->shape = {2, 2};
         });
       }},
      {"top_k_indices_of_int32", Code::malformed,
       "operator 0 (TopK): the indices are int32 instead of int64",
       [] {
         return TopKModel([](auto& b) {
           b.tensor(2).type = schema::TensorType::int32;
           b.model().outputs[1]->preferred = schema::TensorType::int32;
         });
       }},
      {"top_k_of_int64", Code::malformed,
       "operator 0 (TopK): an input is int64; it takes float32 and int8",
       [] {
         return TopKModel([](auto& b) {
           b.tensor(0).type = schema::TensorType::int64;
           b.model().inputs[0]->preferred = schema::TensorType::int64;
           b.PlaceTensors();
         });
       }},
      {"top_k_outputs_twice_the_same", Code::malformed,
       "operator 0 (TopK): an input is float32 instead of int64",
       [] { return TopKModel([](auto& b) {
              b.model().operators[0]->outputs = {2, 2};
            }); }},
      {"top_k_outputs_overlap", Code::malformed,
       "tensor 2: overlaps tensor 1 in the arena while both are needed",
       [] {
         return TopKModel([](auto& b) { b.tensor(2).arena_offset = b.tensor(1).arena_offset; });
       }},
      {"concat_axis_missing", Code::malformed, "operator 0 (Concat): axis 2 of 2 dimensions",
       [] {
         schema::ConcatT concat;
         concat.axis = 2;
         return PairModel(std::move(concat), {1, 3}, {1, 2}, {1, 5});
       }},
      {"concat_shapes_differ", Code::malformed,
       "operator 0 (Concat): input 1 has the shape [1,3,2]",
       [] {
         schema::ConcatT concat;
         concat.axis = 2;
         return PairModel(std::move(concat), {1, 2, 3}, {1, 3, 2}, {1, 2, 5});
       }},
      {"reshape_elements_differ", Code::malformed,
       "operator 0 (Reshape): [1,6] and [1,2,4] differ in elements",
       [] {
         return Int8Model(schema::ReshapeT{}, {1, 6}, {1, 2, 4});
       }},
  };
}

}  // namespace

std::vector<CorruptCase> OperatorCases() {
  std::vector<CorruptCase> all;
  for (const auto& cases : {StructureCases(), ConvCases(), WeightCases(), ArithmeticCases(),
                            ImageCases(), MovementCases()}) {
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

}  // namespace lutra::test
