#include "converter/quantize/rounding.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "converter/cluster/integer_codebook.h"
#include "converter/executor/matrix.h"
#include "converter/linear_level.h"

namespace lutra::converter::quantize {
namespace {

// Part of the inputs' mean energy that is added to each one's: the moments are those of a sample,
// and inputs that never occur in it must not be trusted to stay away.
constexpr double kDamping = 0.01;

// Sweeps over a row that end the descent if it has not ended by itself.
constexpr int kSweeps = 20;

// Positions whose errors are carried to the others by one product of matrices, and channels that
// go through all positions together: their errors stay in the cache.
constexpr Eigen::Index kBlock = 128;
constexpr Eigen::Index kChannels = 256;

using Square = Eigen::MatrixXf;  // [position][position]
// [channel of the group][position]
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::Index;

// As oneDNN sees them, which multiplies with all that the processor has; Eigen with what every
// processor of its kind has.
executor::ConstMatrix View(const Square& square) {
  return {square.data(), square.cols(), square.rows(), square.rows(), true};
}
executor::ConstMatrix View(const Rows& rows) {
  return {rows.data(), rows.rows(), rows.cols(), rows.cols()};
}

Rows Product(const executor::ConstMatrix& left, const executor::ConstMatrix& right) {
  Rows product = Rows::Zero(left.rows, right.columns);
  executor::AddProduct(1, left, right,
                       {product.data(), product.rows(), product.cols(), product.cols()});
  return product;
}

size_t At(Index i) { return static_cast<size_t>(i); }

// The input of each position: by rising energy. Weights are rounded from the last position on, so
// that the errors of the most important are compensated by the most others.
std::vector<size_t> OrderOf(const InputMoments& moments, size_t g) {
  std::vector<size_t> order(moments.k);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return moments.Square(g, i); });
  return order;
}

// Mean energy of the inputs.
double EnergyOf(const InputMoments& moments, size_t g) {
  double mean = 0;
  for (size_t i = 0; i < moments.k; ++i) {
    mean += static_cast<double>(moments.Square(g, i)) / static_cast<double>(moments.k);
  }
  return mean;
}

// Both triangles of a matrix whose upper one is given by rows.
Square Mirrored(const float* upper, Index size) {
  Square square = Eigen::Map<const Square>(upper, size, size);  // by columns: the lower one
  for (Index j = 0; j < size; j += kBlock) {
    const Index columns = std::min(kBlock, size - j);
    for (Index i = j; i < size; i += kBlock) {
      const Index rows = std::min(kBlock, size - i);
      if (i > j) square.block(j, i, columns, rows) = square.block(i, j, rows, columns).transpose();
    }
    for (Index i = j; i < j + columns; ++i) {
      const Index inside = j + columns - i;
      square.row(i).segment(i, inside) = square.col(i).segment(i, inside).transpose();
    }
  }
  return square;
}

// The moments around the inputs' means, in parts of the mean energy, both triangles: what is left
// of a row's error once the bias has taken its mean. `damping` is on the diagonal.
Square CentralMoments(const InputMoments& moments, size_t g, const std::vector<size_t>& order,
                      double damping) {
  const auto k = static_cast<Index>(moments.k);
  const Square sums = Mirrored(moments.Group(g), k + 1);
  const double count = static_cast<double>(sums(k, k)), energy = EnergyOf(moments, g);
  const double unit = energy > 0 ? 1 / energy : 1;
  Square central(k, k);
  for (Index j = 0; j < k; ++j) {
    const auto column = sums.col(static_cast<Index>(order[At(j)]));
    const double mean = count > 0 ? static_cast<double>(column[k]) / count : 0;
    for (Index i = 0; i < k; ++i) {
      const auto input = static_cast<Index>(order[At(i)]);
      const double sum = static_cast<double>(column[input]);
      const double of_means = mean * static_cast<double>(sums(input, k));
      central(i, j) = static_cast<float>((sum - of_means) * unit);
    }
    central(j, j) += static_cast<float>(damping);
  }
  return central;
}

