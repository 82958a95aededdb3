#include "docs/operators_page.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <string_view>
#include <vector>

#include "converter/error.h"
#include "converter/executor/operator.h"
#include "converter/graph/operator_table.h"
#include "converter/lower/lower.h"
#include "converter/lower/operators.h"
#include "converter/passes/passes.h"
#include "converter/qdq/expand_qoperators.h"
#include "converter/qdq/import_qdq.h"
#include "converter/quantize/operators.h"
#include "converter/quantize/point.h"
#include "converter/quantize/quantize.h"
#include "docs/operator_examples.h"
#include "schema/operator_list.h"

namespace lutra::converter::test {
namespace {

constexpr std::string_view kNothing = "-";

constexpr std::string_view kIntroduction =
    R"(# Operators

`make_operators_page docs/operators.md` writes this page from the tables that the converter and the runtime work
with (`converter/graph/operator_table.cc`, `converter/lower/operators.cc`, `schema/operator_list.h`) and from what
becomes of a small network of each operator (`tests/docs/operator_examples.cc`). A test compares.

## Of ONNX
In the form of opset 18, which import gives to older and newer networks; of other names it reads Upsample, as
Resize, and Scatter, as ScatterElements. FakeQuantize, LearnedFakeQuantize and Silu are names of the converter's own.
What constants alone decide is computed when the network is converted, whatever the operators. What has modes is
shown in ONNX's default.

| column | |
|---|---|
| int8 | how it is computed in integers, by the formulas of [quantization.md](quantization.md) |
| float32 | the operators of the file that compute it |
| written as | the operators that import or a pass makes of it; the other columns are theirs then |

| in integers | |
|---|---|
| product | integer weights, sums of 32 bits |
| computed | arithmetic between activations |
| table | 256 results, one for every int8; `table of one input`: where the others are constant numbers |
| moved | elements keep their integers and their scale |

An operator with `-` in both columns is known, so that networks with it can be read, and refused where the result
depends on what the network is given.

)";

std::string Quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

/// Each once, in the order of their first place.
std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  std::vector<std::string> seen;
  for (const std::string& name : names) {
    if (std::ranges::find(seen, name) != seen.end()) continue;
    seen.push_back(name);
    text += (text.empty() ? "" : ", ") + Quoted(name);
  }
  return text;
}

std::vector<std::string> OpsOf(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op);
  return ops;
}

std::string FormText(IntegerForm form) {
  switch (form) {
    case IntegerForm::weights:
      return "product";
    case IntegerForm::compute:
      return "computed";
    case IntegerForm::table:
      return "table";
    case IntegerForm::passive:
      return "moved";
    case IntegerForm::none:
      break;
  }
  return std::string(kNothing);
}

/// The example's form, and those of other inputs.
std::string IntegerText(const OperatorRow& row, const Graph& graph, const Node& node) {
  const IntegerForm form = quantize::IntegerFormOf(graph, node).form;
  const bool by_constants =
      row.form == IntegerForm::weights || (row.form == IntegerForm::compute && row.Is(kFunction));
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (by_constants && row.form != form) add(FormText(row.form) + " by constants");
  if (form != IntegerForm::none) add(FormText(form));
  if (row.Is(kFunction) && form != IntegerForm::table) add("table of one input");
  return text.empty() ? std::string(kNothing) : text;
}

/// The operators of the file for the graph in float32; none where an operator has none.
std::vector<std::string> FloatOperators(const Graph& graph) {
  std::map<std::string, quantize::LayerScheme> schemes;
  for (const Node& node : graph.nodes) {
    quantize::LayerScheme& scheme = schemes[node.Label()];
    scheme.kind = WeightKind::fp32;
    scheme.activations = quantize::ActivationType::float_;
  }
  Warnings warnings;
  const quantize::Quantization formats =
      quantize::QuantizeGraph(graph, schemes, nullptr, {}, warnings);
  std::vector<std::string> names;
  for (const auto& op : lowering::Lower(graph, formats, {}).writer.model.operators) {
    names.emplace_back(schema::EnumNameOptions(op->options.type));
  }
  return names;
}

struct Columns {
  std::string integer{kNothing}, real{kNothing}, written;
};

Columns ColumnsOf(const OperatorRow& row) {
  if (row.name == quantize::kPointOp) return {"a rounding to int8", "", ""};
  if (row.name == quantize::kLearnedPointOp) return {.written = "while it is trained only"};
  Graph graph = ExampleOf(row);
  if (qdq::IsQOperator(graph.nodes[0])) {
    qdq::ExpandQOperators(graph);
    return {"", "", Listed(OpsOf(graph))};
  }
  if (qdq::IsQuantized(graph)) return {"", "", Quoted(quantize::kPointOp)};
  if (executor::FindOperator(graph.nodes[0]) == nullptr) return {};
  try {
    qdq::RefuseDynamicallyQuantized(graph);
  } catch (const Error&) {
    return {};
  }
  passes::OptimizeGraph(graph);
  const auto node = std::ranges::find(graph.nodes, row.name, &Node::op);
  const bool is_left = node != graph.nodes.end();
  Columns columns;
  if (is_left) {
    columns.integer = IntegerText(row, graph, *node);
    if (lowering::FindLowering(*node) != nullptr) columns.real = Listed(FloatOperators(graph));
  } else {
    columns = {"", "", graph.nodes.empty() ? "a constant" : Listed(OpsOf(graph))};
  }
  return columns;
}

std::string Line(std::initializer_list<std::string> cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += (cell.empty() ? "" : " " + cell) + " |";
  return line + "\n";
}

/// Of the operators of a domain of ONNX.
std::string DomainTable(std::string_view domain) {
  std::string text = "| operator | int8 | float32 | written as |\n|---|---|---|---|\n";
  for (const OperatorRow& row : AllRows()) {
    if (row.domain != domain) continue;
    const Columns columns = ColumnsOf(row);
    text += Line({std::string(row.name), columns.integer, columns.real, columns.written});
  }
  return text;
}

std::string FileTable() {
  enum class Types : uint8_t { real, any };
  using enum Types;
  std::string text =
      "| operator | types | constants besides weights | outputs |\n|---|---|---|---|\n";
  const auto add = [&](const char* name, bool takes_constants, Types types, int outputs) {
    text += Line({Quoted(name), types == real ? "float32, int8" : "any",
                  takes_constants ? "yes" : "", std::to_string(outputs)});
  };
#define LUTRA_LINE(name, ...) add(#name, __VA_ARGS__);
  LUTRA_OPERATORS(LUTRA_LINE)
#undef LUTRA_LINE
  return text;
}

}  // namespace

std::string OperatorsPage() {
  return std::string(kIntroduction) + DomainTable("") + "\nAnd of the domain com.microsoft:\n\n" +
         DomainTable("com.microsoft") +
         "\n## Of the file\n[model_format.md](model_format.md#operators) has their options.\n\n" +
         FileTable();
}

}  // namespace lutra::converter::test
