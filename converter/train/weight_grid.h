// The values that a quantized layer's weights may take, and how a gradient passes the rounding:
//
//   weight = scale[channel] * level,   level the entry of the channel's table nearest to
//                                      latent / scale[channel]
//
// Linear weights of n bits are the table of all integers from -(2^(n-1) - 1) to 2^(n-1) - 1,
// codebooks a table of their own: what the runtime executes, so training sees its very weights.
//
// Backward the rounding is the identity (the straight-through estimator: Bengio, Léonard,
// Courville, arXiv 1308.3432) as far as the table reaches, and 0 beyond. Scales are learned as in
// Esser et al., "Learned step size quantization" (arXiv 1902.08153), entries by the sum of the
// gradients of their weights as in Han, Mao, Dally, "Deep Compression" (arXiv 1510.00149).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace lutra::converter::train {

/// The output channel of element i of a weight: (i / inner) % count.
struct ChannelAxis {
  size_t count = 1, inner = 1;

  /// visit(element, channel) of each element in order. (A division for each would take longer than
  /// what is done with it.)
  template <typename Visit>
  void ForEach(size_t elements, const Visit& visit) const {
    for (size_t i = 0; i < elements;) {
      for (size_t channel = 0; channel < count; ++channel) {
        for (const size_t end = i + inner; i < end; ++i) visit(i, channel);
      }
    }
  }
};

class WeightGrid {
 public:
  /// All integers up to `highest`, at most 127.
  static WeightGrid Linear(int highest, std::vector<float> scale);
  /// `tables` holds 2^bits entries for every table_channels channels, ascending, integers in
  /// -127..127. Entries are learned, but 0 stays 0.
  static WeightGrid Codebook(std::span<const int8_t> tables, size_t table_channels,
                             std::vector<float> scale);

  const std::vector<float>& scale() const { return scale_; }
  /// Entries as they are executed; of linear weights too.
  std::span<const int8_t> Table(size_t channel) const;
  size_t table_channels() const { return table_channels_; }
  bool is_linear() const { return linear_; }
  /// The numbers behind the entries of all tables; empty for linear weights.
  const std::vector<float>& entries() const { return entries_; }

  /// Scales stay positive: what is below a thousandth of the value before is raised to it.
  void SetScale(std::span<const float> scale);
  /// Rounds to integers in -127..127 for execution.
  void SetEntries(std::span<const float> entries);
  /// scale() and entries() as another grid of this form had them.
  void Restore(std::vector<float> scale, std::span<const float> entries);

  /// The nearest entry of the channel's table to x = latent / scale.
  int8_t Nearest(size_t channel, float x) const;

  void Apply(std::span<const float> latent, ChannelAxis axis, std::span<float> weight) const;

  struct Gradients {
    std::vector<float> scale;    ///< by scale[channel]
    std::vector<float> entries;  ///< by entries(), codebooks only
  };
  /// `gradient`: by the weights, becomes that by the latents. Summed in double, in order.
  Gradients Backward(std::span<const float> latent, ChannelAxis axis,
                     std::span<float> gradient) const;

 private:
  // Halves from -128 to 127.5: entries are integers, so what lies between two halves has one
  // nearest entry.
  static constexpr int kHalves = 512;
  struct Lookup {
    std::vector<int8_t> entries;
    std::array<uint8_t, kHalves> nearest{};  // index into entries
    float lowest = 0, highest = 0;
  };

  const Lookup& TableOf(size_t channel) const { return tables_[channel / table_channels_]; }
  static size_t Half(float x);
  void FillNearest();

  std::vector<Lookup> tables_;
  size_t table_channels_ = 1;
  bool linear_ = true;
  std::vector<float> scale_, entries_;
};

}  // namespace lutra::converter::train
