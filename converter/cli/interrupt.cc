#include "converter/cli/interrupt.h"

#include <csignal>

namespace lutra::converter::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
void (*handler_before)(int) = SIG_DFL;  // removes temporary files (PrepareProcess)

void OnInterrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, handler_before);
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = 0;
  handler_before = std::signal(SIGINT, OnInterrupt);
}

Interrupt::~Interrupt() { std::signal(SIGINT, handler_before); }

bool Interrupt::pressed() const { return interrupted != 0; }

}  // namespace lutra::converter::cli
