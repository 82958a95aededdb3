// The converter's one exception: a message of one line for the user that names the file, the node
// and the cure. `lutra` prints it and exits with 1.
#pragma once

#include <stdexcept>
#include <string>

namespace lutra::converter {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

/// One that names the node, or the field, already: who adds such names leaves it as it is.
class PlacedError : public Error {
 public:
  using Error::Error;
};

}  // namespace lutra::converter