// L of moments = L L^T in place of the lower triangle, a block of columns after another. False: the
// moments are not positive.
bool Factorize(Square& moments) {
  const Index size = moments.rows();
  // Turned: the upper triangle by rows.
  const executor::Matrix all{moments.data(), size, size, size};
  const executor::ConstMatrix read{moments.data(), size, size, size};
  for (Index first = 0; first < size; first += kBlock) {
    const Index width = std::min(kBlock, size - first), below = size - first - width;
    const executor::ConstMatrix before = read.Rows(0, first);
    executor::AddProduct(-1, before.Columns(first, width).Turned(),
                         before.Columns(first, size - first),
                         all.Rows(first, width).Columns(first, size - first));
    Eigen::Ref<Square> diagonal = moments.block(first, first, width, width);
    const Eigen::LLT<Eigen::Ref<Square>> cholesky(diagonal);
    if (cholesky.info() != Eigen::Success) return false;
    Eigen::Ref<Square> rest = moments.block(first + width, first, below, width);
    diagonal.triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(rest);
  }
  return true;
}

// L below a diagonal of 1, to which each column is scaled. Sums in float may leave moments that are
// not positive: then with more damping.
Square UnitFactor(const Square& moments) {
  for (double more = 0;; more = std::max(10 * more, kDamping)) {
    Square factor = moments;
    factor.diagonal().array() += static_cast<float>(more);
    if (!Factorize(factor)) continue;
    for (Index p = 0; p < factor.cols(); ++p) factor.col(p) /= float{factor(p, p)};
    return factor;
  }
}

struct Grid {
  double scale;  // of the row, whose groups may have their own
  int zero_point;
  LinearLevels levels;
  const cluster::NearestEntry* codebook;  // or null: all integers of `levels`
  int Round(double w, double step) const {
    if (codebook != nullptr) return (*codebook)(w / step);
    return NearestLevel(w, step, zero_point, levels);
  }
};

// The channels that see one group of the inputs. What is by position is in the order that rounding
// takes, `order`.
class GroupRounding {
 public:
  GroupRounding(const InputMoments& moments, size_t group, const WeightMatrix& matrix,
                const KeptWeights& kept, bool asymmetric, QuantizedWeights& weights)
      : matrix_(matrix),
        kept_(kept),
        weights_(weights),
        order_(OrderOf(moments, group)),
        central_(CentralMoments(moments, group, order_, kDamping)),
        count_(matrix.n / moments.groups),
        first_(group * count_),
        errors_(Reals()) {
    codebooks_.reserve(weights.tables.empty() ? 0 : count_);
    for (size_t n = first_; n < first_ + count_; ++n) {
      if (!weights.tables.empty() && (n == first_ || n % weights.table_channels == 0)) {
        codebooks_.emplace_back(weights.Table(n));
      }
      grids_.push_back({static_cast<double>(weights.scale[n]), weights.ZeroPoint(n),
                        LevelsOf(weights.bits, asymmetric),
                        codebooks_.empty() ? nullptr : &codebooks_.back()});
    }
  }

  // Position by position, the last first. With moments = L L^T of unit columns the output's squared
  // error is the sum over p of (e_p + sum over j > p of e_j L_jp)^2 times what no choice changes:
  // every weight is rounded so that its term is least, given the errors e of those before.
  void Round() {
    const Square factor = UnitFactor(central_);
    for (Index row = 0; row < errors_.rows(); row += kChannels) {
      const Index rows = std::min(kChannels, errors_.rows() - row);
      for (Index last = errors_.cols(), first = 0; last > 0; last = first) {
        first = std::max<Index>(last - kBlock, 0);
        RoundBlock(factor, {row, rows}, {first, last - first});
      }
    }
  }

