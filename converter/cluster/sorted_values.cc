#include "converter/cluster/sorted_values.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>

namespace lutra::converter::cluster {
namespace {

// Unsigned integers in the order of the floats.
uint32_t KeyOf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value == 0.0F ? 0.0F : value);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
}

float ValueOf(uint32_t key) {
  return std::bit_cast<float>((key >> 31) != 0 ? key & 0x7FFFFFFFU : ~key);
}

// Three passes of 11 bits over the 32 bits from kKeyShift on.
template <typename Item, int kKeyShift>
void RadixSort(std::vector<Item>& items) {
  constexpr int kDigitBits = 11, kPasses = 3;
  constexpr size_t kDigits = size_t{1} << kDigitBits;
  const auto digit = [](Item item, int pass) {
    return static_cast<size_t>(item >> (kKeyShift + pass * kDigitBits)) & (kDigits - 1);
  };
  std::array<std::array<size_t, kDigits>, kPasses> starts{};
  for (const Item item : items) {
    for (int pass = 0; pass < kPasses; ++pass) ++starts[pass][digit(item, pass)];
  }
  std::vector<Item> other(items.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    size_t start = 0;
    for (size_t& count : starts[pass]) {
      const size_t next = start + count;
      count = start;
      start = next;
    }
    for (const Item item : items) other[starts[pass][digit(item, pass)]++] = item;
    items.swap(other);
  }
}

void Append(SortedValues& sorted, uint32_t key, double weight) {
  const float value = ValueOf(key);
  if (sorted.values.empty() || sorted.values.back() != value) {
    sorted.values.push_back(value);
    sorted.weights.push_back(0);
  }
  sorted.weights.back() += weight;
}

SortedValues SortEqual(std::span<const float> values, Zeros zeros) {
  std::vector<uint32_t> keys;
  keys.reserve(values.size());
  for (const float value : values) {
    if (zeros == Zeros::keep || value != 0.0F) keys.push_back(KeyOf(value));
  }
  RadixSort<uint32_t, 0>(keys);
  SortedValues sorted;
  size_t distinct = 0;
  for (size_t i = 0; i < keys.size(); ++i) distinct += i == 0 || keys[i] != keys[i - 1] ? 1 : 0;
  sorted.values.reserve(distinct);
  sorted.weights.reserve(distinct);
  for (const uint32_t key : keys) Append(sorted, key, 1);
  return sorted;
}

}  // namespace

SortedValues SortDistinct(std::span<const float> values, Zeros zeros,
                          std::span<const float> importance) {
  assert(importance.empty() || importance.size() == values.size());
  if (std::ranges::none_of(importance, [](float weight) { return weight > 0.0F; })) {
    return SortEqual(values, zeros);
  }
  // The importance rides in the low half of the item.
  std::vector<uint64_t> items;
  items.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (importance[i] <= 0.0F || (zeros == Zeros::leave_out && values[i] == 0.0F)) continue;
    items.push_back(uint64_t{KeyOf(values[i])} << 32 | std::bit_cast<uint32_t>(importance[i]));
  }
  RadixSort<uint64_t, 32>(items);
  SortedValues sorted;
  for (const uint64_t item : items) {
    const auto weight = std::bit_cast<float>(static_cast<uint32_t>(item));
    Append(sorted, static_cast<uint32_t>(item >> 32), static_cast<double>(weight));
  }
  return sorted;
}

}  // namespace lutra::converter::cluster
