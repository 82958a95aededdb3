// Networks of one operator each, for every integer operator of the runtime. Where an operator needs
// a second operand, or must not be the network's last, exact operators (Slice, Relu, Transpose)
// stand around it; operands are outputs too, so that it can be seen that they are identical.
#pragma once

#include <vector>

#include "network_builder.h"

namespace lutra::converter::test {

std::vector<NetworkBuilder> OperatorNetworks();

}  // namespace lutra::converter::test
