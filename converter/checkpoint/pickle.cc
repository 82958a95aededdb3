// The stack machine. Every instruction makes at most one node and puts at most one entry on the
// stack or into the memo, and each stack entry moves into one container at most: memory is linear
// in the number of instructions, which is limited. The exceptions copy a container's items (DUP
// does not, OrderedDict([...]) does) and draw on a budget of their own.
#include "converter/checkpoint/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "converter/checkpoint/pickle_calls.h"
#include "converter/error.h"

namespace lutra::converter::checkpoint {
namespace {

enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kFloat = 'F',
  kInt = 'I',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kLong = 'L',
  kBinInt2 = 'M',
  kNone = 'N',
  kPersId = 'P',
  kBinPersId = 'Q',
  kReduce = 'R',
  kString = 'S',
  kBinString = 'T',
  kShortBinString = 'U',
  kUnicode = 'V',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kGet = 'g',
  kBinGet = 'h',
  kInst = 'i',
  kLongBinGet = 'j',
  kList = 'l',
  kObj = 'o',
  kPut = 'p',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj,
  kExt1,
  kExt2,
  kExt4,
  kTuple1,
  kTuple2,
  kTuple3,
  kNewTrue,
  kNewFalse,
  kLong1,
  kLong4,
  kShortBinUnicode,
  kBinUnicode8,
  kBinBytes8,
  kEmptySet,
  kAddItems,
  kFrozenSet,
  kNewObjEx,
  kStackGlobal,
  kMemoize,
  kFrame,
  kByteArray8,
  kNextBuffer,
  kReadonlyBuffer,
};

constexpr uint64_t kMaxProtocol = 5;

}  // namespace

