// The generator against its published numbers; the distributions against their moments.
#include "converter/train/random.h"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace lutra::converter::train {
namespace {

// Known answers of Random123, the authors' own code: all zero, all one, digits of pi.
TEST_CASE("Philox is Philox") {
  using Four = std::array<uint32_t, 4>;
  constexpr uint32_t f = 0xFFFFFFFF;
  CHECK(Philox({0, 0, 0, 0}, {0, 0}) == Four{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  CHECK(Philox({f, f, f, f}, {f, f}) == Four{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
  CHECK(Philox({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}) ==
        Four{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
}

TEST_CASE("a stream is a function of what it is for") {
  const auto words = [](Random random) {
    std::vector<uint32_t> all(9);
    for (uint32_t& word : all) word = random.Word();
    return all;
  };
  const auto first = words(Random(7, Purpose::augment, 3, 11));
  CHECK(first == words(Random(7, Purpose::augment, 3, 11)));
  // The first block is Philox of counter {block, index, epoch, purpose}.
  const auto block = Philox({0, 11, 3, 2}, {7, 0});
  CHECK(std::vector<uint32_t>(block.begin(), block.end()) ==
        std::vector<uint32_t>(first.begin(), first.begin() + 4));
  std::set<uint32_t> seen(first.begin(), first.end());
  for (const Random& other :
       {Random(8, Purpose::augment, 3, 11), Random(7, Purpose::order, 3, 11),
        Random(7, Purpose::augment, 4, 11), Random(7, Purpose::augment, 3, 12),
        Random(7 + (uint64_t{1} << 32), Purpose::augment, 3, 11)}) {
    const auto more = words(other);
    seen.insert(more.begin(), more.end());
  }
  CHECK(seen.size() == 54);  // two equal among 54 of 2^32: once in three million
}

TEST_CASE("integers below n") {
  Random random(1, Purpose::order);
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 30000; ++i) ++counts[random.Below(3)];
  CHECK(counts.size() == 3);
  // Deviation of a count: sqrt(30000 * 1/3 * 2/3) = 82; five of them.
  for (const auto& [value, count] : counts) CHECK(std::abs(count - 10000) < 410);
  CHECK(random.Below(1) == 0);
  // A third of the words is rejected here: modulo would give the lower half twice as often.
  constexpr uint32_t n = 0xC0000000;
  int low = 0;
  for (int i = 0; i < 10000; ++i) low += random.Below(n) < n / 2 ? 1 : 0;
  CHECK(std::abs(low - 5000) < 250);
  std::set<int64_t> within;
  for (int i = 0; i < 200; ++i) within.insert(random.Within(2));
  CHECK(within == std::set<int64_t>{-2, -1, 0, 1, 2});
}

TEST_CASE("moments") {
  constexpr int n = 20000;
  const double wide = 5 / std::sqrt(n);  // five deviations of a mean of numbers of deviation 1
  Random random(2, Purpose::augment);
  double uniform = 0, normal = 0, square = 0, fourth = 0;
  for (int i = 0; i < n; ++i) {
    const float u = random.Uniform();
    CHECK((u >= 0 && u < 1));
    uniform += static_cast<double>(u);
    const double x = static_cast<double>(random.Normal());
    normal += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  CHECK(std::abs(uniform / n - 0.5) < wide * std::sqrt(1.0 / 12));
  CHECK(std::abs(normal / n) < wide);
  CHECK(std::abs(square / n - 1) < wide * std::sqrt(2));   // var x^2 = 3 - 1
  CHECK(std::abs(fourth / n - 3) < wide * std::sqrt(96));  // var x^4 = 105 - 9
  // Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
  for (const double alpha : {1.0, 0.4, 0.01}) {
    double mean = 0, variance = 0;
    for (int i = 0; i < n; ++i) {
      const double x = random.Beta(alpha);
      REQUIRE((x >= 0 && x <= 1));
      mean += x;
      variance += (x - 0.5) * (x - 0.5);
    }
    const double expected = 1 / (4 * (2 * alpha + 1));
    CHECK(std::abs(mean / n - 0.5) < wide * std::sqrt(expected));
    // (x - 1/2)^2 lies between 0 and 1/4: its deviation is below 1/8.
    CHECK(std::abs(variance / n - expected) < wide / 8);
  }
}

TEST_CASE("a shuffle gives every order") {
  std::map<std::vector<int>, int> counts;
  for (size_t i = 0; i < 6000; ++i) {
    std::vector<int> order = {0, 1, 2};
    Random(3, Purpose::order, i).Shuffle(std::span(order));
    ++counts[order];
  }
  CHECK(counts.size() == 6);
  // Deviation of a count: sqrt(6000 * 1/6 * 5/6) = 29; five of them.
  for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) < 145);
  std::vector<int> none;
  Random(3, Purpose::order).Shuffle(std::span(none));
}

}  // namespace
}  // namespace lutra::converter::train
