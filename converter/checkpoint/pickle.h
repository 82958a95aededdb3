// Reads pickles as data. A pickle is a program for a stack machine, and Python runs whatever class
// or function it names; this machine knows lists, dictionaries, numbers, text and the handful of
// functions with which PyTorch describes tensors. Everything else becomes a node that holds no more
// than its name and what it was given; nothing is ever executed. The opcodes are those of Python's
// pickletools, protocols 0 to 5.
//
// The result is a flat array of nodes that point to each other by index: no ownership, no recursion
// while reading, and loops (a list that holds itself) do no harm. Whoever walks it must bound depth
// and steps, for shared nodes can stand for exponentially many paths.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lutra::converter::checkpoint {

using PickleId = uint32_t;

enum class PickleKind : uint8_t {
  none,
  boolean,  // integer is 0 or 1
  integer,  // integers beyond 64 bits become opaque
  real,
  text,
  bytes,
  list,     // items; sets too
  tuple,    // items
  dict,     // items: key, value, key, value ...; "text.name" where its class is not Python's own
  global,   // a class or function that is named, not used: "text.name"
  storage,  // items: the persistent id's fields after "storage"
  tensor,   // items: storage, offset, sizes, strides, and for _rebuild_tensor_v3 the dtype
  object,   // of the class or function "text.name", which is not read; items: what it was given
  opaque,   // a value of no interest
};

struct PickleNode {
  PickleKind kind = PickleKind::none;
  bool built = false;  ///< made by a call, so a state may follow that is ignored
  int64_t integer = 0;
  double real = 0;
  std::string_view text, name;
  std::vector<PickleId> items;
};

/// Borrows the bytes that were read.
class PickleTree {
 public:
  const PickleNode& operator[](PickleId id) const { return nodes_[id]; }
  PickleNode& operator[](PickleId id) { return nodes_[id]; }
  PickleId root() const { return root_; }
  size_t size() const { return nodes_.size(); }
  size_t consumed() const { return consumed_; }  ///< bytes up to and with the final STOP

 private:
  friend class PickleMachine;
  std::vector<PickleNode> nodes_;
  PickleId root_ = 0;
  size_t consumed_ = 0;
};

/// Instructions of one pickle: far above real checkpoints (about 60 per tensor), and what bounds
/// memory and time.
constexpr size_t kMaxPickleInstructions = size_t{1} << 22;

/// Reads the pickle at the start of `bytes`. Throws Error, which names the byte, for one that is
/// damaged, and for a listed function whose arguments do not fit it.
PickleTree ReadPickle(std::span<const uint8_t> bytes);

/// "torch.optim.sgd.SGD", of a global or object; printable whatever the file holds.
std::string GlobalName(const PickleNode& global);

/// Text of a file made fit for one line: at most 80 characters, others than printable ASCII as '?'.
std::string Printable(std::string_view text);

}  // namespace lutra::converter::checkpoint
