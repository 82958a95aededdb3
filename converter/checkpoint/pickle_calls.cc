#include "converter/checkpoint/pickle_calls.h"

#include <array>

#include "converter/error.h"

namespace lutra::converter::checkpoint {
namespace {

using Items = std::span<const PickleId>;
using Rule = PickleNode (*)(const PickleTree&, Items);

[[noreturn]] void Unfit(const char* what) {
  throw Error(std::string("the arguments of ") + what + " do not fit it");
}

PickleNode NodeOf(PickleKind kind, std::vector<PickleId> items = {}) {
  PickleNode node;
  node.kind = kind;
  node.built = true;
  node.items = std::move(items);
  return node;
}

// OrderedDict(), OrderedDict([[key, value], ...]) as Python 2 wrote it, Counter({...}).
PickleNode MakeDict(const PickleTree& tree, Items arguments) {
  if (arguments.size() > 1) Unfit("OrderedDict");
  PickleNode dict = NodeOf(PickleKind::dict);
  if (arguments.empty()) return dict;
  const PickleNode& from = tree[arguments[0]];
  if (from.kind == PickleKind::dict) {
    dict.items = from.items;
    return dict;
  }
  if (from.kind != PickleKind::list && from.kind != PickleKind::tuple) Unfit("OrderedDict");
  for (const PickleId id : from.items) {
    const PickleNode& pair = tree[id];
    const bool sequence = pair.kind == PickleKind::list || pair.kind == PickleKind::tuple;
    if (!sequence || pair.items.size() != 2) Unfit("OrderedDict");
    dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
  }
  return dict;
}

// defaultdict(factory): the factory is not called.
PickleNode MakeDefaultDict(const PickleTree&, Items arguments) {
  if (arguments.size() > 1) Unfit("defaultdict");
  return NodeOf(PickleKind::dict);
}

template <PickleKind kKind>
PickleNode MakeSequence(const PickleTree& tree, Items arguments) {
  if (arguments.size() != 1) Unfit("a set, list or Size");
  const PickleNode& from = tree[arguments[0]];
  if (from.kind != PickleKind::list && from.kind != PickleKind::tuple) Unfit("a set, list or Size");
  return NodeOf(kKind, from.items);
}

// _rebuild_tensor(storage, offset, sizes, strides) and _v2(..., requires_grad, hooks[, metadata]).
template <size_t kLeast, size_t kMost>
PickleNode MakeTensor(const PickleTree& tree, Items arguments) {
  if (arguments.size() < kLeast || arguments.size() > kMost ||
      tree[arguments[0]].kind != PickleKind::storage) {
    Unfit("_rebuild_tensor");
  }
  return NodeOf(PickleKind::tensor, {arguments.begin(), arguments.begin() + 4});
}

// _v3(storage, offset, sizes, strides, requires_grad, hooks, dtype[, metadata]): untyped storages.
PickleNode MakeTypedTensor(const PickleTree& tree, Items arguments) {
  PickleNode tensor = MakeTensor<7, 8>(tree, arguments);
  if (tree[arguments[6]].kind != PickleKind::global) Unfit("_rebuild_tensor_v3");
  tensor.items.push_back(arguments[6]);
  return tensor;
}

// _rebuild_parameter(tensor, requires_grad, hooks[, state]): the tensor itself.
PickleNode MakeParameter(const PickleTree& tree, Items arguments) {
  if (arguments.size() < 3 || arguments.size() > 4 ||
      tree[arguments[0]].kind != PickleKind::tensor) {
    Unfit("_rebuild_parameter");
  }
  return NodeOf(PickleKind::tensor, tree[arguments[0]].items);
}

// copyreg._reconstructor(class, base, state): how protocols 0 and 1 make an object. It goes by the
// name of its class.
PickleNode MakeReconstructed(const PickleTree& tree, Items arguments) {
  if (arguments.empty() || tree[arguments[0]].kind != PickleKind::global) Unfit("_reconstructor");
  PickleNode object = NodeOf(PickleKind::object, {arguments.begin() + 1, arguments.end()});
  object.text = tree[arguments[0]].text;
  object.name = tree[arguments[0]].name;
  return object;
}

// _rebuild_from_type_v2(function, type, arguments, state): a tensor with attributes of its own,
// which are dropped. Only tensors and parameters; the function must be on the list too.
PickleNode MakeFromType(const PickleTree& tree, Items arguments) {
  if (arguments.size() != 4 || tree[arguments[0]].kind != PickleKind::global ||
      tree[arguments[1]].kind != PickleKind::global ||
      tree[arguments[2]].kind != PickleKind::tuple) {
    Unfit("_rebuild_from_type_v2");
  }
  const std::string type = GlobalName(tree[arguments[1]]);
  const std::string function = GlobalName(tree[arguments[0]]);
  const bool tensor = type == "torch.Tensor" || type == "torch.nn.parameter.Parameter";
  // Not any listed function: this one naming itself would recurse.
  if (tensor && function.starts_with("torch._utils._rebuild_")) {
    if (auto made = CallAllowed(tree, tree[arguments[0]], tree[arguments[2]])) return *made;
  }
  const PickleNode& unknown = tree[arguments[tensor ? 0 : 1]];
  PickleNode object = NodeOf(PickleKind::object, {arguments[2]});
  object.text = unknown.text;
  object.name = unknown.name;
  return object;
}

// _codecs.encode(text, "latin1"): how protocol 2 spells bytes. Their value is of no interest.
PickleNode MakeBytes(const PickleTree& tree, Items arguments) {
  if (arguments.empty() || arguments.size() > 2 || tree[arguments[0]].kind != PickleKind::text) {
    Unfit("encode");
  }
  PickleNode bytes = NodeOf(PickleKind::bytes);
  bytes.text = tree[arguments[0]].text;
  return bytes;
}

PickleNode MakeOpaque(const PickleTree&, Items) { return NodeOf(PickleKind::opaque); }

struct Allowed {
  std::string_view module, name;
  Rule rule;
};

constexpr std::array kAllowed = {
    Allowed{"collections", "OrderedDict", MakeDict},
    Allowed{"collections", "Counter", MakeDict},
    Allowed{"collections", "defaultdict", MakeDefaultDict},
    Allowed{"torch._utils", "_rebuild_tensor", MakeTensor<4, 4>},
    Allowed{"torch._utils", "_rebuild_tensor_v2", MakeTensor<6, 7>},
    Allowed{"torch._utils", "_rebuild_tensor_v3", MakeTypedTensor},
    Allowed{"torch._utils", "_rebuild_parameter", MakeParameter},
    Allowed{"torch._utils", "_rebuild_parameter_with_state", MakeParameter},
    Allowed{"torch._tensor", "_rebuild_from_type_v2", MakeFromType},
    Allowed{"torch", "Size", MakeSequence<PickleKind::tuple>},
    Allowed{"torch", "device", MakeOpaque},
    Allowed{"_codecs", "encode", MakeBytes},
    Allowed{"copy_reg", "_reconstructor", MakeReconstructed},
    Allowed{"copyreg", "_reconstructor", MakeReconstructed},
    Allowed{"builtins", "set", MakeSequence<PickleKind::list>},
    Allowed{"builtins", "frozenset", MakeSequence<PickleKind::list>},
    Allowed{"__builtin__", "set", MakeSequence<PickleKind::list>},
    Allowed{"__builtin__", "frozenset", MakeSequence<PickleKind::list>},
};

}  // namespace

std::optional<PickleNode> CallAllowed(const PickleTree& tree, const PickleNode& function,
                                      const PickleNode& arguments) {
  for (const Allowed& allowed : kAllowed) {
    if (function.text == allowed.module && function.name == allowed.name) {
      return allowed.rule(tree, arguments.items);
    }
  }
  return std::nullopt;
}

}  // namespace lutra::converter::checkpoint
