// Losses: how far outputs are from what they should be, and the gradient by the outputs.
//
// A network's output holds one row per sample: [n, ...], all dimensions after the first together
// are the row (of classes, of values). n may be a part of a minibatch: the loss of a minibatch is
// the mean over its `total` samples, so each function returns the sum of its rows' losses,
// undivided, and a gradient that is divided by the total. The parts' sums, added in the order of
// the parts and divided by the total, are then the loss, and the gradients stand for themselves.
// Computed in double, row by row, so the numbers do not depend on how a minibatch is cut.
//
// NaN and infinity are not looked for: they come out as a sum that is not finite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "converter/graph/tensor.h"
#include "converter/score_kind.h"

namespace lutra::converter::train {

struct Loss {
  double sum = 0;   ///< over the rows
  Tensor gradient;  ///< of sum / total by the outputs, float32, of their dims
};

/// -sum_c t_c log p_c, in nats, with t = 1 at the label and 0 elsewhere, or with smoothing s
/// (Szegedy et al., "Rethinking the Inception architecture", 2016) (1 - s) at the label and s / C
/// more everywhere. On logits the gradient is p - t, from log-sum-exp of differences to the largest
/// logit; on log-probabilities this is the negative log-likelihood. Where the input of a Softmax
/// can be had, that is better than its probabilities: gradients do not vanish. Throws Error when a
/// label is none of the classes, or when there are not as many labels as rows.
Loss CrossEntropy(ScoreKind kind, const Tensor& outputs, std::span<const int64_t> labels,
                  size_t total, float smoothing = 0);

/// The same with t given: float32, as many elements as the outputs, each row adding up to 1
/// (mix-up's labels); smoothing makes it (1 - s) t + s / C.
Loss CrossEntropy(ScoreKind kind, const Tensor& outputs, const Tensor& targets, size_t total,
                  float smoothing = 0);

/// Mean over the row of (y - t)^2, in the outputs' units squared. Throws Error when targets have
/// another number of elements.
Loss MeanSquaredError(const Tensor& outputs, const Tensor& targets, size_t total);

/// Distillation: T^2 sum_c q_c (log q_c - log p_c) with q = softmax(teacher / T) and
/// p = softmax(logits / T): the Kullback-Leibler divergence in nats, times T^2 so that gradients,
/// T (p - q), are of one size at every temperature (Hinton, Vinyals, Dean, "Distilling the
/// knowledge in a neural network", 2015). Both are logits. Throws Error when the teacher's have
/// another number of elements.
Loss Distillation(const Tensor& logits, const Tensor& teacher, double temperature, size_t total);

}  // namespace lutra::converter::train
