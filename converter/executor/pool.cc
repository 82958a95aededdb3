// Pooling. Plain float32 MaxPool and AveragePool of at most three spatial axes run on oneDNN; what
// it does not know (indices, integers, Lp, windows that hang over the padding) runs in loops over
// the same geometry. Global pooling is a window as large as the input.
#include "converter/executor/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

// ---- On oneDNN.

/// Tail padding that makes oneDNN's arithmetic give this result; ceil_mode adds to it.
onednn::Dims TailPads(const PoolGeometry& geometry) {
  onednn::Dims pads;
  const Window& w = geometry.window;
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    const int64_t covered = (geometry.y.Spatial()[i] - 1) * w.strides[i] + w.Extent(i);
    pads.push_back(std::max<int64_t>(covered - geometry.x.Spatial()[i] - w.begin[i], 0));
  }
  return pads;
}

/// Every window must touch the input, and the whole one count where padding counts.
bool SuitsOnednn(const Call& call, const PoolGeometry& geometry) {
  if (call.Input(0).type() != DataType::float32 || call.node.outputs.size() > 1) return false;
  const Window& w = geometry.window;
  if (w.kernel.size() > 3 || call.Input(0).elements() == 0) return false;
  const bool counts_pads = call.node.Int("count_include_pad", 0) != 0;
  const onednn::Dims tail = TailPads(geometry);
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    if (w.dilations[i] != 1 || w.begin[i] >= w.kernel[i] || tail[i] >= w.kernel[i]) return false;
    if (counts_pads && tail[i] > w.end[i]) return false;
  }
  return true;
}

Tensor PoolOnednn(const Call& call, const PoolGeometry& geometry, dnnl::algorithm algorithm) {
  const auto src = onednn::Strided(geometry.x.dims, geometry.x.strides);
  const auto dst = onednn::Strided(geometry.y.dims, geometry.y.strides);
  const auto& primitive = call.cache.Get<onednn::PoolingForward>(call.Input(0).dims(), [&] {
    const Window& w = geometry.window;
    return onednn::PoolingForward(onednn::Describe<onednn::PoolingForward>(
        dnnl::primitive_attr(), dnnl::prop_kind::forward_inference, algorithm, src, dst, w.strides,
        w.kernel, onednn::Dims(w.kernel.size(), 0), w.begin, TailPads(geometry)));
  });
  Tensor y(DataType::float32, geometry.y.Stored(call.node.layout));
  primitive.execute(onednn::Stream(), {{DNNL_ARG_SRC, onednn::View(call.Input(0), src)},
                                       {DNNL_ARG_DST, onednn::View(y, dst)}});
  onednn::Stream().wait();
  return y;
}

// ---- In loops.

/// Calls visit(result offset, plane's input offset, input offsets within the plane, window size
/// with padding) for every window of every channel.
template <typename Visit>
void ForEachWindow(const PoolGeometry& geometry, const Visit& visit) {
  const Window& w = geometry.window;
  const size_t rank = w.kernel.size();
  ElementCount(w.kernel);  // throws for a window whose positions cannot be counted
  ElementCount(geometry.y.dims);
  CheckWork(static_cast<double>(Count(geometry.y.dims)) * static_cast<double>(Count(w.kernel)));
  const auto x_strides = std::span(geometry.x.strides), y_strides = std::span(geometry.y.strides);
  const auto input = geometry.x.Spatial();
  const Shape result(geometry.y.Spatial().begin(), geometry.y.Spatial().end());
  const Shape planes_x = Offsets(std::span(geometry.x.dims).first(2), x_strides.first(2));
  const Shape planes_y = Offsets(std::span(geometry.x.dims).first(2), y_strides.first(2));
  const Shape positions = Offsets(result, y_strides.subspan(2));
  const Shape row_strides = Strides(result), kernel_strides = Strides(w.kernel);
  for (size_t p = 0; p < positions.size(); ++p) {
    Shape taps;
    int64_t size_with_padding = 1;
    for (size_t i = 0; i < rank; ++i) {
      const int64_t first =
          static_cast<int64_t>(p) / row_strides[i] % result[i] * w.strides[i] - w.begin[i];
      int64_t counted = 0;
      for (int64_t k = 0; k < w.kernel[i]; ++k) {
        if (first + k * w.dilations[i] < input[i] + w.end[i]) ++counted;
      }
      size_with_padding *= counted;
    }
    for (int64_t tap = 0; tap < Count(w.kernel); ++tap) {
      int64_t offset = 0;
      bool inside = true;
      for (size_t i = 0; i < rank; ++i) {
        const int64_t at = static_cast<int64_t>(p) / row_strides[i] % result[i] * w.strides[i] -
                           w.begin[i] + tap / kernel_strides[i] % w.kernel[i] * w.dilations[i];
        inside = inside && at >= 0 && at < input[i];
        offset += at * x_strides[i + 2];
      }
      if (inside) taps.push_back(offset);
    }
    for (size_t plane = 0; plane < planes_x.size(); ++plane) {
      visit(planes_y[plane] + positions[p], planes_x[plane], taps, size_with_padding);
    }
  }
}

