// Matrix products: MatMul with its broadcasting and Gemm, in float32 on oneDNN and in loops for the
// other types. Constant right-hand sides are kept in oneDNN's favourite format.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/gradient.h"
#include "converter/executor/strides.h"
#include "converter/executor/types.h"

namespace lutra::converter::executor {
namespace {

/// y[batch..., M, N] = a[batch..., M, K] * b[batch..., K, N]; all of one rank, 1 where broadcast.
struct MatrixProduct {
  Shape a, a_strides, b, b_strides, y;
};

struct PreparedProduct {
  dnnl::matmul::primitive_desc descriptor;
  dnnl::matmul primitive;
  std::optional<dnnl::memory> b;  ///< reordered, when constant
};

/// `bias`: null or one element per column.
Tensor MultiplyOnednn(const Call& call, const MatrixProduct& product, const Tensor* bias) {
  const auto a = onednn::Strided(product.a, product.a_strides);
  const auto b = onednn::Strided(product.b, product.b_strides);
  const auto y = onednn::Strided(product.y, Strides(product.y));
  const bool constant = call.IsConstant(1);
  onednn::Dims row(product.y.size(), 1);
  row.back() = product.y.back();
  const auto bias_row = onednn::Strided(row, Strides(row));
  Shape key = product.a;
  key.insert(key.end(), product.b.begin(), product.b.end());
  auto& prepared = call.cache.Get<PreparedProduct>(key, [&] {
    const dnnl::primitive_attr attr;
    const auto right = constant ? onednn::AnyFormat(product.b) : b;
    auto descriptor = bias != nullptr ? onednn::Describe<dnnl::matmul>(attr, a, right, bias_row, y)
                                      : onednn::Describe<dnnl::matmul>(attr, a, right, y);
    PreparedProduct result{descriptor, dnnl::matmul(descriptor), std::nullopt};
    if (constant) {
      result.b = onednn::Reordered(onednn::View(call.Input(1), b), descriptor.weights_desc());
    }
    return result;
  });
  Tensor result(DataType::float32, product.y);
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, onednn::View(call.Input(0), a)},
      {DNNL_ARG_WEIGHTS, prepared.b ? *prepared.b : onednn::View(call.Input(1), b)},
      {DNNL_ARG_DST, onednn::View(result, y)}};
  if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, onednn::View(*bias, bias_row));
  prepared.primitive.execute(onednn::Stream(), arguments);
  onednn::Stream().wait();
  return result;
}

Tensor MultiplyLoops(const Call& call, const MatrixProduct& product) {
  const Tensor& a = call.Input(0);
  const Tensor& b = call.Input(1);
  const size_t rank = product.y.size();
  const std::span batch(product.y.data(), rank - 2);
  const auto batch_offsets = [&](const Shape& dims, Shape strides) {
    for (size_t i = 0; i < rank - 2; ++i) {
      if (dims[i] == 1) strides[i] = 0;
    }
    return Offsets(batch, strides);
  };
  const Shape a_at = batch_offsets(product.a, product.a_strides);
  const Shape b_at = batch_offsets(product.b, product.b_strides);
  const int64_t rows = product.y[rank - 2], columns = product.y[rank - 1];
  const int64_t depth = product.a[rank - 1];
  CheckWork(static_cast<double>(Count(product.y)) * static_cast<double>(depth));
  Tensor y(a.type(), product.y);
  VisitNumeric(a.type(), [&]<typename T>() {
    const auto left = a.as<T>(), right = b.as<T>();
    const auto to = y.as<T>();
    for (size_t i = 0; i < a_at.size(); ++i) {
      for (int64_t m = 0; m < rows; ++m) {
        T* row = to.data() + (static_cast<int64_t>(i) * rows + m) * columns;
        for (int64_t k = 0; k < depth; ++k) {
          const T x =
              left[a_at[i] + m * product.a_strides[rank - 2] + k * product.a_strides[rank - 1]];
          for (int64_t n = 0; n < columns; ++n) {
            const T w =
                right[b_at[i] + k * product.b_strides[rank - 2] + n * product.b_strides[rank - 1]];
            row[n] = WrapAdd(row[n], WrapMultiply(x, w));
          }
        }
      }
    }
  });
  return y;
}

