// The float functions of the contract, written once over a small set of primitives. Every row
// supplies them as a class L of static functions on its vectors, the reference on plain floats, and
// all of them give the same bits: only + - * / sqrt (correctly rounded by IEEE 754), conversions,
// comparisons and bit operations occur, in the order written here, never fused.
//
// Method: argument reduction and a polynomial, after Cody and Waite, "Software Manual for the
// Elementary Functions", 1980. The polynomials interpolate at Chebyshev nodes, computed with 60
// digits and rounded to float; each comment gives the interval and the error of the polynomial
// alone. docs/quantization.md lists the error of each whole function in ulp, which
// tests/kernels/float_functions_test.cc measures. NaN gives NaN (its sign and payload are
// unspecified); denormals are neither flushed nor special.
//
// No include guard: included once per row inside its namespace and target attributes.

template <class L>
struct FloatFunctions {
  using V = typename L::V;

  static V Set(float x) { return L::Set(x); }
  static V One() { return Set(1.0F); }
  static V Zero() { return Set(0.0F); }
  static V Add(V a, V b) { return L::Add(a, b); }
  static V Sub(V a, V b) { return L::Sub(a, b); }
  static V Mul(V a, V b) { return L::Mul(a, b); }
  static V Div(V a, V b) { return L::Div(a, b); }

  /// Horner's rule, highest coefficient first.
  static V Polynomial(V, V sum) { return sum; }
  template <class... Rest>
  static V Polynomial(V x, V sum, float next, Rest... rest) {
    return Polynomial(x, Add(Mul(sum, x), Set(next)), rest...);
  }

  /// NaN keeps `x`.
  static V Max(V x, float lo) { return L::If(L::Lt(x, Set(lo)), Set(lo), x); }
  static V Min(V x, float hi) { return L::If(L::Lt(Set(hi), x), Set(hi), x); }

  /// exp(x) - 1 for the remainder of `x` after n * ln 2, |r| <= 0.3466: r + r^2 P(r), |error| of
  /// the polynomial below 2^-26.9. ln 2 is split so that n * high is exact. x must not be NaN.
  struct ExpParts {
    V n, expm1;
  };
  static ExpParts ReduceExp(V x) {
    const V n = L::Round(Mul(x, Set(1.44269502F)));
    const V r = Sub(Sub(x, Mul(n, Set(0.693359375F))), Mul(n, Set(-0.000212194442F)));
    const V p =
        Polynomial(r, Set(0.00139261771F), 0.00836317427F, 0.0416665561F, 0.166665778F, 0.5F);
    return {n, Add(r, Mul(Mul(r, r), p))};
  }

  /// 2^n goes in by two factors, so overflow gives infinity and underflow rounds once.
  static V Exp(V x) {
    const auto nan = L::IsNaN(x);
    const ExpParts e = ReduceExp(L::If(nan, Zero(), Max(Min(x, 90.0F), -105.0F)));
    const V half = L::Round(Mul(e.n, Set(0.5F)));
    const V y = Mul(Mul(Add(One(), e.expm1), L::Pow2(half)), L::Pow2(Sub(e.n, half)));
    return L::If(nan, x, y);
  }

  /// exp(x) - 1 for x <= 0 (larger x are taken as 0). Below -25 the result is -1.
  static V Expm1Negative(V x) {
    const auto nan = L::IsNaN(x);
    const V clamped = L::If(nan, Zero(), Max(Min(x, 0.0F), -25.0F));
    const ExpParts e = ReduceExp(clamped);
    const V scale = L::Pow2(e.n);
    return L::If(nan, x, Add(Mul(scale, e.expm1), Sub(scale, One())));
  }

  /// x = m * 2^e, m in [sqrt(1/2), sqrt(2)), f = m - 1: f - f^2 / 2 + f^3 Q(f) + e * ln 2,
  /// |error| of the polynomial below 2^-28.
  static V Log(V x) {
    const auto denormal = L::Lt(x, Set(1.17549435e-38F));
    const V scaled = L::If(denormal, Mul(x, Set(8388608.0F)), x);
    const V usable = L::If(L::Lt(Zero(), scaled), Min(scaled, 3.40282347e+38F), One());
    V m;
    V e = L::Split(usable, m);
    e = Sub(e, L::If(denormal, Set(23.0F), Zero()));
    const V f = Sub(m, One());
    const V z = Mul(f, f);
    const V q = Polynomial(f, Set(0.0697161183F), -0.114797339F, 0.116854198F, -0.124256872F,
                           0.142490581F, -0.166678026F, 0.200007156F, -0.24999997F, 0.333333313F);
    V y = Mul(Mul(z, f), q);
    y = Add(y, Mul(e, Set(-0.000212194442F)));
    y = Sub(y, Mul(z, Set(0.5F)));
    y = Add(f, y);
    y = Add(y, Mul(e, Set(0.693359375F)));
    // 0 gives -infinity, negative numbers NaN, infinity and NaN themselves.
    y = L::If(L::Eq(x, Zero()), Set(-__builtin_inff()), y);
    y = L::If(L::Lt(x, Zero()), Set(__builtin_nanf("")), y);
    return L::If(L::Lt(x, Set(__builtin_inff())), y, L::If(L::Lt(x, Zero()), y, x));
  }