Results MaxPoolLoops(const Call& call, const PoolGeometry& geometry) {
  const Tensor& x = call.Input(0);
  Tensor y(x.type(), geometry.y.Stored(call.node.layout));
  Tensor indices(DataType::int64, y.dims());
  VisitNumeric(x.type(), [&]<typename T>() {
    const T* from = x.as<T>().data();
    ForEachWindow(geometry, [&](int64_t to, int64_t plane, const Shape& taps, int64_t) {
      T best = std::numeric_limits<T>::lowest();
      int64_t at = -1;
      for (const int64_t tap : taps) {
        const T here = from[plane + tap];
        if (at < 0 || here > best || (here != here && best == best)) {
          best = here;
          at = plane + tap;
        }
      }
      y.as<T>()[to] = best;
      indices.as<int64_t>()[to] = at;
    });
  });
  if (call.node.Int("storage_order", 0) != 0) {
    // Column major within a plane, planes in order.
    const Shape dims(geometry.x.dims);
    const int64_t plane = Count(geometry.x.Spatial());
    const Shape strides = Strides(dims);
    for (int64_t& index : indices.as<int64_t>()) {
      int64_t column_major = 0, scale = 1;
      for (size_t axis = 2; axis < dims.size(); ++axis) {
        column_major += index / strides[axis] % dims[axis] * scale;
        scale *= dims[axis];
      }
      index = index / plane * plane + column_major;
    }
  }
  Results results{std::move(y)};
  if (call.node.outputs.size() > 1) results.push_back(std::move(indices));
  return results;
}

/// y = finish(sum of step(x), number of elements counted)
template <typename Step, typename Finish>
Results SumPoolLoops(const Call& call, const PoolGeometry& geometry, Step step, Finish finish) {
  const Tensor& x = call.Input(0);
  const bool counts_pads = call.node.Int("count_include_pad", 0) != 0;
  Tensor y(x.type(), geometry.y.Stored(call.node.layout));
  VisitFloating(x.type(), [&]<typename T>() {
    const T* from = x.as<T>().data();
    ForEachWindow(geometry, [&](int64_t to, int64_t plane, const Shape& taps, int64_t padded) {
      double sum = 0;
      for (const int64_t tap : taps) sum += step(static_cast<double>(from[plane + tap]));
      const auto count = counts_pads ? padded : static_cast<int64_t>(taps.size());
      y.as<T>()[to] = static_cast<T>(finish(sum, static_cast<double>(count)));
    });
  });
  return {std::move(y)};
}

/// Of float32; without jumps, as it looks at every value that is pooled.
bool HasNan(const Tensor& tensor) {
  int any = 0;
  for (const float x : tensor.as<float>()) any |= static_cast<int>(std::isnan(x));
  return any != 0;
}

Results MaxPool(const Call& call) {
  const PoolGeometry geometry = PoolGeometryOf(call.node, call.Input(0).dims());
  // oneDNN's maximum passes over NaN.
  if (!SuitsOnednn(call, geometry) || HasNan(call.Input(0))) return MaxPoolLoops(call, geometry);
  return {PoolOnednn(call, geometry, dnnl::algorithm::pooling_max)};
}