Tensor Multiply(const Call& call, const MatrixProduct& product, const Tensor* bias) {
  CheckResult(product.y);
  if (call.Input(0).type() != call.Input(1).type()) throw Error("the factors differ in type");
  const bool empty = Count(product.a) == 0 || Count(product.b) == 0;
  if (call.Input(0).type() == DataType::float32 && !empty) {
    return MultiplyOnednn(call, product, bias);
  }
  Tensor y = MultiplyLoops(call, product);
  if (bias != nullptr) y = Compute("Add", call.node, {&y, bias});
  return y;
}

/// A matrix on the right multiplies all rows of the left at once; else batches broadcast.
MatrixProduct MatMulShapes(Shape a, Shape b) {
  if (a.empty() || b.empty()) throw Error("a factor is a scalar");
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  if (a.back() != b[b.size() - 2]) {
    throw Error("shapes " + DimsText(a) + " and " + DimsText(b) + " do not multiply");
  }
  if (b.size() == 2) a = {Count(std::span(a).first(a.size() - 1)), a.back()};
  const size_t rank = std::max(a.size(), b.size());
  a.insert(a.begin(), rank - a.size(), 1);
  b.insert(b.begin(), rank - b.size(), 1);
  Shape y = BroadcastShape(std::span(a).first(rank - 2), std::span(b).first(rank - 2));
  y.push_back(a[rank - 2]);
  y.push_back(b[rank - 1]);
  return {a, Strides(a), b, Strides(b), y};
}

Results MatMul(const Call& call) {
  const Shape& a = call.Input(0).dims();
  const Shape& b = call.Input(1).dims();
  const Tensor y = Multiply(call, MatMulShapes(a, b), nullptr);
  Shape dims;
  if (b.size() <= 2) {
    dims.assign(a.begin(), a.end() - 1);  // as many rows as the left has, in its own shape
  } else {
    dims.assign(y.dims().begin(), y.dims().end() - (a.size() == 1 ? 2 : 1));
  }
  if (b.size() > 1) dims.push_back(b.back());
  return {y.Reshaped(dims)};
}

void Scale(float factor, Tensor& tensor) {
  VisitNumeric(tensor.type(), [&]<typename T>() {
    for (T& x : tensor.as<T>()) {
      if constexpr (std::is_integral_v<T>) {
        x = Converted<T>(static_cast<double>(x) * static_cast<double>(factor));
      } else {
        x *= static_cast<T>(factor);
      }
    }
  });
}

/// The matrices of a Gemm, transposed where asked.
MatrixProduct GemmShapes(const Node& node, const Shape& a, const Shape& b) {
  if (a.size() != 2 || b.size() != 2) throw Error("the factors are not matrices");
  MatrixProduct product{a, Strides(a), b, Strides(b), {}};
  if (node.Int("transA", 0) != 0) {
    std::swap(product.a[0], product.a[1]);
    std::swap(product.a_strides[0], product.a_strides[1]);
  }
  if (node.Int("transB", 0) != 0) {
    std::swap(product.b[0], product.b[1]);
    std::swap(product.b_strides[0], product.b_strides[1]);
  }
  if (product.a[1] != product.b[0]) {
    throw Error("shapes " + DimsText(product.a) + " and " + DimsText(product.b) +
                " do not multiply");
  }
  product.y = {product.a[0], product.b[1]};
  return product;
}

/// y = alpha * a * b + beta * c, a and b transposed where asked. A plain bias is fused.
Results Gemm(const Call& call) {
  const MatrixProduct product = GemmShapes(call.node, call.Input(0).dims(), call.Input(1).dims());
  const float alpha = call.node.Float("alpha", 1), beta = call.node.Float("beta", 1);
  const Tensor* c = call.Optional(2);
  const bool is_row = c == nullptr || (static_cast<int64_t>(c->elements()) == product.y[1] &&
                                       c->rank() > 0 && c->dims().back() == product.y[1]);
  if (alpha == 1 && beta == 1 && is_row) return {Multiply(call, product, c)};
  Tensor y = Multiply(call, product, nullptr);
  if (alpha != 1) Scale(alpha, y);
  if (c != nullptr && beta != 0) {
    Tensor addend = *c;
    if (beta != 1) Scale(beta, addend);
    y = Compute("Add", call.node, {&y, &addend});
  }
  return {std::move(y)};
}

// ---- Backwards. By a: g * b^T, by b: a^T * g, summed over the batches along which they broadcast.

/// A matrix, or a batch of them, as it lies.
struct Matrices {
  const Tensor& tensor;
  Shape dims, strides;
};

