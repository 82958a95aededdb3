#include "converter/cli/interrupt.h"

#include <csignal>

namespace lutra::converter::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
void (*before)(int) = SIG_DFL;  // removes temporary files (PrepareProcess)

void OnInterrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, before);
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = 0;
  before = std::signal(SIGINT, OnInterrupt);
}

Interrupt::~Interrupt() { std::signal(SIGINT, before); }

bool Interrupt::pressed() const { return interrupted != 0; }

}  // namespace lutra::converter::cli