class PickleMachine {
 public:
  explicit PickleMachine(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  PickleTree Run() {
    try {
      size_t instructions = 0;
      while (Step()) {
        if (++instructions > kMaxPickleInstructions) {
          throw Error("more than " + std::to_string(kMaxPickleInstructions) + " instructions");
        }
      }
    } catch (const Error& error) {
      throw Error("pickle, byte " + std::to_string(start_) + ": " + error.what());
    }
    tree_.consumed_ = at_;
    return std::move(tree_);
  }

 private:
  // Reading.
  std::string_view Take(uint64_t count) {
    if (count > bytes_.size() - at_) throw Error("the data ends within it");
    const auto* from = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += static_cast<size_t>(count);
    return {from, static_cast<size_t>(count)};
  }
  uint64_t Unsigned(size_t count) {
    uint64_t value = 0;
    const std::string_view from = Take(count);
    for (size_t i = 0; i < count; ++i) {
      value |= static_cast<uint64_t>(static_cast<uint8_t>(from[i])) << (8 * i);
    }
    return value;
  }
  std::string_view Line() {
    const size_t from = at_;
    while (Take(1)[0] != '\n') {
    }
    return {reinterpret_cast<const char*>(bytes_.data() + from), at_ - from - 1};
  }
  template <typename T>
  static T Number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw Error("'" + Printable(text) + "' is no number");
    }
    return value;
  }

  // Stack, marks, memo.
  void Push(PickleId id) { stack_.push_back(id); }
  void Push(PickleNode node) {
    tree_.nodes_.push_back(std::move(node));
    Push(static_cast<PickleId>(tree_.nodes_.size() - 1));
  }
  void PushKind(PickleKind kind, std::vector<PickleId> items = {}) {
    PickleNode node;
    node.kind = kind;
    node.items = std::move(items);
    Push(std::move(node));
  }
  void PushInteger(int64_t value, PickleKind kind = PickleKind::integer) {
    PickleNode node;
    node.kind = kind;
    node.integer = value;
    Push(std::move(node));
  }
  void PushText(std::string_view text, PickleKind kind = PickleKind::text) {
    PickleNode node;
    node.kind = kind;
    node.text = text;
    Push(std::move(node));
  }
  void PushReal(double value) {
    PickleNode node;
    node.kind = PickleKind::real;
    node.real = value;
    Push(std::move(node));
  }
  void PushGlobal(std::string_view module, std::string_view name) {
    PickleNode node;
    node.kind = PickleKind::global;
    node.text = module;
    node.name = name;
    Push(std::move(node));
  }
  // Elements above the last mark may be popped, those below it may not.
  PickleId Pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) throw Error("the stack is empty");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  PickleId Top() {
    const PickleId id = Pop();
    stack_.push_back(id);
    return id;
  }
  std::vector<PickleId> PopToMark() {
    if (marks_.empty()) throw Error("there is no mark");
    std::vector<PickleId> items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()),
                                stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleId> PopItems(size_t count) {
    std::vector<PickleId> items(count);
    for (size_t i = count; i-- > 0;) items[i] = Pop();
    return items;
  }
  void Remember(uint64_t index) { memo_[index] = Top(); }
  void Recall(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) throw Error("nothing was stored under " + std::to_string(index));
    Push(found->second);
  }

  // Containers.
  //
  // An object that is made of nothing and then gets keys and values is of a dictionary's class:
  // what it holds are these, whatever else the class does.
  bool WasGivenNothing(const PickleNode& object) const {
    return std::ranges::all_of(object.items, [&](PickleId id) {
      return tree_.nodes_[id].kind == PickleKind::tuple && tree_.nodes_[id].items.empty();
    });
  }
  void AddItems(PickleKind kind, const std::vector<PickleId>& items) {
    if (kind == PickleKind::dict && items.size() % 2 != 0) throw Error("a key without a value");
    PickleNode& container = tree_.nodes_[Top()];
    if (kind == PickleKind::dict && container.kind == PickleKind::object &&
        WasGivenNothing(container)) {
      container.kind = PickleKind::dict;
      container.built = true;
      container.items.clear();
    }
    if (container.kind != kind && container.kind != PickleKind::object) {
      throw Error("adds an item to something that takes none");
    }
    container.items.insert(container.items.end(), items.begin(), items.end());
  }

  // Classes and functions.
  //
  // What a class or function that is not known would make of its arguments. Objects can call, too
  // (a partial function, a class that was looked up): they lend their name.
  void PushObject(PickleId callee, std::vector<PickleId> given) {
    const PickleNode& from = tree_.nodes_[callee];
    if (from.kind != PickleKind::global && from.kind != PickleKind::object) {
      throw Error("calls something that is no function");
    }
    PickleNode object;
    object.kind = PickleKind::object;
    object.text = from.text;
    object.name = from.name;
    if (from.kind == PickleKind::object) given.push_back(callee);
    object.items = std::move(given);
    Push(std::move(object));
  }
  void Reduce() {
    const PickleId arguments = Pop(), function = Pop();
    const PickleNode& callee = tree_.nodes_[function];
    if (tree_.nodes_[arguments].kind != PickleKind::tuple) throw Error("arguments are no tuple");
    std::optional<PickleNode> made;
    if (callee.kind == PickleKind::global) {
      made = CallAllowed(tree_, callee, tree_.nodes_[arguments]);
    }
    if (!made) return PushObject(function, {arguments});
    copied_ += made->items.size();
    if (copied_ > 4 * kMaxPickleInstructions) throw Error("copies too many items");
    Push(*std::move(made));
  }
  // What OrderedDict and tensors keep beside their contents (version numbers, hooks) is dropped.
  void Build() {
    const PickleId state = Pop();
    PickleNode& object = tree_.nodes_[Top()];
    if (object.kind == PickleKind::object) return object.items.push_back(state);
    const bool known =
        object.built && (object.kind == PickleKind::dict || object.kind == PickleKind::tensor);
    if (!known) throw Error("sets the state of something that has none");
  }
  void PersistentId() {
    const PickleId id = Pop();
    const PickleNode& fields = tree_.nodes_[id];
    const auto text = [&](size_t i) -> std::string_view {
      if (fields.kind != PickleKind::tuple || fields.items.size() <= i) return {};
      return tree_.nodes_[fields.items[i]].text;
    };
    // A class with its source text: the class.
    if (text(0) == "module" && fields.items.size() > 1) return Push(fields.items[1]);
    if (text(0) != "storage") throw Error("refers to something outside that is no storage");
    std::vector<PickleId> rest(fields.items.begin() + 1, fields.items.end());
    PushKind(PickleKind::storage, std::move(rest));
  }
  void StackGlobal() {
    const PickleId name = Pop(), module = Pop();
    const PickleNode& n = tree_.nodes_[name];
    const PickleNode& m = tree_.nodes_[module];
    if (n.kind != PickleKind::text || m.kind != PickleKind::text) {
      throw Error("names a class by something that is no text");
    }
    PushGlobal(m.text, n.text);
  }

  // Text forms of protocol 0.
  void TextInteger() {
    const std::string_view line = Line();
    if (line == "00" || line == "01") return PushInteger(line == "01", PickleKind::boolean);
    PushInteger(Number<int64_t>(line));
  }
  void TextLong() {
    std::string_view line = Line();
    if (line.ends_with('L')) line.remove_suffix(1);
    const size_t digits = line.size() - (line.starts_with('-') ? 1 : 0);
    if (digits > 18) return PushKind(PickleKind::opaque);
    PushInteger(Number<int64_t>(line));
  }
  void QuotedText() {
    std::string_view line = Line();
    if (line.size() < 2 || line.front() != line.back() || (line[0] != '\'' && line[0] != '"')) {
      throw Error("a string without quotes");
    }
    line.remove_prefix(1);
    line.remove_suffix(1);
    PushUnescaped(line);
  }
  void PushUnescaped(std::string_view line) {
    if (line.find('\\') != std::string_view::npos) {
      throw Error("text of protocol 0 with escapes is not read; save with protocol 2");
    }
    PushText(line);
  }
  void Long(uint64_t count) {
    const std::string_view from = Take(count);
    if (count > 8) return PushKind(PickleKind::opaque);
    uint64_t value = 0;
    for (size_t i = 0; i < from.size(); ++i) {
      value |= static_cast<uint64_t>(static_cast<uint8_t>(from[i])) << (8 * i);
    }
    const size_t bits = 8 * from.size();
    if (bits != 0 && bits < 64 && ((value >> (bits - 1)) & 1) != 0) value |= ~uint64_t{0} << bits;
    PushInteger(static_cast<int64_t>(value));
  }
  void BigEndianReal() {
    uint64_t value = 0;
    for (const char byte : Take(8)) value = value << 8 | static_cast<uint8_t>(byte);
    PushReal(std::bit_cast<double>(value));
  }

  // One instruction; false after STOP.
  bool Step() {
    start_ = at_;
    const auto opcode = static_cast<uint8_t>(Take(1)[0]);
    switch (opcode) {
      case kProto:
        if (Unsigned(1) > kMaxProtocol) throw Error("a protocol newer than 5");
        break;
      case kFrame:
        Take(8);  // frames only help buffering
        break;
      case kStop:
        tree_.root_ = Pop();
        return false;
      case kMark:
        marks_.push_back(stack_.size());
        break;
      case kPop:
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          Pop();
        }
        break;
      case kPopMark:
        PopToMark();
        break;
      case kDup:
        Push(Top());
        break;
      case kNone:
        PushKind(PickleKind::none);
        break;
      case kNewTrue:
      case kNewFalse:
        PushInteger(opcode == kNewTrue, PickleKind::boolean);
        break;
      case kPut:
        Remember(Number<uint64_t>(Line()));
        break;
      case kBinPut:
        Remember(Unsigned(1));
        break;
      case kLongBinPut:
        Remember(Unsigned(4));
        break;
      case kMemoize:
        Remember(memo_.size());
        break;
      case kGet:
        Recall(Number<uint64_t>(Line()));
        break;
      case kBinGet:
        Recall(Unsigned(1));
        break;
      case kLongBinGet:
        Recall(Unsigned(4));
        break;
      default:
        if (!Value(opcode) && !Structure(opcode)) {
          throw Error("instruction " + std::to_string(opcode) + " is not one of a checkpoint");
        }
    }
    return true;
  }

  // Numbers, text and bytes.
  bool Value(uint8_t opcode) {
    switch (opcode) {
      case kInt:
        TextInteger();
        return true;
      case kLong:
        TextLong();
        return true;
      case kFloat:
        PushReal(Number<double>(Line()));
        return true;
      case kString:
        QuotedText();
        return true;
      case kUnicode:
        PushUnescaped(Line());
        return true;
      case kBinInt:
        PushInteger(static_cast<int32_t>(Unsigned(4)));
        return true;
      case kBinInt1:
        PushInteger(static_cast<int64_t>(Unsigned(1)));
        return true;
      case kBinInt2:
        PushInteger(static_cast<int64_t>(Unsigned(2)));
        return true;
      case kLong1:
        Long(Unsigned(1));
        return true;
      case kLong4:
        Long(Unsigned(4));
        return true;
      case kBinFloat:
        BigEndianReal();
        return true;
      case kShortBinString:
      case kShortBinUnicode:
        PushText(Take(Unsigned(1)));
        return true;
      case kBinString:
      case kBinUnicode:
        PushText(Take(Unsigned(4)));
        return true;
      case kBinUnicode8:
        PushText(Take(Unsigned(8)));
        return true;
      case kShortBinBytes:
        PushText(Take(Unsigned(1)), PickleKind::bytes);
        return true;
      case kBinBytes:
        PushText(Take(Unsigned(4)), PickleKind::bytes);
        return true;
      case kBinBytes8:
      case kByteArray8:
        PushText(Take(Unsigned(8)), PickleKind::bytes);
        return true;
      default:
        return false;
    }
  }

  // Containers, classes and calls.
  bool Structure(uint8_t opcode) {
    switch (opcode) {
      case kEmptyTuple:
        PushKind(PickleKind::tuple);
        return true;
      case kEmptyList:
      case kEmptySet:
        PushKind(PickleKind::list);
        return true;
      case kEmptyDict:
        PushKind(PickleKind::dict);
        return true;
      case kTuple1:
      case kTuple2:
      case kTuple3:
        PushKind(PickleKind::tuple, PopItems(size_t{1} + opcode - kTuple1));
        return true;
      case kTuple:
        PushKind(PickleKind::tuple, PopToMark());
        return true;
      case kList:
      case kFrozenSet:
        PushKind(PickleKind::list, PopToMark());
        return true;
      case kDict: {
        std::vector<PickleId> items = PopToMark();
        PushKind(PickleKind::dict);
        AddItems(PickleKind::dict, items);
        return true;
      }
      case kAppend:
        AddItems(PickleKind::list, PopItems(1));
        return true;
      case kAppends:
      case kAddItems:
        AddItems(PickleKind::list, PopToMark());
        return true;
      case kSetItem:
        AddItems(PickleKind::dict, PopItems(2));
        return true;
      case kSetItems:
        AddItems(PickleKind::dict, PopToMark());
        return true;
      case kGlobal: {
        const std::string_view module = Line();
        PushGlobal(module, Line());
        return true;
      }
      case kStackGlobal:
        StackGlobal();
        return true;
      case kReduce:
        Reduce();
        return true;
      case kBuild:
        Build();
        return true;
      case kNewObj: {
        const PickleId arguments = Pop();
        PushObject(Pop(), {arguments});
        return true;
      }
      case kNewObjEx: {
        std::vector<PickleId> arguments = PopItems(2);
        PushObject(Pop(), std::move(arguments));
        return true;
      }
      case kObj: {
        std::vector<PickleId> items = PopToMark();
        if (items.empty()) throw Error("an object without a class");
        const PickleId type = items[0];
        items.erase(items.begin());
        PushObject(type, std::move(items));
        return true;
      }
      case kInst: {
        std::vector<PickleId> items = PopToMark();
        const std::string_view module = Line();
        PushGlobal(module, Line());
        PushObject(Pop(), std::move(items));
        return true;
      }
      case kBinPersId:
        PersistentId();
        return true;
      default:
        return false;
    }
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0, start_ = 0, copied_ = 0;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, PickleId> memo_;
  PickleTree tree_;
};

PickleTree ReadPickle(std::span<const uint8_t> bytes) { return PickleMachine(bytes).Run(); }

std::string GlobalName(const PickleNode& global) {
  return Printable(global.text) + "." + Printable(global.name);
}

std::string Printable(std::string_view text) {
  constexpr size_t kMost = 80;
  std::string printable(text.substr(0, kMost));
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text.size() > kMost ? printable + "..." : printable;
}

}  // namespace lutra::converter::checkpoint
