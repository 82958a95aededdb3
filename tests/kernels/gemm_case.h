// One matrix product or convolution with its data, and running it on any row with any threads.
// Inputs are vectors of exactly the size the contract allows to be read, so that a sanitizer sees
// an access beyond; outputs have guard elements around and between their rows.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernel_data.h"
#include "kernels/row.h"

namespace lutra::kernels {

constexpr uint32_t kSeed = 20261122;
constexpr size_t kGuard = 3;  ///< elements before the output, which also unalign it

struct IntCase {
  GemmProblem problem;
  std::vector<int8_t> left, weights, zero_points;  ///< weights [groups * n][k]
  std::vector<uint8_t> codes;    ///< of the same weights, where problem.form is coded
  std::vector<uint8_t> factors;  ///< [n][runs of k], where problem.form has runs
  std::vector<int8_t> tables;    ///< of the whole tensor; empty: two's complement
  std::vector<int32_t> bias, row_zero_point;
  std::vector<float> scale, float_bias, row_scale;
  std::vector<int32_t> high;  ///< [m][groups * n], epilogue wide
  CurveData curve;            ///< used where it has coefficients; factors as problem.curve says
};

struct FloatCase {
  GemmProblem problem;
  std::vector<float> left, weights, bias;
};

/// [m][k] by [n][k], rows without gaps.
GemmProblem Dense(size_t m, size_t n, size_t k);

/// Elements of the left operand that may be read.
size_t LeftSize(const GemmProblem& p);

/// Fills the data at random; every eighth value is an extreme one.
IntCase MakeIntCase(const GemmProblem& problem, std::mt19937& random);
FloatCase MakeFloatCase(const GemmProblem& problem, std::mt19937& random);

/// The same with weights in the problem's form: codes of random tables whose entries go up to
/// form.largest, or two's complement integers.
IntCase MakeCodedCase(const GemmProblem& problem, bool tables, std::mt19937& random);

/// Puts a curve behind the product, with or without factors.
void AddCurve(IntCase& c, bool factors, std::mt19937& random);

/// The whole output with its guards, as bytes.
std::vector<uint8_t> RunCase(const Row& row, const IntCase& c, size_t threads = 1);
std::vector<uint8_t> RunCase(const IntGemmKernels& kernels, const IntCase& c, size_t threads = 1);
std::vector<uint8_t> RunCase(const Row& row, const FloatCase& c, size_t threads = 1);

std::string Describe(const GemmProblem& p);

}  // namespace lutra::kernels