  // Moves single weights to the entry of the codebook that makes the row's error e^T C e least
  // while the others stay, until none moves. The error never grows. Then, if scales may change, the
  // best of these and again.
  void Descend(bool fit_scales) {
    const Rows slopes = Product(View(errors_), View(central_));
    Rows pulls;  // C w
    if (fit_scales) pulls = Product(View(Reals()), View(central_));
    for (Index row = 0; row < errors_.rows(); ++row) {
      Vector slope = slopes.row(row);
      DescendRow(row, slope);
      const double first_scale = grids_[At(row)].scale;
      for (int turn = 0; fit_scales && turn < kSweeps; ++turn) {
        if (!FitScale(row, pulls.row(row), first_scale, slope)) break;
        DescendRow(row, slope);
      }
      weights_.scale[first_ + At(row)] = static_cast<float>(grids_[At(row)].scale);
    }
  }

 private:
  using Vector = Eigen::RowVectorXf;

  struct Range {
    Index first, count;
    Index end() const { return first + count; }
  };

  // Of positions from `block` on errors_ has the errors, before them the real weights.
  void RoundBlock(const Square& factor, Range rows, Range block) {
    const Index done = errors_.cols() - block.end();
    const Rows carried =
        Product(View(errors_).Rows(rows.first, rows.count).Columns(block.end(), done),
                View(factor).Rows(block.end(), done).Columns(block.first, block.count));
    // Apart: columns a power of two apart would drive each other out of the cache.
    const Square within = factor.block(block.first, block.first, block.count, block.count);
    for (Index row = rows.first; row < rows.end(); ++row) {
      const Grid& grid = grids_[At(row)];
      for (Index i = block.count; i-- > 0;) {
        const Index p = block.first + i, inside = block.count - i - 1;
        const float more = errors_.row(row).segment(p + 1, inside).dot(within.col(i).tail(inside)) +
                           carried(row - rows.first, i);
        const double wanted = static_cast<double>(errors_(row, p)) + static_cast<double>(more);
        const double scale = static_cast<double>(weights_.ScaleAt(first_ + At(row), order_[At(p)]));
        const int q = IsKept(row, p) ? grid.Round(wanted, scale) : grid.zero_point;
        weights_.values[Weight(row, p)] = static_cast<int8_t>(q);
        errors_(row, p) -= static_cast<float>(scale * (q - grid.zero_point));
      }
    }
  }

  size_t Weight(Index row, Index position) const {
    return (first_ + At(row)) * matrix_.k + order_[At(position)];
  }
  // Whether it may be other than 0.
  bool IsKept(Index row, Index p) const { return kept_.empty() || kept_[Weight(row, p)] != 0; }

  Rows Reals() const {
    Rows reals(static_cast<Index>(count_), static_cast<Index>(order_.size()));
    for (Index row = 0; row < reals.rows(); ++row) {
      for (Index p = 0; p < reals.cols(); ++p) reals(row, p) = matrix_.values[Weight(row, p)];
    }
    return reals;
  }

  // `slope`: C e.
  void DescendRow(Index row, Vector& slope) {
    const Grid& grid = grids_[At(row)];
    bool moved = true;
    for (int sweep = 0; moved && sweep < kSweeps; ++sweep) {
      moved = false;
      for (Index p = central_.cols(); p-- > 0;) {
        if (!IsKept(row, p)) continue;
        const int q = weights_.values[Weight(row, p)];
        const double step = static_cast<double>(slope[p]) / static_cast<double>(central_(p, p));
        const int nearest = grid.Round(grid.scale * q + step, grid.scale);
        if (nearest == q) continue;
        slope -= central_.col(p).transpose() * static_cast<float>(grid.scale * (nearest - q));
        weights_.values[Weight(row, p)] = static_cast<int8_t>(nearest);
        moved = true;
      }
    }
  }

