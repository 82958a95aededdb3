// Operators on one element of each operand, and those along an axis: reductions, Softmax.
#include <iterator>

#include "support/random_graph_builder.h"

namespace lutra::test {

void RandomGraphBuilder::Unary() {
  static const char* const kAny[] = {
      "Relu",     "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Selu",  "Softplus",
      "Softsign", "Abs",     "Neg",  "Floor",     "Ceil",        "Round", "Sign",
      "Erf",      "Sin",     "Cos",  "Gelu",      "Mish",        "Silu",  "Identity"};
  static const char* const kSmall[] = {"Exp", "Sinh", "Cosh", "Tan", "Asin", "Acos", "Atan"};
  static const char* const kPositive[] = {"Log", "Sqrt", "Reciprocal"};
  const std::string x = Pick();
  switch (random_.Below(5)) {
    case 0:
      Add(kSmall[random_.Below(std::size(kSmall))], {Small(x)});
      break;
    case 1:
      Add(kPositive[random_.Below(std::size(kPositive))], {Positive(x)});
      break;
    default: {
      const std::string op = kAny[random_.Below(std::size(kAny))];
      Node& node = Add(op, {x});
      if (op == "Gelu") {
        node.attributes["approximate"] = std::string(random_.OneIn(2) ? "tanh" : "none");
      }
      break;
    }
  }
}

void RandomGraphBuilder::UnaryWithParameters() {
  const std::string x = Pick();
  const Dims& dims = DimsOf(x);
  switch (random_.Below(7)) {
    case 0: {
      const std::string lo = Floats({}, -2, 0), hi = Floats({}, 0, 3);
      Add("Clip", {x, lo, hi});
      break;
    }
    case 1:
      Add("LeakyRelu", {x}).attributes["alpha"] = random_.Real(0, 0.5F);
      break;
    case 2:
      Add("Elu", {x}).attributes["alpha"] = random_.Real(0.5F, 2);
      break;
    case 3:
      Add("Celu", {x}).attributes["alpha"] = random_.Real(0.5F, 2);
      break;
    case 4:
      Add("ThresholdedRelu", {x}).attributes["alpha"] = random_.Real(0, 1);
      break;
    case 5:
      Add("Pow", {random_.OneIn(2) ? Positive(x) : x, Scalar(2)});
      break;
    default: {
      Dims slopes(dims.size() - 1, 1);
      slopes[0] = dims[1];
      Add("PRelu", {x, Floats(slopes, -0.5F, 0.5F)});
      break;
    }
  }
}

void RandomGraphBuilder::Binary() {
  static const char* const kOps[] = {"Add", "Sub", "Mul", "Div", "Min", "Max"};
  const std::string op = kOps[random_.Below(std::size(kOps))];
  const std::string x = Pick();
  Dims dims = DimsOf(x);
  if (random_.OneIn(4)) {
    dims.clear();
  } else {
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d == 0 || random_.OneIn(2)) dims[d] = 1;
    }
  }
  const bool divides = op == "Div";
  const std::string constant = Floats(dims, divides ? 0.5F : -2.0F, 2.0F);
  const bool first = !divides && random_.OneIn(3);
  Add(op, first ? std::vector{constant, x} : std::vector{x, constant});
}

void RandomGraphBuilder::BinaryOfTwo() {
  static const char* const kOps[] = {"Add", "Add", "Sub", "Mul", "Div", "Min", "Max", "Pow"};
  const std::string op = kOps[random_.Below(std::size(kOps))];
  std::string a = Pick(), b = Pick();
  for (int attempt = 0; attempt < 6 && DimsOf(a) != DimsOf(b); ++attempt) b = Pick();
  if (op == "Div") b = Positive(b);
  if (op == "Pow") {
    a = Positive(Small(a));
    b = Small(b);
  }
  Add(op, {a, b});
}

void RandomGraphBuilder::Reduce() {
  static const char* const kOps[] = {"ReduceMean", "ReduceSum",  "ReduceMax",
                                     "ReduceMin",  "ReduceProd", "ReduceL2"};
  const std::string op = kOps[random_.Below(std::size(kOps))];
  std::string x = Pick();
  const auto rank = static_cast<int64_t>(DimsOf(x).size());
  Dims axes;
  for (int64_t axis = 1; axis < rank; ++axis) {
    if (random_.OneIn(2)) axes.push_back(random_.OneIn(3) ? axis - rank : axis);
  }
  if (axes.empty()) axes.push_back(rank - 1);
  const bool keep = random_.OneIn(2) || axes.size() + 2 > static_cast<size_t>(rank);
  if (op == "ReduceProd") x = Small(x);
  Add(op, {x, Ints(axes)}).attributes["keepdims"] = int64_t{keep};
}

void RandomGraphBuilder::Softmax() {
  std::string x = Pick();
  auto rank = static_cast<int64_t>(DimsOf(x).size());
  if (random_.OneIn(4)) {  // of many values
    x = Through("Flatten", {x});
    rank = 2;
  }
  Add(random_.OneIn(4) ? "LogSoftmax" : "Softmax", {x}).attributes["axis"] =
      random_.OneIn(2) ? int64_t{-1} : random_.Between(1, rank - 1);
}

}  // namespace lutra::test
