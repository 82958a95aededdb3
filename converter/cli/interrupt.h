// Ctrl-C for commands that have something to show for their work so far.
#pragma once

namespace lutra::converter::cli {

/// While there is one, the first Ctrl-C asks the command to end with the best it has, a second one
/// ends the program.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool pressed() const;
};

}  // namespace lutra::converter::cli
