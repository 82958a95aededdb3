#include "converter/quantize/rounding.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>

#include "converter/cluster/integer_codebook.h"
#include "converter/linear_level.h"

namespace lutra::converter::quantize {
namespace {

// Part of the inputs' mean energy that is added to each one's: the moments are those of a sample,
// and inputs that never occur in it must not be trusted to stay away.
constexpr double kDamping = 0.01;
// Where no input ever differs from 0.
constexpr double kSmallestDamping = 1e-20;

// Sweeps over a row that end the descent if it has not ended by itself.
constexpr int kSweeps = 20;

using Square = std::vector<double>;  // [size][size]

// Inputs by falling energy, so that the errors of the most important are compensated by the most
// others; the constant stays last.
std::vector<size_t> OrderOf(const float* sums, size_t size) {
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end() - 1,
                   [&](size_t a, size_t b) { return sums[a * size + a] > sums[b * size + b]; });
  return order;
}

struct OrderedMoments {
  Square square;
  double damping;
};

// The constant needs no damping, being known; without it the bias takes the whole mean error.
OrderedMoments Ordered(const float* sums, const std::vector<size_t>& order) {
  const size_t size = order.size(), k = size - 1;
  OrderedMoments moments{Square(size * size), 0};
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      const auto [low, high] = std::minmax(order[i], order[j]);
      moments.square[i * size + j] = static_cast<double>(sums[low * size + high]);
    }
  }
  double mean = 0;
  for (size_t i = 0; i < k; ++i) mean += moments.square[i * size + i] / static_cast<double>(k);
  moments.damping = std::max(kDamping * mean, kSmallestDamping);
  for (size_t i = 0; i < k; ++i) moments.square[i * size + i] += moments.damping;
  return moments;
}

// R upper triangular with square = R R^T (Cholesky from the last row up), in place. An input's
// exact squared pivot is never below the damping; sums in float may say otherwise.
void FactorFromBelow(OrderedMoments& moments, size_t size) {
  Square& square = moments.square;
  for (size_t j = size; j-- > 0;) {
    double* column_row = square.data() + j * size;
    double pivot = column_row[j];
    for (size_t m = j + 1; m < size; ++m) pivot -= column_row[m] * column_row[m];
    pivot = std::sqrt(std::max(pivot, j + 1 < size ? moments.damping : kSmallestDamping));
    column_row[j] = pivot;
    for (size_t i = 0; i < j; ++i) {
      double* row = square.data() + i * size;
      double sum = row[j];
      for (size_t m = j + 1; m < size; ++m) sum -= row[m] * column_row[m];
      row[j] = sum / pivot;
    }
  }
}

// The inverse of R, upper triangular too: the Cholesky factor of the inverse moments.
Square InvertUpper(const Square& r, size_t size) {
  Square inverse(size * size, 0.0);
  for (size_t i = size; i-- > 0;) {
    double* row = inverse.data() + i * size;
    row[i] = 1;
    for (size_t m = i + 1; m < size; ++m) {
      const double factor = r[i * size + m];
      const double* below = inverse.data() + m * size;
      for (size_t j = m; j < size; ++j) row[j] -= factor * below[j];
    }
    const double scale = 1 / r[i * size + i];
    for (size_t j = i; j < size; ++j) row[j] *= scale;
  }
  return inverse;
}

struct Grid {
  int zero_point;
  LinearLevels levels;
  const cluster::NearestEntry* codebook;  // or null: all integers of `levels`
  int Round(double w, double scale) const {
    if (codebook != nullptr) return (*codebook)(w / scale);
    return NearestLevel(w, scale, zero_point, levels);
  }
};

// Whether weight i of a row may be other than 0.
bool IsKept(const uint8_t* kept, size_t i) { return kept == nullptr || kept[i] != 0; }

// `scale_of` gives a column's scale. `kept`, of the row, and `bias` may be null.
template <typename ScaleOf>
void RoundRow(const Square& factor, const std::vector<size_t>& order, const Grid& grid,
              const ScaleOf& scale_of, const float* real, const uint8_t* kept, int8_t* rounded,
              float* bias) {
  const size_t size = order.size(), k = size - 1;
  std::vector<double> w(size, 0.0);  // in order; the last is what the bias gains
  for (size_t i = 0; i < k; ++i) w[i] = static_cast<double>(real[order[i]]);
  for (size_t i = 0; i < k; ++i) {
    const double scale = scale_of(order[i]);
    const int q = IsKept(kept, order[i]) ? grid.Round(w[i], scale) : grid.zero_point;
    rounded[order[i]] = static_cast<int8_t>(q);
    const double* row = factor.data() + i * size;
    const double error = (w[i] - scale * (q - grid.zero_point)) / row[i];
    for (size_t j = i + 1; j < size; ++j) w[j] -= error * row[j];
  }
  if (bias != nullptr) *bias += static_cast<float>(w[k]);
}

// The second moments of the inputs around their means, if the constant knows them: what is left of
// a row's error once the bias has taken the mean.
Square Central(const OrderedMoments& moments, size_t size) {
  const size_t k = size - 1;
  Square central(k * k);
  const double* constant = moments.square.data() + k * size;
  const double count = constant[k];
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = 0; j < k; ++j) {
      central[i * k + j] =
          moments.square[i * size + j] - (count > 0 ? constant[i] * constant[j] / count : 0.0);
    }
  }
  return central;
}