  /// log(1 + x) for 0 <= x <= 1: the rounding error of 1 + x goes back in by its first-order term.
  static V Log1p(V x) {
    const V u = Add(One(), x);
    return Add(Log(u), Div(Sub(x, Sub(u, One())), u));
  }

  /// e = exp(-|x|): 1 / (1 + e) or e / (1 + e), so that small results keep their precision.
  static V Sigmoid(V x) {
    const V e = Exp(L::Neg(L::Abs(x)));
    return Div(L::If(L::Lt(x, Zero()), e, One()), Add(One(), e));
  }

  /// t = exp(-2 |x|) - 1: -t / (t + 2) with the sign of x.
  static V Tanh(V x) {
    const V t = Expm1Negative(Mul(L::Abs(x), Set(-2.0F)));
    return L::CopySign(Div(L::Neg(t), Add(t, Set(2.0F))), x);
  }

  /// |x| < 0.92: x + x P(x^2), relative error of the polynomial below 2^-26.6. Up to 4:
  /// 1 - exp(-R(|x|)), R fitted to -ln(erfc) with an error of erfc below 2^-26.1. Beyond: 1.
  static V Erf(V x) {
    const V a = L::Abs(x);
    const V z = Mul(a, a);
    const V small = Polynomial(z, Set(8.39977729e-05F), -0.000815005042F, 0.00520171458F,
                               -0.0268596914F, 0.112837009F, -0.376126349F, 0.128379166F);
    const V b = Min(a, 4.0F);
    const V r =
        Polynomial(b, Set(-1.64306368e-06F), 4.61638592e-05F, -0.000597585749F, 0.00476262579F,
                   -0.0264276378F, 0.110087164F, 0.631823897F, 1.13023102F, -0.000318539649F);
    const V large = Sub(One(), Exp(L::Neg(r)));
    return L::CopySign(L::If(L::Lt(a, Set(0.92F)), Add(a, Mul(a, small)), large), x);
  }

  /// n = the multiple of pi / 2 nearest to x, pi / 2 in three parts of which n times the first two
  /// is exact. |angle| <= pi / 4 within 2^-33 for |x| <= 8192; larger ones lane by lane.
  struct Angle {
    V angle, quadrant;
  };
  static Angle ReduceAngle(V x) {
    const V a = L::If(L::IsNaN(x), Zero(), Max(Min(x, 8192.0F), -8192.0F));
    const V n = L::Round(Mul(a, Set(0.636619747F)));
    V r = Sub(a, Mul(n, Set(1.5703125F)));
    r = Sub(r, Mul(n, Set(0.0004837512969970703125F)));
    r = Sub(r, Mul(n, Set(7.54979013e-08F)));
    Angle reduced = {r, n};
    if (L::AnyLt(Set(8192.0F), L::Abs(x))) {
      L::ForEach(x, reduced.angle, reduced.quadrant, [](float lane, float& angle, float& quadrant) {
        const float magnitude = lane < 0.0F ? -lane : lane;
        if (!(magnitude > 8192.0F) || magnitude == __builtin_inff()) return;
        const ReducedAngle huge = ReduceHugeAngle(lane);
        angle = huge.angle;
        quadrant = static_cast<float>(huge.quadrant);
      });
    }
    return reduced;
  }

  /// sin(angle + quadrant * pi / 2): r + r^3 S(r^2) or 1 - r^2 / 2 + r^4 C(r^2), errors of the
  /// polynomials below 2^-26.3. NaN and infinities of `x` give NaN.
  static V SinOfAngle(V x, V r, V quadrant) {
    const V z = Mul(r, r);
    const V s = Polynomial(z, Set(-0.000195875982F), 0.00833274703F, -0.166666642F);
    const V c = Polynomial(z, Set(2.45476494e-05F), -0.00138883013F, 0.0416666642F);
    const V sine = Add(r, Mul(Mul(z, r), s));
    const V cosine = Add(Sub(One(), Mul(z, Set(0.5F))), Mul(Mul(z, z), c));
    // quadrant modulo 4 in -2 .. 2: odd takes the cosine, 2 and 3 (that is -1) change the sign.
    const V q = Sub(quadrant, Mul(Set(4.0F), L::Round(Mul(quadrant, Set(0.25F)))));
    const V y = L::If(L::Eq(L::Abs(q), One()), cosine, sine);
    const auto positive = L::Lt(L::Abs(Sub(q, Set(0.5F))), One());  // 0 and 1
    const auto finite = L::Lt(L::Abs(x), Set(__builtin_inff()));
    return L::If(finite, L::If(positive, y, L::Neg(y)), Sub(x, x));
  }
  static V Sin(V x) {
    const Angle a = ReduceAngle(x);
    return SinOfAngle(x, a.angle, a.quadrant);
  }
  static V Cos(V x) {
    const Angle a = ReduceAngle(x);
    return SinOfAngle(x, a.angle, Add(a.quadrant, One()));
  }

