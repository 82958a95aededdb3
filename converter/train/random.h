// Random numbers of training: shuffles, augmentation, fresh weights. The generator is Philox4x32-10
// (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): word number w
// of a stream is a function of the seed and of what the stream is for, and of nothing else. So each
// sample of each epoch has numbers of its own, whichever thread asks, in whichever order, and
// whether or not training was killed and resumed in between. Distributions are written out here,
// for those of the C++ library differ between libraries.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace lutra::converter::train {

/// Ten rounds: four words out of a counter of four and a key of two.
inline std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t even = uint64_t{0xD2511F53} * c[0];
    const uint64_t odd = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(odd >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(odd),
         static_cast<uint32_t>(even >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(even)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return c;
}

/// What a stream is for: no two uses of one seed see the same numbers. Values are part of what a
/// seed means and never change.
enum class Purpose : uint32_t {
  split = 0,        ///< which samples are for validation
  order = 1,        ///< of the samples of an epoch
  augment = 2,      ///< of one sample in one epoch
  mix = 3,          ///< of one minibatch in one epoch
  weights = 4,      ///< fresh ones; the index is the parameter's
  reconstruct = 5,  ///< which samples a step of a block sees
};

/// One stream. Cheap to make: nothing is warmed up.
class Random {
 public:
  explicit Random(uint64_t seed, Purpose purpose, size_t epoch = 0, size_t index = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, static_cast<uint32_t>(index), static_cast<uint32_t>(epoch),
                 static_cast<uint32_t>(purpose)} {}

  uint32_t Word() {
    if (used_ == block_.size()) {
      block_ = Philox(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  /// 0 to n - 1, each as likely as any other (Lemire, "Fast random integer generation in an
  /// interval", 2019); n is at least 1.
  uint32_t Below(uint32_t n) {
    uint64_t product = uint64_t{Word()} * n;
    const uint32_t remainder = -n % n;  // 2^32 mod n: so many words are one too many
    while (static_cast<uint32_t>(product) < remainder) product = uint64_t{Word()} * n;
    return static_cast<uint32_t>(product >> 32);
  }

  /// -n to n.
  int64_t Within(uint32_t n) { return int64_t{Below(2 * n + 1)} - int64_t{n}; }

  /// [0, 1), multiples of 2^-24.
  float Uniform() { return static_cast<float>(Word() >> 8) * 0x1p-24F; }

  /// (0, 1), odd multiples of 2^-33.
  double Open() { return (static_cast<double>(Word()) + 0.5) * 0x1p-32; }

  /// Mean 0, deviation 1, at most 6.8 away (Box and Muller, 1958). The last bit is that of the C
  /// library's log and cos.
  float Normal() {
    const double radius = std::sqrt(-2 * std::log(Open()));
    return static_cast<float>(radius * std::cos(2 * std::numbers::pi * Open()));
  }

  /// Beta(alpha, alpha) for alpha from 0 (exclusive) to 1 (Jöhnk, 1964), by logarithms: the powers
  /// of a small alpha underflow.
  double Beta(double alpha) {
    while (true) {
      const double x = std::log(Open()) / alpha, y = std::log(Open()) / alpha;
      const double larger = std::max(x, y);
      const double sum = larger + std::log(std::exp(x - larger) + std::exp(y - larger));
      if (sum <= 0) return std::exp(x - sum);
    }
  }

  /// Every order as likely as any other (Fisher and Yates). Fewer than 2^32 elements.
  template <typename T>
  void Shuffle(std::span<T> elements) {
    for (size_t left = elements.size(); left > 1; --left) {
      std::swap(elements[left - 1], elements[Below(static_cast<uint32_t>(left))]);
    }
  }

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  size_t used_ = 4;
};

}  // namespace lutra::converter::train
