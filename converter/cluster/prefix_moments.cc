#include "converter/cluster/prefix_moments.h"

namespace lutra::converter::cluster {

PrefixMoments::PrefixMoments(const SortedValues& sorted, int block_bits)
    : sorted_(&sorted), block_bits_(block_bits) {
  double weight = 0, sum = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    weight += sorted.weights[i];
    sum += sorted.weights[i] * static_cast<double>(sorted.values[i]);
  }
  mean_ = weight > 0 ? sum / weight : 0;
  const size_t mask = (size_t{1} << block_bits) - 1;
  blocks_.reserve((sorted.size() >> block_bits) + 2);
  ValueMoments moments;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if ((i & mask) == 0) blocks_.push_back(moments);
    moments.Add(Centred(i), sorted.weights[i]);
  }
  blocks_.push_back(moments);
}

ValueMoments PrefixMoments::Before(size_t i) const {
  if (i == sorted_->size()) return blocks_.back();
  const size_t block = i >> block_bits_;
  ValueMoments moments = blocks_[block];
  for (size_t j = block << block_bits_; j < i; ++j) moments.Add(Centred(j), sorted_->weights[j]);
  return moments;
}

}  // namespace lutra::converter::cluster