  /// max(x, 0) + log(1 + exp(-|x|)).
  static V Softplus(V x) { return Add(Max(x, 0.0F), Log1p(Exp(L::Neg(L::Abs(x))))); }

  /// x * tanh(softplus(x)) = x * w / (w + 2), w = e (e + 2), e = exp(x); from 20 on it is x.
  static V Mish(V x) {
    const V e = Exp(Min(x, 20.0F));
    const V w = Mul(e, Add(e, Set(2.0F)));
    return Mul(x, Div(w, Add(w, Set(2.0F))));
  }

  static V HardSigmoid(V x, float alpha, float beta) {
    return Min(Max(Add(Mul(x, Set(alpha)), Set(beta)), 0.0F), 1.0F);
  }

  static V Elu(V x, float alpha) {
    return L::If(L::Lt(x, Zero()), Mul(Set(alpha), Expm1Negative(x)), x);
  }

  static V Sign(V x) {
    const V negative = L::If(L::Lt(x, Zero()), Set(-1.0F), x);
    return L::If(L::Lt(Zero(), x), One(), negative);
  }

  /// sqrt(2 / pi) * (x + 0.044715 x^3), of which gelu_tanh takes x * sigmoid(2 u).
  static V GeluTanh(V x) {
    const V cube = Mul(Mul(x, x), x);
    const V u = Mul(Set(0.797884583F), Add(x, Mul(Set(0.0447149985F), cube)));
    return Mul(x, Sigmoid(Add(u, u)));
  }

  /// `slope` is used by prelu alone.
  static V Unary(FloatUnaryKind kind, float alpha, float beta, V slope, V x) {
    switch (kind) {
      case FloatUnaryKind::relu:
        return Max(x, 0.0F);
      case FloatUnaryKind::leaky_relu:
        return L::If(L::Lt(x, Zero()), Mul(Set(alpha), x), x);
      case FloatUnaryKind::sigmoid:
        return Sigmoid(x);
      case FloatUnaryKind::tanh:
        return Tanh(x);
      case FloatUnaryKind::silu:
        return Mul(x, Sigmoid(x));
      case FloatUnaryKind::hard_swish:
        return Mul(x, HardSigmoid(x, 0.166666672F, 0.5F));
      case FloatUnaryKind::hard_sigmoid:
        return HardSigmoid(x, alpha, beta);
      case FloatUnaryKind::gelu:
        return Mul(Mul(Set(0.5F), x), Add(One(), Erf(Mul(x, Set(0.707106769F)))));
      case FloatUnaryKind::gelu_tanh:
        return GeluTanh(x);
      case FloatUnaryKind::elu:
        return Elu(x, alpha);
      case FloatUnaryKind::selu:
        return Mul(Set(beta), Elu(x, alpha));
      case FloatUnaryKind::celu:
        return L::If(L::Lt(x, Zero()), Mul(Set(alpha), Expm1Negative(Div(x, Set(alpha)))), x);
      case FloatUnaryKind::softplus:
        return Softplus(x);
      case FloatUnaryKind::softsign:
        return Div(x, Add(One(), L::Abs(x)));
      case FloatUnaryKind::mish:
        return Mish(x);
      case FloatUnaryKind::exp:
        return Exp(x);
      case FloatUnaryKind::log:
        return Log(x);
      case FloatUnaryKind::sqrt:
        return L::Sqrt(x);
      case FloatUnaryKind::reciprocal:
        return Div(One(), x);
      case FloatUnaryKind::abs:
        return L::Abs(x);
      case FloatUnaryKind::neg:
        return L::Neg(x);
      case FloatUnaryKind::floor:
        return L::Floor(x);
      case FloatUnaryKind::ceil:
        return L::Neg(L::Floor(L::Neg(x)));
      case FloatUnaryKind::round:
        return L::Round(x);
      case FloatUnaryKind::sign:
        return Sign(x);
      case FloatUnaryKind::erf:
        return Erf(x);
      case FloatUnaryKind::sin:
        return Sin(x);
      case FloatUnaryKind::cos:
        return Cos(x);
      case FloatUnaryKind::clip:
        return Min(Max(x, alpha), beta);
      case FloatUnaryKind::prelu:
        return L::If(L::Lt(x, Zero()), Mul(slope, x), x);
      case FloatUnaryKind::square:
        return Mul(x, x);
      case FloatUnaryKind::identity:
        return x;
      case FloatUnaryKind::rsqrt:
        return Div(One(), L::Sqrt(x));
      case FloatUnaryKind::thresholded_relu:
        return L::If(L::Lt(Set(alpha), x), x, Zero());
      case FloatUnaryKind::log_sigmoid:
        return L::Neg(Softplus(L::Neg(x)));
      case FloatUnaryKind::swish:
        return Mul(x, Sigmoid(Mul(Set(alpha), x)));
    }
    return x;
  }

  /// NaN in either gives NaN; of two zeros the first.
  static V Minimum(V a, V b) { return L::If(L::IsNaN(b), b, L::If(L::Lt(b, a), b, a)); }
  static V Maximum(V a, V b) { return L::If(L::IsNaN(b), b, L::If(L::Lt(a, b), b, a)); }
};
