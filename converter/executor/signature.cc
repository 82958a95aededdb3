#include "converter/executor/signature.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "converter/graph/operator_table.h"

namespace lutra::converter::executor {
namespace {

std::vector<InputSlot> Slots(const Node& node) {
  const OperatorRow* row = FindRow(node.domain, node.op);
  return row == nullptr ? std::vector<InputSlot>() : InputSlots(*row);
}

bool IsInteger(DataType type) {
  return !IsFloating(type) && type != DataType::boolean && ElementBytes(type) > 0;
}

/// What an input of this letter must be, "" where the type is such.
std::string_view Wanted(char letter, DataType type) {
  const bool integer = IsInteger(type);
  switch (letter) {
    case 'f':
      return IsFloating(type) ? "" : "a floating type";
    case 'n':
      return IsFloating(type) || integer ? "" : "a type of numbers";
    case 'o':
      return IsFloating(type) || integer || type == DataType::boolean ? ""
                                                                      : "a type of numbers or bool";
    case 'i':
      return integer ? "" : "an integer type";
    case 'q':
      return integer && ElementBytes(type) <= 4 && type != DataType::uint32
                 ? ""
                 : "a quantized type (int8, uint8, int16, uint16 or int32)";
    case 'b':
      return type == DataType::boolean ? "" : "bool";
    default:
      return "";
  }
}

/// Judges every input that the signature speaks of; `why(slot, i)` says what is wrong with one.
template <typename Why>
std::string FirstFault(const Node& node, size_t inputs, const Why& why) {
  const std::vector<InputSlot> slots = Slots(node);
  if (slots.empty()) return "";
  const size_t count = slots.back().repeats ? std::max(inputs, slots.size()) : slots.size();
  for (size_t i = 0; i < count; ++i) {
    if (std::string fault = why(slots[std::min(i, slots.size() - 1)], i); !fault.empty()) {
      return "input " + std::to_string(i) + " " + fault;
    }
  }
  return "";
}

}  // namespace

std::string WhyInputsMissing(const Node& node) {
  return FirstFault(node, node.inputs.size(), [&](const InputSlot& slot, size_t i) {
    return !slot.optional && node.Input(i).empty() ? "is missing" : "";
  });
}

std::string WhyInputsRefused(const Node& node, std::span<const DataType> types) {
  return FirstFault(node, types.size(), [&](const InputSlot& slot, size_t i) -> std::string {
    if (i >= types.size() || types[i] == DataType::undefined) {
      return slot.optional ? "" : "is missing";
    }
    const std::string_view wanted = Wanted(slot.type, types[i]);
    if (wanted.empty()) return "";
    return "is " + std::string(DataTypeName(types[i])) + ", but must be " + std::string(wanted);
  });
}

}  // namespace lutra::converter::executor
