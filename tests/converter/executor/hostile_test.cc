// Inputs that no exporter writes: each operator refuses them with a message before it reads or
// writes beyond a tensor, asks for gigabytes, or computes for minutes.
#include <doctest/doctest.h>

#include "converter/error.h"
#include "converter/executor/dnnl_adapter.h"
#include "converter/executor/operator.h"
#include "converter/executor/signature.h"
#include "converter/executor/strides.h"
#include "converter/graph/operator_table.h"
#include "tests/converter/executor/support.h"

namespace lutra::converter::executor {
namespace {

using Attributes = std::map<std::string, Attribute>;

std::string Fault(const std::string& op, const std::vector<Tensor>& inputs,
                  Attributes attributes = {}, std::vector<std::string> outputs = {"y"}) {
  try {
    ExecuteNode(MakeNode(op, {}, std::move(outputs), std::move(attributes)), inputs);
  } catch (const Error& error) {
    const std::string message = error.what();
    return message.substr(message.find("): ") + 3);
  }
  return "";
}

Tensor Zeros(Int64s dims, DataType type = DataType::float32) { return {type, std::move(dims)}; }

TEST_CASE("every operator of the executor is in the table") {
  for (const OperatorRows family :
       {UnaryOperators(), BinaryOperators(), ReduceOperators(), ShapeOperators(), CopyOperators(),
        PadOperators(), GatherOperators(), OrderOperators(), ResizeOperators(), ConvOperators(),
        PoolOperators(), MatmulOperators(), SoftmaxOperators(), NormalizeOperators(),
        QuantizeOperators(), IntegerOperators(), QLinearOperators()}) {
    REQUIRE(family.size() > 0);
    for (const Operator& row : family) {
      CAPTURE(row.name);
      CHECK(FindRow(row.domain, row.name) != nullptr);
      // Without any input nothing runs, and nothing falls over.
      Node node = MakeNode(std::string(row.name), {}, {"y"});
      node.domain = row.domain;
      CHECK_FALSE(WhyInputsMissing(node).empty());
      CHECK_THROWS_AS(ExecuteNode(node, {}), Error);
    }
  }
}

TEST_CASE("inputs that are missing, or of a type that is not computed with") {
  const Tensor x = Zeros({1, 4});
  CHECK(Fault("Gemm", {x, Tensor()}) == "input 1 is missing");
  CHECK(Fault("MatMul", {x}) == "input 1 is missing");
  CHECK(Fault("Concat", {x, Tensor()}) == "input 1 is missing");
  CHECK(Fault("Clip", {x, Tensor(), Scalar(1)}) == "");
  CHECK(Fault("Softmax", {Zeros({1, 4}, DataType::int16)}) ==
        "input 0 is int16, but must be a floating type");
  CHECK(Fault("Slice", {x, x, x}) == "input 1 is float32, but must be an integer type");
  CHECK(Fault("Where", {x, x, x}) == "input 0 is float32, but must be bool");
  CHECK(Fault("Conv", {Zeros({1, 1, 2, 2}), Zeros({1, 1, 1, 1}, DataType::int8)}) ==
        "input 1 is int8, but must be a floating type");
  CHECK(WhyInputsMissing(MakeNode("Gemm", {"x", "", "c"}, {"y"})) == "input 1 is missing");
  CHECK(WhyInputsMissing(MakeNode("Clip", {"x", "", "c"}, {"y"})) == "");
  CHECK(WhyInputsMissing(MakeNode("NobodyKnows", {}, {"y"})) == "");
}

TEST_CASE("parts that do not lie inside the tensor") {
  const Tensor x = Zeros({4, 3});
  CHECK(Fault("Split", {x, Ints({6, -2})}, {}, {"a", "b"}) == "a size is negative");
  CHECK(Fault("Split", {x, Ints({INT64_MAX, 5})}, {}, {"a", "b"}) ==
        "the sizes do not add up to the axis, 4");
  CHECK(Fault("Split", {x}, {{"num_outputs", int64_t{1} << 40}}) ==
        "'num_outputs' is not the number of outputs");
  CHECK(Fault("Slice", {x, Ints({3, 3}), Ints({4, 4}), Ints({0, 0})}) == "axis 0 is given twice");
  CHECK(Fault("Slice", {x, Ints({3, 3}), Ints({4, 4}), Ints({0, -2})}) == "axis 0 is given twice");
  CHECK(Fault("Transpose", {x}, {{"perm", Int64s{0, 0}}}) == "the permutation names axis 0 twice");
  CHECK(Fault("GatherND", {x, Ints({0})}, {{"batch_dims", int64_t{-1}}}) ==
        "more indices than axes");
  CHECK(Fault("Reshape", {x, Ints({-2, -6})}) == "a tensor of -2x-6 has a negative dimension");
  CHECK(Fault("Reshape", {x, Ints({INT64_MAX, INT64_MAX, -1})}).ends_with("is too large"));
}

TEST_CASE("results that nobody can hold") {
  CHECK(Fault("Tile", {Zeros({1, 1000}), Ints({1, int64_t{1} << 31})}) ==
        "a repeat is out of range");
  CHECK(Fault("Tile", {Zeros({1000, 1000}), Ints({1000, 1000})}).ends_with("is too large"));
  CHECK(Fault("Expand", {Scalar(0), Ints({1 << 15, 1 << 15})}).ends_with("is too large"));
  CHECK(Fault("ConstantOfShape", {Ints({1 << 15, 1 << 15})}).ends_with("is too large"));
  CHECK(Fault("Pad", {Zeros({1}), Ints({0, 1 << 27})}).ends_with("is too large"));
  CHECK(Fault("Add", {Zeros({1 << 15, 1}), Zeros({1, 1 << 15})}).ends_with("is too large"));
  CHECK(Fault("MatMul", {Zeros({1 << 15, 1}), Zeros({1, 1 << 15})}).ends_with("is too large"));
  CHECK(Fault("OneHot", {Ints({0}), Ints({1 << 28}), Ints({0, 1})}).ends_with("is too large"));
  CHECK(
      Fault("MaxPool", {Zeros({1, 1, 4, 4})},
            {{"kernel_shape", Int64s{2, 2}}, {"pads", Int64s{1 << 20, 1 << 20, 1 << 20, 1 << 20}}})
          .ends_with("is too large"));
  // Without elements, but the loops over the other axes would count.
  CHECK(Fault("Tile", {Zeros({0, 1000}), Ints({1, 1 << 26})}).ends_with("is too large"));
  CHECK(
      Fault("Resize", {Zeros({1, 1, 4, 4}), Tensor(), Tensor(), Ints({1, 0, int64_t{1} << 40, 1})})
          .ends_with("is too large"));
  CHECK_THROWS_AS(Zeros({0, 1 << 20, 1 << 20}), Error);
  CHECK_THROWS_AS(Zeros(Int64s(33, 1)), Error);
  CHECK_NOTHROW(Zeros(Int64s(32, 1)));
}

TEST_CASE("more steps than anyone waits for") {
  const Tensor matrix = Zeros({1 << 12, 1 << 12}, DataType::int32);
  CHECK(Fault("MatMul", {matrix, matrix}).starts_with("computing it takes more than 2^35 steps"));
  const Int64s kernel = {1 << 9, 1 << 9}, pads = {256, 256, 256, 256};
  CHECK(Fault("MaxPool", {Zeros({1, 1, 512, 512}, DataType::int8)},
              {{"kernel_shape", kernel}, {"pads", pads}})
            .starts_with("computing it takes more than 2^35 steps"));
}

TEST_CASE("attributes of another length than the axes") {
  const Tensor x = Zeros({1, 1, 4, 4}), w = Zeros({1, 1, 2, 2});
  CHECK(Fault("ConvTranspose", {x, w}, {{"output_padding", Int64s{1}}}) ==
        "'output_padding' has not one value per spatial axis");
  CHECK(Fault("ConvTranspose", {x, w}, {{"output_shape", Int64s{8}}}) ==
        "'output_shape' has not one value per spatial axis");
  CHECK(Fault("ConvTranspose", {x, w}, {{"output_padding", Int64s{-1, INT64_MAX}}}) ==
        "'output_padding' or 'output_shape' is out of range");
  CHECK(Fault("Conv", {Zeros({1, 0, 4, 4}), Zeros({1, 0, 2, 2})}) ==
        "the input or the weights are empty");
}

TEST_CASE("a padding of a kind that there is not") {
  const Attributes automatic = {{"kernel_shape", Int64s{2, 2}}, {"auto_pad", std::string("SAME")}};
  const std::string fault =
      "'auto_pad' is 'SAME'; it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER";
  CHECK(Fault("MaxPool", {Zeros({1, 1, 4, 4})}, automatic) == fault);
  CHECK(Fault("Conv", {Zeros({1, 1, 4, 4}), Zeros({1, 1, 2, 2})}, automatic) == fault);
  CHECK(Fault("ConvTranspose", {Zeros({1, 1, 4, 4}), Zeros({1, 1, 2, 2})}, automatic) == fault);
}

// oneDNN takes a pointer and believes what it is told.
TEST_CASE("memory is handed to oneDNN with its type and its size only") {
  const auto fault = [](const Tensor& tensor, const onednn::Dims& dims,
                        const onednn::Dims& strides) {
    try {
      onednn::View(tensor, onednn::Strided(dims, strides));
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  CHECK(fault(Zeros({2, 3}), {2, 3}, {3, 1}) == "");
  CHECK(fault(Zeros({2, 3}), {3, 2}, {1, 3}) == "");
  CHECK(fault(Zeros({2, 3}), {1, 7}, {7, 1}) == "a value of 2x3 is smaller than its use needs");
  CHECK(fault(Zeros({2, 3}), {2, 3}, {4, 1}) == "a value of 2x3 is smaller than its use needs");
  CHECK(fault(Zeros({2, 3}, DataType::int32), {2, 3}, {3, 1}) == "a value is int32, not float32");
  CHECK(fault(Zeros({2, 3}, DataType::int8), {1, 1}, {1, 1}) == "a value is int8, not float32");
}

TEST_CASE("integers wrap, and floating values saturate on the way to them") {
  const Tensor largest = Ints({INT64_MAX}), smallest = Ints({INT64_MIN}), one = Ints({1});
  CHECK(RunNode("Add", {largest, one}).ToInts() == Int64s{INT64_MIN});
  CHECK(RunNode("Sub", {smallest, one}).ToInts() == Int64s{INT64_MAX});
  CHECK(RunNode("Mul", {largest, Ints({2})}).ToInts() == Int64s{-2});
  CHECK(RunNode("Neg", {smallest}).ToInts() == Int64s{INT64_MIN});
  CHECK(RunNode("Abs", {smallest}).ToInts() == Int64s{INT64_MIN});
  CHECK(RunNode("ReduceSum", {Ints({INT64_MAX, 1})}).ToInts() == Int64s{INT64_MIN});
  CHECK(RunNode("CumSum", {Ints({INT64_MAX, 1}), Ints({0})}).ToInts() ==
        Int64s{INT64_MAX, INT64_MIN});
  // The mean of nothing is NaN, of which no integer is one.
  CHECK(RunNode("ReduceMean", {Zeros({0}, DataType::int32)}).ToInts() == Int64s{0});
}

}  // namespace
}  // namespace lutra::converter::executor
