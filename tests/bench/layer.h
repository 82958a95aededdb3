// Layers of networks as our kernels compute them, for benchmarks.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "kernels/row.h"
#include "kernels/sparse.h"
#include "kernels/winograd.h"

namespace lutra::kernels {

struct Layer {
  const char* network;
  const char* name;
  int32_t size, channels, out_channels, kernel, stride;
  int32_t count;  ///< how often the network has it
};

inline int32_t OutSize(const Layer& l) { return (l.size + l.stride - 1) / l.stride; }

/// Padding at the top and left, as PyTorch's networks have it.
inline int32_t Pad(const Layer& l) { return l.kernel / 2; }

inline double Macs(const Layer& l) {
  return static_cast<double>(OutSize(l)) * OutSize(l) * l.out_channels * l.channels * l.kernel *
         l.kernel;
}

inline std::vector<int8_t> RandomBytes(size_t n, std::mt19937& random) {
  std::vector<int8_t> bytes(n);
  for (int8_t& b : bytes) b = static_cast<int8_t>(random() % 255 - 127);
  return bytes;
}

struct FreeAligned {
  void operator()(void* p) const { ::operator delete (p, std::align_val_t{64}); }
};
using Aligned = std::unique_ptr<void, FreeAligned>;
inline Aligned Allocate(size_t bytes) {
  return Aligned(::operator new (bytes + 64, std::align_val_t{64}));
}

/// All blocks but `keep_percent` become zero, at random.
inline void ZeroBlocks(size_t n, size_t k, uint32_t keep_percent, std::mt19937& random,
                       std::vector<int8_t>& weights) {
  for (size_t band = 0; band < n; band += kBandChannels) {
    for (size_t block = 0; block < k; block += kBlockK) {
      if (random() % 100 < keep_percent) continue;
      for (size_t row = band; row < std::min(n, band + kBandChannels); ++row) {
        const size_t end = std::min(k, block + kBlockK);
        for (size_t i = block; i < end; ++i) weights[row * k + i] = 0;
      }
    }
  }
}

/// How a layer's weights are kept.
struct LayerWeights {
  WeightForm form = {};
  bool winograd = true;         ///< where it suits, as the runtime decides
  uint32_t keep_percent = 100;  ///< of the blocks, of int8; less than all: block-sparse
};

class OurLayer {
 public:
  OurLayer(const Row& row, const Layer& l, const LayerWeights& how, std::mt19937& random)
      : row_(row), may_use_winograd_(how.winograd && how.keep_percent == 100) {
    p_.form = how.form;
    p_.left = LeftKind::patches;
    p_.channels = static_cast<size_t>(l.channels);
    p_.n = static_cast<size_t>(l.out_channels);
    p_.k = p_.channels * static_cast<size_t>(l.kernel) * static_cast<size_t>(l.kernel);
    Window& w = p_.window;
    w.in_h = w.in_w = l.size;
    w.out_h = w.out_w = OutSize(l);
    w.kernel_h = w.kernel_w = l.kernel;
    w.stride_h = w.stride_w = l.stride;
    w.pad_top = w.pad_left = Pad(l);
    w.in_pixel_stride = p_.channels;
    p_.m = static_cast<size_t>(w.out_h) * static_cast<size_t>(w.out_w);
    p_.out_stride = p_.n;
    kernels_ = UsesWinograd() ? &row_.int_winograd : &row_.int_gemm;
    left_ = RandomBytes(static_cast<size_t>(l.size) * l.size * p_.channels, random);
    out_.resize(p_.m * p_.n);
    std::vector<int8_t> values = RandomBytes(p_.n * p_.k, random);
    if (how.keep_percent < 100) {
      ZeroBlocks(p_.n, p_.k, how.keep_percent, random, values);
      p_.form.blocks = CountKeptBlocks(p_.n, p_.k, p_.n * p_.k,
                                       [&](size_t n, size_t k) { return values[n * p_.k + k]; });
    }
    const std::vector<float> scale(p_.n, 0.001F);
    packed_ = Allocate(kernels_->packed_bytes(p_.n, p_.k, p_.form));
    IntWeights weights;
    weights.n = p_.n;
    weights.k = p_.k;
    weights.form = p_.form;
    weights.values = values.data();
    weights.stride_n = p_.k;
    weights.codes = reinterpret_cast<const uint8_t*>(values.data());
    std::vector<int8_t> table(size_t{1} << p_.form.bits, static_cast<int8_t>(p_.form.largest));
    table[0] = 0;
    weights.tables = table.data();
    weights.scale = scale.data();
    kernels_->pack(weights, packed_.get());
    kernels_->plan(p_, 1);
    scratch_ = Allocate(p_.scratch_bytes);
    operands_.left = left_.data();
    operands_.packed = packed_.get();
    operands_.out = out_.data();
  }
  void Run() {
    for (size_t i = 0; i < p_.tasks; ++i) kernels_->run(p_, operands_, i, scratch_.get());
  }
  /// As the runtime decides.
  bool UsesWinograd() const {
    return may_use_winograd_ && row_.int_winograd.run != nullptr && !p_.form.coded() &&
           SuitsWinograd(p_.window, p_.channels);
  }

 private:
  const Row& row_;
  const bool may_use_winograd_;
  const IntGemmKernels* kernels_ = nullptr;
  GemmProblem p_;
  GemmOperands operands_;
  std::vector<int8_t> left_, out_;
  Aligned packed_, scratch_;
};

template <typename F>
double Seconds(F run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Times {
  std::vector<double> seconds;
  double Best() const { return *std::min_element(seconds.begin(), seconds.end()); }
  double Median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

}  // namespace lutra::kernels
