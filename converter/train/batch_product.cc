#include "converter/train/batch_product.h"

#include <algorithm>
#include <utility>

#include "converter/error.h"
#include "converter/executor/gradient.h"
#include "converter/executor/matrix.h"
#include "converter/executor/strides.h"

namespace lutra::converter::train {
namespace {

using executor::ConstMatrix;
using executor::Matrix;

constexpr int64_t kSlices = 4;

ConstMatrix View(const Tensor& tensor) {
  const std::vector<int64_t>& dims = tensor.dims();
  return {tensor.as<float>().data(), dims[0], dims[1], dims[1]};
}

Matrix View(Tensor& tensor) {
  const std::vector<int64_t>& dims = tensor.dims();
  return {tensor.as<float>().data(), dims[0], dims[1], dims[1]};
}

/// The weights as [inputs, outputs].
ConstMatrix WeightsOf(const Node& node, const Tensor& weights) {
  return node.Int("transB", 0) != 0 ? View(weights).Turned() : View(weights);
}

int64_t First(int64_t slice, int64_t count) { return count * slice / kSlices; }

/// run(first, count) of one of kSlices slices of `count` rows or columns.
template <typename Run>
void Slice(int64_t slice, int64_t count, const Run& run) {
  const int64_t first = First(slice, count), last = First(slice + 1, count);
  if (last > first) run(first, last - first);
}

Tensor Beside(const std::vector<const Tensor*>& parts) {
  std::vector<int64_t> dims = parts[0]->dims();
  if (dims.size() != 2) throw Error("the factors are not matrices");
  dims[0] = 0;
  for (const Tensor* part : parts) dims[0] += part->dims()[0];
  Tensor whole(DataType::float32, dims);
  float* to = whole.as<float>().data();
  for (const Tensor* part : parts) to = std::ranges::copy(part->as<float>(), to).out;
  return whole;
}

/// Rows of `whole` to parts of as many as those of `like` have.
std::vector<Tensor> Apart(const Tensor& whole, const std::vector<const Tensor*>& like) {
  std::vector<Tensor> parts;
  auto from = whole.as<float>();
  for (const Tensor* part : like) {
    Tensor& rows =
        parts.emplace_back(DataType::float32, std::vector{part->dims()[0], whole.dims()[1]});
    std::ranges::copy(from.first(rows.elements()), rows.as<float>().begin());
    from = from.subspan(rows.elements());
  }
  return parts;
}

}  // namespace

bool IsBatchProduct(const Node& node, const std::vector<int64_t>& weights,
                    const std::vector<int64_t>& bias) {
  if (!node.domain.empty() || node.op != "Gemm" || weights.size() != 2) return false;
  if (node.Int("transA", 0) != 0 || node.Float("alpha", 1) != 1 || node.Float("beta", 1) != 1) {
    return false;
  }
  const int64_t outputs = weights[node.Int("transB", 0) != 0 ? 0 : 1];
  return bias.empty() || (bias.back() == outputs && Count(bias) == outputs);
}

std::vector<Tensor> BatchProduct::Forward(const Node& node, const std::vector<const Tensor*>& x,
                                          const Tensor& weights, const Tensor* bias,
                                          Workers& workers) {
  x_ = Beside(x);
  const ConstMatrix left = View(std::as_const(x_)), right = WeightsOf(node, weights);
  if (left.columns != right.rows) {
    throw Error("shapes " + DimsText(x_.dims()) + " and " + DimsText(weights.dims()) +
                " do not multiply");
  }
  Tensor y(DataType::float32, {left.rows, right.columns});
  const Matrix to = View(y);
  const float* const row = bias == nullptr ? nullptr : bias->as<float>().data();
  workers.Run(kSlices, [&](size_t slice) {
    Slice(static_cast<int64_t>(slice), to.columns, [&](int64_t first, int64_t count) {
      const Matrix columns = to.Columns(first, count);
      Multiply(left, right.Columns(first, count), columns);
      for (int64_t r = 0; r < columns.rows; ++r) {
        float* const values = columns.data + r * columns.step;
        for (int64_t c = 0; row != nullptr && c < count; ++c) values[c] += row[first + c];
        if (!node.clamp) continue;
        const float lo = node.clamp->lo, hi = node.clamp->hi;
        for (int64_t c = 0; c < count; ++c) values[c] = std::min(std::max(values[c], lo), hi);
      }
    });
  });
  return Apart(y, x);
}

BatchProduct::Gradients BatchProduct::Backward(const Node& node,
                                               const std::vector<const Tensor*>& y,
                                               const std::vector<const Tensor*>& dy,
                                               const Tensor& weights,
                                               const std::vector<int64_t>& bias_dims,
                                               const std::vector<bool>& wanted, Workers& workers) {
  const auto wants = [&](size_t i) { return i < wanted.size() && wanted[i]; };
  std::vector<Tensor> before(dy.size());
  std::vector<const Tensor*> gradients = dy;
  for (size_t p = 0; node.clamp && p < dy.size(); ++p) {
    before[p] = executor::ThroughClamp(*node.clamp, *y[p], *dy[p]);
    gradients[p] = &before[p];
  }
  const Tensor x = std::move(x_);
  Tensor whole = Beside(gradients);
  before.clear();
  const ConstMatrix of_y = View(std::as_const(whole)), of_x = View(x);
  const ConstMatrix right = WeightsOf(node, weights).Turned();
  // As the weights lie: their rows are the outputs, or the inputs.
  const bool by_output = node.Int("transB", 0) != 0;
  const ConstMatrix& rows = by_output ? of_y : of_x;
  const ConstMatrix& others = by_output ? of_x : of_y;
  Gradients result;
  Tensor by_x;
  if (wants(0)) by_x = Tensor(DataType::float32, x.dims());
  if (wants(1)) result.weights = Tensor(DataType::float32, weights.dims());
  workers.Run(2 * kSlices, [&](size_t task) {
    const auto slice = static_cast<int64_t>(task / 2);
    if (task % 2 == 0 && wants(0)) {
      const Matrix to = View(by_x);
      Slice(slice, to.columns, [&](int64_t first, int64_t count) {
        Multiply(of_y, right.Columns(first, count), to.Columns(first, count));
      });
    } else if (task % 2 == 1 && wants(1)) {
      const Matrix to = View(result.weights);
      Slice(slice, to.rows, [&](int64_t first, int64_t count) {
        Multiply(rows.Turned().Rows(first, count), others, to.Rows(first, count));
      });
    }
  });
  if (wants(0)) result.x = Apart(by_x, dy);
  if (wants(2)) result.bias = executor::SumTo(std::move(whole), bias_dims);
  return result;
}

}  // namespace lutra::converter::train
