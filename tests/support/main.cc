// The one main of every test program.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "support/skip.h"

namespace lutra::test {
namespace {

constexpr int kSkipped = 77;
bool skipped = false;

}  // namespace

void Skip(const std::string& reason) {
  skipped = true;
  std::printf("skipped: %s\n", reason.c_str());
}

}  // namespace lutra::test

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int status = context.run();
  return status == 0 && lutra::test::skipped ? lutra::test::kSkipped : status;
}
