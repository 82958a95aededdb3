// Gradients of arithmetic with broadcasting (binary_gradient.cc), for its rows: what an operand
// sends back is summed over the axes along which it was repeated.
#pragma once

#include "converter/executor/gradient.h"

namespace lutra::converter::executor {

Gradients SumGradient(const GradientCall& call);  ///< Add and Sum; reads nothing
Gradients SubGradient(const GradientCall& call);  ///< reads nothing
Gradients MeanOfInputsGradient(const GradientCall& call);
Gradients MulGradient(const GradientCall& call);      ///< reads the inputs
Gradients DivGradient(const GradientCall& call);      ///< reads the inputs
Gradients PowGradient(const GradientCall& call);      ///< by the base alone; reads the inputs
Gradients PReluGradient(const GradientCall& call);    ///< reads the inputs
Gradients ExtremeGradient(const GradientCall& call);  ///< Max and Min; reads inputs and result

}  // namespace lutra::converter::executor
