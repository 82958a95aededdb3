#include "runtime/weights.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/half.h"
#include "kernels/pieces.h"
#include "kernels/sparse.h"
#include "schema/params.h"

namespace lutra {
namespace {

int8_t IntegerAt(const WeightSource& source, size_t row, size_t element) {
  const int8_t* table = source.tables == nullptr ? nullptr : source.Table(row);
  return kernels::EntryOf(table, source.bits(),
                          kernels::CodeAt(source.values, source.bits(), element));
}

void ExpandInt(const WeightSource& source, size_t first, size_t rows, int8_t* out) {
  for (size_t row = first; row < first + rows; ++row) {
    for (size_t i = 0; i < source.k; ++i) *out++ = IntegerAt(source, row, row * source.k + i);
  }
}

/// Of the channels of a group, one each.
void RepeatTables(const WeightSource& source, size_t first, size_t rows, int8_t* out) {
  const size_t entries = source.format.TableEntries();
  for (size_t row = first; row < first + rows; ++row, out += entries) {
    std::memcpy(out, source.Table(row), entries);
  }
}

void ExpandFloat(const WeightSource& source, size_t first, size_t rows, float* out) {
  for (size_t row = first; row < first + rows; ++row) {
    for (size_t i = 0; i < source.k; ++i) {
      const size_t element = row * source.k + i;
      float value = 0.0F;
      if (source.format.kind == WeightKind::fp16) {
        uint16_t half;
        std::memcpy(&half, source.values + element * sizeof(half), sizeof(half));
        value = HalfToFloat(half);
      } else {
        const int32_t zero_point = source.zero_points == nullptr ? 0 : source.zero_points[row];
        const int32_t q = IntegerAt(source, row, element) - zero_point;
        value = source.Scale(row) * static_cast<float>(q * source.GroupScale(row, i));
      }
      *out++ = value;
    }
  }
}

/// Of one group of n channels, what the kernels cannot read from the file: as floats, an 8-bit
/// codebook as int8, tables that begin within a group.
size_t ExpandedValueBytes(const WeightSource& source, const kernels::WeightForm& form, size_t n) {
  const size_t elements = SaturatingMultiply(n, source.k);
  if (source.compute == schema::Compute::float_) {
    return source.format.kind == WeightKind::fp32 ? 0 : SaturatingMultiply(elements, sizeof(float));
  }
  if (form.coded()) return form.one_by_one() ? n * source.format.TableEntries() : 0;
  return source.tables != nullptr ? elements : 0;
}

/// The same of the parameters of an integer group: 16-bit biases, and a scale for all channels.
struct ExpandedParams {
  ExpandedParams(const WeightSource& source, size_t n, void* memory) {
    if (source.compute == schema::Compute::float_) return;
    kernels::Pieces pieces(memory);
    bias = pieces.Take<int32_t>(source.short_bias != nullptr ? n : 0);
    scale = pieces.Take<float>(source.one_scale() ? n : 0);
    bytes = pieces.bytes();
  }
  int32_t* bias = nullptr;
  float* scale = nullptr;
  size_t bytes = 0;
};

kernels::FloatWeights FloatGroup(const WeightSource& source, size_t first, size_t n,
                                 float* expanded) {
  const float* values = expanded;
  if (source.format.kind == WeightKind::fp32) {
    values = reinterpret_cast<const float*>(source.values) + first * source.k;
  } else {
    ExpandFloat(source, first, n, expanded);
  }
  return {.n = n,
          .k = source.k,
          .values = values,
          .stride_n = source.k,
          .bias = source.float_bias + first};
}

kernels::IntWeights IntGroup(const WeightSource& source, const kernels::WeightForm& form,
                             size_t first, size_t n, int32_t left_zero_point, int8_t* expanded,
                             const ExpandedParams& params) {
  kernels::IntWeights weights{.n = n,
                              .k = source.k,
                              .form = form,
                              .stride_n = source.k,
                              .left_zero_point = left_zero_point};
  weights.scale = source.one_scale() ? params.scale : source.scale + first;
  if (source.one_scale()) std::fill_n(params.scale, n, *source.scale);
  if (source.int_bias != nullptr) weights.bias = source.int_bias + first;
  if (source.short_bias != nullptr) {
    weights.bias = params.bias;
    std::copy_n(source.short_bias + first, n, params.bias);
  }
  if (source.float_bias != nullptr) weights.float_bias = source.float_bias + first;
  if (source.curve_factors != nullptr) weights.factor = source.curve_factors + first;
  if (source.zero_points != nullptr) weights.zero_points = source.zero_points + first;
  if (form.coded()) {
    weights.codes = source.values;
    weights.first_code = first * source.k;
    weights.factors = source.group_scales + first * kernels::RunCount(source.k, form);
    if (form.one_by_one()) {
      RepeatTables(source, first, n, expanded);
      weights.tables = expanded;
    } else if (source.tables != nullptr) {
      weights.tables = source.Table(first);
    }
  } else if (source.tables == nullptr) {
    weights.values = reinterpret_cast<const int8_t*>(source.values) + first * source.k;
  } else {
    ExpandInt(source, first, n, expanded);
    weights.values = expanded;
  }
  return weights;
}

}  // namespace

kernels::WeightForm FormOf(const WeightSource& source, size_t groups) {
  kernels::WeightForm form;
  if (source.compute == schema::Compute::float_ || source.bits() == 8) return form;
  form.bits = source.bits();
  form.largest = 1 << (source.format.bits - 1);
  form.run = source.format.group;
  if (source.tables == nullptr) return form;
  const size_t n = source.n / groups;
  if (source.table_channels() < n) form.table_channels = source.table_channels();
  // Tables that begin within a group: then each channel gets its own.
  if (n % source.table_channels() != 0 && source.table_channels() % n != 0 && groups > 1) {
    form.table_channels = 1;
  }
  form.largest = 0;
  const int8_t* end = source.Table(source.n - 1) + source.format.TableEntries();
  for (const int8_t* entry = source.tables; entry != end; ++entry) {
    form.largest = std::max(form.largest, std::abs(int32_t{*entry}));
  }
  return form;
}

WeightSource ReadWeights(const ModelView& view, const schema::Weights& weights,
                         schema::Compute compute, size_t n, size_t k, const schema::Curve* curve) {
  WeightSource source;
  source.format = FormatOf(weights);
  source.compute = compute;
  source.n = n;
  source.k = k;
  source.values = view.Blob(weights.values());
  const uint8_t* params = view.Blob(weights.params());
  const ParamLayout layout = LayOutParams(weights, n, k);
  if (compute != schema::Compute::integer) {
    source.float_bias = reinterpret_cast<const float*>(params);
  } else if (weights.short_bias()) {
    source.short_bias = reinterpret_cast<const int16_t*>(params);
  } else {
    source.int_bias = reinterpret_cast<const int32_t*>(params);
  }
  if (source.format.HasIntegers())
    source.scale = reinterpret_cast<const float*>(params + layout.scale_begin);
  if (weights.has_zero_points()) {
    source.zero_points = reinterpret_cast<const int8_t*>(params + layout.zero_point_begin);
  }
  if (weights.group() != 0) source.group_scales = params + layout.group_scale_begin;
  if (source.format.kind == WeightKind::codebook) {
    source.tables = reinterpret_cast<const int8_t*>(view.Blob(weights.codebook()));
  }
  if (curve != nullptr && curve->factors() != kNoIndex) {
    source.curve_factors = reinterpret_cast<const float*>(view.Blob(curve->factors()));
  }
  return source;
}

void AllowSparse(const WeightSource& source, const kernels::Row& row, bool winograd,
                 PackTarget* target) {
  const bool possible = row.int_gemm.skips_blocks && source.compute != schema::Compute::float_ &&
                        source.zero_points == nullptr && source.group_scales == nullptr &&
                        source.k <= kernels::kMostSparseK;
  target->sparse = possible ? &row.int_gemm : nullptr;
  target->most_kept_percent = winograd || target->form.coded() ? kernels::kMostKeptPercentOfFaster
                                                               : kernels::kMostKeptPercent;
}

void ChooseSparse(const WeightSource& source, PackTarget* target) {
  if (target->sparse == nullptr) return;
  const size_t n = source.n / target->groups;
  const size_t all = kernels::BandCount(n) * kernels::BlocksOfBand(source.k);
  const size_t most = all * target->most_kept_percent / 100;
  kernels::WeightForm form = target->form;
  for (size_t group = 0; group < target->groups; ++group) {
    const auto weight_of = [&source, first = group * n](size_t row, size_t i) {
      return IntegerAt(source, first + row, (first + row) * source.k + i);
    };
    form.blocks = std::max(form.blocks, kernels::CountKeptBlocks(n, source.k, most, weight_of));
    if (form.blocks > most) return;
  }
  if (target->sparse->packed_bytes(n, source.k, form) >
      target->int_bytes(n, source.k, target->form)) {
    return;
  }
  target->form = form;
  target->int_bytes = target->sparse->packed_bytes;
  target->pack_int = target->sparse->pack;
}

size_t OpenChoice::ScratchBytes(const kernels::GemmProblem& problem, size_t threads) const {
  if (dense == nullptr) return 0;
  kernels::GemmProblem as_dense = problem;
  as_dense.form = dense_form;
  dense->plan(as_dense, threads);
  kernels::GemmProblem as_sparse = problem;
  as_sparse.form = dense_form;
  as_sparse.form.blocks = 1;  // how many does not matter
  sparse->plan(as_sparse, threads);
  return std::max(as_dense.scratch_bytes, as_sparse.scratch_bytes);
}

const void* PackWeights(const WeightSource& source, const PackTarget& target,
                        int32_t left_zero_point, Bump& block) {
  const bool to_float = source.compute == schema::Compute::float_;
  const size_t n = source.n / target.groups;
  const size_t packed_bytes =
      to_float ? target.float_bytes(n, source.k) : target.int_bytes(n, source.k, target.form);
  auto* packed = static_cast<uint8_t*>(block.Take(SaturatingMultiply(packed_bytes, target.groups)));
  const size_t value_bytes =
      SaturatingAdd(ExpandedValueBytes(source, target.form, n), 3) & ~size_t{3};
  const size_t expanded_bytes =
      SaturatingAdd(value_bytes, ExpandedParams(source, n, nullptr).bytes);
  auto* expanded =
      static_cast<uint8_t*>(expanded_bytes == 0 ? nullptr : block.Borrow(expanded_bytes));
  if (!block.placing()) return nullptr;
  for (size_t group = 0; group < target.groups; ++group) {
    uint8_t* out = packed + group * packed_bytes;
    if (to_float) {
      target.pack_float(FloatGroup(source, group * n, n, reinterpret_cast<float*>(expanded)), out);
    } else {
      target.pack_int(IntGroup(source, target.form, group * n, n, left_zero_point,
                               reinterpret_cast<int8_t*>(expanded),
                               ExpandedParams(source, n, expanded + value_bytes)),
                      out);
    }
  }
  return packed;
}

static_assert(kernels::kCurvePieces == kCurvePieces && kernels::kCurveDegree + 1 == kCurvePowers);

kernels::Curve ToCurve(const schema::Curve* curve) {
  if (curve == nullptr) return {};
  return {curve->coefficients()->data(), curve->offset(), curve->factors() != kNoIndex};
}

kernels::OutputQuant ToOutputQuant(const Tensor& output, const schema::IntRange* range) {
  kernels::OutputQuant quant;
  quant.zero_point = output.zero_point;
  if (range != nullptr) {
    quant.lo = range->lo();
    quant.hi = range->hi();
  }
  return quant;
}

kernels::FloatClamp ToFloatClamp(const schema::FloatRange* range) {
  kernels::FloatClamp clamp;
  if (range != nullptr) {
    clamp.lo = range->lo();
    clamp.hi = range->hi();
  }
  return clamp;
}

}  // namespace lutra