Matrices Turned(Matrices matrices) {
  const size_t rank = matrices.dims.size();
  std::swap(matrices.dims[rank - 2], matrices.dims[rank - 1]);
  std::swap(matrices.strides[rank - 2], matrices.strides[rank - 1]);
  return matrices;
}

/// left * right, dense.
Tensor ProductOf(const Matrices& left, const Matrices& right, std::optional<dnnl::matmul>& kept) {
  const size_t rank = left.dims.size();
  Shape dims =
      BroadcastShape(std::span(left.dims).first(rank - 2), std::span(right.dims).first(rank - 2));
  dims.push_back(left.dims[rank - 2]);
  dims.push_back(right.dims[rank - 1]);
  Tensor y(DataType::float32, dims);
  if (Count(left.dims) == 0 || Count(right.dims) == 0) return y;
  const auto a = onednn::Strided(left.dims, left.strides);
  const auto b = onednn::Strided(right.dims, right.strides);
  const auto to = onednn::Strided(dims, Strides(dims));
  if (!kept) kept.emplace(onednn::Describe<dnnl::matmul>(dnnl::primitive_attr(), a, b, to));
  kept->execute(onednn::Stream(), {{DNNL_ARG_SRC, onednn::View(left.tensor, a)},
                                   {DNNL_ARG_WEIGHTS, onednn::View(right.tensor, b)},
                                   {DNNL_ARG_DST, onednn::View(y, to)}});
  onednn::Stream().wait();
  return y;
}

struct KeptProducts {
  std::optional<dnnl::matmul> by_a, by_b;
};

/// left * right as the gradient by a factor of these dims and strides, which was given as a tensor
/// of `given`. A factor that lies transposed gets its gradient so: as the product of the transposed
/// others in reverse order, which is dense again.
Tensor FactorGradient(const Matrices& left, const Matrices& right, Shape dims, const Shape& strides,
                      const Shape& given, std::optional<dnnl::matmul>& kept) {
  const bool turned = strides != Strides(dims);
  if (turned) std::swap(dims[dims.size() - 2], dims[dims.size() - 1]);
  Tensor result =
      turned ? ProductOf(Turned(right), Turned(left), kept) : ProductOf(left, right, kept);
  result = SumTo(std::move(result), dims);
  return dims == given ? std::move(result) : result.Reshaped(given);
}

Gradients ProductGradients(const GradientCall& call, const MatrixProduct& product) {
  Shape key = call.input_dims[0];
  key.insert(key.end(), call.input_dims[1].begin(), call.input_dims[1].end());
  auto& kept = call.cache.Get<KeptProducts>(key, [] { return KeptProducts(); });
  const Matrices g{call.Of(), product.y, Strides(product.y)};
  Gradients gradients = call.None();
  if (call.Wants(0)) {
    const Matrices b{call.Input(1), product.b, product.b_strides};
    gradients[0] =
        FactorGradient(g, Turned(b), product.a, product.a_strides, call.input_dims[0], kept.by_a);
  }
  if (call.Wants(1)) {
    const Matrices a{call.Input(0), product.a, product.a_strides};
    gradients[1] =
        FactorGradient(Turned(a), g, product.b, product.b_strides, call.input_dims[1], kept.by_b);
  }
  return gradients;
}

Gradients MatMulGradient(const GradientCall& call) {
  return ProductGradients(call, MatMulShapes(call.input_dims[0], call.input_dims[1]));
}

Gradients GemmGradient(const GradientCall& call) {
  Gradients gradients =
      ProductGradients(call, GemmShapes(call.node, call.input_dims[0], call.input_dims[1]));
  const float alpha = call.node.Float("alpha", 1), beta = call.node.Float("beta", 1);
  if (call.Wants(2)) gradients[2] = SumTo(call.Of(), call.input_dims[2]);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const float factor = i < 2 ? alpha : beta;
    if (call.Wants(i) && factor != 1) Scale(factor, gradients[i]);
  }
  return gradients;
}

constexpr Operator kMatmulOperators[] = {
    Trainable({"MatMul", MatMul}, {.run = MatMulGradient, .reads_inputs = true}),
    Trainable({"Gemm", Gemm}, {.run = GemmGradient, .reads_inputs = true}),
};

}  // namespace

OperatorRows MatmulOperators() { return kMatmulOperators; }

}  // namespace lutra::converter::executor
