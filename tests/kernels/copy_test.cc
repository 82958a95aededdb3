// Copy and Fill against index arithmetic over random strided walks.
#include "kernels/copy.h"

#include <doctest/doctest.h>

#include "kernels/kernel_data.h"

namespace lutra::kernels {
namespace {

/// A walk with its input, whose first element lies at `origin`.
struct Walk {
  CopyProblem problem;
  size_t in_size = 0, out_size = 0;
  ptrdiff_t origin = 0;
};

/// The output is dense in a random permutation of the dimensions; the input has random strides,
/// some negative (slices backwards) or zero (broadcast).
Walk DrawWalk(size_t element_bytes, std::mt19937& random) {
  Walk walk;
  CopyProblem& p = walk.problem;
  p.rank = 1 + random() % kMaxRank;
  p.element_bytes = element_bytes;
  ptrdiff_t last = 0;
  for (size_t d = 0; d < p.rank; ++d) {
    p.extent[d] = 1 + random() % 5;
    p.in_stride[d] = Uniform(random, -7, 12);
    if (random() % 4 == 0) p.in_stride[d] = 0;
    const ptrdiff_t reach = p.in_stride[d] * static_cast<ptrdiff_t>(p.extent[d] - 1);
    (reach < 0 ? walk.origin : last) += reach < 0 ? -reach : reach;
  }
  // Often rows that follow one another, so that Simplify has something to merge.
  if (random() % 2 == 0) {
    ptrdiff_t step = 1;
    walk.origin = last = 0;
    for (size_t d = p.rank; d-- > 0;) {
      p.in_stride[d] = step;
      step *= static_cast<ptrdiff_t>(p.extent[d]) + (random() % 3 == 0 ? 1 : 0);
      last += p.in_stride[d] * static_cast<ptrdiff_t>(p.extent[d] - 1);
    }
  }
  walk.in_size = static_cast<size_t>(walk.origin + last) + 1;
  std::vector<size_t> order(p.rank);
  for (size_t d = 0; d < p.rank; ++d) order[d] = d;
  if (random() % 2 == 0) std::shuffle(order.begin(), order.end(), random);
  walk.out_size = 1;
  for (size_t i = p.rank; i-- > 0;) {
    p.out_stride[order[i]] = static_cast<ptrdiff_t>(walk.out_size);
    walk.out_size *= p.extent[order[i]];
  }
  return walk;
}

template <typename T>
void CheckWalk(const Walk& walk, std::mt19937& random) {
  const CopyProblem& p = walk.problem;
  std::vector<T> in(walk.in_size);
  for (T& value : in) value = static_cast<T>(uint64_t{random()} << 32 | random());
  std::vector<T> expected(walk.out_size);
  std::vector<size_t> index(p.rank, 0);
  for (size_t i = 0; i < walk.out_size; ++i) {
    ptrdiff_t from = walk.origin;
    ptrdiff_t to = 0;
    size_t rest = i;
    for (size_t d = p.rank; d-- > 0; rest /= p.extent[d]) {
      const auto at = static_cast<ptrdiff_t>(rest % p.extent[d]);
      from += at * p.in_stride[d];
      to += at * p.out_stride[d];
    }
    expected[static_cast<size_t>(to)] = in[static_cast<size_t>(from)];
  }
  CopyProblem simple = p;
  Simplify(simple);
  CHECK(simple.rank >= 1);
  CHECK(simple.rank <= p.rank);
  std::vector<T> out(walk.out_size);
  const size_t half = simple.extent[0] / 2;
  Copy(simple, in.data() + walk.origin, out.data(), half, simple.extent[0]);
  Copy(simple, in.data() + walk.origin, out.data(), 0, half);
  CHECK(out == expected);
}

TEST_CASE("strided walks") {
  std::mt19937 random(kDataSeed);
  MESSAGE("seed ", kDataSeed);
  for (int i = 0; i < 4000; ++i) {
    CheckWalk<uint8_t>(DrawWalk(1, random), random);
    CheckWalk<uint32_t>(DrawWalk(4, random), random);
    CheckWalk<uint16_t>(DrawWalk(2, random), random);
    CheckWalk<uint64_t>(DrawWalk(8, random), random);
  }
}

TEST_CASE("a contiguous walk becomes one dimension") {
  CopyProblem p;
  p.rank = 4;
  const size_t extent[] = {2, 1, 3, 5};
  const ptrdiff_t stride[] = {15, 99, 5, 1};
  for (size_t d = 0; d < 4; ++d) {
    p.extent[d] = extent[d];
    p.in_stride[d] = p.out_stride[d] = stride[d];
  }
  Simplify(p);
  CHECK(p.rank == 1);
  CHECK(p.extent[0] == 30);
  CHECK(p.in_stride[0] == 1);
}

TEST_CASE("a single element") {
  CopyProblem p;
  p.rank = 2;
  p.extent[0] = p.extent[1] = 1;
  Simplify(p);
  const uint8_t in = 9;
  uint8_t out = 0;
  Copy(p, &in, &out, 0, p.extent[0]);
  CHECK(out == 9);
}

TEST_CASE("an empty dimension copies nothing") {
  CopyProblem p;
  p.rank = 2;
  p.extent[0] = 3;
  p.in_stride[0] = p.out_stride[0] = 1;
  Simplify(p);
  uint8_t out = 7;
  const uint8_t in = 9;
  Copy(p, &in, &out, 0, p.extent[0]);
  CHECK(out == 7);
}

TEST_CASE("fill") {
  std::vector<uint8_t> bytes(20, 1);
  const uint8_t byte = 200;
  Fill(&byte, 1, bytes.data(), 7, 3, 5);
  std::vector<float> floats(20, 1.0F);
  const float value = -2.5F;
  Fill(&value, 4, floats.data(), 7, 3, 5);
  std::vector<int16_t> shorts(20, 1);
  const int16_t short_value = -300;
  Fill(&short_value, 2, shorts.data(), 7, 3, 5);
  std::vector<int64_t> longs(20, 1);
  const int64_t long_value = -(int64_t{1} << 40);
  Fill(&long_value, 8, longs.data(), 7, 3, 5);
  for (size_t i = 0; i < 20; ++i) {
    CHECK(bytes[i] == (i % 7 < 5 ? 200 : 1));
    CHECK(floats[i] == (i % 7 < 5 ? -2.5F : 1.0F));
    CHECK(shorts[i] == (i % 7 < 5 ? -300 : 1));
    CHECK(longs[i] == (i % 7 < 5 ? -(int64_t{1} << 40) : 1));
  }
}

}  // namespace
}  // namespace lutra::kernels
