// What the converter knows of each operator, a row for each: of which kind it is, what its inputs
// are for, how layout treats it, what it is in integers. Passes, quantization, QDQ, training and
// the executor ask here. How an operator is computed is elsewhere: in float in the executor's rows
// (executor/operator.h), in integers in lower/.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "converter/graph/graph.h"

namespace lutra::converter {

/// What an operator is, as bits.
using Traits = uint32_t;

/// Element i of the one result comes from elements i of the inputs, which broadcast.
constexpr Traits kPointwise = 1U << 0;
/// Of that kind, and a function of one number where all inputs but one are scalar constants.
constexpr Traits kFunction = 1U << 1 | kPointwise;
/// Whether integers come out depends on nothing but which integers come in: it gives some of them.
constexpr Traits kMovesIntegers = 1U << 2;
/// Infinity in an input goes on to whoever reads the result; what moves elements does that.
constexpr Traits kPassesInfinity = 1U << 3;
/// Gives elements of its inputs.
constexpr Traits kMove = kMovesIntegers | kPassesInfinity;
/// Of input 0 alone, some or all, whatever their type.
constexpr Traits kMoveOfFirst = 1U << 4 | kMove;
/// All elements of input 0, each once.
constexpr Traits kView = 1U << 5 | kMoveOfFirst;
/// With equal shapes of input 0 and result it changes nothing.
constexpr Traits kKeepsOrder = 1U << 6;
/// Defined at infinity, where it gives numbers.
constexpr Traits kTakesInfinity = 1U << 7;
/// Defined at minus infinity only: the exponential of infinity is none.
constexpr Traits kExponentiates = 1U << 8;
/// Can end in a Clamp.
constexpr Traits kTakesClamp = 1U << 9;
/// Looks at the axes of images by their meaning, so that it has a Layout.
constexpr Traits kSpatial = 1U << 10;
/// Windows that slide over images, or are as large as they are.
constexpr Traits kPool = 1U << 11;
/// Of two tensors; one may be a constant, which then gets parameters as an activation does.
constexpr Traits kArithmetic = 1U << 12;
/// The second result, where it is asked for, holds places of input 0 and not elements.
constexpr Traits kGivesIndices = 1U << 13;

enum class IntegerForm : uint8_t {
  none,     ///< float only
  weights,  ///< Conv, Gemm, MatMul with constant weights: integer product, own output parameters
  compute,  ///< integer arithmetic between activations, own output parameters
  table,    ///< a function of one int8 value: 256 entries
  passive,  ///< moves or selects elements: inputs and output share their parameters
};

struct OperatorRow {
  std::string_view name;
  /// A letter for each input: f floating, i integer, n number, o number or bool, q quantized
  /// integer, b bool, * anything. Behind it may stand what it is for (Role): `!` shape, `=`
  /// parameter, `^` weight; then `?` may be left out, `+` once or more often.
  std::string_view inputs;
  Traits traits = 0;
  IntegerForm form = IntegerForm::none;  ///< where its inputs allow it (quantize/operators.h)
  std::optional<int> axis = {};          ///< default of the attribute of this name
  std::string_view domain = "";

  bool Is(Traits wanted) const { return (traits & wanted) == wanted; }
};

/// What an input is for.
enum class Role : uint8_t {
  data,
  shape,      ///< its numbers, not only its own shape, decide the result's shape
  parameter,  ///< a limit, an index, a value to fill in
  weight,     ///< where it is a constant
};

struct InputSlot {
  char type = '*';  ///< the letter
  Role role = Role::data;
  bool optional = false, repeats = false;
};

/// Null where it is unknown. "ai.onnx" is the default domain too.
const OperatorRow* FindRow(std::string_view domain, std::string_view name);
std::vector<InputSlot> InputSlots(const OperatorRow& row);

/// Whether the operator is known and all of that.
bool Is(const Node& node, Traits traits);
/// Data where nothing is known of it.
Role RoleOf(const Node& node, size_t input);

std::span<const OperatorRow> AllRows();

}  // namespace lutra::converter
