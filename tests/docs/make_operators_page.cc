// Writes the page of operators anew: make_operators_page docs/operators.md
#include <cstdio>
#include <exception>
#include <fstream>

#include "docs/operators_page.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_operators_page FILE.md\n");
    return 2;
  }
  try {
    std::ofstream file(argv[1]);
    file << lutra::converter::test::OperatorsPage();
    return file.flush() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_operators_page: %s\n", error.what());
    return 1;
  }
}
