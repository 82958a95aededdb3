#include "converter/lower/arena_planner.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace lutra::converter::lowering {
namespace {

bool Overlap(const ArenaItem& a, const ArenaItem& b) {
  const bool together = a.first <= b.last && b.first <= a.last;
  return together && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

// No plan can be smaller than what is alive at some moment.
uint64_t LargestMoment(const std::vector<ArenaItem>& items, size_t steps) {
  uint64_t largest = 0;
  for (size_t step = 0; step < steps; ++step) {
    uint64_t sum = 0;
    for (const ArenaItem& item : items) {
      if (item.first <= step && step <= item.last) sum += (item.bytes + 63) / 64 * 64;
    }
    largest = std::max(largest, sum);
  }
  return largest;
}

TEST_CASE("a chain of equal tensors needs two places") {
  std::vector<ArenaItem> items;
  for (size_t i = 0; i < 10; ++i) items.push_back({1000, i, i + 1, 0});
  CHECK(PlaceItems(items) == 2 * 1024);
}

TEST_CASE("an item goes into the smallest gap that holds it") {
  // Placed by size: 640 at 0, 512 at 640, 320 at 1152. When the last comes, the first and third are
  // alive; the gap of 512 between them is the only one.
  std::vector<ArenaItem> items = {{640, 0, 9, 0}, {512, 0, 4, 0}, {320, 0, 9, 0}, {64, 5, 9, 0}};
  CHECK(PlaceItems(items) == 640 + 512 + 320);
  CHECK(items[3].offset == 640);
}

TEST_CASE("random lifetimes never overlap, and the arena stays near its lower bound") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const size_t steps = 2 + random() % 40;
    std::vector<ArenaItem> items(1 + random() % 60);
    for (ArenaItem& item : items) {
      item.bytes = 1 + random() % 5000;
      item.first = random() % steps;
      item.last = std::min(steps - 1, item.first + random() % 5);
    }
    const uint64_t total = PlaceItems(items);
    for (size_t i = 0; i < items.size(); ++i) {
      REQUIRE(items[i].offset % 64 == 0);
      REQUIRE(items[i].offset + items[i].bytes <= total);
      for (size_t j = 0; j < i; ++j) REQUIRE_FALSE(Overlap(items[i], items[j]));
    }
    const uint64_t bound = LargestMoment(items, steps);
    CHECK(total >= bound);
    CHECK(total <= 2 * bound);
  }
}

}  // namespace
}  // namespace lutra::converter::lowering
