// One block of memory, measured and then filled by the same code. A Bump without a base only
// counts; given a base it hands out the very same pieces. Because one code path does both, the
// need that lutra_requirements states is exact by construction, and a model or a context is a
// single allocation that can live in the caller's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lutra {

/// Alignment of both blocks and of every piece that kernels see: one cache line.
constexpr size_t kBlockAlignment = 64;

/// a * b and a + b, or SIZE_MAX when they do not fit. SIZE_MAX stays SIZE_MAX, so that a chain of
/// them needs one check at its end.
constexpr size_t SaturatingMultiply(size_t a, size_t b) {
  size_t result = 0;
  if (a == 0 || b == 0) return 0;
  return __builtin_mul_overflow(a, b, &result) ? SIZE_MAX : result;
}
constexpr size_t SaturatingAdd(size_t a, size_t b) {
  size_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? SIZE_MAX : result;
}

class Bump {
 public:
  /// Counts only: Take returns null.
  Bump() = default;
  /// Places into `bytes` bytes at `base`, aligned to kBlockAlignment.
  Bump(void* base, size_t bytes) : base_(static_cast<uint8_t*>(base)), capacity_(bytes) {}

  bool placing() const { return base_ != nullptr; }

  /// Next piece, aligned to `alignment` (a power of two up to kBlockAlignment).
  void* Take(size_t bytes, size_t alignment = kBlockAlignment) {
    const size_t begin = SaturatingAdd(used_, alignment - 1) & ~(alignment - 1);
    used_ = SaturatingAdd(begin, bytes);
    Raise(used_);
    return placing() ? base_ + begin : nullptr;
  }

  template <typename T>
  T* TakeArray(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(Take(SaturatingMultiply(count, sizeof(T)), alignof(T)));
  }

  /// Memory behind the cursor, valid until the next Take: work space of packing, which costs
  /// nothing while there are later pieces that will cover it.
  void* Borrow(size_t bytes) {
    const size_t begin = SaturatingAdd(used_, kBlockAlignment - 1) & ~(kBlockAlignment - 1);
    Raise(SaturatingAdd(begin, bytes));
    return placing() ? base_ + begin : nullptr;
  }

  /// Counts what follows, from here on.
  Bump CountOn() const {
    Bump counted;
    counted.used_ = counted.high_water_ = used_;
    return counted;
  }
  /// Memory that the pieces counted by a CountOn of this do not touch, valid until something else
  /// is taken.
  void* BorrowBehind(const Bump& counted, size_t bytes) {
    const size_t begin =
        SaturatingAdd(counted.high_water_, kBlockAlignment - 1) & ~(kBlockAlignment - 1);
    Raise(SaturatingAdd(begin, bytes));
    return placing() ? base_ + begin : nullptr;
  }

  /// Size of the block so far; SIZE_MAX if it does not fit the address space.
  size_t bytes() const { return high_water_; }
  /// Bytes taken so far.
  size_t used() const { return used_; }

 private:
  void Raise(size_t end) {
    if (end > high_water_) high_water_ = end;
    // A placing pass that needs more than was counted would be a bug of ours.
    if (placing() && end > capacity_) __builtin_trap();
  }

  uint8_t* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t high_water_ = 0;
};

}  // namespace lutra
