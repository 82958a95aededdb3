#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <exception>
#include <map>
#include <new>

#include "converter/executor/float_executor.h"
#include "converter/executor/operator.h"
#include "converter/executor/signature.h"
#include "converter/executor/strides.h"

namespace lutra::converter::executor {
namespace {

using OperatorKey = std::pair<std::string_view, std::string_view>;  // domain, name

const std::map<OperatorKey, const Operator*>& Table() {
  static const auto* const table = [] {
    auto* rows = new std::map<OperatorKey, const Operator*>;
    for (const OperatorRows family :
         {UnaryOperators(), BinaryOperators(), ReduceOperators(), ShapeOperators(), CopyOperators(),
          PadOperators(), GatherOperators(), OrderOperators(), ResizeOperators(), ConvOperators(),
          PoolOperators(), MatmulOperators(), SoftmaxOperators(), NormalizeOperators(),
          QuantizeOperators(), IntegerOperators(), QLinearOperators()}) {
      for (const Operator& row : family) rows->emplace(OperatorKey(row.domain, row.name), &row);
    }
    return rows;
  }();
  return *table;
}

std::string FullName(const Node& node) {
  return node.domain.empty() ? node.op : node.domain + "." + node.op;
}

bool IsHalf(DataType type) { return type == DataType::float16 || type == DataType::bfloat16; }

/// Inputs as the row wants them: copies of those that had to be converted.
class ConvertedInputs {
 public:
  ConvertedInputs(const Operator& row, const Call& call) : inputs_(call.inputs) {
    converted_.reserve(inputs_.size());
    for (const Tensor*& input : inputs_) {
      if (input == nullptr || !Converts(row.precision, input->type())) continue;
      if (original_ == DataType::undefined) original_ = input->type();
      Replace(input, input->Cast(DataType::float32));
    }
    if (row.through_nchw && call.node.layout == Layout::nhwc) {
      Replace(inputs_[0], ToNchw(call.Input(0)));
    }
  }
  const std::vector<const Tensor*>& inputs() const { return inputs_; }
  /// The type that float32 results go back to; undefined: they stay.
  DataType original() const { return original_; }

 private:
  static bool Converts(Precision precision, DataType type) {
    if (precision == Precision::any) return false;
    return IsHalf(type) || (precision == Precision::single && type == DataType::float64);
  }
  void Replace(const Tensor*& input, Tensor tensor) {
    converted_.push_back(std::make_unique<Tensor>(std::move(tensor)));
    input = converted_.back().get();
  }

  std::vector<const Tensor*> inputs_;
  std::vector<std::unique_ptr<Tensor>> converted_;
  DataType original_ = DataType::undefined;
};

void ApplyClamp(const Clamp& clamp, Tensor& tensor) {
  if (tensor.type() != DataType::float32) {
    throw Error("a clamp is only defined on float32, not on " +
                std::string(DataTypeName(tensor.type())));
  }
  for (float& x : tensor.as<float>()) x = std::min(std::max(x, clamp.lo), clamp.hi);
}

/// Whatever its inputs are.
std::string WhyNotRun(const Node& node) {
  const Operator* row = FindOperator(node);
  if (row == nullptr) return "operator " + FullName(node) + " is not implemented";
  return row->why_unsupported == nullptr ? "" : row->why_unsupported(node);
}

Results ExecuteRow(const Operator& row, const Call& call) {
  const ConvertedInputs converted(row, call);
  Results results;
  if (row.through_nchw && call.node.layout == Layout::nhwc) {
    Node nchw = call.node;
    nchw.layout = Layout::nchw;
    results = row.run({nchw, converted.inputs(), call.constant, call.cache});
    if (!results.empty()) results[0] = FromNchw(results[0]);
  } else {
    results = row.run({call.node, converted.inputs(), call.constant, call.cache});
  }
  if (call.node.clamp && !results.empty()) ApplyClamp(*call.node.clamp, results[0]);
  if (converted.original() != DataType::undefined) {
    for (Tensor& result : results) {
      if (result.type() == DataType::float32) result = result.Cast(converted.original());
    }
  }
  return results;
}

}  // namespace

const Tensor& Call::Input(size_t i) const {
  const Tensor* input = Optional(i);
  if (input == nullptr) throw Error("input " + std::to_string(i) + " is missing");
  return *input;
}

const Operator* FindOperator(const Node& node) {
  const std::string_view domain = node.domain == "ai.onnx" ? "" : std::string_view(node.domain);
  const auto found = Table().find({domain, node.op});
  return found == Table().end() ? nullptr : found->second;
}

std::vector<const Operator*> AllOperators() {
  std::vector<const Operator*> rows;
  for (const auto& [key, row] : Table()) rows.push_back(row);
  return rows;
}

std::string WhyUnsupported(const Node& node) {
  if (std::string why = WhyNotRun(node); !why.empty()) return why;
  return WhyInputsMissing(node);
}

Results Execute(const Call& call) {
  const auto fail = [&](const std::string& why) {
    throw Error("node '" + call.node.Label() + "' (" + FullName(call.node) + "): " + why);
  };
  const Operator* row = FindOperator(call.node);
  if (std::string why = WhyNotRun(call.node); !why.empty()) fail(why);
  std::vector<DataType> types;
  for (const Tensor* input : call.inputs) {
    types.push_back(input == nullptr ? DataType::undefined : input->type());
  }
  if (std::string why = WhyInputsRefused(call.node, types); !why.empty()) fail(why);
  const char* const no_memory = "there is not enough memory for it";
  const char* const not_computed = "its shapes and attributes cannot be computed with";
  try {
    return ExecuteRow(*row, call);
  } catch (const dnnl::error& error) {
    fail(error.status == dnnl_out_of_memory ? no_memory : not_computed);
  } catch (const std::bad_alloc&) {
    fail(no_memory);
  } catch (const Error& error) {
    fail(error.what());
  } catch (const std::exception&) {
    fail(not_computed);
  }
  return {};
}

void CheckWork(double steps) {
  constexpr double kMostSteps = 0x1p35;
  if (!(steps <= kMostSteps)) {
    throw Error("computing it takes more than 2^35 steps: give the inputs smaller shapes");
  }
}

std::vector<Tensor> ExecuteNode(const Node& node, const std::vector<Tensor>& inputs) {
  NodeCache cache;
  Call call{node, {}, {}, cache};
  for (const Tensor& input : inputs) {
    call.inputs.push_back(input.type() == DataType::undefined ? nullptr : &input);
  }
  return Execute(call);
}

Tensor Compute(std::string_view op, const Node& node, std::vector<const Tensor*> inputs) {
  Node inner = node;
  inner.op = op;
  inner.domain.clear();
  inner.clamp.reset();
  NodeCache cache;
  const Operator* row = FindOperator(inner);
  Results results = ExecuteRow(*row, {inner, std::move(inputs), {}, cache});
  return std::move(results.at(0));
}

}  // namespace lutra::converter::executor
