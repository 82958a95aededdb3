// The pieces of one block of memory, one after another. Packed operands and work space are laid out
// by a constructor that takes them from here, and their sizes are what the same constructor comes
// to without a block: so the two cannot differ, and no address is computed where there is none.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra::kernels {

class Pieces {
 public:
  /// `block` is null to count only; else aligned to 64, the most that Align is asked for.
  explicit Pieces(const void* block) : block_(static_cast<uint8_t*>(const_cast<void*>(block))) {}

  /// The next `count` elements, which the pieces before must leave aligned; null while counting.
  template <typename T>
  T* Take(size_t count) {
    const size_t begin = used_;
    used_ += count * sizeof(T);
    return block_ == nullptr ? nullptr : reinterpret_cast<T*>(block_ + begin);
  }
  /// What follows begins at a multiple of `alignment` bytes.
  void Align(size_t alignment = 64) { used_ = (used_ + alignment - 1) / alignment * alignment; }

  size_t bytes() const { return used_; }

 private:
  uint8_t* block_;
  size_t used_ = 0;
};

}  // namespace lutra::kernels