// Moves single weights to the entry of the codebook that makes the row's error e^T C e least while
// the others stay, until none moves. The error never grows.
void Descend(const Square& central, const std::vector<size_t>& order, const Grid& grid,
             double scale, const float* real, const uint8_t* kept, int8_t* rounded) {
  const size_t k = order.size() - 1;
  std::vector<double> slope(k, 0.0);  // C e
  for (size_t j = 0; j < k; ++j) {
    const double e = static_cast<double>(real[order[j]]) - scale * rounded[order[j]];
    const double* row = central.data() + j * k;
    for (size_t i = 0; i < k; ++i) slope[i] += row[i] * e;
  }
  bool moved = true;
  for (int sweep = 0; moved && sweep < kSweeps; ++sweep) {
    moved = false;
    for (size_t i = 0; i < k; ++i) {
      const double* row = central.data() + i * k;
      if (!(row[i] > 0) || !IsKept(kept, order[i])) continue;
      int8_t& q = rounded[order[i]];
      const int nearest = grid.Round(scale * q + slope[i] / row[i], scale);
      if (nearest == q) continue;
      const double gain = scale * (nearest - q);
      for (size_t j = 0; j < k; ++j) slope[j] -= row[j] * gain;
      q = static_cast<int8_t>(nearest);
      moved = true;
    }
  }
}

// The scale that makes e^T C e least while the entries stay, within a factor of two of where all
// began so that bias and products keep their room in int32 (the rows that get here are short).
double FitScale(const Square& central, const std::vector<size_t>& order, double scale,
                double first_scale, const float* real, const int8_t* rounded) {
  const size_t k = order.size() - 1;
  double cross = 0, square = 0;
  for (size_t i = 0; i < k; ++i) {
    const double* row = central.data() + i * k;
    double with_real = 0, with_rounded = 0;
    for (size_t j = 0; j < k; ++j) {
      with_real += row[j] * static_cast<double>(real[order[j]]);
      with_rounded += row[j] * rounded[order[j]];
    }
    cross += rounded[order[i]] * with_real;
    square += rounded[order[i]] * with_rounded;
  }
  if (!(square > 0) || !std::isfinite(cross)) return scale;
  return static_cast<double>(
      static_cast<float>(std::clamp(cross / square, 0.5 * first_scale, 2 * first_scale)));
}

}  // namespace

void OptimizeRounding(const InputMoments& moments, WeightMatrix& matrix, QuantizedWeights& weights,
                      bool asymmetric, bool fit_scales, const KeptWeights& kept) {
  const size_t per_group = matrix.n / moments.groups, size = moments.size();
  // A codebook of 8 bits has all integers and shall give what int8 gives.
  const bool descend = !weights.tables.empty() && weights.bits < 8;
  for (size_t g = 0; g < moments.groups; ++g) {
    const std::span<const float> sums(moments.Group(g), size * size);
    // Activations beyond 1e19 overflow here: then the nearest integers stay.
    if (!std::ranges::all_of(sums, [](float sum) { return std::isfinite(sum); })) continue;
    const std::vector<size_t> order = OrderOf(sums.data(), size);
    OrderedMoments ordered = Ordered(sums.data(), order);
    const Square central = descend ? Central(ordered, size) : Square();
    FactorFromBelow(ordered, size);
    const Square factor = InvertUpper(ordered.square, size);
    std::optional<cluster::NearestEntry> codebook;
    for (size_t n = g * per_group; n < (g + 1) * per_group; ++n) {
      if (!weights.tables.empty() && (n == g * per_group || n % weights.table_channels == 0)) {
        codebook.emplace(weights.Table(n));
      }
      const Grid grid{weights.ZeroPoint(n), LevelsOf(weights.bits, asymmetric),
                      codebook ? &*codebook : nullptr};
      const auto scale_of = [&weights, n](size_t column) {
        return static_cast<double>(weights.ScaleAt(n, column));
      };
      const float* real = matrix.values.data() + n * matrix.k;
      const uint8_t* row = kept.empty() ? nullptr : kept.data() + n * matrix.k;
      int8_t* rounded = weights.values.data() + n * matrix.k;
      RoundRow(factor, order, grid, scale_of, real, row, rounded,
               descend ? nullptr : &matrix.bias[n]);
      if (!descend) continue;
      // Codebooks have one scale in a row.
      const double first_scale = static_cast<double>(weights.scale[n]);
      double scale = first_scale;
      Descend(central, order, grid, scale, real, row, rounded);
      for (int turn = 0; fit_scales && turn < kSweeps; ++turn) {
        const double before = scale;
        scale = FitScale(central, order, before, first_scale, real, rounded);
        if (scale == before) break;
        Descend(central, order, grid, scale, real, row, rounded);
      }
      weights.scale[n] = static_cast<float>(scale);
    }
  }
  if (descend) CorrectBias(moments, matrix, weights);
}

void CorrectBias(const InputMoments& moments, WeightMatrix& matrix,
                 const QuantizedWeights& weights) {
  const size_t per_group = matrix.n / moments.groups, k = matrix.k;
  for (size_t n = 0; n < matrix.n; ++n) {
    const size_t g = n / per_group;
    const double count = static_cast<double>(moments.Sum(g, k));
    if (!(count > 0)) continue;
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