Results AveragePool(const Call& call) {
  const PoolGeometry geometry = PoolGeometryOf(call.node, call.Input(0).dims());
  if (!SuitsOnednn(call, geometry)) {
    return SumPoolLoops(
        call, geometry, [](double x) { return x; },
        [](double sum, double count) { return count == 0 ? 0 : sum / count; });
  }
  const bool counts_pads = call.node.Int("count_include_pad", 0) != 0;
  return {PoolOnednn(call, geometry,
                     counts_pads ? dnnl::algorithm::pooling_avg_include_padding
                                 : dnnl::algorithm::pooling_avg_exclude_padding)};
}

Results LpPool(const Call& call) {
  const auto p = static_cast<double>(call.node.Int("p", 2));
  return SumPoolLoops(
      call, PoolGeometryOf(call.node, call.Input(0).dims()),
      [p](double x) { return std::pow(std::abs(x), p); },
      [p](double sum, double) { return std::pow(sum, 1 / p); });
}

std::string WhyNotMaxPool(const Node& node) {
  if (node.layout == Layout::nhwc && node.outputs.size() > 1) {
    return "indices of MaxPool are defined on NCHW only";
  }
  return "";
}

/// Puts every value back where MaxPool found it; inputs: values, indices, dims of the result.
Results MaxUnpool(const Call& call) {
  const Tensor& x = call.Input(0);
  const Activation from = ActivationOf(x, Layout::nchw);
  const Window window = WindowOf(call.node, {}, from.Spatial());
  Shape dims{from.Batch(), from.Channels()};
  for (size_t i = 0; i < from.Spatial().size(); ++i) {
    dims.push_back((from.Spatial()[i] - 1) * window.strides[i] + window.kernel[i] -
                   window.begin[i] - window.end[i]);
  }
  for (const int64_t dim : dims) {
    if (dim < 1) throw Error("the result is empty");
  }
  CheckResult(dims);
  if (call.Input(1).elements() != x.elements()) throw Error("one index per value is needed");
  // The indices count within a tensor of these dims; 'output_shape' only adds room at the end.
  const Shape natural = Strides(dims);
  Shape wanted = dims;
  if (const Tensor* given = call.Optional(2)) wanted = given->ToInts();
  if (wanted.size() != dims.size()) throw Error("'output_shape' has not one dim per axis");
  CheckResult(wanted);
  Tensor y(DataType::float32, wanted);
  const Shape strides = Strides(wanted), indices = call.Input(1).ToInts();
  for (size_t i = 0; i < indices.size(); ++i) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      offset += indices[i] / natural[axis] % dims[axis] * strides[axis];
    }
    if (offset < 0 || offset >= static_cast<int64_t>(y.elements())) {
      throw Error("an index is outside the result");
    }
    y.as<float>()[offset] = x.as<float>()[i];
  }
  return {std::move(y)};
}

constexpr Operator kPoolOperators[] = {
    Trainable({"MaxPool", MaxPool, Precision::wide, WhyNotMaxPool},
              {.run = MaxPoolGradient, .reads_inputs = true, .reads_results = true}),
    Trainable({"GlobalMaxPool", MaxPool},
              {.run = MaxPoolGradient, .reads_inputs = true, .reads_results = true}),
    Trainable({"AveragePool", AveragePool}, {.run = AveragePoolGradient}),
    Trainable({"GlobalAveragePool", AveragePool}, {.run = AveragePoolGradient}),
    {"LpPool", LpPool},
    {"GlobalLpPool", LpPool},
    {"MaxUnpool", MaxUnpool, Precision::single, nullptr, true},
};

}  // namespace

PoolGeometry PoolGeometryOf(const Node& node, const Shape& x_dims) {
  PoolGeometry geometry{ActivationOf(x_dims, node.layout), {}, {}};
  const Activation& x = geometry.x;
  if (node.op.starts_with("Global")) {
    const size_t rank = x.Spatial().size();
    geometry.window = {Shape(x.Spatial().begin(), x.Spatial().end()), Shape(rank, 1),
                       Shape(rank, 1), Shape(rank, 0), Shape(rank, 0)};
  } else {
    geometry.window = WindowOf(node, {}, x.Spatial());
  }
  const Shape spatial = WindowResult(geometry.window, x.Spatial(), node.Int("ceil_mode", 0) != 0);
  geometry.y = MakeActivation(x.Batch(), x.Channels(), spatial, node.layout);
  return geometry;
}

OperatorRows PoolOperators() { return kPoolOperators; }

}  // namespace lutra::converter::executor