  // The scale that makes e^T C e least while the entries stay, within a factor of two of where all
  // began so that bias and products keep their room in int32 (the rows that get here are short).
  // False: it is that already.
  bool FitScale(Index row, const Vector& pull, double first_scale, Vector& slope) {
    Grid& grid = grids_[At(row)];
    double cross = 0, square = 0;  // q^T C w, q^T C q
    for (Index p = 0; p < slope.cols(); ++p) {
      const int q = weights_.values[Weight(row, p)];
      const double with_real = static_cast<double>(pull[p]);
      cross += q * with_real;
      square += q * (with_real - static_cast<double>(slope[p])) / grid.scale;
    }
    if (!(square > 0)) return false;
    const double best = static_cast<double>(
        static_cast<float>(std::clamp(cross / square, 0.5 * first_scale, 2 * first_scale)));
    if (best == grid.scale) return false;
    slope = pull - (pull - slope) * static_cast<float>(best / grid.scale);
    grid.scale = best;
    return true;
  }

  const WeightMatrix& matrix_;
  const KeptWeights& kept_;
  QuantizedWeights& weights_;
  const std::vector<size_t> order_;
  const Square central_;
  const size_t count_, first_;  // channels
  std::vector<cluster::NearestEntry> codebooks_;
  std::vector<Grid> grids_;
  Rows errors_;  // of the weights: real minus rounded
};

// Whether all are finite. Activations beyond 1e19 overflow in the sums.
bool AreFinite(const InputMoments& moments, size_t g) {
  const std::span sums(moments.Group(g), moments.size() * moments.size());
  return std::ranges::all_of(sums, [](float sum) { return std::isfinite(sum); });
}

void CorrectGroupBias(const InputMoments& moments, size_t g, const QuantizedWeights& weights,
                      WeightMatrix& matrix) {
  const size_t per_group = matrix.n / moments.groups, k = matrix.k;
  const double count = static_cast<double>(moments.Sum(g, k));
  if (!(count > 0)) return;
  for (size_t n = g * per_group; n < (g + 1) * per_group; ++n) {
    const int zero_point = weights.ZeroPoint(n);
    double lost = 0;
    for (size_t i = 0; i < k; ++i) {
      const double real = static_cast<double>(matrix.values[n * k + i]);
      const int q = weights.values[n * k + i] - zero_point;
      lost += (real - static_cast<double>(weights.ScaleAt(n, i)) * q) *
              static_cast<double>(moments.Sum(g, i));
    }
    if (std::isfinite(lost)) matrix.bias[n] += static_cast<float>(lost / count);
  }
}

}  // namespace

void OptimizeRounding(const InputMoments& moments, WeightMatrix& matrix, QuantizedWeights& weights,
                      bool asymmetric, bool fit_scales, const KeptWeights& kept) {
  // A codebook of 8 bits has all integers and shall give what int8 gives.
  const bool descend = !weights.tables.empty() && weights.bits < 8;
  for (size_t g = 0; g < moments.groups; ++g) {
    if (!AreFinite(moments, g)) continue;  // then the nearest integers stay
    GroupRounding rounding(moments, g, matrix, kept, asymmetric, weights);
    rounding.Round();
    if (descend) rounding.Descend(fit_scales);
    CorrectGroupBias(moments, g, weights, matrix);
  }
}

void CorrectBias(const InputMoments& moments, WeightMatrix& matrix,
                 const QuantizedWeights& weights) {
  for (size_t g = 0; g < moments.groups; ++g) CorrectGroupBias(moments, g, weights, matrix);
}

std::vector<float> ImportanceOf(const InputMoments& moments) {
  std::vector<float> importance;
  importance.reserve(moments.groups * moments.k);
  for (size_t g = 0; g < moments.groups; ++g) {
    double mean = 0;
    for (size_t i = 0; i < moments.k; ++i) {
      mean += static_cast<double>(moments.Square(g, i)) / static_cast<double>(moments.k);
    }
    // Relative to the mean. A group that never sees a value, or infinite ones, tells nothing.
    const bool known = mean > 0 && std::isfinite(mean);
    for (size_t i = 0; i < moments.k; ++i) {
      const double square = static_cast<double>(moments.Square(g, i));
      importance.push_back(known ? static_cast<float>(square / mean + kDamping) : 1.0F);
    }
  }
  return importance;
}

}  // namespace lutra::converter::quantize
