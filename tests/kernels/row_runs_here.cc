// row_runs_here ROW: does this machine run that row, so that the tests beside this program compared
// its kernels with the reference? Ends with 77, which CTest counts as skipped, where it does not.
#include <cstdio>

#include "kernels/row.h"

int main(int argc, char** argv) {
  const lutra::kernels::Row* row = argc == 2 ? lutra::kernels::FindRow(argv[1]) : nullptr;
  if (row == nullptr) {
    std::fprintf(stderr, "row_runs_here: name one row of this build\n");
    return 1;
  }
  if (row->available()) return 0;
  std::printf("skipped: this machine has no %s, so its kernels were compiled and not run\n",
              argv[1]);
  return 77;
}
