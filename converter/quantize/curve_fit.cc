#include "converter/quantize/curve_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <vector>

#include "converter/executor/float_executor.h"

namespace lutra::converter::quantize {
namespace {

constexpr size_t kPieces = 8, kPowers = 5;
// Samples of a piece between its ends; enough to see all turns of the difference of two curves of
// the fourth degree.
constexpr size_t kSamples = 24;
// Values are kept to this many steps, for polynomials of e^x.
constexpr double kFarBeyond = 4096;

// Where functions bend; elsewhere 0 does as well as any place.
std::vector<double> Kinks(const Node& node) {
  if (node.op == "HardSwish") return {-3, 3};
  if (node.op == "HardSigmoid") {
    const double alpha = static_cast<double>(node.Float("alpha", 0.2F));
    const double beta = static_cast<double>(node.Float("beta", 0.5F));
    return {-beta / alpha, (1 - beta) / alpha};
  }
  return {0};
}

// The function in steps of the output, and what an error counts.
class Target {
 public:
  Target(const Graph& graph, const Node& function, const QuantParams& out, double largest_factor)
      : node_(function),
        scale_(static_cast<double>(out.scale)),
        low_(-128 - out.zero_point),
        high_(127 - out.zero_point),
        factor_(largest_factor) {
    node_.clamp.reset();
    if (function.clamp) {
      low_ = std::max(low_, static_cast<double>(function.clamp->lo) / scale_);
      high_ = std::min(high_, static_cast<double>(function.clamp->hi) / scale_);
    }
    for (const std::string& input : function.inputs) {
      const Tensor* constant = input.empty() ? nullptr : graph.Constant(input);
      inputs_.push_back(constant == nullptr ? Tensor() : constant->Reshaped({}));
      if (constant == nullptr && !input.empty()) at_ = inputs_.size() - 1;
    }
  }

  std::vector<double> At(const std::vector<double>& x) const {
    std::vector<float> reals(x.begin(), x.end());
    std::vector<Tensor> inputs = inputs_;
    inputs[at_] = Tensor::Of({static_cast<int64_t>(x.size())}, reals);
    const std::vector<float> values = executor::ExecuteNode(node_, inputs)[0].ToFloats();
    std::vector<double> y;
    for (const float value : values) {
      // Outside the function's domain any value would do.
      const double real = std::isnan(value) ? 0 : static_cast<double>(value);
      y.push_back(std::clamp(real / scale_, -kFarBeyond, kFarBeyond));
    }
    return y;
  }

  // Of the channel that is hurt most by this much of a difference: the one with the largest factor
  // of those that do not clamp the value. Where all do, what lies beyond makes no difference.
  double ErrorOf(double exact, double fitted) const {
    if (exact < low_ || exact > high_) {
      return std::fabs(std::clamp(exact, low_, high_) - std::clamp(fitted, low_, high_));
    }
    const double room = exact < 0 ? low_ : high_;
    const double factor = exact == 0 ? factor_ : std::min(room / exact, factor_);
    return std::fabs(exact - fitted) * factor;
  }

 private:
  Node node_;  // without its clamp, which is the range of the output
  double scale_, low_, high_, factor_;
  std::vector<Tensor> inputs_;
  size_t at_ = 0;
};

using Polynomial = std::array<double, kPowers>;

double PolynomialAt(const Polynomial& p, double u) {
  double y = 0;
  for (size_t power = kPowers; power-- > 0;)
    y = y * u + static_cast<double>(static_cast<float>(p[power]));
  return y;
}

// Through the values at five points of -0.5 .. 0.5: Newton's divided differences, multiplied out.
Polynomial Through(const std::array<double, kPowers>& u, std::array<double, kPowers> y) {
  for (size_t order = 1; order < kPowers; ++order) {
    for (size_t i = kPowers - 1; i >= order; --i) y[i] = (y[i] - y[i - 1]) / (u[i] - u[i - order]);
  }
  Polynomial p = {};
  for (size_t i = kPowers; i-- > 0;) {
    for (size_t power = kPowers; power-- > 1;) p[power] = p[power - 1] - u[i] * p[power];
    p[0] = y[i] - u[i] * p[0];
  }
  return p;
}

// Chebyshev's points, with which the largest error is close to the least.
std::array<double, kPowers> Nodes() {
  std::array<double, kPowers> nodes;
  for (size_t i = 0; i < kPowers; ++i) {
    nodes[i] = 0.5 * std::cos(std::numbers::pi * (static_cast<double>(i) + 0.5) / kPowers);
  }
  return nodes;
}

// Distances from the edge of an end at which it is looked at, in steps of the curve: far enough for
// any sum.
const std::vector<double> kDistances = {0, 0.02, 0.1, 0.2, 0.35, 0.5, 0.75, 1,   1.5, 2,   3,  4.5,
                                        6, 9,    13,  20,  40,   100, 300,  1e3, 1e4, 1e6, 1e8};

struct Candidate {
  double start, step;
};

// Places of all sizes, whatever the curve's step: pieces that are too large miss what lies between
// their own samples.
std::vector<double> Places() {
  std::vector<double> places = {0};
  for (double x = 1.0 / 256; x < 512; x *= 1.04) {
    places.push_back(x);
    places.push_back(-x);
  }
  return places;
}

class Fitter {
 public:
  explicit Fitter(const Target& target)
      : target_(target), places_(Places()), values_(target.At(places_)) {}

  // Gives up where the error is not below `most`.
  std::optional<FittedCurve> Fit(const Candidate& at, double most) const {
    FittedCurve curve;
    curve.start = at.start;
    curve.step = at.step;
    for (size_t piece = 0; piece < kPieces; ++piece) {
      const bool end = piece == 0 || piece == kPieces - 1;
      const Polynomial p =
          end ? FitEnd(at, piece, &curve.error) : FitPiece(at, piece, &curve.error);
      if (!(curve.error < most)) return std::nullopt;
      for (size_t power = 0; power < kPowers; ++power) {
        curve.coefficients[power * kPieces + piece] = static_cast<float>(p[power]);
      }
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      curve.error = std::max(curve.error, target_.ErrorOf(values_[i], ValueAt(curve, places_[i])));
    }
    return curve.error < most ? std::optional(curve) : std::nullopt;
  }

 private:
  static double ValueAt(const FittedCurve& curve, double x) {
    const double t = (x - curve.start) / curve.step;
    const double center = std::nearbyint(std::clamp(t, 0.0, kPieces - 1.0));
    const auto piece = static_cast<size_t>(center);
    double y = 0;
    for (size_t power = kPowers; power-- > 0;) {
      y = y * (t - center) + static_cast<double>(curve.coefficients[power * kPieces + piece]);
    }
    return y;
  }

  Polynomial FitPiece(const Candidate& at, size_t piece, double* error) const {
    static const std::array<double, kPowers> kNodes = Nodes();
    std::vector<double> u(kNodes.begin(), kNodes.end());
    for (size_t i = 0; i <= kSamples; ++i) {
      u.push_back(static_cast<double>(i) / kSamples - 0.5);
    }
    std::vector<double> x;
    for (const double place : u) {
      // Not on the edge itself, where it may be another piece's.
      x.push_back(at.start + at.step * (static_cast<double>(piece) + place * (1 - 1e-6)));
    }
    const std::vector<double> y = target_.At(x);
    std::array<double, kPowers> at_nodes;
    std::copy_n(y.begin(), kPowers, at_nodes.begin());
    const Polynomial p = Through(kNodes, at_nodes);
    for (size_t i = kPowers; i < y.size(); ++i) {
      *error = std::max(*error, target_.ErrorOf(y[i], PolynomialAt(p, u[i])));
    }
    return p;
  }

  // A straight line: of those through two of the samples the best.
  Polynomial FitEnd(const Candidate& at, size_t piece, double* error) const {
    const double outwards = piece == 0 ? -1 : 1;
    std::vector<double> u, x;
    for (const double distance : kDistances) {
      u.push_back(outwards * (distance - 0.5));
      x.push_back(at.start + at.step * (static_cast<double>(piece) + u.back()));
    }
    const std::vector<double> y = target_.At(x);
    Polynomial best = {};
    double least = std::numeric_limits<double>::infinity();
    for (size_t a = 0; a < u.size(); ++a) {
      for (const size_t b : {a + 1, a + 4, a + 8}) {
        if (b >= u.size()) continue;
        const double slope = (y[b] - y[a]) / (u[b] - u[a]);
        const Polynomial line = {y[a] - slope * u[a], slope};
        double largest = *error;
        for (size_t i = 0; i < u.size() && largest < least; ++i) {
          largest = std::max(largest, target_.ErrorOf(y[i], PolynomialAt(line, u[i])));
        }
        if (largest >= least) continue;
        least = largest;
        best = line;
      }
    }
    *error = least;
    return best;
  }

  const Target& target_;
  std::vector<double> places_, values_;
};

// Curves of these steps, with an edge of pieces on the kink.
std::vector<Candidate> Candidates(double kink, const std::vector<double>& steps) {
  std::vector<Candidate> candidates;
  for (const double step : steps) {
    for (int edge = 0; edge <= 6; ++edge) candidates.push_back({kink - (edge + 0.5) * step, step});
  }
  return candidates;
}

// Between two kinks whole pieces, elsewhere half octaves.
std::vector<double> StepsOf(const std::vector<double>& kinks) {
  std::vector<double> steps;
  if (kinks.size() > 1) {
    for (int pieces = 1; pieces <= 6; ++pieces) steps.push_back((kinks[1] - kinks[0]) / pieces);
  } else {
    for (int i = -10; i <= 12; ++i) steps.push_back(std::exp2(i / 2.0));
  }
  return steps;
}

// Around the best of those, eighths.
std::vector<double> FinerSteps(double step) {
  std::vector<double> steps;
  for (const int i : {-1, 1, -2, 2, -3, 3}) steps.push_back(step * std::exp2(i / 8.0));
  return steps;
}

}  // namespace

FittedCurve FitCurve(const Graph& graph, const Node& node, const QuantParams& out,
                     double largest_factor) {
  const Target target(graph, node, out, largest_factor);
  const Fitter fitter(target);
  FittedCurve best;
  best.error = std::numeric_limits<double>::infinity();
  const auto try_steps = [&](double kink, const std::vector<double>& steps) {
    for (const Candidate& candidate : Candidates(kink, steps)) {
      if (const auto curve = fitter.Fit(candidate, best.error)) best = *curve;
    }
  };
  const std::vector<double> kinks = Kinks(node);
  try_steps(kinks[0], StepsOf(kinks));
  if (kinks.size() == 1) try_steps(kinks[0], FinerSteps(best.step));
  return best;
}

}  // namespace lutra::converter::quantize
